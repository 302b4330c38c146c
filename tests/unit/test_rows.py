"""The numbers of a run as one table, trainings and runs as views of it, and the file of a training."""

import copy
import csv
import json
import re
from contextlib import suppress
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffusion as d
import made_up
from diffusion.evaluation.statistics import Interval
from diffusion.files import sha256
from helpers import PAPER, changed, defined, of_release
from report import profile, record
from report.files import read_json
from report.results import table, views
from report.results.settings import describe, make_schedule
from report.results.table import CHECKPOINT, REAL, reading, row
from report.results.views import load

FACTS = {"job": "measure", "model": "zoom", "seed": 3, "title": "Größe “1”", "settings": {"n_final": 500}}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
LINES = st.tuples(
    st.sampled_from(["frechet", "ink"]),
    st.builds(Interval, NUMBERS, NUMBERS, NUMBERS, st.none() | st.integers(1, 99), sd=NUMBERS),
    st.sampled_from(["", CHECKPOINT, "late, 2", "weiß"]),
    st.none() | st.integers(0, 12),
    st.none() | st.sampled_from([0.2, 1e-4, 0]),
    st.sampled_from([None, "other"]),
)


@given(st.lists(LINES))
def test_what_is_written_is_read_by_way_and_by_epoch(tmp_path_factory, lines):
    out = tmp_path_factory.mktemp("written")
    path = table.write(out, "one", FACTS, [table.row(*line) for line in lines])
    assert path == out / "metrics" / "one.json"
    text = path.read_text("utf-8")
    assert len([line for line in text.splitlines() if line.startswith("[")]) == len(lines)
    assert ("“1”" in text, json.loads(text).keys()) == (True, {*FACTS, "rows"})
    job = table.Record(out, "one", "released/x/")
    for index, (line, found) in enumerate(zip(lines, job.rows, strict=True)):
        measure, number, way, epoch, x, model = line
        assert found[:7] == (out.name, model or "zoom", 3, way, epoch, measure, x)
        assert found.interval == number
        assert found.source == f"released/x/metrics/one.json#{index}"
    ways = {way: {} for way in dict.fromkeys(found.way for found in job.rows)}
    for found in job.rows:
        ways[found.way].setdefault(found.measure, []).append(found)
    assert {way: samples.data for way, samples in job.ways.items()} == ways
    for way in ways:
        epochs = sorted({found.epoch for found in job.rows if found.way == way} - {None})
        assert [one.epoch for one in job.curve(way)] == epochs
        for one in job.curve(way):
            assert {found.epoch for rows in one.data.values() for found in rows} == {one.epoch}


@pytest.fixture
def job(tmp_path):
    rows = [table.row("frechet", Interval(3.0, 2.0, 4.0), way="late", epoch=epoch) for epoch in (5, 1)]
    rows += table.lines(
        {"frechet": Interval(2.5, n=7, sd=0.1), "share": [0.5, 0.25], "at": {0.2: 1, 1e-4: 2}}
    )
    table.write(tmp_path, "one", FACTS, rows)
    return table.Record(tmp_path, "one", "released/x/")


def test_a_measure_of_several_places_is_read_by_them_and_what_is_missing_is_no_number(job, tmp_path):
    assert (job[""].places("at"), job[""].at("at", 1e-4).value) == ([0.2, 1e-4], 2)
    assert [one.value for one in job[""]["share"]] == [0.5, 0.25]
    for missing in (lambda: job["real"], lambda: job[""]["ink"], lambda: job[""].at("share", 7)):
        with pytest.raises(KeyError):
            missing()
    with pytest.raises(ValueError, match="not JSON compliant"):
        table.write(tmp_path, "two", {"a": float("inf")}, [])


def test_what_is_read_is_noted_by_its_place_and_nothing_else(job):
    with table.reading() as outer:
        assert job[""]["frechet"].value == 2.5
        with table.reading() as inner:
            assert job.facts.settings.n_final == job.facts["settings"]["n_final"] == 500
            assert ("share" in job[""], "seed" in job.facts, job.facts.get("nothing", 1)) == (True, True, 1)
            assert job[""].at("share", 1).value == 0.25
            assert (job.facts.unread["seed"], getattr(job.facts, "nothing", None)) == (3, None)
    assert [*inner] == ["released/x/metrics/one.json#/settings/n_final", "released/x/metrics/one.json#4"]
    assert [*outer] == ["released/x/metrics/one.json#2", *inner]
    assert copy.deepcopy(job.facts).settings.n_final == 500


