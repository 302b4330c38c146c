"""The numbers of a run as one table: what is written is read, what is read is noted, the wrong is refused."""

import copy
import csv
import json
from contextlib import suppress

import pytest

from diffusion.evaluation.statistics import Interval
from helpers import PAPER
from report.results import table

FACTS = {"job": "measure", "model": "zoom", "seed": 3, "settings": {"n_final": 500}}


@pytest.fixture
def job(tmp_path):
    rows = [table.row("frechet", Interval(3.0, 2.0, 4.0), way="late", epoch=epoch) for epoch in (5, 1)]
    rows += table.lines(
        {"frechet": Interval(2.5, n=7, sd=0.1), "share": [0.5, 0.25], "at": {0.2: 1, 1e-4: 2}}
    )
    table.write(tmp_path, "one", FACTS, rows)
    return table.Record(tmp_path, "one", "released/x/")


def test_what_is_written_is_read_by_way_and_by_epoch(job):
    assert [one.epoch for one in job.curve("late")] == [1, 5]
    assert job.curve("late")[1]["frechet"].ends == (3.0, 2.0, 4.0)
    assert job[""]["frechet"] == Interval(2.5, n=7, sd=0.1)
    assert (job[""].places("at"), job[""].at("at", 1e-4).value) == ([0.2, 1e-4], 2)
    assert [one.value for one in job[""]["share"]] == [0.5, 0.25]
    assert {(row.model, row.seed) for row in job.rows} == {("zoom", 3)}
    for missing in (lambda: job["real"], lambda: job[""]["ink"], lambda: job[""].at("share", 7)):
        with pytest.raises(KeyError):
            missing()


def test_what_is_read_is_noted_by_its_place_and_nothing_else(job):
    with table.reading() as outer:
        assert job[""]["frechet"].value == 2.5
        with table.reading() as inner:
            assert job.facts.settings.n_final == job.facts["settings"]["n_final"] == 500
            assert "share" in job[""]
            assert "seed" in job.facts
            assert job[""].at("share", 1).value == 0.25
    assert [*inner] == ["released/x/metrics/one.json#/settings/n_final", "released/x/metrics/one.json#4"]
    assert [*outer] == ["released/x/metrics/one.json#2", *inner]


def test_a_number_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        table.write(tmp_path, "one", FACTS, [table.row("frechet", float("nan"))])
    assert not table.path_of(tmp_path, "one").exists()


def test_a_frame_is_of_a_release_or_of_a_folder_and_the_csv_has_its_rows():
    frame = table.frame("paper")
    assert frame.equals(table.frame(PAPER))
    head, *lines = csv.reader(table.as_csv(PAPER).decode().splitlines())
    assert head == [*frame.columns] == [*table.Row._fields]
    assert [float(line[7]) for line in lines] == frame.value.tolist()


def test_a_row_may_be_of_a_model_of_its_own_and_other_rows_are_of_the_files(tmp_path):
    rows = [table.row("ink", 1.0, model="other"), table.row("ink", 2.0, "late", 3, 0.5)]
    table.write(tmp_path, "one", FACTS, rows)
    first, second = table.Record(tmp_path, "one").rows
    assert first == (tmp_path.name, "other", 3, "", None, "ink", None, 1.0, *[None] * 4, "metrics/one.json#0")
    assert (second.model, second.way, second.epoch, second.x, second.source) == (
        "zoom",
        "late",
        3,
        0.5,
        "metrics/one.json#1",
    )
    assert second.interval == Interval(2.0)
    table.write(tmp_path, "two", {"job": "other"}, rows)
    assert {(row.model, row.seed) for row in table.Record(tmp_path, "two").rows} == {
        ("other", None),
        ("", None),
    }


def test_each_row_is_a_line_of_its_file_and_the_facts_stay_as_they_are(tmp_path):
    facts = {"title": "Größe “1”", "empty": {}, "list": [1, 2.5, None, True]}
    rows = [table.row("ink", float(i), way="weiß", x=i / 3) for i in range(4)]
    path = table.write(tmp_path, "one", facts, rows)
    assert path == table.path_of(tmp_path, "one") == tmp_path / "metrics" / "one.json"
    text = path.read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("[")]
    assert [json.loads(line.removesuffix(",")) for line in lines] == rows
    assert "“1”" in text
    assert text.count("weiß") == 4
    assert json.loads(text) == facts | {"rows": rows}
    table.write(tmp_path, "none", {"a": 1}, [])
    assert table.Record(tmp_path, "none").rows == []
    with pytest.raises(ValueError, match="not JSON compliant"):
        table.write(tmp_path, "two", {"a": float("inf")}, [])


