"""A killed run goes on: at any moment, however it is trained, and with one process at a time."""

import hashlib
import itertools
import os
import select
import signal
from functools import partial

import pytest

import diffusion as d
from diffusion.training.checkpoints import RunError, RunFolder
from helpers import Drops, assert_same, forked, losses, needs_linux, stopped, train

WAYS = {
    "fp32": {},
    "bf16": {"precision": "bf16"},
    "averaged weights": {"ema": 0.9},
    "a rate that falls": {"lr_schedule": "cosine"},
    "within an epoch": {"epochs": None, "steps": 11},
    "a network that draws": {"network": Drops},
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_weights(images, tmp_path, how):
    """In its first step, in the last of an epoch, within one, and near its end."""
    for step in (1, 4, 6, 11):
        stopped(images, tmp_path, step, **how)
    assert_same(train(images, tmp_path, **how), train(images, None, **how))


def test_it_goes_on_from_the_last_checkpoint_and_is_opened_meanwhile(images, tmp_path, whole, capsys):
    left, seen = stopped(images, tmp_path, 8, checkpoint_steps=3), []
    assert [state.name[:14] for state in left.states()] == ["state-00000007", "state-00000004"]
    assert losses(d.open(left.path)) == losses(whole)[:1]
    assert_same(train(images, tmp_path, callback=lambda step, loss: seen.append(step)), whole)
    assert seen == [8, 9, 10, 11, 12]
    assert "at step 7 of 12" in capsys.readouterr().out


def dying_at(number: int, work) -> None:
    """Do the work, but die by SIGKILL at one of its operations on files; in a process of its own.

    Raises:
        AssertionError: a file takes its place before it is flushed to the disk.
    """
    operations, flushed = itertools.count(1), set()
    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def operation():
        if next(operations) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def flush(handle):
        operation()
        flushed.add((os.fstat(handle).st_ino, os.fstat(handle).st_size))
        fsync(handle)

    def place(source, target):
        operation()
        assert (os.stat(source).st_ino, os.stat(source).st_size) in flushed, f"{target} is not flushed"
        replace(source, target)

    def remove(*given, **options):
        operation()
        unlink(*given, **options)

    os.fsync, os.replace, os.unlink = flush, place, remove
    work()


@needs_linux
@pytest.mark.slow
def test_killed_at_any_of_its_writes_it_leaves_whole_files_and_goes_on(images, tmp_path, capsys):
    options = {"epochs": 2, "checkpoint_steps": 3}
    undisturbed = train(images, tmp_path / "whole", **options)
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        status, _ = forked(partial(dying_at, number, partial(train, images, folder, **options)))
        if status == 0:
            break
        assert status == -signal.SIGKILL
        left = RunFolder(next(folder.iterdir()))
        assert len(left.states()) <= 3  # two, and one that is being written
        for state in left.states():
            assert hashlib.sha256(state.read_bytes()).hexdigest()[:16] in state.name
        for weights in left.path.glob("weights/*.safetensors"):
            assert weights.read_bytes() == undisturbed.store.weights(int(weights.stem[-4:])).read_bytes()
        assert_same(train(images, folder, **options), undisturbed)
        assert not list(folder.rglob(".*.part-*"))  # what the killed write has left
        assert "damaged" not in capsys.readouterr().out
    assert number > 25
    assert len(undisturbed.store.states()) == 2


@needs_linux
def test_a_second_process_is_refused_until_the_first_is_killed(images, tmp_path, whole):
    read, write = os.pipe()

    def report_and_wait(step, loss):
        if step == 3:
            os.write(write, b".")
            signal.pause()

    first = os.fork()
    if not first:
        try:
            train(images, tmp_path, callback=report_and_wait)
        finally:
            os._exit(1)
    try:
        assert select.select([read], [], [], 900)[0], "the other process did not begin"
        with pytest.raises(RunError, match="another process is training in .*; wait for it"):
            train(images, tmp_path)
    finally:
        os.kill(first, signal.SIGKILL)  # its lock goes with it
        os.waitpid(first, 0)
    assert_same(train(images, tmp_path), whole)
