"""The numbers of a run as one table: what is written is read, what is read is noted, the wrong is refused."""

import csv

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