def test_a_source_keeps_its_first_role_and_an_error_ends_the_noting_of_its_block():
    with table.reading() as outer:
        with table.reading("numerator"):
            table.note("a", "b")
            with table.reading("scatter"):
                table.note("c")
        with suppress(KeyError), table.reading("denominator"):
            table.note("a", "d")
            raise KeyError
        table.note("e")
    table.note("f")
    roles = {source: getattr(source, "part", "") for source in outer}
    assert roles == {"a": "numerator", "b": "numerator", "c": "scatter", "d": "denominator", "e": ""}


def test_samples_know_how_many_they_are_and_whether_they_are_one_image(tmp_path):
    rows = [
        table.row("frechet", Interval(1.0, n=500), "a"),
        table.row("centre_dark", Interval(0.5, n=9), "a"),
    ]
    rows += [table.row("centre_dark", Interval(0.5, n=9), way="b"), table.row("ink", 0.1, way="c", epoch=4)]
    table.write(tmp_path, "one", FACTS, rows)
    ways = table.Record(tmp_path, "one").ways
    assert {name: samples.one_image for name, samples in ways.items()} == {"a": False, "b": True, "c": False}
    assert (ways["a"].n, ways["b"].n) == (500, 9)


def test_a_frame_has_the_rows_of_a_release_or_folder_in_the_order_of_its_files_as_the_csv_does(tmp_path):
    for name, value in (("b", 1.0), ("a", 2.0)):
        table.write(tmp_path, name, {"seed": 1, "model": "m"}, [table.row("ink", value)] * 2)
    (tmp_path / "metrics" / "notes.txt").write_text("no rows")
    frame = table.frame(tmp_path)
    assert [*frame.value] == [2.0, 2.0, 1.0, 1.0]
    assert frame.seed.dtype == frame.epoch.dtype == frame.n.dtype == "Int64"
    assert frame.source.tolist() == [f"metrics/{name}.json#{i}" for name in "ab" for i in (0, 1)]
    with pytest.raises(ValueError, match="nowhere contains no results"):
        table.frame(tmp_path / "nowhere")
    frame = table.frame("paper")
    assert frame.equals(table.frame(PAPER))
    head, *lines = csv.reader(table.as_csv(PAPER).decode().splitlines())
    assert head == [*frame.columns] == [*table.Row._fields]
    assert [float(line[7]) for line in lines] == frame.value.tolist()


TRAINED = ("02_train_ddpm", "03_train_zoom", "05_your_degradation")


