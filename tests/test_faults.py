"""What a run survives: damaged and hostile files, a second process, a full disk, numbers that explode."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import limits
from diffusion import data, training
from diffusion.loop import TrainingLoop
from diffusion.runs import RunError, RunFolder
from diffusion.zoom import ColdZoom

ROOT = Path(__file__).resolve().parents[1]
BATCH, STEPS = 8, 4
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def images(mnist_dir, one_thread):
    return data.load("train", mnist_dir, BATCH * STEPS)[0], data.load("test", mnist_dir, 16)[0]


def train(images, runs, epochs=3, checkpoint_steps=1):
    options = {"epochs": epochs, "batch_size": BATCH, "precision": "fp32"}
    return training.fit(ColdZoom(), *images, runs, "m", checkpoint_steps=checkpoint_steps, **options)


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """A run that nothing befell."""
    return train(images, tmp_path_factory.mktemp("whole"))


def content(folder: Path) -> dict[str, bytes]:
    """All files of a run, the lock apart."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_same(run, whole):
    """The same weights after every epoch, to the bit, and the same history, apart from the times."""
    for epoch in range(1, len(whole.history) + 1):
        ours, theirs = run.folder.weights(epoch).read_bytes(), whole.folder.weights(epoch).read_bytes()
        assert ours == theirs, epoch
    ours, theirs = ([dict(line, seconds=0) for line in r.history] for r in (run, whole))
    assert ours == theirs


def poisoned(monkeypatch, step, what):
    """Let something happen before a step, counted from 1 over the whole run."""
    original = TrainingLoop._step

    def patched(self, epoch, x):
        if (epoch - 1) * self.steps_per_epoch + self.step + 1 == step:
            what(self)
        original(self, epoch, x)

    monkeypatch.setattr(TrainingLoop, "_step", patched)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


@pytest.fixture
def halfway(images, tmp_path, monkeypatch):
    """A run folder whose training died after 6 of 12 steps."""

    def die(_):
        raise Killed

    with monkeypatch.context() as patch:
        poisoned(patch, 7, die)
        with pytest.raises(Killed):
            train(images, tmp_path)
    return RunFolder(next(tmp_path.iterdir()))


# --- damaged states -----------------------------------------------------------------------------------------

