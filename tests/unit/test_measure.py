"""The job of measuring, on a tiny run: what it writes, takes over, takes again and refuses.

The values of its rows: golden/test_values.py.
"""

import shutil
from types import SimpleNamespace

import pytest
import safetensors.torch
from safetensors import safe_open

import made_up
from diffusion import data
from diffusion.evaluation.frechet import frechet_distance, to_uint8
from diffusion.evaluation.measures import Measure
from diffusion.training.folder import RunError
from report import profile
from report.measures import measure, probes
from report.measures.registry import MEASURES
from report.results import table
from report.results.kept import kept_path, read_kept
from report.results.settings import open_training
from report.results.table import CHECKPOINT, REAL, Record

SIZES = {"n_test": 60, "n_checkpoint": 20, "n_final": 40, "n_distance": 28, "n_probe": 32}  # no two are equal


@pytest.fixture
def copied(tiny, tmp_path):
    """The tiny run, to be spoilt."""
    return shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def again(copied):
    """again("zoom", variants={}): measure a training of the copy once more, with these sizes and options."""
    asked = profile.read(copied / "tiny.yaml").measures

    def measured(model="zoom", **other):
        return measure.measure(copied, f"{model}-3", **asked[model] | SIZES | {"variants": {}} | other)

    return measured


def of(out, model="zoom"):
    return Record(out, f"measure_{model}-3")


# --- what is measured ---


def test_checkpoints_the_finished_model_and_real_images_are_measured_at_their_sizes(again, copied):
    job, run = again(distance_every=4), open_training(copied, Record(copied, "train_zoom-3").facts, "fp32")
    assert [(one.epoch, one["frechet"].n) for one in job.curve()] == [(1, 20), (4, 20), (5, 20)]
    assert len({one["frechet"].value for one in job.curve()}) == 3
    final = job[""]
    assert (final["frechet"].n, final["centre_dark"].n, final["calls"].value) == (28, 40, 24)
    assert (final["floor"].n, job[CHECKPOINT]["floor"].n) == (28, 20)
    assert final["floor"].value < job[CHECKPOINT]["floor"].value
    of_run = {row.measure: row.epoch for row in job.rows if row.way in ("", REAL)}
    assert {of_run[name] for name in ("frechet", "digit", "calls", "floor", "copies")} == {None, 5}
    assert {row.epoch for row in job.rows if row.way == "" and row.measure.startswith("floor")} == {None}
    assert {row.epoch for row in job.rows if row.way == REAL} == {None}
    assert [*job.ways] == [CHECKPOINT, "", REAL]
    assert "frechet_autoencoder" in job.curve()[0]
    assert (read_kept(copied, "samples_zoom-3") == to_uint8(run.sample(40, 3))[:, 0].numpy()).all()
    facts = job.facts
    assert facts.reference.unread == {"split": "test", "n": 60}
    assert (facts.model, facts["seed"]) == ("zoom", 3)
    assert facts.weights_sha256 == Record(copied, "train_zoom-3").facts.weights.sha256
    assert (facts.settings.n_distance, "out" in facts.settings) == (28, False)
    assert facts.features.digits.test_accuracy > 0.9


def test_real_images_have_their_threshold_divergence_and_class_shares(again, mnist_dir):
    real = again()[REAL]
    labels = data.load("mnist", "test")[1]
    shares = (labels.bincount().double() / len(labels)).tolist()
    assert [share.value for share in real["class_share"]] == pytest.approx(shares)
    assert (real["divergence_floor"].n, real["different"].n) == (28, 28)
    assert 0 < real["threshold"].value < 1


def test_floors_of_checkpoints_are_as_large_as_those_of_the_end_where_these_are_fewer(again, monkeypatch):
    """Of so many training images are all floors drawn, whichever set is larger."""
    asked = []

    def stop(dataset, n_train, **how):
        asked.append(n_train)
        raise InterruptedError

    monkeypatch.setattr(measure, "evaluator_of", stop)
    sizes = [{"n_checkpoint": 500, "n_final": 100, "n_distance": 50}, {"n_checkpoint": 50, "n_final": 500}]
    sizes += [{"n_checkpoint": 50, "n_final": 5000}]
    for size in sizes:
        with pytest.raises(InterruptedError):
            again(**{"n_distance": 2000} | size, floor_repeats=7)
    assert asked == [3500, 3500, 14_000]


