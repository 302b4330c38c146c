"""The record of a run."""

import pytest

from diffusion.files import sha256
from short_runs import train
from study import records, settings
from study.record import train_record

P = settings.TrainZoom(model="m", epochs=3, batch_size=8, precision="fp32", channels=[4])


@pytest.fixture
def recorded(images, tmp_path):
    """A results folder with one training and its record."""
    run = train(images, tmp_path / "runs")
    record = train_record(P, "zoom", "Cold Zoom", run, tmp_path)
    record.save(records.train_path(tmp_path, "m", 0))
    return run, record


def test_a_record_says_where_and_what_a_run_is(recorded, tmp_path):
    run, record = recorded
    assert records.TrainRecord.load(records.train_path(tmp_path, "m", 0)) == record
    assert (record.job, record.epochs, record.steps, record.settings) == (P.notebook, 3, 12, P.values())
    assert sha256(tmp_path / record.weights.file) == record.weights.sha256 == run.weights_sha256()
    assert tmp_path / record.run == run.folder.path


def test_seconds_per_step_do_not_count_a_pause(recorded, tmp_path):
    run, _ = recorded
    for line, seconds in zip(run.history, (2.0, 600.0, 4.0), strict=True):
        line["seconds"] = seconds
    found = train_record(P, "zoom", "Cold Zoom", run, tmp_path).seconds_per_step
    assert found == pytest.approx(4.0 / 4)  # the median epoch's, of four steps
