"""The job of measuring, on a tiny run: what it writes, takes over, takes again and refuses."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from diffusion.provenance import environment
from helpers import DAMAGES, TINY, N, changed, train
from study import measure
from study.drawn import DrawnRun
from study.kept import read_kept
from study.results import load
from study.settings import Profile
from study.table import CHECKPOINT, PATCHES, REAL, Job, path_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def copied(tiny, tmp_path):
    """The tiny run, to be spoilt."""
    return shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def again(copied, mnist_dir):
    """again("zoom", ways={}): measure a training of the copy once more, with other settings."""
    profile = Profile(TINY | {"data_dir": str(mnist_dir)}, "tiny.yaml")

    def measured(model="zoom", **other):
        return measure.measure(copied, model, 3, profile.measure(model, 3).model_copy(update=other))

    return measured


def of(out, model="zoom"):
    return Job(out, f"measure_{model}-3")


def numbers(job, without=("seconds",)):
    """The rows of a job by their place."""
    rows = (row for row in job.rows if row.measure not in without)
    return {(r.way, r.epoch, r.measure, r.x): (r.value, r.low, r.high, r.n, r.sd) for r in rows}


def test_the_rows_of_a_run_are_what_they_were(tiny):
    """Rows of the edition before there were rows; shares of digits are of another recogniser since."""
    kept, here = json.loads((Path(__file__).parents[1] / "golden" / "rows.json").read_text()), environment()
    same = all(here[key] == value for key, value in kept["machine"].items())
    for name, rows in kept["rows"].items():
        found = numbers(Job(tiny, name))
        for way, epoch, measured, x, *expected in rows:
            # Another processor rounds otherwise: pixels, and which sample is near. Of few samples most
            # eigenvalues are zero: torchmetrics took the roots of their rounding.
            close = 1e-6 if measured.startswith(("frechet", "floor")) else 1e-9
            if not same:
                close = 1e9 if measured in ("kid", "precision", "recall") else 0.05
            both = found[way, epoch, measured, x], expected
            new, old = ([math.nan if one is None else one for one in row] for row in both)
            assert new == pytest.approx(old, rel=close, abs=close, nan_ok=True), (name, way, measured)


def test_each_checkpoint_is_measured_and_real_images_by_the_same_recogniser(tiny):
    results = load(tiny)
    for one in map(results.first, results.models):
        final, facts = one.final, one.measured.facts
        assert [row.epoch for row in one.curve] == [1, 2, 4, 5]
        assert (final["ink"].n, one.real["coverage"].n, final["floor"].n) == (2 * N, N, N)
        surely = round((1 - final["low_confidence"].value) * 2 * N)
        assert {share.n for share in final["recognised_share"]} == {surely}
        assert one.real["low_confidence"].value == pytest.approx(0.05)  # by which it is defined
        assert (facts.features.digits.available, facts.features.inception.available) == (True, False)
        assert (facts.recogniser.n_digits, facts.recogniser.n_kind, one.real["digit"].n) == (300, 12, 30)
        assert one.real["digit"].value > 0.8


def test_each_ablation_applies_where_it_can(tiny):
    linear, zoom = of(tiny, "linear"), of(tiny)
    assert linear["clipping off"]["frechet"] == linear.curve()[-1]["frechet"]  # it is off there
    gap = linear["clipping on"]["frechet"].value - linear["clipping off"]["frechet"].value
    assert linear["clipping"]["frechet_gap"].value == pytest.approx(gap)
    assert gap
    assert [row.epoch for row in zoom.curve(PATCHES)] == [4, 5]
    assert zoom.curve(PATCHES)[-1]["frechet"] != zoom.curve()[-1]["frechet"]
    assert not {PATCHES, "bf16"} & linear.ways.keys()  # it was float32 before
    assert not {"clipping off", "bf16"} & zoom.ways.keys()
    assert {row["response"].n for row in linear.curve()} == {60}  # of a noise predictor
    assert not any("response" in row for row in zoom.curve())


def test_samples_that_are_all_one_image_have_no_distance_and_are_no_digits(tiny):
    results = load(tiny)
    assert [name for name in results.models if results.first(name).constant] == ["grey"]
    gone = ("frechet", "kid", "digit", "precision", "recall", "coverage")
    rows = [row for row in results.first("grey").measured.rows if row.way != REAL]
    assert not [row for row in rows if row.measure.startswith(gone)]
    assert len({*map(bytes, read_kept(tiny, "samples_grey-3"))}) == 1


def test_ways_are_the_same_training_sampled_otherwise(again, copied):
    before = of(copied)[""]["frechet"].value
    ways = {"again": {}, "mixture": {"prior": "mixture", "prior_options": {"components": 3}}}
    ways |= {"averaged": {"average": 2}, "six": {"sampler_options": {"levels": 6}}}
    job = again(ways=ways, ablations=False)
    assert {name: job[name]["calls"].value for name in ways} == dict.fromkeys(ways, 24) | {"six": 6}
    assert job["again"]["frechet"].value == job[""]["frechet"].value == before
    assert len({job[name]["frechet"].value for name in ways}) == 4


def test_samples_may_have_a_seed_of_their_own_and_real_images_stay_the_same(again, copied):
    before, found = numbers(of(copied)), numbers(again(sample_seed=100))
    assert found.keys() == before.keys()
    other = {place for place in found if found[place] != before[place]}
    assert {("", 5, "frechet", None), (CHECKPOINT, 1, "frechet", None), (PATCHES, 5, "ink", None)} <= other
    assert not any(way == REAL or name.startswith("floor") for way, _, name, _ in other)


def test_float32_is_an_ablation_of_bf16(again):
    job = again("linear", precision="bf16", distance_every=5)
    assert job.facts.environment.precision == "bf16"
    assert job["bf16"]["frechet"] == job.curve()[-1]["frechet"]
    gap = job["fp32"]["frechet"].value - job["bf16"]["frechet"].value
    assert gap  # each was given samples of its own
    assert job["float32"]["frechet_gap"].value == pytest.approx(gap)


# --- samples are drawn once ---


def test_samples_are_drawn_once_for_all_that_determines_them_and_again_if_a_file_is_not_theirs(
    images, tmp_path, capsys
):
    run = DrawnRun.of(train(images, tmp_path / "runs", epochs=2))
    first = run.sample(3)
    (path,) = (tmp_path / "samples").iterdir()
    good, time = path.read_bytes(), path.stat().st_mtime_ns
    others = [run.sample(3, **how) for how in ({"epoch": 1}, {"seed": 1}, {"sampler": "improved"})]
    others += [replace(run, precision="bf16").sample(3)]
    assert not any(torch.equal(x, first) for x in others)
    assert torch.equal(run.sample(3), first)
    (*files,) = (tmp_path / "samples").iterdir()
    assert (len(files), path.stat().st_mtime_ns) == (5, time)
    (other, *_) = {*files} - {path}
    for content in (other.read_bytes(), DAMAGES["half"](good)):
        path.write_bytes(content)
        assert torch.equal(run.sample(3), first)
        assert path.name in capsys.readouterr().out
        assert path.read_bytes() == good


# --- taken over, and taken again ---


def test_what_is_measured_stays_and_a_lost_file_is_made_of_kept_samples(again, copied):
    lost, path = copied / "kept" / "late_zoom-3.npz", path_of(copied, "measure_zoom-3")
    before, rows, whole = numbers(of(copied)), of(copied).rows, lost.read_bytes()
    times = {file: file.stat().st_mtime_ns for file in (*copied.glob("samples/*"), path)}
    again()
    assert times == {file: file.stat().st_mtime_ns for file in times}
    lost.unlink()
    assert (again().rows, lost.read_bytes()) == (rows, whole)
    path.unlink()
    del times[path]
    assert numbers(again()) == before
    assert times == {file: file.stat().st_mtime_ns for file in times}


def test_what_is_missing_is_filled_in_what_another_code_measured_is_taken_again_and_no_other(again, copied):
    def spoil(content):
        content["codes"]["ink"] = "0123456789abcdef"
        del content["codes"]["stroke"]
        content["rows"] = [row for row in content["rows"] if row[2] != "stroke"]
        for row in content["rows"]:
            row[4] = 7.0 if row[2] in ("ink", "height") else row[4]

    before = numbers(of(copied), without=())  # times, too
    changed(path_of(copied, "measure_zoom-3"), spoil)
    found = numbers(again(), without=())
    assert found.keys() == before.keys()
    for place, values in before.items():
        assert found[place] == ((7.0, *values[1:]) if place[2] == "height" else values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": {"n_final": N}}, "settings.n_final"),
        ({"weights_sha256": "0" * 64}, "weights_sha256"),
        ({"environment": {"torch": "1.0"}}, "environment.torch"),
    ],
)
def test_other_settings_weights_samples_or_versions_are_measured_anew(again, copied, capsys, change, said):
    before = numbers(of(copied, "dim"))

    def spoil(content):
        for key, value in change.items():
            content[key] = content[key] | value if isinstance(value, dict) else value
        content["rows"] = content["rows"][:1]

    changed(path_of(copied, "measure_dim-3"), spoil)
    assert numbers(again("dim")) == before
    assert said in capsys.readouterr().out


# --- refused ---


def test_weights_that_are_not_those_of_the_file_are_not_measured(again, copied):
    before = of(copied, "linear").rows
    weights = copied / Job(copied, "train_linear-3").facts.weights.file
    weights.write_bytes(weights.with_name("epoch-0004.safetensors").read_bytes())
    with pytest.raises(measure.RunError, match=weights.name):
        again("linear")
    assert of(copied, "linear").rows == before


def test_an_error_of_the_command_is_one_line(tiny):
    with pytest.raises(SystemExit, match="^error: .*mnist.*$"):
        measure.main(["--out", str(tiny), "--model", "zoom", "--seed", "3", "--settings", "dataset: fashion"])
