"""What a notebook leaves of a run."""

import pytest

from diffusion.files import sha256
from diffusion.parameters import TrainZoom
from short_runs import train
from study import records
from study.record import train_record


def test_a_record_says_where_and_what_a_run_is(images, tmp_path):
    P = TrainZoom(model="m", epochs=3, batch_size=8, precision="fp32", channels=[4], out_dir=str(tmp_path))
    run = train(images, tmp_path / "runs")
    for line, seconds in zip(run.history, (2.0, 600.0, 4.0), strict=True):
        line["seconds"] = seconds  # a pause does not count
    record = records.TrainRecord.load(train_record(P, "zoom", "Cold Zoom", run))
    assert (record.job, record.epochs, record.steps, record.settings) == (P.notebook, 3, 12, P.values())
    assert sha256(tmp_path / record.weights.file) == record.weights.sha256 == run.weights_sha256()
    assert tmp_path / record.run == run.folder
    assert record.seconds_per_step == pytest.approx(4.0 / 4)  # the median epoch's, of four steps