def test_the_response_of_a_ddpm_is_measured_at_every_checkpoint_and_for_all_shifts(again):
    job = again("linear", n_probe=20, distance_every=4)
    assert all("response" in one for one in job.curve())
    shifts = [way for way in job.ways if way.startswith("shift ")]
    assert shifts == [f"shift {size:g}" for size in (1.0, *probes.LARGER)]
    assert [{one.n for one in job[way]["response"]} for way in shifts] == [{20}] + [{4}] * len(probes.LARGER)
    assert job[""].places("recovered")[-1] == 20
    assert {one.n for one in job[""]["recovered"]} == {20}


def test_probes_are_of_the_first_samples_and_compare_classes_as_they_are_read(again, copied, monkeypatch):
    """On samples that are digits, in place of those that were drawn; no image is read as its true class."""
    assert "copies" not in again(n_probe=None)[""]
    path = copied / "samples" / "zoom-3" / "40.safetensors"
    x = data.load("mnist", "train", 340)[0][300:]
    with safe_open(path, "pt") as file:
        path.write_bytes(safetensors.torch.save({"samples": x}, file.metadata()))
    job = again()
    assert (job[""]["mix_frechet"].n, job[""]["copies"].n) == (32, 32)
    sizes = {"n_test": 60, "n_digits": 300, "n_per_distortion": 12, "interval_repeats": 4, "floor_repeats": 2}
    evaluator = measure.evaluator_of.__wrapped__("mnist", 56, **sizes)
    run = open_training(copied, Record(copied, "train_zoom-3").facts, "fp32")
    images = to_uint8(run.images)
    near, far = (probes.nearest(to_uint8(one[:32]), images) for one in (x, evaluator.x_test))
    assert job[""]["copies"].value == float((near < far.quantile(0.05)).double().mean())
    space = evaluator.default_space
    expected = frechet_distance(space.reference, space.features(x[:32]))
    assert job[""]["mix_frechet"].value == pytest.approx(expected, rel=1e-5)
    assert "recovered" not in job[""]
    evaluator.labels = (evaluator.labels + 1) % 10
    monkeypatch.setattr(measure, "evaluator_of", lambda *named, **how: evaluator)
    probed = [name for name in job[""] if name.startswith(("copies", "mix_"))]
    assert [again()[""][name] for name in probed] == [job[""][name] for name in probed]


def test_samples_that_are_one_image_have_no_distance(again):
    job = again("grey", variants={"half": {"precision": "bf16"}})
    assert job[""].one_image
    assert not [row for row in job.rows if row.measure in ("frechet", "mix_frechet", "frechet_gap")]
    assert job[""]["copies"].n == 32


def test_another_precision_has_its_gap_after_minus_before(again):
    variants = {"float32": {"precision": "fp32", "n": 20}}
    job = again("linear", precision="bf16", distance_every=5, n_probe=None, variants=variants)
    assert job.facts.environment.precision == "bf16"
    gap = job["float32"]["frechet"].value - job.curve()[-1]["frechet"].value
    assert gap  # each was given samples of its own
    assert job["float32"]["frechet_gap"].value == pytest.approx(gap)


def test_a_variant_is_the_same_training_sampled_otherwise(again, copied):
    averaged, few = {"average": 2}, {"n": 12, "measures": ["kid", "ink"]}
    variants = {"again": {}, "averaged": averaged, "few": few | averaged, "first": few}
    variants |= {"many": {"n": 60, "measures": ["centre_dark", "frechet"]}}
    variants |= {"late": {"prior": "patches", "checkpoints": "late", "n": 13}}
    job = again(variants=variants)
    assert job["again"]["frechet"] == job[""]["frechet"] != job["averaged"]["frechet"]
    assert {*job["few"]} == {*job["first"]} == {"kid", "ink"}
    assert job["few"]["kid"].n == job["first"]["kid"].n == 12
    assert {*job["averaged"]} == {name for name in job[""] if name in job.curve()[0]} | {"calls", "seconds"}
    assert (job["many"]["centre_dark"].n, job["many"]["frechet"].n) == (60, 28)
    assert [(row.epoch, row["frechet"].n) for row in job.curve("late")] == [(4, 13), (5, 13)]
    assert [*job.facts.ways] == [*variants]
    drawn = {path.name.partition("-")[0] for path in (copied / "samples" / "zoom-3").iterdir()}
    assert drawn & {*variants} == {"averaged", "few", "many", "late"}  # others are some of its samples


