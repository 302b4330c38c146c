"""The table of changes: what a row says of its trainings, and against which base."""

import json
from dataclasses import replace
from math import exp, log

import pytest

from study.changes import describe, table
from study.records import Results
from synthetic import synthetic_results


@pytest.fixture
def results(tmp_path) -> Results:
    """linear, and two zooms of which one has another network; both trained twice."""
    found = synthetic_results(tmp_path, models=["linear", "zoom"])
    for seed in (0, 1):
        one = found.trainings["zoom", seed]
        settings = one.train.settings | {"network": "unet", "n_keep": 7, "model": "small"}
        train = one.train.model_copy(update={"model": "small", "settings": settings})
        found.trainings["small", seed] = type(one)(train, one.measure)
    return found


def test_a_row_a_model_with_its_changes_against_the_first_of_its_kind(results):
    rows = {row.model: row for row in table(results)}
    assert list(rows) == ["linear", "zoom", "small"]
    assert rows["linear"].changes == rows["zoom"].changes == {}
    assert rows["small"].changes == {"network": "unet"}  # of n_keep nothing depends
    assert [describe(row) for row in rows.values()] == ["linear, the base", "zoom, the base", "U-Net"]
    assert (rows["zoom"].seeds, rows["zoom"].calls) == ([0, 1], 24)


def test_a_row_is_described_in_words(results):
    row = next(row for row in table(results) if row.model == "small")
    changes = {"network_options": {"norm": "rms", "dilations": [1, 2]}, "epochs": 3, "sampler": "ddim"}
    changes |= {"steps": 24, "image_noise": 0.3, "noise": 0.2}
    words = "RMS norm, dilated, 3 epochs, DDIM, 24 steps, training noise 0.3, sampling noise 0.2"
    assert describe(replace(row, changes=changes)) == words
    assert describe(replace(row, changes={"mine": True})) == "mine True"


def test_the_interval_is_over_trainings_or_of_the_only_ones_samples(results):
    rows = {row.model: row for row in table(results)}
    final = results.first("linear").measure.final.frechet
    assert (rows["linear"].distance.low, rows["linear"].distance.high) == (final.low, final.high)
    zooms = [results.trainings["zoom", seed].measure.final.frechet.value for seed in (0, 1)]
    mean, half = sum(map(log, zooms)) / 2, abs(log(zooms[0]) - log(zooms[1])) / 2
    assert rows["zoom"].distances == zooms
    assert rows["zoom"].digit is None  # not analysed
    assert rows["zoom"].distance.low == pytest.approx(exp(mean - 12.706 * half), rel=1e-3)  # t, 1 degree
    json.dumps([row.json() for row in table(results)])
