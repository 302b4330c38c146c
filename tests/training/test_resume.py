"""What a run survives: kills, damaged and lost files, full disks, numbers that explode, a second process."""

import contextlib
import hashlib
import io
import itertools
import math
import os
import pickle
import shutil
import signal
import time
from functools import partial

import pytest
import torch

import diffusion as d
import limits
from damage import WAYS
from diffusion.processes import ColdBlur
from diffusion.training import checkpoints
from diffusion.training.checkpoints import RunError, RunFolder, load_weights
from diffusion.training.network import Reconstructor
from diffusion.training.steps import Learner
from hostile import Code
from short_runs import assert_same, content, train

LAST = 3  # epochs


@pytest.mark.parametrize(
    ("precision", "step"), [("fp32", 1), ("fp32", 4), ("fp32", 5), ("bf16", 5), ("fp32", 12)]
)
def test_a_killed_run_ends_with_the_same_weights(images, tmp_path, killed, whole, precision, step):
    killed(step, precision=precision)
    undisturbed = whole if precision == "fp32" else train(images, None, precision=precision)
    assert_same(train(images, tmp_path, precision=precision), undisturbed)


def child(work) -> int:
    """The number of a process of its own that does the work."""
    process = os.fork()
    if process:
        return process
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def dying_at(number, work):
    """The work, but SIGKILL comes at one of its operations on files."""
    operations = itertools.count(1)

    def counted(function):
        def call(*arguments, **options):
            if next(operations) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    work()


@pytest.mark.slow
def test_killed_at_any_of_its_writes_it_leaves_whole_files_and_goes_on(images, tmp_path, capsys):
    options = {"epochs": 2, "checkpoint_steps": 3}
    undisturbed = train(images, tmp_path / "whole", **options)
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        killed = child(partial(dying_at, number, partial(train, images, folder, **options)))
        status = os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1])
        if status == 0:
            break
        assert status == -signal.SIGKILL
        left = RunFolder(next(folder.iterdir()))
        assert len(left.states()) <= checkpoints.STATES_KEPT + 1
        for state in left.states():
            assert hashlib.sha256(state.read_bytes()).hexdigest()[:16] in state.name
        for weights in left.path.glob("weights/*.safetensors"):
            assert weights.read_bytes() == undisturbed.store.weights(int(weights.stem[-4:])).read_bytes()
        assert_same(train(images, folder, **options), undisturbed)
        assert not list(folder.rglob(".*.part-*"))  # what the killed write has left
        assert "damaged" not in capsys.readouterr().out
    assert number > 25


@pytest.fixture
def halfway(killed):
    """A run folder whose training died after 6 of 12 steps."""
    return killed(7)


# --- damaged states and weights ---

damages = pytest.mark.parametrize("damage", [WAYS["half"], WAYS["a bit within"], WAYS["empty"]])


@damages
def test_a_damaged_newest_state_is_reported_and_the_one_before_is_used(
    images, tmp_path, halfway, whole, capsys, before_step, damage
):
    newest, before = halfway.states()
    newest.write_bytes(damage(newest.read_bytes()))
    seen = []
    before_step(int(before.name.split("-")[1]) + 1, seen.append)
    assert_same(train(images, tmp_path), whole)
    assert seen, "training did not go on from the state before"
    assert f"warning: {newest.name} is damaged and not used; going back" in capsys.readouterr().out
    assert not newest.exists()  # gone once a new state was written
    assert len(halfway.states()) == 2


def test_with_both_states_damaged_the_run_starts_over(images, tmp_path, halfway, whole, capsys):
    for state in halfway.states():
        state.write_bytes(state.read_bytes()[:-9])
    assert_same(train(images, tmp_path), whole)
    assert "is damaged and not used; going back to the start" in capsys.readouterr().out


@damages
@pytest.mark.parametrize("epoch", [1, LAST])
def test_damaged_weights_are_named_and_never_become_the_truth(images, tmp_path, whole, damage, epoch):
    run = train(images, tmp_path)
    path = run.weights_file(epoch)
    path.write_bytes(damage(path.read_bytes()))
    said = rf"{path.name} is damaged or was changed .*; delete the run's folder to train anew"
    with pytest.raises(RunError, match=said):
        run.network(epoch)
    with pytest.raises(RunError, match=said):
        train(images, tmp_path)
    shutil.rmtree(run.folder)
    assert_same(train(images, tmp_path), whole)


def test_lost_weights_of_the_last_epoch_are_named_and_earlier_ones_when_they_are_read(images, tmp_path):
    run = train(images, tmp_path)
    run.weights_file(1).unlink()
    again = train(images, tmp_path)  # nothing needs it
    with pytest.raises(RunError, match="there are no weights at .*epoch-0001.*delete the run's folder"):
        again.network(1)
    run.weights_file(LAST).unlink()
    with pytest.raises(RunError, match="there are no weights at .*epoch-0003"):
        train(images, tmp_path)


def test_damaged_files_beside_the_weights_are_written_again(images, tmp_path):
    run = train(images, tmp_path)
    before = content(run.folder)
    for name in ("history.jsonl", "process-*.pt", "network-*.pt", "run.json", "priors/*"):
        (path,) = run.folder.glob(name)
        path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    with pytest.raises((RunError, ValueError), match="is no run|damaged"):
        d.open(run.folder)
    train(images, tmp_path)
    assert content(run.folder) == before


@pytest.mark.parametrize("name", ["process", "network"])
def test_a_lost_file_of_the_process_or_the_network_is_made_again(images, tmp_path, name):
    run = train(images, tmp_path, epochs=1)
    (lost,) = run.folder.glob(f"{name}-*.pt")
    lost.unlink()
    with pytest.raises(RunError, match="is lost"):
        d.open(run.folder)
    train(images, tmp_path, epochs=1)
    assert_same(d.open(run.folder), run)


