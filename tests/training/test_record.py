"""From a run to its record and back; released models in one line."""

import shutil

import pytest
import torch

import diffusion as d
from diffusion import records, runtime, settings
from diffusion.training.checkpoints import RunError
from diffusion.training.record import open_run, train_record
from short_runs import assert_same, train

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
    assert runtime.sha256(tmp_path / record.weights.file) == record.weights.sha256 == run.weights_sha256()
    assert tmp_path / record.run == run.folder.path


def test_seconds_per_step_do_not_count_a_pause(recorded, tmp_path):
    run, _ = recorded
    for line, seconds in zip(run.history, (2.0, 600.0, 4.0), strict=True):
        line["seconds"] = seconds
    found = train_record(P, "zoom", "Cold Zoom", run, tmp_path).seconds_per_step
    assert found == pytest.approx(4.0 / 4)  # the median epoch's, of four steps


def test_a_run_is_opened_again_wherever_its_folder_lies(recorded, tmp_path):
    run, record = recorded
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path / "runs", moved / "runs")
    found = open_run(moved, record)
    assert_same(found, run)
    assert found.identity == run.identity
    assert torch.equal(
        found.sample(2), run.process.sample(found.network(), 2, runtime.generator(0, "sample"))
    )
    assert len(list((moved / "samples").iterdir())) == 1


def test_a_released_model_in_one_line(mnist_dir):
    run = d.released("paper", "zoom")
    assert (run.name, run.seed, run.epochs, run.parameters_count) == ("zoom", 0, 100, 146_961)
    assert run.samples is None  # nothing is added to a release
    x = run.sample(2)
    assert x.shape == (2, 1, 28, 28)
    assert -1 < x.min() < -0.4 < 0.4 < x.max() < 1
    with pytest.raises(RunError, match="epoch-0001.* train again"):
        run.network(1)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("papers",), "profile is 'papers'; released in .*: .*paper"),
        (("paper", "zoon"), "model is 'zoon', seed None; .*zoom-0"),
        (("paper", "zoom", 77), "model is 'zoom', seed 77; .*zoom-0"),
    ],
)
def test_what_is_not_released_is_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        d.released(*arguments)
