"""The project's own training step, one call at a time, so that it can take turns with others."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from diffusion import devices
from diffusion.loop import TrainingLoop
from diffusion.process import DegradationProcess
from diffusion.randomness import generator
from diffusion.runs import RunFolder


def training_steps(
    process: DegradationProcess, x: Tensor, batch_size: int, precision: str, folder: Path
) -> Iterator[None]:
    """The steps that `training.fit` takes, by the same loop: from the order of the images to Adam.

    Args:
        x: (N, 1, 28, 28) training images.
        folder: a run folder that is never written.
    """
    loop = TrainingLoop(
        devices.accelerator(),
        process,
        RunFolder(folder),
        x,
        x[:1],
        batch_size,
        seed=0,
        precision=precision,
        about={"model": process.name, "fingerprint": ""},
        rate=lambda step: 2e-4,
    )
    loop.network.train()
    epoch = 0
    while True:
        epoch += 1
        loop.step = 0
        order = torch.randperm(len(x), generator=generator(loop.seed, "order", epoch)).to(loop.device)
        for batch in order.split(batch_size):
            loop._step(epoch, loop.x_train[batch])
            yield
