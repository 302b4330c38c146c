"""Runs of twelve steps, and ways to interrupt them."""

import os
from collections.abc import Callable

import pytest

from diffusion.training.checkpoints import RunFolder
from diffusion.training.steps import Learner
from short_runs import Killed, train


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """With another number of threads, sums are rounded differently."""


@pytest.fixture(autouse=True)
def _no_flushing(monkeypatch):
    """It takes most of the time of trainings as short as these, and is for a loss of power alone."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def whole(images, one_thread, tmp_path_factory):
    """A run that nothing befell."""
    return train(images, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def before_step(monkeypatch) -> Callable:
    """before_step(number, what): let what(loop) happen before a step, counted from 1 over the whole run."""

    def patch(number, what, monkeypatch=monkeypatch):
        original = Learner.step

        def step(self, n, x):
            if n + 1 == number:
                what(self)
            return original(self, n, x)

        monkeypatch.setattr(Learner, "step", step)

    return patch


@pytest.fixture
def killed(images, tmp_path, monkeypatch, before_step) -> Callable:
    """killed(number): the folder of a run that died before this step; the first runs lie in tmp_path."""

    def die(_):
        raise Killed

    def kill(number, **changes):
        with monkeypatch.context() as patch:
            before_step(number, die, patch)
            with pytest.raises(Killed):
                train(images, tmp_path, **changes)
        return RunFolder(next(tmp_path.iterdir()))

    return kill