@pytest.mark.parametrize(
    ("notebook", "given", "named", "allowed"),
    [
        ("01_schedules", {"T": 10.5}, "T", "integer"),
        ("01_schedules", {"n_test": 0}, "n_test", "greater than or equal to 1"),
        ("02_train_ddpm", {"schedule_options": {"T": 50}}, "steps|visits", "50"),
        ("02_train_ddpm", {"sampler_options": {"steps": 5000}}, "steps|visits", "1000"),
        ("02_train_ddpm", {"fit_options": {"rate": 1}}, "parameter", "rate"),
        ("02_train_ddpm", {"In": ["", "# Parameters\nepochs = 1\nepoch = 1\n"]}, "epoch'", "epochs"),
        ("03_train_zoom", {"fit_options": "{ema: 0.9}"}, "fit_options", "dictionary"),
        ("03_train_zoom", {"n_reconstruct": 0}, "n_reconstruct", "greater than or equal to 1"),
        ("05_your_degradation", {"model": "../zoom"}, "model", "letters"),
        ("05_your_degradation", {"degradation": "crop", "prior": "mixtur"}, "prior", "mixture"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_one_line_in_the_first_cells(notebook, given, named, allowed):
    with pytest.raises(ValueError, match=rf"^{notebook}: .*({named}).*{allowed}") as caught:
        defined(notebook, "checked", **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("notebook", TRAINED)
def test_all_parameters_are_kept_as_they_were_before_the_training(notebook):
    defaults = profile.parameters(notebook)[0]
    scope = copy.deepcopy(defaults)
    kept = record.parameters(notebook, scope)
    assert kept == defaults | {"notebook": notebook}
    scope["sampler_options"]["levels"] = 3  # as a later cell may do
    assert kept["sampler_options"] == defaults["sampler_options"]


def test_the_file_of_a_run_has_its_losses_at_their_steps_and_the_time_of_a_step(tmp_path, mnist_dir):
    run, scope = d.released("paper/zoom-0"), copy.deepcopy(profile.parameters("03_train_zoom")[0])
    path = record.training(tmp_path, run, record.parameters("03_train_zoom", scope))
    told = json.loads(path.read_text())
    history = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in history]
    assert told["seconds_per_step"] == pytest.approx(median(line["seconds"] for line in history) / steps[0])
    assert (told["epochs"], told["steps"]) == (len(steps), steps[-1])
    assert told["weights"]["sha256"] == history[-1]["sha256"]
    rows = {(measure, epoch, x): value for _, epoch, measure, x, value, *_ in told["rows"]}
    for line in history:
        for name, key in (("train_loss",) * 2, ("test_loss",) * 2, ("epoch_seconds", "seconds")):
            assert rows[name, line["epoch"], None] == line[key]
    assert rows["step_loss", None, steps[0]] == history[0]["losses"][-1]


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
        (30_000, 1000, 4, 4, 2.0),  # half of the images
        (60_000, 600, 2, 2, 600 * 128 / 60_000),  # the second epoch was not finished
        (60_000, 600, 2, 1, 1.0),
        (70_000, 1_000_000, 3, 3, 3.0),  # more than a pass has
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
        "fewer": {"n": 12},
        "lost": PART | {"sampler": "improved"},
    }
    ways = {name: {"sampler": name, "calls": 24, "noise": 0.0, "clip_x0": False} for name in ("few", "more")}
    ways |= {name: {"sampler": name} for name in variants if name not in ways}
    made_up.training(tmp_path)
    rows = [row("frechet", float(i), name, 100) for i, name in enumerate(variants) if name != "lost"]
    made_up.measures(tmp_path, rows=rows, settings={"variants": variants}, ways=ways)
    return load(tmp_path).first("zoom")


def test_those_are_drawn_whose_sampler_alone_is_another_with_as_many_images(varied, tmp_path):
    names = ["own", "few", "again", "better"]  # its own first; "whole" has no number of images
    assert [(how.sampler, samples.way) for how, samples in varied.drawn] == [(name, name) for name in names]
    assert [(name, changes.sampler) for name, changes in varied.changes.items()] == [("whole", "improved")]
    facts = read_json(table.path_of(tmp_path, "measure_zoom-0"))
    for name in ("own", "again", "fewer"):  # without its own sampler none is drawn
        del facts["settings"]["variants"][name], facts["ways"][name]
    made_up.measures(tmp_path, rows=facts["rows"], settings=facts["settings"], ways=facts["ways"])
    assert load(tmp_path).first("zoom").drawn == []


# --- a run ---


@pytest.fixture
def out(tmp_path) -> Path:
    for name in ("zoom-1", "zoom-0", "linear-10", "linear-9", "a_model-0", "cosine-0"):
        made_up.training(tmp_path, name, epochs=2)
    for seed in (0, 1):
        rows = [row("frechet", 1.0 + seed, epoch=2), row("frechet", 3.0 + seed, "alt", 2)]
        made_up.measures(tmp_path, f"zoom-{seed}", rows, {"variants": {"alt": {"sampler": "improved"}}})
    return tmp_path


def test_the_models_of_the_original_study_come_first_and_seeds_are_in_order(out):
    linears, zooms = ([("linear", 9), ("linear", 10)], [("zoom", 0), ("zoom", 1)])
    assert views.trainings_in(out) == [*linears, ("cosine", 0), *zooms, ("a_model", 0)]
    assert views.trainings_in(out, ["zoom", "linear"]) == [*zooms, *linears]
    (out / "metrics" / "train_no model-0.json").touch()
    for name in ("zoom-x", "zööm-0", "zoom-٣"):  # names and seeds are of ASCII
        (out / "metrics" / f"train_{name}.json").touch()
    assert len(views.trainings_in(out)) == 6
    with pytest.raises(ValueError, match=r"models contains 'b'.*trained models: .*zoom"):
        views.trainings_in(out, ["zoom", "b", "c"])
    with pytest.raises(ValueError, match="trained models: none"):
        views.trainings_in(out / "nowhere", ["zoom"])


def test_a_run_knows_its_models_seeds_titles_and_sets_of_samples(out):
    results = load(out)
    assert results.models == ["linear", "cosine", "zoom", "a_model"]
    assert results.seeds("linear") == [9, 10]
    assert [one.name for one in results.all_of("zoom")] == ["zoom-0", "zoom-1"]
    assert results.first("linear").name == "linear-9"
    assert results.titled(results.first("cosine")) == "Cosine"
    named = results.labelled({"zoom": "Blur", "nothing": "x"})
    assert [named.titled(one) for one in named.all_of("zoom")] == ["Blur, seed 0", "Blur, seed 1"]
    assert named.first("cosine").label == "Cosine"
    sets = [(title, one.name, way) for title, one, way in results.sets(["zoom", "linear"])]
    assert sets == [  # variants are of the first
        ("Zoom, seed 0", "zoom-0", ""),
        ("Zoom, seed 0, alt", "zoom-0", "alt"),
        ("Zoom, seed 1", "zoom-1", ""),
    ]


def test_the_trainings_that_are_asked_for_are_read_in_their_order(out):
    assert [*load(out, trainings=[("zoom", 1), ("cosine", 0)]).trainings] == [("zoom", 1), ("cosine", 0)]
    assert load(out, trainings=[]).trainings == {}
    assert load(out, ["cosine"]).models == ["cosine"]
    with pytest.raises(ValueError, match="contains no trained model"):
        load(out / "nowhere")
    with pytest.raises(ValueError, match=re.escape("train_zoom-7.json")):
        load(out, trainings=[("zoom", 7)])


def test_other_jobs_are_read_and_all_sources_have_the_prefix_of_their_run(out):
    table.write(out, "schedules", {"T": 10}, [row("alpha_bar", 1.0, "linear", x=0)])
    table.write(out, "measured_by_hand", {"job": "mine"}, [])
    results = load(out, prefix="released/x/")
    assert {name: job.facts.unread for name, job in results.jobs.items()} == {
        "measured_by_hand": {"job": "mine"},
        "schedules": {"T": 10},
    }
    zoom = results.first("zoom")
    with reading() as seen:
        _ = zoom.final["frechet"].value, zoom.train.steps, results.jobs["schedules"]["linear"]["alpha_bar"]
    jobs = ("measure_zoom-0", "train_zoom-0", "schedules")
    assert [source.partition("#")[0] for source in seen] == [f"released/x/metrics/{job}.json" for job in jobs]


@pytest.fixture
def copied(tmp_path):
    """The files of one training in a folder of one's own."""
    return of_release(tmp_path, "zoom-0")


def test_what_a_file_names_is_not_imported(copied, monkeypatch):
    (copied / "evil_.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(copied)
    path = table.path_of(copied, "train_zoom-0")
    changed(path, lambda facts: facts["sampler"].update({"class": "evil_:X"}))
    assert load(copied).first("zoom").parts["sampler"]["class"] == "evil_:X"


@pytest.mark.parametrize("job", ["train", "measure"])
def test_files_that_do_not_belong_together_are_refused(copied, job):
    other = {"weights": {"sha256": "0" * 64}, "weights_sha256": "0" * 64}
    changed(table.path_of(copied, f"{job}_zoom-0"), lambda facts: facts.update(other))
    with pytest.raises(ValueError, match="other weights of zoom-0"):
        load(copied)


def test_the_file_of_a_training_says_what_it_is(tiny):
    """Its losses: above; its other rows: golden/test_values.py."""
    run = load(tiny)
    facts, ddpm = run.first("zoom").train, run.first("linear").parts
    assert (facts.epochs, facts.steps, facts.T, facts.settings.batch_size) == (5, 10, 24, 128)
    assert sha256(tiny / facts.weights.file) == facts.weights.sha256
    assert (facts.data.name, facts.data.n_train, facts.data.n_test) == ("mnist", 200, 50)
    assert ddpm["sampler"] == describe("ancestral", {"steps": 4})
    assert make_schedule(ddpm["schedule"]).beta[-1] == 0.5
