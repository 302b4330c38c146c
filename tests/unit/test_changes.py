"""The table of changes: what a row says of its trainings, and against which base."""

import pytest

from report.results.changes import frame, table
from report.results.counterparts import open_release

RESULTS = open_release("beyond")
ROWS = {row.name: row for row in table(RESULTS)}


def test_a_row_a_model_and_a_way_with_its_changes_against_the_first_of_its_kind():
    assert [*ROWS][:3] == ["linear", "linear.ancestral_24", "linear.ddim_24"]
    assert ROWS["linear"].changes == ROWS["zoom"].changes == {}
    assert ROWS["linear_30"].changes == {"epochs": 30}
    assert ROWS["linear.ddim_24"].changes == {"steps": 24, "sampler": "diffusion:DDIM"}
    assert ROWS["cosine_unet"].changes == {"network": "diffusion:UNet", "schedule": "diffusion:cosine"}
    shown = frame([ROWS["linear"], ROWS["linear.ddim_24"]])
    assert shown.calls.tolist() == [100, 24]
    assert shown.digit[0] == pytest.approx(sum(x.value for x in ROWS["linear"]["digit"]) / 2)


def test_a_measure_is_that_of_each_training_or_of_the_samples():
    zoom, ones = ROWS["zoom"], RESULTS.all_of("zoom")
    assert zoom["frechet"] == [one.final["frechet"] for one in ones]
    assert zoom["test_loss"] == [one.history[-1]["test_loss"] for one in ones]
    assert zoom["restored_right"] == [one.probes["restored_right"] for one in ones]
