"""The table of changes: what a row says of its trainings, and against which base."""

import pytest

from study.changes import Way, frame, table
from study.counterparts import opened


@pytest.fixture(scope="module")
def results():
    return opened("beyond")


@pytest.fixture(scope="module")
def rows(results) -> dict[str, Way]:
    return {row.name: row for row in table(results)}


def test_a_row_a_model_and_a_way_with_its_changes_against_the_first_of_its_kind(rows):
    assert [*rows][:3] == ["linear", "linear.ancestral_24", "linear.ddim_24"]
    assert rows["linear"].changes == rows["zoom"].changes == {}
    assert rows["linear_30"].changes == {"epochs": 30}
    assert rows["linear.ddim_24"].changes == {"steps": 24, "sampler": "ddim"}
    assert rows["cosine_unet"].changes == {"schedule": "cosine", "network": "unet"}
    shown = frame([rows["linear"], rows["linear.ddim_24"]])
    assert shown.calls.tolist() == [100, 24]
    assert shown.digit[0] == pytest.approx(sum(x.value for x in rows["linear"]["digit"]) / 2)


def test_a_measure_is_that_of_each_training_or_of_the_samples(rows, results):
    zoom, ones = rows["zoom"], results.of("zoom")
    assert zoom["frechet"] == [one.final["frechet"] for one in ones]
    assert zoom["test_loss"] == [one.history[-1]["test_loss"] for one in ones]
    assert zoom["restored_right"] == [one.probes["restored_right"] for one in ones]
