"""Trainings of twelve steps, for tests of what may befall one."""

from pathlib import Path

from diffusion import fit
from diffusion.processes import ColdZoom

BATCH, STEPS = 8, 4  # images a step, steps an epoch


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


def train(images, folder, process=None, **changes):
    """Three epochs of the zoom, unless told otherwise."""
    options = {"epochs": 3, "batch_size": BATCH, "precision": "fp32", "checkpoint_steps": 1, "name": "m"}
    options |= {"learning_rate": 2e-4, "lr_schedule": "constant", "channels": [4]}
    return fit(process or ColdZoom(), *images, folder=folder, **options | changes)


def losses(run) -> list[tuple]:
    return [(line["epoch"], line["train_loss"], line["test_loss"], line["sha256"]) for line in run.history]


def assert_same(run, whole) -> None:
    """The same weights after every epoch, to the bit, and the same history, apart from the times."""
    assert losses(run) == losses(whole)
    for epoch in range(1, whole.epochs + 1):
        assert run.store.read_weights(epoch) == whole.store.read_weights(epoch), epoch


def content(folder: Path) -> dict[str, bytes]:
    """All files of a run, the lock apart."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
