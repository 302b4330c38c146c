"""What a notebook leaves of a run; the rows of its probes are those of golden/rows.json (test_measure.py)."""

import pytest

from diffusion.data import DATASETS
from diffusion.files import sha256
from diffusion.parameters import TrainZoom
from short_runs import train
from study.record import train_record
from study.results import load


def test_the_file_of_a_training_says_where_and_what_it_is(images, tmp_path):
    P = TrainZoom(model="m", epochs=3, batch_size=8, precision="fp32", channels=[4], out_dir=str(tmp_path))
    run = train(images, tmp_path / "runs")
    for line, seconds in zip(run.history, (2.0, 600.0, 4.0), strict=True):
        line["seconds"] = seconds  # a pause does not count
    path = train_record(P, "zoom", "Cold Zoom", run)
    assert path == tmp_path / "metrics/train_m-0.json"
    one = load(tmp_path).first("m")
    facts = one.train
    assert (facts.job, facts.epochs, facts.steps, facts.label) == (P.notebook, 3, 12, "Cold Zoom")
    assert {name: facts.settings[name] for name in ("epochs", "T")} == {"epochs": 3, "T": 24}
    assert sha256(tmp_path / facts.weights.file) == facts.weights.sha256 == run.weights_sha256()
    assert tmp_path / facts.run == run.folder
    assert facts.seconds_per_step == pytest.approx(4.0 / 4)  # the median epoch's, of four steps
    assert facts.data.classes == list(DATASETS["mnist"].classes)
    assert dict(facts.sha256) == {str(line["epoch"]): line["sha256"] for line in run.history}
    for found, line in zip(one.history, run.history, strict=True):
        assert found.epoch == line["epoch"]
        assert {name: one.value for name, one in found.items()} == {
            "train_loss": line["train_loss"],
            "test_loss": line["test_loss"],
            "epoch_seconds": line["seconds"],
        }