DAMAGE = {
    "empty": lambda old: b"",
    "one byte short": lambda old: old[:-1],
    "half": lambda old: old[: len(old) // 2],
    "first bit": lambda old: bytes([old[0] ^ 1]) + old[1:],
    "last bit": lambda old: old[:-1] + bytes([old[-1] ^ 128]),
    "a bit of a weight": lambda old: old[:100_000] + bytes([old[100_000] ^ 4]) + old[100_001:],
    "longer": lambda old: old + b"\0",
    "other": lambda old: b"no state at all",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_newest_state_is_reported_and_the_one_before_is_used(
    images, halfway, whole, monkeypatch, capsys, damage
):
    newest, before = halfway.states()
    newest.write_bytes(damage(newest.read_bytes()))
    seen = []
    poisoned(monkeypatch, int(before.name.split("-")[1]) + 1, lambda loop: seen.append(loop.step))
    run = train(images, halfway.path.parent)
    assert seen, "training did not go on from the state before"
    assert_same(run, whole)
    said = capsys.readouterr().out
    assert f"warning: {newest.name} is damaged and not used; going back to the state before it" in said
    assert not newest.exists()  # gone once a new state was written


@pytest.mark.parametrize(("dies_in", "kept"), [(2, [1]), (4, [3, 2])])
def test_with_both_states_damaged_the_run_starts_over_and_a_kill_then_loses_nothing(
    images, halfway, whole, monkeypatch, capsys, dies_in, kept
):
    for state in halfway.states():
        state.write_bytes(state.read_bytes()[:-9])

    def die(_):
        raise Killed

    with monkeypatch.context() as patch:
        poisoned(patch, dies_in, die)
        with pytest.raises(Killed):
            train(images, halfway.path.parent)
    said = capsys.readouterr().out
    assert said.count("is damaged and not used") == 2
    assert f"no state in {halfway.path} is intact; the run starts over" in said
    assert [int(path.name.split("-")[1]) for path in halfway.states()] == kept
    poisoned(monkeypatch, dies_in - 1, lambda _: pytest.fail("a step was done again"))
    assert_same(train(images, halfway.path.parent), whole)
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["empty", "half", "one byte short", "other"])
def test_weights_that_are_not_whole_are_made_again(images, halfway, whole, capsys, damage):
    weights = halfway.weights(1)
    weights.write_bytes(DAMAGE[damage](weights.read_bytes()))
    assert_same(train(images, halfway.path.parent), whole)
    assert "weights of epoch 1 are lost" in capsys.readouterr().out


def test_what_a_killed_write_left_is_removed_everywhere(images, halfway):
    names = (".history.jsonl.part-1", "weights/.epoch-0002.safetensors.part-2")
    left = [halfway.path / name for name in names]
    for path in left:
        path.write_bytes(b"half")
    train(images, halfway.path.parent)
    assert not [path for path in left if path.exists()]


# --- numbers that explode -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_overwrites_nothing(images, halfway, whole, monkeypatch, value):
    original, before = TrainingLoop._share, content(halfway.path)

    def share(self, x, noise):
        bad = len(self.history) * self.steps_per_epoch + self.step == 6
        return original(self, x, noise) * (value if bad else 1)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_share", share)
        last = halfway.states()[0].name
        with pytest.raises(RunError, match=f"loss became {value} in step 7; nothing was overwritten.*{last}"):
            train(images, halfway.path.parent)
    assert content(halfway.path) == before
    assert_same(train(images, halfway.path.parent), whole)


@pytest.mark.parametrize(
    ("step", "checkpoint_steps", "when"), [(7, 1, "after step 7"), (8, 100, "after epoch 2")]
)
def test_weights_that_a_finite_loss_ruined_are_never_saved(
    images, halfway, whole, monkeypatch, step, checkpoint_steps, when
):
    """The loss of a step is that before its update: it may be finite and the weights after it not."""
    before, original = content(halfway.path), TrainingLoop._step

    def ruin(self, epoch, x):
        original(self, epoch, x)
        if (epoch - 1) * self.steps_per_epoch + self.step == step:
            next(self.network.parameters()).data.view(-1)[0] = math.nan

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_step", ruin)
        with pytest.raises(RunError, match=f"is no longer finite {when}; nothing was overwritten") as error:
            train(images, halfway.path.parent, checkpoint_steps=checkpoint_steps)
    assert str(halfway.states()[0]) in str(error.value)
    assert content(halfway.path) == before
    assert_same(train(images, halfway.path.parent), whole)


def test_a_test_loss_that_is_not_finite_is_no_good_state(images, halfway, whole, monkeypatch):
    states = halfway.states()
    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_test_loss", lambda self: math.inf)
        with pytest.raises(RunError, match="test_loss is no longer finite after step 8; nothing was overwr"):
            train(images, halfway.path.parent, checkpoint_steps=100)
    assert halfway.states() == states
    assert (halfway.path / "history.jsonl").read_text().count("\n") == 1
    assert_same(train(images, halfway.path.parent), whole)


# --- no room, no rights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "checkpoint_steps", "named"), [(1_000_000, 1, "state-00000007"), (300_000, 100, "epoch-0002")]
)
def test_where_files_cannot_grow_the_earlier_ones_stay_and_the_run_goes_on_later(
    images, halfway, whole, size, checkpoint_steps, named
):
    before = content(halfway.path)
    with limits.files_at_most(size), pytest.raises(RunError) as error:
        train(images, halfway.path.parent, checkpoint_steps=checkpoint_steps)
    said = str(error.value)
    assert named in said
    assert "could not be written (File too large); the earlier states are intact: make room" in said
    assert "\n" not in said
    assert content(halfway.path) == before
    assert_same(train(images, halfway.path.parent), whole)


