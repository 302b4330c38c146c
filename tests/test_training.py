"""Training: right, resumable to the bit, and safe from what can go wrong."""

import hashlib
import json
import math
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch

import spy
from diffusion import data, records, runs, schedules, training
from diffusion.ddpm import DDPM
from diffusion.files import write_bytes
from diffusion.loop import TrainingLoop
from diffusion.network import CHANNELS, Reconstructor
from diffusion.runs import RunError, RunFolder
from diffusion.zoom import ColdZoom
from hostile import Code

BATCH, STEPS = 8, 4


@pytest.fixture(scope="module")
def images(mnist_dir):
    return data.load("train", mnist_dir, BATCH * STEPS)[0], data.load("test", mnist_dir, 16)[0]


def train(images, folder, process=None, **changes):
    options = {"epochs": 2, "batch_size": BATCH, "precision": "fp32", "checkpoint_steps": 1} | changes
    return training.fit(process or ColdZoom(), *images, folder, "m", **options)


def weights(run, epoch=None):
    return run.folder.weights(epoch or len(run.history)).read_bytes()


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


def kill_after(monkeypatch, steps):
    """Let training die in the step after `steps` steps."""
    original, count = TrainingLoop._step, iter(range(10**6))

    def step(self, epoch, x):
        if next(count) == steps:
            raise Killed
        original(self, epoch, x)

    monkeypatch.setattr(TrainingLoop, "_step", step)


def losses(run):
    return [(line["epoch"], line["train_loss"], line["test_loss"]) for line in run.history]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("steps", [0, 1, 3, 4, 7])
def test_a_killed_run_ends_with_the_same_weights_and_history(images, tmp_path, monkeypatch, precision, steps):
    whole = train(images, tmp_path / "whole", precision=precision)
    with monkeypatch.context() as patch:
        kill_after(patch, steps)
        with pytest.raises(Killed):
            train(images, tmp_path / "killed", precision=precision)
    resumed = train(images, tmp_path / "killed", precision=precision)
    assert weights(resumed) == weights(whole)
    assert losses(resumed) == losses(whole)


def test_two_runs_are_equal_and_another_seed_is_not(images, tmp_path):
    process = DDPM(schedules.cosine())
    a, b = (train(images, tmp_path / name, process, epochs=1) for name in "ab")
    assert weights(a) == weights(b)
    assert weights(train(images, tmp_path / "a", process, epochs=1, seed=1)) != weights(a)


def test_more_epochs_extend_a_run(images, tmp_path, monkeypatch):
    long = train(images, tmp_path / "long", epochs=3)
    short = train(images, tmp_path / "short", epochs=1)
    kill_after(monkeypatch, 2 * STEPS)  # two epochs are left, so a third would be one too many
    extended = train(images, tmp_path / "short", epochs=3)
    assert extended.folder.path == short.folder.path
    assert weights(extended) == weights(long)
    assert losses(extended) == losses(long)
    again = train(images, tmp_path / "short", epochs=2)  # fewer: nothing to do
    assert losses(again) == losses(long)[:2]
    assert weights(again) == weights(long, 2)


def test_history_is_one_line_an_epoch(images, tmp_path):
    run = train(images, tmp_path)
    lines = [json.loads(line) for line in (run.folder.path / "history.jsonl").read_text().splitlines()]
    assert lines == run.history
    assert [set(line) for line in lines] == [{"epoch", "train_loss", "test_loss", "seconds"}] * 2


def test_time_per_step_does_not_count_a_pause(images, tmp_path):
    run = train(images, tmp_path, epochs=3)
    for line, seconds in zip(run.history, (2.0, 600.0, 4.0), strict=True):
        line["seconds"] = seconds
    steps = run.steps // 3
    assert records.training(tmp_path, run)["seconds_per_step"] == pytest.approx(4.0 / steps)


