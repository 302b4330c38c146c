"""The evaluator: its measures are those of the parts."""

import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier, samples
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import frechet_distance, kid
from diffusion.evaluation.measures import MEASURES
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.statistics import share_of

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
    for name, space in evaluator.spaces.items():
        features, of = space.features(x[:20]), {"digits": ""}.get(name, f"_{name}")
        assert found[f"frechet{of}"].value == frechet_distance(space.reference, features)
        assert found[f"kid{of}"] == kid(space.reference, features)
    assert (found["frechet"].n, found["stroke"].n, found["coverage"].n) == (20, N, 20)
    assert found["centre_dark"].n == found["digit"].n == N
    shares = samples.class_shares(labels, evaluator.labels, 20)
    assert {name: found[name] for name in shares} == shares
    assert found["low_confidence"] == share_of(confidence < evaluator.threshold)
    assert found["recognised_share"][0].n == int((confidence >= evaluator.threshold).sum())
    assert evaluator.measure(x, 20) == found
    assert found.keys() <= MEASURES.keys()


def test_a_part_of_the_measures_is_what_it_is_among_all(evaluator, x):
    few = {"ink", "frechet_random", "divergence", "none of ours"}
    found = evaluator.measure(x, only=few)
    assert found.keys() == few - {"none of ours"}
    assert found.items() <= evaluator.measure(x).items()
    assert evaluator.real(30, only={"threshold", "recall"}).items() <= evaluator.real(30).items()


def test_digits_are_those_of_the_recogniser_calibrated_on_what_is_there(evaluator, x):
    assert evaluator.describe()["recogniser"] == {"n_digits": 60, "n_kind": 150}
    known = evaluator.classifier, evaluator.x_train, evaluator.x_test, evaluator.labels
    accepted = DigitRecogniser.fit(*known, n=150).accepts(x)
    assert evaluator.measure(x)["digit"] == share_of(accepted)
    other = Evaluator(x[:20], evaluator.x_test, evaluator.labels, x_digits=x, n_kind=40)
    assert other.describe()["recogniser"] == {"n_digits": N, "n_kind": 40}


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
    assert floors.keys() == {"floor", "floor_autoencoder", "floor_random"}
    assert real["coverage"].n == real["divergence_floor"].n == floors["floor_random"].n == 30
    assert real["low_confidence"].value == pytest.approx(0.05, abs=0.01)
    assert real["threshold"] == evaluator.threshold
    assert [one.value for one in real["class_share"]] == pytest.approx(
        (evaluator.labels.bincount() / 300).tolist()
    )
    assert real["digit"].n == 150  # the others gave the bound
    assert evaluator.floors(61) == {}  # more than there are training images
    about = evaluator.describe()["features"]
    assert about["digits"]["test_accuracy"] > 0.97
    assert (about["inception"]["available"], about["inception"]["sha256"]) == (False, None)
    assert "switched off" in about["inception"]["reason"]
