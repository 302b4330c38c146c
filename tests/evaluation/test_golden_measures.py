"""Measures of samples of released weights, as the first edition computed them (float32, CPU, one thread).

On another processor the samples round otherwise, and the measures with them: hence the tolerances. The ends
of `frechet_gap` differ by 6e-7, since its halves are no longer rounded to float32.
"""

import pytest

from diffusion import data
from diffusion.evaluation import classifier, features, frechet, samples
from diffusion.evaluation.frechet import Reference, to_uint8
from diffusion.processes import DDPM, ColdZoom, linear
from diffusion.runtime import generator, sha256
from diffusion.training.checkpoints import load_weights
from diffusion.training.network import Reconstructor

pytestmark = pytest.mark.usefixtures("one_thread")

LINEAR = "4944d26cc96a093f58a840bcfa06417f37e5592c93cb4648a34ef3d0f26ba1a6"
ZOOM = "02c9c4fbddad378e1dec422fefc584bd037c476f1cbb6681c0ebff5da6e52f83"
CLOSE = {"rel": 1e-4, "abs": 1e-6}


@pytest.fixture(scope="module")
def real(mnist_dir):
    return {split: data.load(split, mnist_dir) for split in ("train", "test")}


@pytest.fixture(scope="module")
def drawn(root, real):
    """64 samples of released models."""
    found = {sha256(path): path for path in (root / "released" / "paper").rglob("epoch-0100.safetensors")}

    def draw(process, weights):
        network = load_weights(found[weights].read_bytes(), Reconstructor())
        process.prepare(real["train"][0])
        return process.sample(network, 64, generator(0, "sample"))

    return {
        "zoom": draw(ColdZoom(), ZOOM),
        "patches": draw(ColdZoom(prior="patches"), ZOOM),
        "linear": draw(DDPM(linear(), sampling_steps=20), LINEAR),
    }


@pytest.fixture(scope="module")
def digits():
    return features.digits()


@pytest.fixture(scope="module")
def reference(real, digits):
    return Reference(digits.features(to_uint8(real["test"][0][:2000])))


@pytest.fixture(scope="module")
def found(drawn, digits):
    """Digit features of the zoom's samples."""
    return digits.features(to_uint8(drawn["zoom"]))


def test_distances_floor_and_intervals(reference, found, drawn, digits, real):
    assert frechet.frechet_distance(reference, found) == pytest.approx(32.5099548927989, **CLOSE)
    interval = frechet.frechet_interval(reference, found, 20, 0)
    assert (interval.low, interval.high, interval.sd, interval.bias) == pytest.approx(
        (24.726162330309847, 41.86823357283292, 4.730384851717221, 6.630192441793483), **CLOSE
    )
    assert frechet.kid(reference, found) == pytest.approx((3.8859820287572986, 1.6676057509185784), **CLOSE)
    gap = frechet.frechet_gap(reference, found, digits.features(to_uint8(drawn["patches"])), 20, 0)
    assert gap.mean == pytest.approx(13.841960747322759, **CLOSE)
    assert gap.high - gap.low == pytest.approx(25.777720085564475 - 1.906201409081044, **CLOSE)
    floor = frechet.floor(digits.features(to_uint8(real["train"][0][:640])), reference, 64, 5, 0)
    assert floor.model_dump() == pytest.approx(
        {"n": 64, "fid_mean": 4.77469629869189, "fid_sd": 0.8756264608902307}, **CLOSE
    )


def test_variety(reference, found):
    variety = samples.precision_recall_coverage(reference.features, found, 64, 0)
    assert (variety.precision, variety.recall, variety.coverage) == (0.46875, 0.796875, 0.609375)
    assert (variety.recall_low, variety.recall_high) == pytest.approx((0.5242201701326381, 1.0))
    assert (variety.coverage_low, variety.coverage_high) == pytest.approx(
        (0.4266654456521225, 0.7920845543478775)
    )


def test_classes(drawn, real):
    images = to_uint8(drawn["zoom"]).float() / 255 - 0.5
    labels, confidence = samples.read(classifier.logits(classifier.load(), images))
    assert "".join(map(str, labels.tolist())) == (
        "3732533736375359820257536856329383333333305035753030317673735576"
    )
    assert confidence.mean().item() == pytest.approx(0.676251577503818, **CLOSE)
    classes = samples.class_shares(labels, real["test"][1])
    assert classes.divergence == pytest.approx(0.4818382792203606)
    assert (classes.divergence_low, classes.divergence_high) == pytest.approx(
        (0.2649688032781245, 0.6730906063340785)
    )
    assert (classes.low[3], classes.high[3]) == pytest.approx((0.2666598017882464, 0.497496213159955))


def test_border(drawn):
    grey = samples.border_grey(to_uint8(drawn["linear"]))
    assert (grey.mean, grey.low, grey.high) == pytest.approx(
        (0.0379781454248366, 0.03555878267973856, 0.040502302900326796), **CLOSE
    )
    border = samples.border_before_clamping(drawn["linear"])
    assert (border.mean, border.sd) == pytest.approx((-0.11820308946579491, 0.05968690885888668), **CLOSE)