def test_train_loss_is_the_mean_over_the_batches(images, tmp_path, monkeypatch):
    seen = []
    original = TrainingLoop._share

    def share(self, x, noise):
        loss = original(self, x, noise)
        if torch.is_grad_enabled():
            seen.append(loss.item())
        return loss

    monkeypatch.setattr(TrainingLoop, "_share", share)
    run = train(images, tmp_path, epochs=1)
    assert run.history[0]["train_loss"] == pytest.approx(sum(seen) / STEPS, rel=1e-6)


def test_learning_lowers_the_loss(images, tmp_path):
    history = train(images, tmp_path, epochs=12, learning_rate=2e-3).history
    assert history[-1]["test_loss"] < 0.8 * history[0]["test_loss"]


def test_a_damaged_state_falls_back_to_the_one_before(images, tmp_path, monkeypatch, capsys):
    whole = train(images, tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_after(patch, 6)
        with pytest.raises(Killed):
            train(images, tmp_path / "hurt")
    folder = RunFolder(next((tmp_path / "hurt").iterdir()))
    newest = folder.states()[0]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert weights(train(images, tmp_path / "hurt")) == weights(whole)
    assert f"{newest.name} is damaged" in capsys.readouterr().out


def test_lost_weights_of_an_epoch_are_made_again(images, tmp_path, capsys):
    run = train(images, tmp_path)
    first = weights(run, 1)
    run.folder.weights(1).unlink()
    assert weights(train(images, tmp_path), 1) == first
    assert "weights of epoch 1 are lost" in capsys.readouterr().out


def test_two_states_are_kept(images, tmp_path):
    assert len(train(images, tmp_path).folder.states()) == 2


def test_a_second_process_on_the_same_run_is_refused(images, tmp_path):
    run = train(images, tmp_path, epochs=1)
    with run.folder.locked():
        code = (
            f"from diffusion.runs import RunFolder\nwith RunFolder({str(run.folder.path)!r}).locked(): pass"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert other.returncode != 0
    assert "another process is training in" in other.stderr
    with run.folder.locked():  # free again
        pass


def test_a_loss_that_is_not_finite_stops_with_step_and_state(images, tmp_path, monkeypatch):
    original = TrainingLoop._share

    def share(self, x, noise):
        loss = original(self, x, noise)
        return loss * math.nan if self.step == 2 and len(self.history) == 1 else loss

    monkeypatch.setattr(TrainingLoop, "_share", share)
    with pytest.raises(RunError, match=f"nan in step {STEPS + 3}; nothing was overwritten.*state-00000006"):
        train(images, tmp_path)
    monkeypatch.undo()
    assert len(train(images, tmp_path).history) == 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 10**6}, "batch_size is 1000000"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"lr_schedule": "step"}, "lr_schedule is 'step'"),
        ({"channels": []}, r"channels is \[\]"),
        ({"channels": [16, 0]}, r"channels is \[16, 0\]"),
        ({"precision": "fp16"}, "'fp16'; allowed: auto, fp32, bf16"),
    ],
)
def test_bad_arguments_are_named(images, tmp_path, change, named):
    with pytest.raises(ValueError, match=named):
        train(images, tmp_path, **change)
    assert not list(tmp_path.iterdir())


def test_another_width_is_another_run(images, tmp_path):
    usual, narrow = train(images, tmp_path), train(images, tmp_path, channels=[4, 6])
    assert usual.fingerprint != narrow.fingerprint
    assert usual.network().blocks[0][0].out_channels == CHANNELS[0]
    found = narrow.network()
    assert [tuple(block[0].weight.shape[:2]) for block in found.blocks] == [(4, 1), (6, 4)]
    with pytest.raises(RunError, match="does not hold weights of this network"):
        runs.load_weights(narrow.folder.weights(1), Reconstructor())


def test_images_out_of_range_are_refused(images, tmp_path):
    with pytest.raises(ValueError, match="pixels range from"):
        train((images[0] + 0.5, images[1]), tmp_path)


