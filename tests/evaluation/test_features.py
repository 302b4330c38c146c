"""The extractors: what they give and notice, and how Inception's is absent."""

import urllib.error
from dataclasses import replace
from unittest import mock

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity

from cells import defined
from diffusion import data
from diffusion.evaluation import features
from diffusion.evaluation.frechet import Reference, floor, frechet_distance, to_uint8

DISTORTED = defined("07_yardstick", "kinds", "scribbles", "noise", "distorted")["DISTORTED"]
SEEN = ("thicker", "thinner", "blurred by 1 pixel", "shifted by 3 pixels", "on 20 % grey")
SEEN += ("two digits stitched",)
UNSEEN = {("digits", "thicker"), ("digits", "thinner")}  # such changes leave the class as it is

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def found():
    return features.extractors()


@pytest.fixture(scope="module")
def digits(found):
    return found["digits"]


def test_features_do_not_depend_on_the_chunk(found, mnist_dir):
    images = to_uint8(data.load("mnist", "test", mnist_dir, 100)[0])
    for one in (found["digits"], found["autoencoder"], found["random"]):
        whole = one.features(images)
        assert whole.shape == (100, one.info["dimension"]) == (100, 64)
        assert (whole - replace(one, chunk=7).features(images)).abs().max() < 1e-3


def test_the_random_network_is_the_same_each_time(found, mnist_dir):
    images = to_uint8(data.load("mnist", "test", mnist_dir, 4)[0])
    torch.manual_seed(7)
    assert torch.equal(
        features.untrained(torch.device("cpu")).features(images), found["random"].features(images)
    )


def test_every_distance_tells_real_digits_from_what_one_sees_to_be_others(found, mnist_dir):
    (test, _), (train, labels) = (data.load("mnist", split, mnist_dir, 4000) for split in ("test", "train"))
    random = torch.Generator().manual_seed(0)
    others = {kind: DISTORTED[kind](train[:1000], labels[:1000], random) for kind in SEEN}
    others["[0, 1] taken for [-0.5, 0.5]"] = train[:1000] + 0.5
    for name in ("digits", "autoencoder", "random"):
        reference, of_train = (Reference(found[name].features(to_uint8(x))) for x in (test, train))
        real = floor(of_train.features, reference, 1000, repeats=4)
        for kind, x in others.items():
            of_other = found[name].features(to_uint8(x))
            if (name, kind) not in UNSEEN:
                assert frechet_distance(reference, of_other) > 1.5 * real.value, (name, kind)


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
    extractor = features.inception(weights, torch.device("cpu"))
    assert (extractor.available, extractor.info) == (False, {})
    assert said in extractor.reason
    assert "\n" not in extractor.reason
    with pytest.raises(ValueError, match="the inception features are not available: "):
        extractor.features(torch.zeros(4, 1, 28, 28, dtype=torch.uint8))
