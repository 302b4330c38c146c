"""The views of a run's rows, on runs that are made up."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import made_up
from diffusion.evaluation.statistics import Interval
from report.results import kept, table, views
from report.results.settings import describe
from report.results.table import CHECKPOINT, REAL, reading, row
from report.results.views import load

# --- one training ---


@pytest.fixture
def one(tmp_path) -> views.Training:
    """A zoom of ten epochs that is measured after each of them."""
    made_up.training(tmp_path, epochs=10, rows=[*made_up.losses(10, 2.5), row("restored_right", 0.75)])
    rows = made_up.curve({epoch: 100.0 - epoch for epoch in range(1, 11)})
    rows += [row("frechet", Interval(90.0, 89.0, 91.0, n=2000), epoch=10), row("ink", 0.1, epoch=10)]
    rows += [row("floor", 1.5), row("copies", 0.25), row("ink", 0.2, REAL), row("floor", 2.0, CHECKPOINT)]
    made_up.measures(tmp_path, rows=rows)
    return load(tmp_path).first("zoom")


def test_a_training_has_its_losses_its_curve_and_its_end(one):
    assert one.name == "zoom-0"
    assert [row["train_loss"].value for row in one.history] == [1 / epoch for epoch in range(1, 11)]
    assert one.history[3]["test_loss"].value == 2 / 4
    assert one.probes["restored_right"].value == 0.75
    assert one.seconds == 25.0
    assert [row["frechet"].value for row in one.curve] == [100.0 - epoch for epoch in range(1, 11)]
    assert (one.final["frechet"].value, one.final.n) == (90.0, 2000)
    assert one.real["ink"].value == 0.2
    assert {*one.summary} == {"floor", "copies"}
    assert one.summary["floor"].value == 1.5  # not that of the checkpoints


@pytest.mark.parametrize(("epochs", "late"), [(10, [8, 9, 10]), (5, [4, 5]), (9, [8, 9]), (1, [1])])
def test_the_last_fifth_begins_with_the_epoch_at_four_fifths(tmp_path, epochs, late):
    made_up.training(tmp_path, epochs=epochs)
    made_up.measures(tmp_path, rows=made_up.curve(dict.fromkeys(range(1, epochs + 1), 1.0)))
    assert [row.epoch for row in load(tmp_path).first("zoom").late] == late


@pytest.mark.parametrize(
    ("n_train", "steps", "epochs", "after", "passes"),
    [
        (60_000, 938, 2, 2, 2.0),
        (60_000, 938, 2, 1, 1.0),
        (30_000, 1000, 4, 4, 2.0),  # half of the images
        (60_000, 600, 2, 2, 600 * 128 / 60_000),  # the second epoch was not finished
        (60_000, 600, 2, 1, 1.0),
        (70_000, 1_000_000, 3, 3, 3.0),  # more than a pass has
        (60_000, 0, 0, 0, 0.0),
    ],
)
def test_passes_are_over_all_images_of_the_training_split(tmp_path, n_train, steps, epochs, after, passes):
    made_up.training(tmp_path, epochs=epochs, steps=steps, data=made_up.DATA | {"n_train": n_train})
    one = load(tmp_path).first("zoom")
    assert one.passes_after(after) == pytest.approx(passes)
    if after == epochs:
        assert one.passes == pytest.approx(passes)


def test_what_is_not_measured_is_empty_or_missing(tmp_path):
    made_up.training(tmp_path, epochs=2)
    one = load(tmp_path).first("zoom")
    assert (one.measured, one.curve, one.late, one.changes, one.drawn) == (None, [], [], {}, [])
    made_up.measures(tmp_path, rows=[row("ink", 0.1, epoch=2)])
    assert load(tmp_path).first("zoom").summary == {}
    with pytest.raises(KeyError):
        load(tmp_path).first("zoom").response()


def test_components_are_described_and_only_those_that_are_shown_are_read(tmp_path):
    process = {"class": "mine:Fade", "T": 3, "strength": 0.5, "mask": {"tensor": "x"}}
    made_up.training(tmp_path, "own-0", settings={"process": process, "network_options": {"channels": [4]}})
    one = load(tmp_path).first("own")
    with reading() as seen:
        parts = one.parts
    assert not seen
    assert [*parts] == ["degradation", "schedule", "prior", "sampler", "network"]
    assert parts["degradation"] == {"class": "mine:Fade", "strength": 0.5}  # an object is no argument
    assert parts["network"] == describe("cnn", {"channels": [4]}) == one.network
    assert (parts["schedule"], parts["sampler"]) == (None, describe("naive"))
    with reading() as seen:
        _ = one.network
    assert {source.rpartition("/")[2] for source in seen} == {"network", "network_options"}


# --- variants ---

PART = {"n": 500, "measures": ["frechet"]}


@pytest.fixture
def varied(tmp_path) -> views.Training:
    variants = {
        "own": PART,
        "few": PART | {"sampler_options": {"levels": 3}},
        "again": PART,
        "better": PART | {"sampler": "improved", "sampler_options": {}},
        "more": PART | {"n": 501, "sampler": "improved"},
        "prior": PART | {"prior": "patches"},
        "whole": {"sampler": "improved"},
        "late": {"prior": "patches", "checkpoints": "late"},
        "lost": PART | {"sampler": "improved"},
    }
    ways = {name: {"sampler": name, "calls": 24, "noise": 0.0, "clip_x0": False} for name in ("few", "more")}
    ways |= {name: {"sampler": name} for name in variants if name not in ways}
    made_up.training(tmp_path)
    rows = [row("frechet", float(i), name, 100) for i, name in enumerate(variants) if name != "lost"]
    made_up.measures(tmp_path, rows=rows, settings={"variants": variants}, ways=ways)
    return load(tmp_path).first("zoom")


def test_those_are_drawn_whose_sampler_alone_is_another_with_as_many_images(varied):
    names = [samples.way for _, samples in varied.drawn]
    assert names == [
        "own",
        "few",
        "again",
        "better",
    ]  # its own sampler first; "whole" has no number of images
    assert [how.sampler for how, _ in varied.drawn] == names


def test_changes_are_measured_like_the_finished_model(varied):
    assert [*varied.changes] == ["whole"]
    assert varied.changes["whole"].sampler == "improved"


def test_without_its_own_sampler_none_is_drawn(tmp_path):
    made_up.training(tmp_path)
    variants, ways = {"few": PART | {"sampler": "improved"}}, {"few": {"sampler": "improved"}}
    rows = [row("frechet", 1.0, "few", 100), *made_up.curve({100: 2.0})]
    made_up.measures(tmp_path, rows=rows, settings={"variants": variants}, ways=ways)
    assert load(tmp_path).first("zoom").drawn == []


# --- a run ---


@pytest.fixture
def out(tmp_path) -> Path:
    for name in ("zoom-1", "zoom-0", "linear-10", "linear-9", "a_model-0", "cosine-0"):
        made_up.training(tmp_path, name, epochs=2)
    made_up.measures(
        tmp_path,
        "zoom-0",
        [row("frechet", 1.0, epoch=2), row("frechet", 2.0, "alt", 2)],
        {"variants": {"alt": {"sampler": "improved"}}},
    )
    made_up.measures(
        tmp_path,
        "zoom-1",
        [row("frechet", 3.0, epoch=2), row("frechet", 4.0, "alt", 2)],
        {"variants": {"alt": {"sampler": "improved"}}},
    )
    return tmp_path


def test_the_models_of_the_original_study_come_first_and_seeds_are_in_order(out):
    assert views.trainings_in(out) == [
        ("linear", 9),
        ("linear", 10),
        ("cosine", 0),
        ("zoom", 0),
        ("zoom", 1),
        ("a_model", 0),
    ]
    assert views.trainings_in(out, ["zoom", "linear"]) == [
        ("zoom", 0),
        ("zoom", 1),
        ("linear", 9),
        ("linear", 10),
    ]
    (out / "metrics" / "train_no model-0.json").touch()
    for name in ("zoom-x", "zööm-0", "zoom-٣"):  # names and seeds are of ASCII
        (out / "metrics" / f"train_{name}.json").touch()
    assert len(views.trainings_in(out)) == 6
    with pytest.raises(ValueError, match=r"models contains 'b'.*trained models: .*zoom"):
        views.trainings_in(out, ["zoom", "b", "c"])
    with pytest.raises(ValueError, match=r"models is 'zoom'; expected a list, such as \['zoom'\]"):
        views.trainings_in(out, "zoom")
    with pytest.raises(ValueError, match="trained models: none"):
        views.trainings_in(out / "nowhere", ["zoom"])


def test_a_run_knows_its_models_seeds_and_titles(out):
    results = load(out)
    assert results.models == ["linear", "cosine", "zoom", "a_model"]
    assert results.seeds("linear") == [9, 10]
    assert [one.name for one in results.all_of("zoom")] == ["zoom-0", "zoom-1"]
    assert results.first("linear").name == "linear-9"
    assert results.titled(results.first("zoom")) == "Zoom, seed 0"
    assert results.titled(results.first("cosine")) == "Cosine"
    named = results.labelled({"zoom": "Blur", "nothing": "x"})
    assert [named.titled(one) for one in named.all_of("zoom")] == ["Blur, seed 0", "Blur, seed 1"]
    assert named.first("cosine").label == "Cosine"
    assert results.first("zoom").label == "Zoom"
    assert (named.out, named.jobs) == (results.out, results.jobs)


def test_sets_are_of_all_trainings_and_variants_of_the_first(out):
    results = load(out)
    found = [(title, one.name, way) for title, one, way in results.sets(["zoom", "linear"])]
    assert found == [
        ("Zoom, seed 0", "zoom-0", ""),
        ("Zoom, seed 0, alt", "zoom-0", "alt"),
        ("Zoom, seed 1", "zoom-1", ""),
    ]
    assert [*results.sets(["cosine"])] == []


def test_the_trainings_that_are_asked_for_are_read_in_their_order(out):
    assert [*load(out, trainings=[("zoom", 1), ("cosine", 0)]).trainings] == [("zoom", 1), ("cosine", 0)]
    assert load(out, trainings=[]).trainings == {}
    assert load(out, ["cosine"]).models == ["cosine"]
    assert load(str(out)).out == out
    with pytest.raises(ValueError, match="contains no trained model"):
        load(out / "nowhere")
    with pytest.raises(ValueError, match=re.escape("train_zoom-7.json")):
        load(out, trainings=[("zoom", 7)])


def test_other_jobs_are_read_and_all_sources_have_the_prefix_of_their_run(out):
    table.write(out, "schedules", {"T": 10}, [row("alpha_bar", 1.0, "linear", x=0)])
    table.write(out, "measured_by_hand", {"job": "mine"}, [])
    results = load(out, prefix="released/x/")
    assert [*results.jobs] == ["measured_by_hand", "schedules"]
    assert results.jobs["schedules"].facts["T"] == 10
    zoom = results.first("zoom")
    with reading() as seen:
        _ = zoom.final["frechet"].value, zoom.train.steps, results.jobs["schedules"]["linear"]["alpha_bar"]
    assert [source.partition("#")[0] for source in seen] == [
        "released/x/metrics/measure_zoom-0.json",
        "released/x/metrics/train_zoom-0.json",
        "released/x/metrics/schedules.json",
    ]


def test_kept_images_are_those_of_the_run(out):
    images = np.arange(2 * 28 * 28).reshape(2, 28, 28).astype(np.uint8)
    kept.keep(out, "real", images)
    assert np.array_equal(load(out).kept("real"), images)


def test_the_mean_is_of_values():
    assert views.mean(SimpleNamespace(value=x) for x in (1.0, 2.0, 6.0)) == 3.0
