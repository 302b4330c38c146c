"""What one process of a training does: the batches it sees, its share of each, the files it writes."""

import hashlib

import pytest

from diffusion import runs
from diffusion.loop import TrainingLoop


def install(patch: pytest.MonkeyPatch | None = None) -> dict[str, list]:
    """Watch the trainings of this process from now on; returns what is seen, as it grows."""
    seen: dict[str, list] = {"batches": [], "shares": [], "written": []}
    step, write = TrainingLoop._step, runs.write_bytes

    def watched_step(self, epoch, x):
        seen["batches"].append(hashlib.sha256(x.numpy().tobytes()).hexdigest())
        seen["shares"].append(len(x[self.part]))
        step(self, epoch, x)

    def watched_write(path, content):
        seen["written"].append(str(path))
        return write(path, content)

    patch = patch or pytest.MonkeyPatch()
    patch.setattr(TrainingLoop, "_step", watched_step)
    patch.setattr(runs, "write_bytes", watched_write)
    return seen
