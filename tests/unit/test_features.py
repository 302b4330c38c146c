"""The extractors: what they give, and how Inception's is absent."""

import urllib.error
from dataclasses import replace
from unittest import mock

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity

from diffusion import data
from diffusion.evaluation import features
from diffusion.evaluation.autoencoder import AUTOENCODER
from diffusion.evaluation.classifier import CLASSIFIER
from diffusion.evaluation.frechet import to_uint8

pytestmark = pytest.mark.usefixtures("one_thread")


def test_features_are_those_of_the_shipped_networks_and_of_one_that_is_always_the_same(mnist_dir):
    x = data.load("mnist", "test", mnist_dir, 40)[0]
    given, found = to_uint8(x), features.extractors()
    torch.manual_seed(7)
    again = replace(features.extractors()["random"], chunk=7)
    expected = {"digits": CLASSIFIER.load().features(x), "autoencoder": AUTOENCODER.load().features(x)}
    for name, one in {**expected, "random": again.features(given)}.items():
        assert torch.allclose(found[name].features(given), one, atol=1e-3)
    black = features.untrained(torch.device("cpu"), 3).features(torch.zeros(2, 3, 8, 8).byte())
    assert black.shape == (2, 64)
    assert black.std() > 0.1  # grey is 0, not black


def test_inception_that_cannot_be_had_is_absent_and_says_why(monkeypatch):
    error = urllib.error.URLError(OSError(-2, "Name or service not known"))
    monkeypatch.setattr(fidelity, "load_state_dict_from_url", mock.Mock(side_effect=error))
    for weights, said in (("off", "inception_weights"), ("auto", "Name or service not known")):
        extractor = features.inception(weights, torch.device("cpu"))
        assert not extractor.available
        with pytest.raises(ValueError, match=f"^the inception features are not available: .*{said}"):
            extractor.features(torch.zeros(4, 1, 28, 28).byte())