def test_a_measure_of_ones_own_is_taken_of_the_training_and_of_variants_that_list_none(again, monkeypatch):
    mine = Measure("", "", lambda images: {"mine": float(images.images.float().mean())}, real=True)
    monkeypatch.setitem(MEASURES, "mine", mine)
    listed = {"measures": ["frechet"]}
    job = again("dim", variants={"two": {"average": 2}, "listed": listed, "named": {"measures": ["mine"]}})
    ways = [CHECKPOINT, "", "two", "named"]  # real images are measured once
    assert [name for name in job.ways if "mine" in job[name]] == ways


# --- what is drawn once, and what is refused ---


def test_all_is_measured_again_from_the_samples_that_are_there(again, copied):
    before, paths = again(), [kept_path(copied, f"{kind}_zoom-3") for kind in ("samples", "quality")]
    drawn = {path: path.stat().st_mtime_ns for path in (copied / "samples").rglob("*.safetensors")}
    whole = [path.read_bytes() for path in paths]
    for path in (*paths, table.path_of(copied, "measure_zoom-3")):
        path.unlink()
    assert again()[""]["frechet"] == before[""]["frechet"]
    assert [path.read_bytes() for path in paths] == whole
    assert {path: path.stat().st_mtime_ns for path in (copied / "samples").rglob("*.safetensors")} == drawn
    assert read_kept(copied, "quality_zoom-3").shape == (2, 16, 28, 28)


def test_another_data_set_or_weights_that_are_not_those_of_the_file_are_refused(again, copied):
    before = of(copied, "linear").rows
    with pytest.raises(ValueError, match="dataset is 'fashion', .*trained on 'mnist'"):
        again("linear", dataset="fashion")
    weights = copied / Record(copied, "train_linear-3").facts.weights.file
    weights.write_bytes(weights.with_name("epoch-0004.safetensors").read_bytes())
    with pytest.raises(RunError, match=weights.name):
        again("linear")
    assert of(copied, "linear").rows == before


def test_sizes_that_the_data_do_not_allow_are_reduced_and_said(again, monkeypatch, capsys):
    sizes = {"n_train": 22, "n_test": 60, "n_digits": 22, "n_per_distortion": 12}
    few = measure.Evaluator.for_dataset("mnist", **sizes, floor_repeats=2, interval_repeats=4)
    monkeypatch.setattr(measure, "evaluator_of", lambda *_, **__: few)
    settings = again(n_checkpoint=23, n_distance=22, n_per_distortion=31).facts.settings
    assert (settings.n_checkpoint, settings.n_distance, settings.n_per_distortion) == (22, 22, 30)
    said = capsys.readouterr().out
    assert "n_checkpoint = 22" in said
    assert "n_distance" not in said.partition("is measured with")[2].partition("\n")[0]


# --- parts ---


@pytest.mark.parametrize(
    ("last", "every", "lost", "epochs"),
    [(12, 5, (), [1, 5, 10, 12]), (10, 5, (), [1, 5, 10]), (3, 5, (), [1, 3]), (1, 1, (), [1])]
    + [(3, 1, (), [1, 2, 3]), (12, 5, (1, 10), [5, 12]), (10, None, [], [10])],
)
def test_measured_epochs_are_the_first_every_so_many_and_the_last(last, every, lost, epochs):
    kept = {str(epoch): "" for epoch in range(1, last + 1) if epoch not in lost}
    assert measure.measured_epochs(SimpleNamespace(epochs=last, sha256=kept), every) == epochs


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