def test_lists_are_by_place_and_mappings_by_x(tmp_path):
    found = {"a": 1, "b": [Interval(2.0, n=3), 4.0], "c": {10: 5.0, 20: 6.0}}
    rows = [*table.lines(found, "late", 7)]
    assert [(row[0], row[1]) for row in rows] == [("late", 7)] * 5
    assert [(row[2], row[3], row[4]) for row in rows] == [
        ("a", None, 1),
        ("b", 0, 2.0),
        ("b", 1, 4.0),
        ("c", 10, 5.0),
        ("c", 20, 6.0),
    ]
    assert rows[1][7] == 3
    assert [row[:2] for row in table.lines({"a": 1})] == [["", None]]


def test_a_source_keeps_the_first_role_that_it_is_given():
    with table.reading() as outer:
        with table.reading("numerator"):
            table.note("a", "b")
            with table.reading("scatter"):
                table.note("c")
        with table.reading("denominator"):
            table.note("a", "d")
        table.note("e")
    roles = {source: getattr(source, "part", "") for source in outer}
    assert roles == {"a": "numerator", "b": "numerator", "c": "scatter", "d": "denominator", "e": ""}
    table.note("nobody listens")
    with table.reading() as after:
        pass
    assert not after


def test_an_error_ends_the_noting_of_its_block_and_what_was_read_counts():
    with table.reading() as outer, suppress(KeyError), table.reading("inner"):
        table.note("a")
        raise KeyError
    table.note("b")
    assert [*outer] == ["a"]


def test_facts_are_read_as_keys_or_attributes_and_copied(job):
    facts = job.facts
    assert (len(facts), [*facts], facts.get("nothing", 1)) == (4, [*FACTS], 1)
    assert dict(facts.settings) == FACTS["settings"] == facts.unread["settings"]
    assert "n_final" in facts.settings
    assert "n_test" not in facts.settings
    assert copy.deepcopy(facts).settings.n_final == 500
    with pytest.raises(AttributeError, match="^nothing$"):
        _ = facts.nothing
    with table.reading() as seen:
        _ = facts.unread["seed"], facts.settings
        assert getattr(facts, "nothing", None) is None
    assert not seen
    with table.reading() as seen:
        assert facts.get("seed") == 3
    assert [*seen] == ["released/x/metrics/one.json#/seed"]


def test_samples_know_how_many_they_are_and_whether_they_are_one_image(tmp_path):
    rows = [
        table.row("frechet", Interval(1.0, n=500), way="a"),
        table.row("centre_dark", Interval(0.5, n=9), way="a"),
    ]
    rows += [table.row("centre_dark", Interval(0.5, n=9), way="b"), table.row("ink", 0.1, way="c", epoch=4)]
    table.write(tmp_path, "one", FACTS, rows)
    ways = table.Record(tmp_path, "one").ways
    assert {name: samples.one_image for name, samples in ways.items()} == {"a": False, "b": True, "c": False}
    assert (ways["a"].n, ways["b"].n) == (500, 9)
    assert [(ways[name].way, ways[name].epoch) for name in "abc"] == [("a", None), ("b", None), ("c", 4)]
    assert [*ways["a"]] == ["frechet", "centre_dark"]


def test_a_curve_has_the_epochs_of_one_way_in_order_without_rows_of_no_epoch(tmp_path):
    rows = [table.row("ink", float(epoch), table.CHECKPOINT, epoch) for epoch in (10, 9, 2)]
    rows += [table.row("floor", 1.0, table.CHECKPOINT), table.row("ink", 5.0, "", 10)]
    rows += [table.row("digit", 0.5, table.CHECKPOINT, 2)]
    table.write(tmp_path, "one", FACTS, rows)
    job = table.Record(tmp_path, "one")
    assert [(one.epoch, one["ink"].value, len(one)) for one in job.curve()] == [
        (2, 2.0, 2),
        (9, 9.0, 1),
        (10, 10.0, 1),
    ]
    assert table.CHECKPOINT in job
    assert "real" not in job


def test_rows_of_a_folder_are_in_the_order_of_its_files(tmp_path):
    for name, value in (("b", 1.0), ("a", 2.0)):
        table.write(tmp_path, name, {"seed": 1, "model": "m"}, [table.row("ink", value)] * 2)
    (tmp_path / "metrics" / "notes.txt").write_text("no rows")
    assert [row.value for row in table.rows(tmp_path)] == [2.0, 2.0, 1.0, 1.0]
    frame = table.frame(tmp_path)
    assert frame.seed.dtype == frame.epoch.dtype == frame.n.dtype == "Int64"
    assert frame.source.tolist() == [f"metrics/{name}.json#{i}" for name in "ab" for i in (0, 1)]
    with pytest.raises(ValueError, match="nowhere contains no results"):
        table.frame(tmp_path / "nowhere")


def test_rows_are_grouped_in_the_order_in_which_their_values_occur(job):
    groups = table.grouped(job.rows, "measure")
    assert [*groups] == ["frechet", "share", "at"]
    assert [len(rows) for rows in groups.values()] == [3, 2, 2]
    assert [row for rows in groups.values() for row in rows] == sorted(
        job.rows, key=lambda row: [*groups].index(row.measure)
    )