def test_what_another_run_learnt_is_not_taken(images, tmp_path):
    """A whole file of another process, under the right name."""
    (x, x_test), process = images, ColdBlur(3)
    run, other = (train((x * k, x_test), tmp_path, process=process, epochs=1) for k in (1, 0.5))
    mine, foreign = (next(one.folder.glob("process-*.pt")) for one in (run, other))
    whole = mine.read_bytes()
    mine.write_bytes(foreign.read_bytes())
    assert torch.equal(train(images, tmp_path, process=process, epochs=1).process.mean, run.process.mean)
    assert mine.read_bytes() == whole
    mine.write_bytes(foreign.read_bytes())
    with pytest.raises(RunError, match="process-.* is not what was written"):
        d.open(run.folder)


def test_a_state_of_another_run_is_refused(images, tmp_path):
    a, b = (train(images, tmp_path, seed=seed, epochs=1) for seed in (0, 1))
    for state in a.store.states():
        state.unlink()
    for state in b.store.states():
        state.rename(a.folder / state.name)
    with pytest.raises(RunError, match="is of another run"):
        train(images, tmp_path, epochs=1)


def test_a_pickle_with_code_is_refused_and_the_code_is_not_run(tmp_path):
    """In a state under the right hash, and as weights or samples."""
    for name, dump in (("pickle", pickle.dumps), ("torch", torch_bytes)):
        canary, run = tmp_path / f"ran-{name}", RunFolder(tmp_path / name)
        content = dump(Code(canary), 2)
        state = run.path / f"state-00000001-{hashlib.sha256(content).hexdigest()[:16]}.pt"
        run.write(state, content)
        with pytest.raises(RunError, match="is not read any further.*delete it to go on"):
            run.load_state()
        with pytest.raises(RunError, match="does not hold weights of this network"):
            load_weights(content, Reconstructor())
        assert not canary.exists()
        with contextlib.suppress(RuntimeError):  # the canary sings where a reader is careless
            torch.load(io.BytesIO(content), weights_only=False)
        assert canary.exists()


def torch_bytes(value, protocol) -> bytes:
    buffer = io.BytesIO()
    torch.save({"network": value}, buffer, pickle_protocol=protocol)
    return buffer.getvalue()


# --- numbers that explode ---


def loss_in_step_7(value):
    original = Learner.step

    def step(self, n, x):
        loss = original(self, n, x)
        return loss * value if n + 1 == 7 else loss

    return "step", step


def weight_after_step(number):
    """The loss of a step is that before its update: it may be finite and the weights after it not."""
    original = Learner.step

    def step(self, n, x):
        loss = original(self, n, x)
        if n + 1 == number:
            next(self.network.parameters()).data.view(-1)[0] = math.nan
        return loss

    return "step", step


@pytest.mark.parametrize(
    ("spoilt", "checkpoint_steps", "said"),
    [
        (loss_in_step_7(math.nan), 1, "loss became nan in step 7; nothing was overwritten.*state-00000006"),
        (weight_after_step(8), 100, "is no longer finite after epoch 2; nothing was overwritten"),
        (("test_loss", lambda self: math.inf), 100, "test_loss is no longer finite after epoch 2; nothing"),
    ],
)
def test_a_number_that_is_not_finite_overwrites_nothing(
    images, tmp_path, halfway, whole, monkeypatch, spoilt, checkpoint_steps, said
):
    before = content(halfway.path)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, *spoilt)
        with pytest.raises(RunError, match=said):
            train(images, tmp_path, checkpoint_steps=checkpoint_steps)
    assert content(halfway.path) == before
    assert_same(train(images, tmp_path), whole)


# --- no room, no rights ---


@pytest.mark.parametrize(
    ("size", "checkpoint_steps", "named"), [(300_000, 1, "state-00000007"), (100_000, 100, "epoch-0002")]
)
def test_where_files_cannot_grow_the_earlier_ones_stay_and_the_run_goes_on_later(
    images, tmp_path, halfway, whole, size, checkpoint_steps, named
):
    before = content(halfway.path)
    with limits.files_at_most(size), pytest.raises(RunError) as error:
        train(images, tmp_path, checkpoint_steps=checkpoint_steps)
    said = str(error.value)
    assert named in said
    assert "could not be written (File too large); the earlier states are intact: make room" in said
    assert "\n" not in said
    assert content(halfway.path) == before
    assert_same(train(images, tmp_path), whole)


def test_a_closed_folder_is_named_and_stays_as_it_is(images, whole):
    with limits.open_folder() as folder:
        folder.chmod(0o555)
        with limits.ordinary_user(), pytest.raises(RunError, match="cannot be written: Perm"):
            train(images, folder)
        assert not list(folder.iterdir())
        folder.chmod(0o755)
        assert_same(train(images, folder), whole)


# --- two at once ---


def test_a_second_process_is_refused_until_the_first_is_killed(images, tmp_path, whole, before_step):
    def slowly():
        before_step(3, lambda _: time.sleep(600))
        train(images, tmp_path)

    other = child(slowly)
    try:
        end = time.monotonic() + 120
        while not list(tmp_path.glob("*/state-*")):
            assert time.monotonic() < end, "the other process did not begin"
            time.sleep(0.02)
        with pytest.raises(RunError, match="another process is training in .*; wait for it"):
            train(images, tmp_path)
    finally:
        os.kill(other, signal.SIGKILL)  # its lock goes with it
        os.waitpid(other, 0)
    assert_same(train(images, tmp_path), whole)
