"""The evaluator: its measures are those of the parts, and an ablation's gap is the second minus the first."""

from dataclasses import dataclass

import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier, samples
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import frechet_distance
from diffusion.evaluation.statistics import share_of
from study import measure

pytestmark = pytest.mark.usefixtures("one_thread")

N = 40


@pytest.fixture(scope="module")
def evaluator(mnist_dir):
    x, labels = data.load("mnist", "test", mnist_dir, 300)
    return Evaluator(
        data.load("mnist", "train", mnist_dir, 60)[0], x, labels, interval_repeats=20, floor_repeats=2
    )


@pytest.fixture(scope="module")
def x(mnist_dir):
    return data.load("mnist", "train", mnist_dir, N)[0]


def test_all_measures_are_of_the_samples_and_distances_of_the_first(evaluator, x):
    found = evaluator.measure(x, 20)
    labels, confidence = samples.read(classifier.logits(classifier.load(), x))
    assert found.frechet.value == frechet_distance(
        evaluator.digits.reference, evaluator.digits.features(x[:20])
    )
    assert found.distances.keys() == {"autoencoder", "random"}
    for name, distance in found.distances.items():
        space = evaluator.spaces[name]
        assert distance.value == frechet_distance(space.reference, space.features(x[:20]))
        assert (distance.n, found.stroke.n) == (20, N)
    assert found.variety.n == 20
    assert found.centre.n == N
    assert found.classes == samples.class_shares(labels, evaluator.labels, 20)
    assert found.low_confidence == share_of(confidence < evaluator.threshold)
    assert found.recognised.n == int((confidence >= evaluator.threshold).sum())
    assert evaluator.measure(x, 20) == found


@pytest.mark.parametrize(
    "make",
    [
        lambda e, x: Evaluator(x + 0.5, e.x_test, e.labels),
        lambda e, x: Evaluator(x, e.x_test[:, 0], e.labels),
        lambda e, x: Evaluator(x, e.x_test, e.labels[1:]),
        lambda e, x: Evaluator(x, e.x_test, e.labels, floor_repeats=1),
        lambda e, x: e.measure(x + 0.5),
        lambda e, x: e.measure((x + 0.5) * 255),
        lambda e, x: e.measure(x * torch.nan),
        lambda e, x: e.measure(x[:11]),
        lambda e, x: e.measure(x, N + 1),
    ],
)
def test_what_are_no_images_and_no_measures_is_refused(evaluator, x, make):
    with pytest.raises(ValueError, match="needed|range|finite|not allowed"):
        make(evaluator, x)


def test_real_images_are_described_once(evaluator, monkeypatch):
    real, floors = evaluator.real(30), evaluator.floors(30)
    monkeypatch.setattr(Extractor, "features", lambda *_: pytest.fail("extracted again"))
    assert evaluator.real(30) is real
    assert evaluator.floors(30) == floors
    assert floors.keys() == {"digits", "autoencoder", "random"}
    assert real.variety.n == real.divergence_floor.n == floors["random"].n == 30
    assert real.low_confidence.value == pytest.approx(0.05, abs=0.01)
    assert real.threshold == evaluator.threshold
    assert evaluator.floors(61) == {}  # more than there are training images
    about = evaluator.describe()
    assert about["digits"].test_accuracy > 0.97
    assert (about["inception"].available, about["inception"].sha256) == (False, None)
    assert "switched off" in about["inception"].reason


# --- ablations ---


@dataclass
class Drawn:
    """A training whose samples are given."""

    x: torch.Tensor
    name: str = "model"
    seed: int = 3
    process: object = None

    def sample(self, n, seed, epoch=None):
        assert (n, seed) == (len(self.x), 3)
        return self.x


def test_the_gap_is_the_second_minus_the_first(evaluator, x):
    brighter = x.clamp(min=-0.3)  # a grey ground, a fifth of the range above black
    found = measure.in_pairs(Drawn(x), Drawn(brighter), evaluator, N, 3)
    assert found.first.frechet == evaluator.measure(x).frechet
    assert found.second.frechet == evaluator.measure(brighter).frechet
    assert found.gap.frechet.value == pytest.approx(found.second.frechet.value - found.first.frechet.value)
    assert found.gap.frechet.low < found.gap.frechet.value < found.gap.frechet.high
    assert found.first.n == found.second.n == N
    nothing = measure.in_pairs(Drawn(x), Drawn(x), evaluator, N, 3).gap.frechet
    assert nothing.model_dump() == {"value": 0.0, "low": 0.0, "high": 0.0}
