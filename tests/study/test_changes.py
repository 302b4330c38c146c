"""The table of changes: what a row says of its trainings, and against which base."""

from math import exp, log

import pytest

from study.changes import describe, table
from study.results import Results, load, plain
from synthetic import synthetic_results, written


@pytest.fixture
def results(tmp_path) -> Results:
    """linear, and two zooms of which one has another network; both trained twice."""
    found = synthetic_results(tmp_path, models=["linear", "zoom"])
    for one in found.of("zoom"):
        settings = plain(one.settings) | {"network": "unet", "n_keep": 7, "model": "small"}
        facts = {"model": "small", "settings": settings}
        written(tmp_path, f"train_small-{one.seed}", one.job, facts)
        written(tmp_path, f"measure_small-{one.seed}", one.measured, {"model": "small"})
    return load(tmp_path)


def test_a_row_a_model_with_its_changes_against_the_first_of_its_kind(results):
    rows = {row.model: row for row in table(results)}
    assert list(rows) == ["linear", "zoom", "small"]
    assert rows["linear"].changes == rows["zoom"].changes == {}
    assert rows["small"].changes == {"network": "unet"}  # of n_keep nothing depends
    assert [row.said for row in rows.values()] == ["linear, the base", "zoom, the base", "U-Net"]
    assert ([one.seed for one in rows["zoom"].trainings], rows["zoom"].calls) == ([0, 1], 24)


def test_changes_are_described_in_words():
    changes = {"network_options": {"norm": "rms", "dilations": [1, 2]}, "epochs": 3, "sampler": "ddim"}
    changes |= {"steps": 24, "image_noise": 0.3, "noise": 0.2}
    words = "RMS norm, dilated, 3 epochs, DDIM, 24 steps, training noise 0.3, sampling noise 0.2"
    assert describe(changes) == words
    assert describe({"mine": True}) == "mine True"


def test_a_measure_is_that_of_each_training_or_of_the_samples(results):
    zoom, zooms = next(row for row in table(results) if row.model == "zoom"), results.of("zoom")
    assert zoom["frechet"] == [one.final["frechet"] for one in zooms]
    assert zoom["test_loss"] == [one.history[-1]["test_loss"] for one in zooms]
    assert zoom["restored_right"] == [one.probes["restored_right"] for one in zooms]
    parts = [one.final["recall"].value / one.real["recall"].value for one in zooms]
    assert zoom.less("recall") == pytest.approx([1 - part for part in parts])
    assert zoom.more("recall") == pytest.approx([part - 1 for part in parts])
    assert "copies" not in zoom  # not analysed
    with pytest.raises(KeyError, match="copies"):
        zoom["copies"]


def test_the_interval_is_over_trainings_or_of_the_only_ones_samples(results):
    rows = {row.model: row for row in table(results)}
    final = results.first("linear").final["frechet"]
    assert (rows["linear"].distance.low, rows["linear"].distance.high) == (final.low, final.high)
    logs = [log(one.final["frechet"].value) for one in results.of("zoom")]
    mean, half = sum(logs) / 2, abs(logs[0] - logs[1]) / 2
    assert rows["zoom"].distance.low == pytest.approx(exp(mean - 12.706 * half), rel=1e-3)  # t, 1 degree
