"""The job of measuring on a run that is made up: its samples are digits with noise, drawn at once.

On a run that was trained: test_measure.py.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch

import made_up
from diffusion import Naive, Pixels, data
from diffusion.evaluation.frechet import frechet_distance, to_uint8
from diffusion.evaluation.measures import MeasuredImages
from diffusion.processes import DDPM, ColdZoom, linear
from diffusion.runtime import generator
from helpers import Exact
from report.measures import distances, measure, probes
from report.measures.registry import MEASURES
from report.results import table
from report.results.kept import kept_path, read_kept
from report.results.table import CHECKPOINT, REAL

DDPM_20 = DDPM(linear(20, beta_end=0.5))
SMALL = {"n_test": 60, "n_checkpoint": 20, "n_final": 40, "n_distance": 24, "distance_every": 4}
SMALL |= {"floor_repeats": 2, "interval_repeats": 4, "n_real": 100, "n_per_distortion": 12}

OF_SMALL = {"n_test": 60, "n_digits": 100, "n_per_distortion": 12}  # the evaluator of these


@dataclass
class Digits:
    """A run whose samples are training digits with noise; it notes what is drawn."""

    digits: torch.Tensor
    process: object = field(default_factory=ColdZoom)
    epochs: int = 5
    precision: str = "fp32"
    device: torch.device = torch.device("cpu")
    sampler: object = field(default_factory=Naive)
    prior: object = field(default_factory=Pixels)
    noise: float = 0.1
    drawn: list = field(default_factory=list)

    @property
    def history(self):
        return [{"sha256": f"weights {epoch}"} for epoch in range(1, self.epochs + 1)]

    @property
    def images(self):
        return self.digits[:200]

    @property
    def calls(self):
        return getattr(self.sampler, "levels", None) or 24

    def fitted(self, prior=None):
        return prior

    def network(self, epoch=None):
        return Exact(self.process, -0.5, 0.5)

    def sample(self, n, seed=None, epoch=None):
        how = seed, epoch, self.calls, type(self.prior).__name__, self.precision
        self.drawn.append((n, *how))
        noise = torch.randn((n, 1, 28, 28), generator=generator("made up", *map(str, how)))
        return self.digits[300 : 300 + n] + self.noise * noise if self.noise else torch.zeros(n, 1, 28, 28)


@pytest.fixture(scope="module")
def digits(mnist_dir):
    return data.load("mnist", "train", 1000)[0]


@pytest.fixture
def whole(digits, mnist_dir, tmp_path, monkeypatch):
    """whole.measure(...): take all measures; whole.run: the run; whole.out: its folder."""
    made = SimpleNamespace(run=Digits(digits), out=tmp_path, name="zoom-3")
    monkeypatch.setattr(measure, "open_training", lambda *_: made.run)
    monkeypatch.setattr("report.results.kept.SAMPLING", [])

    def measured(**options):
        if not table.path_of(tmp_path, f"train_{made.name}").is_file():
            hashes = {str(epoch): "x" for epoch in range(1, made.run.epochs + 1)}
            made_up.training(tmp_path, made.name, epochs=made.run.epochs, sha256=hashes)
        return measure.measure(tmp_path, made.name, **SMALL | options)

    made.measure = measured
    return made


SLOW = ("precision", "recall", "coverage", "digit", "background")
SLOW += ("frechet_autoencoder", "kid_autoencoder", "frechet_random", "kid_random")


@pytest.fixture
def job(whole, monkeypatch):
    """The same without measures that take a moment."""
    for name in SLOW:
        monkeypatch.delitem(MEASURES, name)
    return whole


# --- what is measured ---


def test_checkpoints_the_finished_model_and_real_images_are_measured_at_their_sizes(whole):
    job, record = whole, whole.measure()
    assert [one.epoch for one in record.curve()] == [1, 4, 5]
    assert {one["frechet"].n for one in record.curve()} == {20}
    final = record[""]
    assert (final["frechet"].n, final["centre_dark"].n, final["calls"].value) == (24, 40, 24)
    assert (final["floor"].n, record[CHECKPOINT]["floor"].n) == (24, 20)
    assert {row.epoch for row in record.rows if row.way == "" and not row.measure.startswith("floor")} == {5}
    assert {row.epoch for row in record.rows if row.way == "" and row.measure.startswith("floor")} == {None}
    assert {row.epoch for row in record.rows if row.way == REAL} == {None}
    assert [*record.ways] == [CHECKPOINT, "", REAL]
    assert job.run.drawn[0] == (40, 3, None, 24, "Pixels", "fp32")
    assert [draw[:3] for draw in job.run.drawn[1:4]] == [(20, 3, epoch) for epoch in (1, 4, None)]
    quick, slow = (
        {name for name in MEASURES if name.endswith(end)}
        for end in ("_autoencoder", ("_photographs", "_inception"))
    )
    assert quick & {*record.curve()[0]}
    assert not slow & {*record.curve()[0]}


def test_real_images_have_their_threshold_divergence_and_class_shares(whole, mnist_dir):
    real = whole.measure()[REAL]
    labels = data.load("mnist", "test")[1]
    shares = (labels.bincount().double() / len(labels)).tolist()
    assert [share.value for share in real["class_share"]] == pytest.approx(shares)
    assert real["divergence_floor"].n == 24
    assert 0 < real["threshold"].value < 1
    assert real["coverage"].n in (24, None)


def test_floors_of_checkpoints_are_as_large_as_those_of_the_end_where_these_are_fewer(job, monkeypatch):
    """Of so many training images are all floors drawn, whichever set is larger."""
    asked = []

    def stop(dataset, n_train, **how):
        asked.append(n_train)
        raise InterruptedError

    monkeypatch.setattr(measure, "evaluator_of", stop)
    sizes = [{"n_checkpoint": 500, "n_final": 100, "n_distance": 50}, {"n_checkpoint": 50, "n_final": 500}]
    sizes += [{"n_checkpoint": 50, "n_final": 5000}]  # at most 2000 where nothing is said
    for size in sizes:
        with pytest.raises(InterruptedError):
            job.measure(**{"n_distance": 2000} | size, floor_repeats=7)
    assert asked == [3500, 3500, 14_000]


def test_the_response_of_a_ddpm_is_measured_at_every_checkpoint_and_for_all_shifts(job):
    job.run.process, job.name = DDPM_20, "linear-3"
    record = job.measure(n_probe=20)
    assert [one["response"].value for one in record.curve()] == pytest.approx([0.5] * 3, abs=0.05)
    shifts = [way for way in record.ways if way.startswith("shift ")]
    assert shifts == [f"shift {size:g}" for size in (1.0, *probes.LARGER)]
    assert {one.n for one in record["shift 1"]["response"]} == {20}
    assert {one.n for way in shifts[1:] for one in record[way]["response"]} == {4}
    assert record[""].places("recovered")[-1] == 20
    assert {one.n for one in record[""]["recovered"]} == {20}
    assert record.facts["seed"] == 3


def test_probes_are_of_the_first_samples(job):
    record = job.measure(n_probe=30)
    assert (record[""]["mix_frechet"].n, record[""]["copies"].n) == (30, 30)
    evaluator = measure.evaluator_of.__wrapped__("mnist", 48, **OF_SMALL)
    images, x = to_uint8(job.run.images), job.run.sample(40, 3)[:30]
    near, far = (probes.nearest(to_uint8(one), images) for one in (x, evaluator.x_test[:30]))
    assert record[""]["copies"].value == float((near < far.quantile(0.05)).double().mean())
    assert record[""]["mix_frechet"].value == pytest.approx(
        frechet_distance(evaluator.default_space.reference, evaluator.default_space.features(x)), rel=1e-5
    )
    assert "recovered" not in record[""]
    assert "copies" not in job.measure(n_probe=None)[""]


def test_probes_compare_classes_as_they_are_read_and_never_true_ones(job, monkeypatch):
    evaluator = measure.evaluator_of.__wrapped__("mnist", 48, **OF_SMALL)
    evaluator.labels, given = (evaluator.labels + 1) % 10, {}  # true classes that no image is read as
    monkeypatch.setattr(measure, "evaluator_of", lambda *named, **how: evaluator)
    for module, name in ((probes, "memorised"), (distances, "split")):
        monkeypatch.setattr(module, name, lambda *args, name=name: given.setdefault(name, args) and {})
    job.measure(n_probe=30)
    seen, read = MeasuredImages(evaluator, job.run.sample(40, 3)[:30]), evaluator.test.labels
    (_, of_samples), (_, of_test) = given["memorised"]
    assert torch.equal(of_samples, seen.labels)
    assert torch.equal(of_test, read[:30])
    _, features, labels, reference, _ = given["split"]
    assert torch.equal(features, seen.features)
    assert torch.equal(labels, seen.labels)
    assert torch.equal(reference, read)
    assert not (read == evaluator.labels).all()


def test_samples_that_are_one_image_have_no_distance(job):
    job.run.noise = 0.0
    record = job.measure(n_probe=20, variants={"half": {"precision": "bf16"}})
    assert record[""].one_image
    assert "frechet" not in record[""]
    assert not [row for row in record.rows if row.measure in ("mix_frechet", "frechet_gap")]
    assert record[""]["copies"].n == 20


# --- what is made again ---


def test_all_is_measured_again_from_the_samples_that_are_there(job):
    before, paths = job.measure(), [kept_path(job.out, f"{kind}_zoom-3") for kind in ("samples", "quality")]
    drawn, whole = len(job.run.drawn), [path.read_bytes() for path in paths]
    for path in (*paths, table.path_of(job.out, "measure_zoom-3")):
        path.unlink()
    assert job.measure()[""]["frechet"] == before[""]["frechet"]
    assert [draw[0] for draw in job.run.drawn[drawn:]] == [128]  # for its cost
    assert [path.read_bytes() for path in paths] == whole
    assert read_kept(job.out, "samples_zoom-3").shape == (40, 28, 28)
    assert read_kept(job.out, "quality_zoom-3").shape == (2, 16, 28, 28)
    expected = to_uint8(job.run.sample(40, 3))[:, 0].numpy()
    assert (read_kept(job.out, "samples_zoom-3") == expected).all()


def test_the_facts_say_what_was_measured_against_what(job):
    facts = job.measure().facts
    assert facts.reference.unread == {"split": "test", "n": 60}
    assert (facts.model, facts["seed"], facts.weights_sha256) == ("zoom", 3, "weights of zoom-3")
    assert facts.settings.n_distance == 24
    assert facts.features.digits.test_accuracy > 0.9
    assert "out" not in facts.settings
    assert job.measure(n_distance=41).facts.settings.n_distance == 40


def test_sizes_that_the_data_do_not_allow_are_reduced_and_said(job, digits, monkeypatch, capsys):
    sizes = {"n_train": 22, "n_test": 60, "n_digits": 22, "n_per_distortion": 12}
    few = measure.Evaluator.for_dataset("mnist", **sizes, floor_repeats=2, interval_repeats=4)
    monkeypatch.setattr(measure, "evaluator_of", lambda *_, **__: few)
    settings = job.measure(n_checkpoint=23, n_distance=22, n_per_distortion=31).facts.settings
    assert (settings.n_checkpoint, settings.n_distance, settings.n_per_distortion) == (22, 22, 30)
    said = capsys.readouterr().out
    assert "n_checkpoint = 22" in said
    assert "n_distance" not in said.partition("is measured with")[2].partition("\n")[0]


# --- parts ---


def test_measured_epochs_are_the_first_every_so_many_and_the_last():
    def epochs(last, every, kept=None):
        known = range(1, last + 1) if kept is None else kept
        return measure.measured_epochs(
            SimpleNamespace(epochs=last, sha256=dict.fromkeys(map(str, known))), every
        )

    assert epochs(12, 5) == [1, 5, 10, 12]
    assert epochs(10, 5) == [1, 5, 10]
    assert epochs(3, 5) == [1, 3]
    assert epochs(3, 1) == [1, 2, 3]
    assert epochs(1, 1) == [1]
    assert epochs(12, 5, (5, 12)) == [5, 12]


def test_all_runs_without_measures_or_with_those_of_other_weights_are_measured(tmp_path, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(measure, "measure", lambda out, name, **how: done.append((name, how)))
    for name in ("zoom-0", "zoom-1", "linear-0", "cosine-0"):
        made_up.training(tmp_path, name, epochs=1)
    made_up.measures(tmp_path, "zoom-0", settings={"n_final": 64})
    made_up.measures(tmp_path, "linear-0", weights_sha256="others")
    quick = {"n_checkpoint": 64, "n_final": 64, "interval_repeats": 50, "n_test": 12}
    measure.measure_missing(tmp_path, None, n=None, n_test=12)
    assert done == [(name, quick) for name in ("linear-0", "cosine-0", "zoom-1")]
    assert capsys.readouterr().out == ""
    done.clear()
    measure.measure_missing(tmp_path, ["zoom"], n=32)
    assert done == [("zoom-1", {"n_checkpoint": 32, "n_final": 32, "interval_repeats": 50})]
    said = capsys.readouterr().out
    assert said.startswith("note: zoom-0 was measured with 64 images, not 32; ")
    assert str(table.path_of(tmp_path, "measure_zoom-0")) in said
    measure.measure_missing(tmp_path, ["zoom"], n=64)
    assert "note" not in capsys.readouterr().out
