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
from study.kept import DrawnRun, read_kept
from study.results import load
from study.settings import Profile
from study.table import CHECKPOINT, IN_FILE, PATCHES, REAL, Job, path_of

WAYS = {  # of each model, beside its checkpoints, its finished samples and real images
    "linear": {"clipped", "few", "clipping", "clipping off", "clipping on"},
    "zoom": {PATCHES},
    "grey": set(),
    "dim": {"two"},
}


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


def numbers(job):
    """The rows of a job by their place, where each stands once, but for the time of the clock."""
    rows = [row for row in job.rows if row.measure != "seconds"]
    found = {(r.way, r.epoch, r.measure, r.x): (r.value, r.low, r.high, r.n, r.sd) for r in rows}
    assert len(found) == len(rows)
    return found


# --- what is measured ---


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


def test_a_training_is_measured_along_its_way_in_all_its_ways_and_beside_real_images(tiny):
    results = load(tiny)
    for model, ways in WAYS.items():
        one = results.first(model)
        final, facts = one.final, one.measured.facts
        assert one.measured.ways.keys() == {"", CHECKPOINT, REAL} | ways
        assert [row.epoch for row in one.curve] == [1, 2, 4, 5]
        assert (final["ink"].n, one.real["coverage"].n, final["floor"].n) == (2 * N, N, N)
        surely = round((1 - final["low_confidence"].value) * 2 * N)
        assert {share.n for share in final["recognised_share"]} == {surely}
        assert one.real["low_confidence"].value == pytest.approx(0.05)  # by which it is defined
        assert (facts.features.digits.available, facts.features.inception.available) == (True, False)
        assert (facts.recogniser.n_digits, facts.recogniser.n_kind, one.real["digit"].n) == (300, 12, 30)
        assert (facts.features.digits.test_accuracy > 0.9, one.real["digit"].value > 0.8) == (True, True)
        probed = [row["response"].n for row in one.curve if "response" in row]  # of a noise predictor
        assert probed == [60] * 4 * (model == "linear")
    assert [row.epoch for row in results.first("zoom").from_patches] == [4, 5]
    assert one.from_patches == []


def test_an_ablation_changes_one_thing_and_its_gap_is_after_minus_before(again):
    job = again("linear", precision="bf16", distance_every=5)
    assert job.facts.environment.precision == "bf16"
    for name, before, after in (("clipping", "clipping off", "clipping on"), ("float32", "bf16", "fp32")):
        assert job[before]["frechet"] == job.curve()[-1]["frechet"]
        gap = job[after]["frechet"].value - job[before]["frechet"].value
        assert gap  # each was given samples of its own
        assert job[name]["frechet_gap"].value == pytest.approx(gap)


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
    assert job.ways.keys() == {"", CHECKPOINT, REAL, *ways}
    assert {name: job[name]["calls"].value for name in ways} == dict.fromkeys(ways, 24) | {"six": 6}
    assert job["again"]["frechet"].value == job[""]["frechet"].value == before
    assert len({job[name]["frechet"].value for name in ways}) == 4


def test_samples_may_have_a_seed_of_their_own_and_real_images_stay_the_same(again, copied):
    before, found = numbers(of(copied)), numbers(again(sample_seed=100))
    assert found.keys() == before.keys()
    other = {place for place in found if found[place] != before[place]}
    assert {("", 5, "frechet", None), (CHECKPOINT, 1, "frechet", None), (PATCHES, 5, "ink", None)} <= other
    assert not any(way == REAL or name.startswith("floor") for way, _, name, _ in other)


# --- what is drawn or measured once, and what again ---


def test_samples_are_drawn_once_for_all_that_determines_them_and_again_if_a_file_is_not_theirs(
    images, tmp_path, capsys
):
    run = DrawnRun.of(train(images, tmp_path / "runs", epochs=2))
    first = run.sample(3)
    (path,) = (tmp_path / "samples").iterdir()
    good = path.read_bytes()
    others = [run.sample(3, **how) for how in ({"epoch": 1}, {"seed": 1}, {"sampler": "improved"})]
    others += [replace(run, precision="bf16").sample(3)]
    assert not any(torch.equal(x, first) for x in others)
    (*files,) = {*(tmp_path / "samples").iterdir()} - {path}
    assert len(files) == 4
    for content in (files[0].read_bytes(), DAMAGES["half"](good)):
        path.write_bytes(content)
        assert torch.equal(run.sample(3), first)
        assert path.name in capsys.readouterr().out
        assert path.read_bytes() == good


def test_a_lost_file_of_images_or_numbers_is_made_again_of_the_samples_that_are_there(again, copied):
    lost, path = copied / "kept" / "late_zoom-3.npz", path_of(copied, "measure_zoom-3")
    before, rows, whole = numbers(of(copied)), of(copied).rows, lost.read_bytes()
    times = {file: file.stat().st_mtime_ns for file in copied.glob("samples/*")}
    lost.unlink()
    assert (again().rows, lost.read_bytes()) == (rows, whole)
    path.unlink()
    assert numbers(again()) == before
    assert times == {file: file.stat().st_mtime_ns for file in copied.glob("samples/*")}


@pytest.mark.parametrize(
    ("edit", "anew", "said"),
    [
        (lambda facts: None, (), ""),
        (lambda facts: facts["codes"].update(ink="0123456789abcdef"), ("ink",), ""),
        (lambda facts: facts["codes"].pop("stroke"), ("stroke",), ""),
        (lambda facts: facts["settings"].update(n_final=N), None, "settings.n_final"),
        (lambda facts: facts.update(weights_sha256="0" * 64), None, "weights_sha256"),
        (lambda facts: facts["environment"].update(torch="1.0"), None, "environment.torch"),
    ],
)
def test_what_is_measured_stays_unless_its_code_changed_or_what_decides_all(
    again, copied, capsys, edit, anew, said
):
    """All numbers of a file are made wrong, and those that are taken anew are right again."""
    before = numbers(of(copied, "dim"))

    def spoil(facts):
        for row in facts["rows"]:
            row[IN_FILE.index("value")] = 7.0
        edit(facts)

    changed(path_of(copied, "measure_dim-3"), spoil)
    stays = {place: (7.0, *values[1:]) for place, values in before.items() if place[2] not in (anew or ())}
    assert numbers(again("dim")) == (before if anew is None else before | stays)
    assert said in capsys.readouterr().out


def test_another_data_set_or_weights_that_are_not_those_of_the_file_are_refused(again, copied):
    before, training = of(copied, "linear").rows, path_of(copied, "train_linear-3")
    with pytest.raises(ValueError, match="was trained on mnist, not on fashion"):
        again("linear", dataset="fashion")
    weights = copied / Job(copied, "train_linear-3").facts.weights.file
    weights.write_bytes(weights.with_name("epoch-0004.safetensors").read_bytes())
    with pytest.raises(measure.RunError, match=weights.name):
        again("linear")
    changed(training, lambda facts: facts.update(run="../elsewhere"))
    with pytest.raises(ValueError, match="a place outside of"):
        again("linear")
    assert of(copied, "linear").rows == before
