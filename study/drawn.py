"""Samples of a run's trainings, each drawn once: OUT/samples/<hash>.safetensors, by all that determines them.

A long measuring that was interrupted so draws only what it had not drawn yet.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from diffusion.files import digest, write_bytes
from diffusion.training.run import Run


@dataclass
class DrawnRun(Run):
    """A training of a workflow's results, whose samples are kept beside its folder."""

    @classmethod
    def of(cls, run: Run) -> Self:
        """The same training, whose samples are kept."""
        return cls(**{field.name: getattr(run, field.name) for field in fields(run)})

    def sample(
        self, n: int | None = None, seed: int | None = None, epoch: int | None = None, **how: Any
    ) -> Tensor:
        """As `Run.sample`; drawn once, unless it `keeps` nothing."""
        if not self.keeps:
            return super().sample(n, seed, epoch, **how)
        name = digest(self.drawn_by(n, seed, epoch, **how), 16)
        path = self.folder.parent.parent / "samples" / f"{name}.safetensors"
        if path.is_file():
            try:
                return safetensors.torch.load(path.read_bytes())[name]
            except (SafetensorError, KeyError):
                print(f"warning: {path.name} is damaged and is drawn again", flush=True)
        x = super().sample(n, seed, epoch, **how)
        write_bytes(path, safetensors.torch.save({name: x}))
        return x