@pytest.mark.parametrize("size", ["3m", "5m", "6m"])
def test_on_a_full_disk_the_earlier_files_stay_and_the_run_goes_on_once_there_is_room(
    images, tmp_path, whole, size
):
    with limits.disk(tmp_path / "disk", size):
        with pytest.raises(RunError, match=r"could not be written \(No space left on device\).*make room"):
            train(images, tmp_path / "disk")
        (folder,) = (tmp_path / "disk").iterdir()
        assert not list(folder.rglob("*.part-*"))
        assert RunFolder(folder).load_state() is not None
        limits.grow(tmp_path / "disk", "30m")
        assert_same(train(images, tmp_path / "disk"), whole)


@pytest.fixture
def open_folder():
    """A folder that every user can reach; those of pytest are its user's own."""
    with limits.open_folder() as folder:
        yield folder


def test_a_closed_folder_is_named_and_stays_as_it_is(images, open_folder, whole):
    closed = open_folder / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    with limits.ordinary_user(), pytest.raises(RunError, match="closed/.* cannot be written: Perm"):
        train(images, closed)
    assert not list(closed.iterdir())
    closed.chmod(0o755)
    assert_same(train(images, closed), whole)


def test_a_run_folder_that_was_closed_later_is_named_and_stays_as_it_is(images, open_folder, whole):
    run = train(images, open_folder, epochs=1)
    before = content(run.folder.path)
    os.chmod(run.folder.path / ".lock", 0o666)
    os.chmod(run.folder.path, 0o555)
    try:
        with limits.ordinary_user(), pytest.raises(RunError, match="cannot be written|could not be written"):
            train(images, open_folder)
    finally:
        os.chmod(run.folder.path, 0o755)
    assert content(run.folder.path) == before
    assert_same(train(images, open_folder), whole)


# --- two at once --------------------------------------------------------------------------------------------

OTHER = """
import sys, time
import torch
from diffusion import data, training
from diffusion.loop import TrainingLoop
from diffusion.zoom import ColdZoom
torch.set_num_threads({threads})
step = TrainingLoop._step
def slow(self, *args):
    time.sleep({pause})
    step(self, *args)
TrainingLoop._step = slow
images = data.load("train", {mnist!r}, {n})[0], data.load("test", {mnist!r}, 16)[0]
options = dict(epochs=3, batch_size={batch}, precision="fp32", checkpoint_steps=1)
training.fit(ColdZoom(), *images, {runs!r}, "m", **options)
"""


def start(mnist_dir, runs, pause):
    """Train in another process, with a pause before every step; returns when it has done its first step."""
    code = OTHER.format(
        threads=torch.get_num_threads(),
        pause=pause,
        mnist=str(mnist_dir),
        n=BATCH * STEPS,
        batch=BATCH,
        runs=str(runs),
    )
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not list(runs.glob("*/state-*")):
        assert other.poll() is None, other.stderr.read()
        assert time.monotonic() < end, "the other process did not begin"
        time.sleep(0.02)
    return other


@pytest.mark.slow
def test_a_second_process_is_refused_at_once_and_the_first_is_unharmed(images, mnist_dir, tmp_path, whole):
    other = start(mnist_dir, tmp_path, pause=0.2)
    begun = time.monotonic()
    with pytest.raises(RunError, match="another process is training in .*; wait for it"):
        train(images, tmp_path)
    assert time.monotonic() - begun < 3
    assert other.poll() is None
    assert other.wait(120) == 0, other.stderr.read()
    history = RunFolder(whole.folder.path).path / "history.jsonl"
    assert len((tmp_path / history.parent.name / "history.jsonl").read_text().splitlines()) == 3
    assert_same(train(images, tmp_path), whole)  # nothing is left to do: this reads what the first wrote


@pytest.mark.slow
def test_the_lock_of_a_process_that_was_killed_blocks_nobody(images, mnist_dir, tmp_path, whole):
    other = start(mnist_dir, tmp_path, pause=0.2)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    (folder,) = tmp_path.iterdir()
    assert (folder / ".lock").exists()
    assert_same(train(images, tmp_path), whole)