def test_a_folder_that_cannot_be_written(images, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        train(images, tmp_path / "file")


def test_hostile_weights_and_states_are_refused(images, tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(pickle.dumps(Code(tmp_path / "ran")))
    with pytest.raises(RunError, match="does not hold weights"):
        runs.load_weights(bad, Reconstructor())
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    content = pickle.dumps(Code(tmp_path / "ran"))
    (folder.path / f"state-00000001-{hashlib.sha256(content).hexdigest()[:16]}.pt").write_bytes(content)
    with pytest.raises(RunError, match="is not a state that training wrote"):
        folder.load_state()
    assert not (tmp_path / "ran").exists()


def test_learning_rate_courses():
    assert {training.learning_rate_at(s, 100, 1e-3, "constant") for s in (0, 50, 99)} == {1e-3}
    course = [training.learning_rate_at(s, 1000, 1.0, "cosine") for s in range(1000)]
    top = course.index(max(course))
    assert max(course) == pytest.approx(1)
    assert 20 < top < 40  # 3 % of 1000 steps
    assert course[: top + 1] == sorted(course[: top + 1])
    assert course[top:] == sorted(course[top:], reverse=True)
    assert course[-1] < 1e-4


def test_bf16_follows_fp32(images, tmp_path):
    a, b = (train(images, tmp_path, precision=p, epochs=4) for p in ("fp32", "bf16"))
    for x, y in zip(a.history, b.history, strict=True):
        assert y["train_loss"] == pytest.approx(x["train_loss"], rel=0.02)


@pytest.mark.slow
def test_two_processes_train_like_one(images, tmp_path, mnist_dir, monkeypatch):
    """With torchrun, each process takes half of every batch, in the order of one process; only one writes."""
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(f"""
        import json, os
        import torch
        torch.set_num_threads(1)
        import spy
        from diffusion import data, training
        from diffusion.zoom import ColdZoom
        seen = spy.install()
        x = data.load("train", {str(mnist_dir)!r}, {BATCH * STEPS})[0]
        y = data.load("test", {str(mnist_dir)!r}, 16)[0]
        out, options = {str(tmp_path / "two")!r}, dict(epochs=2, batch_size={BATCH}, precision="fp32")
        training.fit(ColdZoom(), x, y, out, "m", **options)
        with open({str(tmp_path)!r} + "/seen-" + os.environ["RANK"], "w") as file:
            json.dump(seen, file)
        """)
    )
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--master_port=29511",
        str(script),
    ]
    path = f"{data.ROOT}:{data.ROOT / 'tests'}"
    environment = {"PYTHONPATH": path, "ACCELERATE_USE_CPU": "true", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = spy.install(monkeypatch)
    one = train(images, tmp_path / "one")
    (folder,) = (tmp_path / "two").iterdir()
    two = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in two] == [1, 2]
    for a, b in zip(one.history, two, strict=True):
        assert b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-4)
        assert b["test_loss"] == pytest.approx(a["test_loss"], rel=1e-4)
    seen = [json.loads((tmp_path / f"seen-{rank}").read_text()) for rank in (0, 1)]
    assert [rank["batches"] for rank in seen] == [alone["batches"]] * 2  # the same images in the same order
    assert [rank["shares"] for rank in seen] == [[BATCH // 2] * 2 * STEPS] * 2  # the batch stays as it is
    assert alone["shares"] == [BATCH] * 2 * STEPS
    assert len(seen[0]["written"]) > 0
    assert seen[1]["written"] == []


def test_a_full_disk_leaves_the_earlier_state(images, tmp_path, monkeypatch):
    whole = train(images, tmp_path / "whole")

    def full(path, content):
        if "state-00000006" in str(path):
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(runs, "write_bytes", full)
    with pytest.raises(RunError, match="state-00000006.*No space left.*make room"):
        train(images, tmp_path / "full")
    monkeypatch.undo()
    assert weights(train(images, tmp_path / "full")) == weights(whole)


def test_leftovers_of_a_killed_write_are_removed(images, tmp_path):
    run = train(images, tmp_path, epochs=1)
    left = run.folder.path / ".state-00000099-0123.pt.part-abcd"
    left.write_bytes(b"half")
    train(images, tmp_path, epochs=1)
    assert not left.exists()
