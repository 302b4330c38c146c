"""The job of measuring, on a tiny run: what it writes, takes over, takes again and refuses.

The values of its rows: golden/test_values.py.
"""

import shutil
from dataclasses import replace

import pytest
import torch

from diffusion.evaluation.measures import Measure
from helpers import DAMAGES, N, train
from report import profile
from report.measures import measure
from report.measures.registry import MEASURES
from report.results.kept import Drawn
from report.results.table import CHECKPOINT, Record

PATCHES = "checkpoint, patches"  # a variant of tiny.yaml


@pytest.fixture
def copied(tiny, tmp_path):
    """The tiny run, to be spoilt."""
    return shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def again(copied):
    """again("zoom", variants={}): measure a training of the copy once more, with other options."""
    asked = profile.read(copied / "tiny.yaml").measures

    def measured(model="zoom", **other):
        return measure.measure(copied, f"{model}-3", **asked[model] | other)

    return measured


def of(out, model="zoom"):
    return Record(out, f"measure_{model}-3")


def numbers(job):
    """The rows of a job by their place, but for the time of the clock."""
    rows = [row for row in job.rows if row.measure != "seconds"]
    return {(r.way, r.epoch, r.measure, r.x): (r.value, r.low, r.high, r.n, r.sd) for r in rows}


# --- what is measured ---


def test_floors_are_of_as_many_images_as_are_measured(again):
    job = again("grey", n_distance=2 * N)
    final, checkpoint = (job[way]["floor"] for way in ("", CHECKPOINT))
    assert (final.n, checkpoint.n) == (2 * N, N)
    assert final.value < checkpoint.value


def test_another_precision_has_its_gap_after_minus_before(again):
    variants = {"float32": {"precision": "fp32", "n": N}}
    job = again("linear", precision="bf16", distance_every=5, n_probe=None, variants=variants)
    assert job.facts.environment.precision == "bf16"
    gap = job["float32"]["frechet"].value - job.curve()[-1]["frechet"].value
    assert gap  # each was given samples of its own
    assert job["float32"]["frechet_gap"].value == pytest.approx(gap)


def test_a_variant_is_the_same_training_sampled_otherwise(again):
    averaged, few = {"average": 2}, {"n": 12, "measures": ["kid", "ink"]}
    variants = {"again": {}, "averaged": averaged, "few": few | averaged, "first": few}
    variants |= {"many": {"n": 60, "measures": ["centre_dark", "frechet"]}}
    job = again(variants=variants)
    assert job["again"]["frechet"] == job[""]["frechet"] != job["averaged"]["frechet"]
    assert {*job["few"]} == {*job["first"]} == {"kid", "ink"}
    assert job["few"]["kid"].n == job["first"]["kid"].n == 12
    assert {*job["averaged"]} == {name for name in job[""] if name in job.curve()[0]} | {"calls", "seconds"}
    assert (job["many"]["centre_dark"].n, job["many"]["frechet"].n) == (60, N)
    assert [*job.facts.ways] == [*variants]


def test_late_checkpoints_may_be_sampled_otherwise(again):
    rows = again(variants={"late": {"prior": "patches", "checkpoints": "late", "n": 12}}).curve("late")
    assert [(row.epoch, row["frechet"].n) for row in rows] == [(4, 12), (5, 12)]


def test_a_measure_of_ones_own_is_taken_of_the_training_and_of_variants_that_list_none(again, monkeypatch):
    mine = Measure("", "", lambda images: {"mine": float(images.images.float().mean())}, real=True)
    monkeypatch.setitem(MEASURES, "mine", mine)
    listed = {"measures": ["frechet"]}
    job = again("dim", variants={"two": {"average": 2}, "listed": listed, "named": {"measures": ["mine"]}})
    assert [name for name in job.ways if "mine" in job[name]] == [
        CHECKPOINT,
        "",
        "two",
        "named",
    ]  # real images are measured once


# --- what is drawn once, and what is refused ---


def test_samples_are_drawn_once_for_all_that_determines_them_and_again_if_a_file_is_damaged(images, tmp_path):
    run = train(images, tmp_path / "run", epochs=2)
    draw, folder = Drawn(tmp_path / "samples", run, 0), tmp_path / "samples"
    first = draw(3)
    (path,) = folder.iterdir()
    good = path.read_bytes()
    others = [draw(3, epoch=1), Drawn(folder, run, 1)(3)]
    others += [draw(3, replace(run, **how)) for how in ({"sampler": "improved"}, {"precision": "bf16"})]
    assert not any(torch.equal(x, first) for x in others)
    assert len([*folder.iterdir()]) == 5
    path.write_bytes(DAMAGES["half"](good))
    assert torch.equal(draw(3), first)
    assert path.read_bytes() == good
    time = path.stat().st_mtime_ns
    assert torch.equal(draw(3), first)
    assert path.stat().st_mtime_ns == time


def test_another_data_set_or_weights_that_are_not_those_of_the_file_are_refused(again, copied):
    before = of(copied, "linear").rows
    with pytest.raises(ValueError, match="dataset is 'fashion', .*trained on 'mnist'"):
        again("linear", dataset="fashion")
    weights = copied / Record(copied, "train_linear-3").facts.weights.file
    weights.write_bytes(weights.with_name("epoch-0004.safetensors").read_bytes())
    with pytest.raises(measure.RunError, match=weights.name):
        again("linear")
    assert of(copied, "linear").rows == before
