"""What a notebook leaves of a run."""

import pytest
import torch

from diffusion.files import sha256
from diffusion.parameters import TrainZoom
from short_runs import train
from study import records
from study.record import keep, train_record


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


def test_kept_images_are_bytes(tmp_path):
    images = torch.tensor([-0.7, -0.5, 0.0, 0.1, 0.5, 2.0]).view(2, 3, 1, 1, 1).expand(2, 3, 1, 28, 28)
    keep(tmp_path, "some", images)
    found = records.read_kept(tmp_path, "some")
    assert found.shape == (2, 3, 28, 28)
    assert found[..., 0, 0].flatten().tolist() == [0, 0, 128, 153, 255, 255]
