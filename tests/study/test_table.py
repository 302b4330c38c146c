"""The numbers of a run as one table: what is written is read, what is read is noted, the wrong is refused."""

import csv
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage import changed
from diffusion.evaluation.statistics import Interval
from study import table
from workflow import release

PAPER = release.RELEASED / "paper"
FACTS = {"job": "measure", "model": "zoom", "seed": 3, "settings": {"n_final": 500}}

finite = st.floats(allow_nan=False, allow_infinity=False)
intervals = st.builds(lambda v, n, sd: Interval(v, v, v, n, sd=sd), finite, st.integers(0, 9), finite)
values = finite | st.integers(-9, 9) | intervals
found = st.dictionaries(
    st.text(min_size=1, max_size=5),
    values
    | st.lists(values, min_size=1, max_size=3)
    | st.dictionaries(finite, values, min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60)
@given(found, st.text(max_size=5), st.none() | st.integers(1, 9))
def test_what_is_written_is_read(tmp_path_factory, values, way, epoch):
    out = tmp_path_factory.mktemp("out")
    table.write(out, "measure_zoom-3", FACTS, table.lines(values, way, epoch))
    job = table.Job(out, "measure_zoom-3")
    samples = job[way]
    assert (samples.way, samples.epoch, {*samples}) == (way, epoch, {*values})
    assert {(row.model, row.seed) for row in job.rows} == {("zoom", 3)}
    for measure, value in values.items():
        if isinstance(value, list | dict):
            places = dict(enumerate(value)) if isinstance(value, list) else value
            assert samples.places(measure) == [*places]
            assert all(samples.at(measure, x) == interval(one) for x, one in places.items())
            assert samples[measure] == [interval(one) for one in places.values()]
        else:
            assert samples[measure] == interval(value)


def interval(value):
    return value if isinstance(value, Interval) else Interval(value)


@pytest.fixture
def job(tmp_path):
    rows = [
        table.row("frechet", Interval(3.0, 2.0, 4.0), way=table.CHECKPOINT, epoch=epoch) for epoch in (5, 1)
    ]
    rows += [*table.lines({"frechet": 2.5, "share": [0.5, 0.25]}), table.row("loss", 1.0, model="cosine")]
    table.write(tmp_path, "one", FACTS, rows)
    return table.Job(tmp_path, "one", "released/x/")


def test_a_job_is_read_by_way_and_by_epoch(job):
    assert [one.epoch for one in job.curve()] == [1, 5]
    assert job.curve()[1]["frechet"].ends == (3.0, 2.0, 4.0)
    assert "real" not in job
    assert [row.model for row in job.rows] == ["zoom"] * 5 + ["cosine"]
    for missing in (lambda: job["real"], lambda: job[""]["ink"], lambda: job[""].at("share", 7)):
        with pytest.raises(KeyError):
            missing()


def test_what_is_read_is_noted_and_nothing_else(job):
    with table.reading() as outer:
        assert job[""]["frechet"].value == 2.5
        with table.reading() as inner:
            assert job.facts.settings.n_final == 500
            assert "share" in job[""]
            assert "seed" in job.facts
            assert job[""].at("share", 1).value == 0.25
    assert [*inner] == ["released/x/metrics/one.json#/settings/n_final", "released/x/metrics/one.json#4"]
    assert [*outer] == ["released/x/metrics/one.json#2", *inner]
    with table.reading() as later:
        pass
    assert not later


def test_facts_are_read_by_key_and_as_attributes(job):
    assert job.facts["seed"] == job.facts.seed == 3
    assert dict(job.facts.settings) == {"n_final": 500}
    with pytest.raises(KeyError):
        job.facts["none"]
    with pytest.raises(AttributeError, match="has no 'none'"):
        _ = job.facts.none


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_none_is_not_written(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        table.write(tmp_path, "one", FACTS, [table.row("loss", value)])
    assert not [*table.rows(tmp_path)]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(rows=7),
        lambda c: c["rows"][0].pop(),
        lambda c: c["rows"].append("text"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, job, change):
    changed(table.path_of(tmp_path, "one"), change)
    with pytest.raises(ValueError, match=r"one\.json is no job's file.*make it again") as error:
        table.Job(tmp_path, "one")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 50_000])
def test_what_is_no_json_is_refused_in_one_line(tmp_path, job, content):
    table.path_of(tmp_path, "one").write_bytes(content)
    with pytest.raises(ValueError, match="one.json cannot be read as JSON") as error:
        table.Job(tmp_path, "one")
    assert "\n" not in str(error.value)


def test_a_frame_is_of_a_release_or_of_a_folder_and_the_csv_is_the_same():
    frame = table.frame("paper")
    assert tuple(frame.columns) == table.Row._fields
    assert frame.equals(table.frame(PAPER))
    last = frame[(frame.model == "zoom") & (frame.way == "") & (frame.measure == "frechet_autoencoder")]
    assert [*last.seed] == [0, 1]
    assert last.epoch.unique().tolist() == [100]
    _, *lines = csv.reader(table.as_csv(PAPER).decode().splitlines())
    assert len(lines) == len(frame)
    value = table.Row._fields.index("value")
    assert math.isclose(sum(float(line[value]) for line in lines), frame.value.sum(), rel_tol=1e-9)


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(ValueError, match="has no results; needed: a folder of results, or the name of a"):
        table.frame(tmp_path)
