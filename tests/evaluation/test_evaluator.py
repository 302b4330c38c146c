"""The evaluator: its measures are those of the parts."""

import pytest
import torch
from torch import Tensor

import diffusion as d
from diffusion import data
from diffusion.evaluation import classifier, samples
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import frechet_distance, kid, to_uint8
from diffusion.evaluation.measures import MEASURES
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.statistics import share_of
from study import confidence, pixels  # noqa: F401 - whose measures are taken, too

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
    labels, sure = samples.read(classifier.logits(classifier.load(), x))
    for name, space in evaluator.spaces.items():
        features, of = space.features(x[:20]), {"digits": ""}.get(name, f"_{name}")
        assert found[f"frechet{of}"].value == frechet_distance(space.reference, features)
        assert found[f"kid{of}"] == kid(space.reference, features)
    assert (found["frechet"].n, found["stroke"].n, found["coverage"].n) == (20, N, 20)
    assert found["centre_dark"].n == found["digit"].n == N
    shares = samples.class_shares(labels, evaluator.labels, 20)
    assert {name: found[name] for name in shares} == shares
    least = evaluator.test.confidence.quantile(0.05)
    assert found["low_confidence"] == share_of(sure < least)
    assert found["recognised_share"][0].n == int((sure >= least).sum())
    assert evaluator.measure(x, 20) == found
    assert found.keys() <= MEASURES.keys()


def test_a_part_of_the_measures_is_what_it_is_among_all(evaluator, x):
    few = {"ink", "frechet_random", "divergence", "none of ours"}
    found = evaluator.measure(x, only=few)
    assert found.keys() == few - {"none of ours"}
    assert found.items() <= evaluator.measure(x).items()
    assert evaluator.real(30, only={"digit", "recall"}).items() <= evaluator.real(30).items()


def test_digits_are_those_of_the_recogniser_calibrated_on_what_is_there(evaluator, x):
    known = evaluator.classifier, evaluator.x_train, evaluator.x_test, evaluator.labels
    accepted = DigitRecogniser.fit(*known, n=150).accepts(x)
    assert evaluator.measure(x)["digit"] == share_of(accepted)


@pytest.mark.parametrize(
    "make",
    [
        lambda e, x: Evaluator(x + 0.5, e.x_test, e.labels),
        lambda e, x: Evaluator(x, e.x_test[:, :, 1:], e.labels),
        lambda e, x: Evaluator(x, e.x_test, e.labels[1:]),
        lambda e, x: Evaluator(x, e.x_test, e.labels, floor_repeats=1),
        lambda e, x: Evaluator([*x], e.x_test, e.labels),
        lambda e, x: Evaluator(x, e.x_test, e.labels.float()),
        lambda e, x: Evaluator(x, e.x_test, e.labels + 1),
        lambda e, x: Evaluator(x, e.x_test, e.labels, device="cuda:99"),
        lambda e, x: e.measure(x + 0.5),
        lambda e, x: e.measure(2 * x),
        lambda e, x: e.measure((x + 0.5) * 255),
        lambda e, x: e.measure((x + 0.5) * 255 - 1),
        lambda e, x: e.measure(x * torch.nan),
        lambda e, x: e.measure(x * torch.inf),
        lambda e, x: e.measure(x[:11]),
        lambda e, x: e.measure(x, N + 1),
        lambda e, x: e.measure([*x]),
        lambda e, x: e.measure(d.released("paper", "zoom")),
        lambda e, x: e.measure(x.expand(-1, 3, -1, -1)),
        lambda e, x: e.measure(torch.zeros(N, 1, 32, 32)),
        lambda e, x: e.real(0),
        lambda e, x: e.floors(0),
    ],
)
def test_what_are_no_images_and_no_measures_is_refused_in_a_line(evaluator, x, make):
    with pytest.raises(ValueError, match=r"^[^\n]*(needed|NaN|not allowed|device)[^\n]*$"):
        make(evaluator, x)


def test_real_images_are_described_once(evaluator, monkeypatch):
    real, floors = evaluator.real(30), evaluator.floors(30)
    monkeypatch.setattr(Extractor, "features", lambda *_: pytest.fail("extracted again"))
    assert evaluator.real(30) is real
    assert evaluator.floors(30) == floors
    assert floors.keys() == {"floor", "floor_autoencoder", "floor_random"}
    assert real["coverage"].n == real["divergence_floor"].n == floors["floor_random"].n == 30
    assert real["low_confidence"].value == pytest.approx(0.05, abs=0.01)
    assert [one.value for one in real["class_share"]] == pytest.approx(
        (evaluator.labels.bincount() / 300).tolist()
    )
    assert real["digit"].n == 150  # the others gave the bound
    assert evaluator.floors(61) == {}  # more than there are training images


@pytest.mark.parametrize("unit", [to_uint8, Tensor.numpy, lambda x: to_uint8(x)[:, 0].numpy()])
def test_images_are_taken_as_tensors_arrays_and_bytes(evaluator, x, unit):
    assert evaluator.measure(unit(x), only={"frechet"}) == evaluator.measure(x, only={"frechet"})


def test_samples_that_drift_each_by_itself_are_in_the_unit_of_images(evaluator, x):
    far = 8 * torch.randn(len(x), 1, 1, 1, generator=torch.Generator().manual_seed(0))
    run = d.released("paper", "linear").sample(N, sampler=d.Ancestral(steps=20))
    assert run.min() < -0.5
    assert all("frechet" in evaluator.measure(drawn) for drawn in (x + far, run, x * 1.4))


def test_samples_that_are_one_image_have_no_distance_and_are_no_digits(evaluator, x):
    same = x[:1] + 0.003 * (torch.rand(N, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5)
    found, gone = evaluator.measure(same), ("frechet", "kid", "digit", "precision", "recall", "coverage")
    assert found.keys() == {name for name in evaluator.measure(x) if not name.startswith(gone)}
    assert "one image" in str(found)
    same[0, 0, 14] = 0.5
    assert "digit" in evaluator.measure(same)  # another one among them


def test_printed_it_is_a_table_beside_real_images(evaluator, x):
    found = evaluator.measure(x, 30)
    lines = str(found).splitlines()
    assert 8 <= len(lines) <= 12
    assert "40 samples" in lines[0]
    assert "first 30" in lines[0]
    said = next(line for line in lines if line.startswith("frechet "))
    floor = evaluator.floors(30)["floor"]
    assert f"{found['frechet'].value:.3g} [" in said
    assert f"{floor.value:.3g} ± " in said
    assert MEASURES["frechet"].unit in said
    assert MEASURES["digit"].meaning == found.table["meaning"]["digit"]
    few = evaluator.measure(x, only={"ink"})
    assert [*few.table.index] == ["ink"]
