"""The digits extractor and the Inception one: what they give, and how the latter is absent."""

import urllib.error
from dataclasses import replace
from unittest import mock

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity

from diffusion import data
from diffusion.evaluation import features
from diffusion.evaluation.frechet import Reference, floor, frechet_distance, kid, to_uint8

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def digits():
    return features.digits()


def test_digit_features_do_not_depend_on_the_chunk(digits, mnist_dir):
    images = to_uint8(data.load("mnist", "test", mnist_dir, 100)[0])
    whole = digits.features(images)
    assert whole.shape == (100, digits.info["dimension"]) == (100, 64)
    assert (whole - replace(digits, chunk=7).features(images)).abs().max() < 1e-4


def test_digit_distance_tells_real_digits_from_noise_and_from_wrong_scaling(digits, mnist_dir):
    test, train = (data.load("mnist", split, mnist_dir, 1000)[0] for split in ("test", "train"))
    reference = Reference(digits.features(to_uint8(test)))
    of_train = digits.features(to_uint8(train))
    real, real_kid = floor(of_train, reference, 250, repeats=4), kid(reference, of_train[:250]).mean
    noise = torch.rand(250, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    shifted = train[:250] + 0.5  # [0, 1] taken for [-0.5, 0.5]
    for x in (noise, shifted):
        found = digits.features(to_uint8(x))
        assert frechet_distance(reference, found) > 10 * real.mean
        assert kid(reference, found).mean > 10 * abs(real_kid)


NO_NETWORK = urllib.error.URLError(OSError(-2, "Name or service not known"))


@pytest.mark.parametrize(
    ("weights", "error", "said"),
    [
        ("off", None, "switched off"),
        ("auto", NO_NETWORK, "Name or service not known"),
        ("auto", RuntimeError("unexpected keys\n\tfc.weight"), "RuntimeError: unexpected keys)"),
    ],
)
def test_inception_that_cannot_be_had_is_absent_with_its_reason_in_one_line(
    weights, error, said, monkeypatch
):
    monkeypatch.setattr(fidelity, "load_state_dict_from_url", mock.Mock(side_effect=error))
    extractor = features.inception(weights)
    assert (extractor.available, extractor.info) == (False, {})
    assert said in extractor.reason
    assert "\n" not in extractor.reason
    with pytest.raises(ValueError, match="the inception features are not available: "):
        extractor.features(torch.zeros(4, 1, 28, 28, dtype=torch.uint8))
