"""A killed run goes on: at any moment, however it is trained, and with one process at a time."""

import itertools
import os
import signal
import sys
from functools import partial

import pytest

import diffusion as d
from diffusion.files import write_bytes
from diffusion.training.folder import RunError
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
    seen = []
    left = stopped(images, tmp_path, 8, checkpoint_steps=3)
    assert losses(d.open(left.path)) == losses(whole)[:1]
    assert_same(train(images, tmp_path, callback=lambda step, loss: seen.append(step)), whole)
    assert seen == [8, 9, 10, 11, 12]
    assert "at step 7 of 12" in capsys.readouterr().out


def dying_at(number, work, functions):
    """Work, but die by SIGKILL at that call of these functions; in a process of its own."""
    events = itertools.count(1)

    def event(frame, kind, function):
        if kind == "c_call" and function in functions and next(events) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(event)
    work()
    sys.setprofile(None)


@needs_linux
@pytest.mark.slow
def test_killed_at_any_of_its_writes_it_leaves_whole_files_and_goes_on(images, tmp_path, capsys):
    options, writes = {"epochs": 2, "checkpoint_steps": 3}, (os.fsync, os.replace, os.unlink)
    undisturbed = train(images, tmp_path / "whole", **options)
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        status, _ = forked(partial(dying_at, number, partial(train, images, folder, **options), writes))
        if status == 0:
            break
        assert status == -signal.SIGKILL
        for weights in folder.glob("weights/*.safetensors"):
            assert weights.read_bytes() == undisturbed.store.weights(int(weights.stem[-4:])).read_bytes()
        assert_same(train(images, folder, **options), undisturbed)
        assert not [*folder.rglob(".*.part-*")]  # what the killed write has left
        assert "damaged" not in capsys.readouterr().out
    assert number > 22


def test_a_file_is_flushed_before_it_takes_its_place(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        do = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, name=name, do=do: [done.append(name), do(*given)])
    write_bytes(tmp_path / "file", b"content")
    assert done == ["fsync", "replace"]


@needs_linux
def test_a_second_process_is_refused_at_once(images, tmp_path, whole):
    said = []

    def second():
        with pytest.raises(RunError, match="another process is training in .*; wait for it"):
            train(images, tmp_path)

    run = train(
        images, tmp_path, callback=lambda step, loss: said.append(forked(second)) if step == 3 else None
    )
    assert said == [(0, None)]
    assert_same(run, whole)
