"""Training: one loop for every process, resumable at any step.

Everything random is a function of (seed, step): the order of the images of an epoch, the time steps and the
noise of a step. A run that was killed therefore goes on with the same stream and ends, on a CPU, with
bit-identical weights.
"""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from diffusion import devices, fingerprints
from diffusion.files import digest
from diffusion.loop import TrainingLoop
from diffusion.network import CHANNELS, Reconstructor
from diffusion.process import DegradationProcess, check_images
from diffusion.runs import RunFolder, load_weights

WARM_UP = 0.03  # share of all steps over which the "cosine" learning rate rises, at most 200 steps
# The modules behind the weights, beside those of the process: a change of what they do is another run.
DETERMINED_BY = ("network", "training", "loop", "randomness", "devices")


@dataclass
class Trained:
    """What `fit` returns: where the run lies and what it recorded."""

    folder: RunFolder
    fingerprint: str
    history: list[dict]  # epoch, train_loss, test_loss, seconds
    steps: int  # optimiser steps in all
    precision: str
    device: torch.device
    channels: tuple[int, ...]  # of the network's blocks

    def network(self, epoch: int | None = None) -> nn.Module:
        """The network after an epoch (None: the last), in evaluation mode, on the device."""
        weights = self.folder.weights(epoch or len(self.history))
        return load_weights(weights, Reconstructor(self.channels)).to(self.device)


def learning_rate_at(step: int, total: int, peak: float, schedule: str) -> float:
    """Rate of a step (0-based): "constant", or "cosine" with a short linear warm-up, falling to zero."""
    if schedule == "constant":
        return peak
    warm = max(1, min(200, round(WARM_UP * total)))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def fit(
    process: DegradationProcess,
    x_train: Tensor,
    x_test: Tensor,
    runs_dir: str | os.PathLike,
    model: str,
    epochs: int = 100,  # passes over the training images
    batch_size: int = 128,  # images per step, over all processes together
    learning_rate: float = 2e-4,  # of Adam; the study prints 2^-4, see the report's errata
    lr_schedule: str = "constant",  # or "cosine"
    channels: Sequence[int] = CHANNELS,  # of the network's blocks
    seed: int = 0,
    precision: str = "auto",  # auto, fp32, bf16
    checkpoint_steps: int = 200,  # steps between resumable states
) -> Trained:
    """Train a reconstructor for a process, or go on where an earlier call stopped.

    The run's folder is `<runs_dir>/<model>-<fingerprint>`; the fingerprint is of everything that determines
    the weights. More epochs extend a run (unless the learning rate falls towards a fixed end).

    Args:
        process: what to learn; `prepare(x_train)` is called on it.
        x_train, x_test: (N, 1, 28, 28) in [-0.5, 0.5].

    Raises:
        ValueError: an argument out of range.
        RunError: another process holds the run, the disk is full, or the loss is no longer finite.
    """
    for name, value, ok in [
        ("epochs", epochs, epochs >= 1),
        ("batch_size", batch_size, 1 <= batch_size <= len(x_train)),
        ("learning_rate", learning_rate, 0 < learning_rate < math.inf),
        ("lr_schedule", lr_schedule, lr_schedule in ("constant", "cosine")),
        ("channels", channels, len(channels) > 0 and all(c >= 1 for c in channels)),
        ("checkpoint_steps", checkpoint_steps, checkpoint_steps >= 1),
    ]:
        if not ok:
            raise ValueError(f"{name} is {value!r}, which is out of range; see the defaults of training.fit")
    check_images(x_train)
    check_images(x_test)
    accelerator = devices.accelerator()
    for name, images in (("x_train", x_train), ("x_test", x_test)):
        last = len(images) % batch_size or batch_size
        if last < accelerator.num_processes:  # some process would have nothing to work on
            raise ValueError(
                f"the last batch of {name} has {last} images for {accelerator.num_processes} processes; "
                "needed: one or more each, so change batch_size or the number of images"
            )
    precision = devices.resolve_precision(precision, accelerator.device)
    process.prepare(x_train)
    determines = {
        "process": process.settings(),
        "data": [hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in (x_train, x_test)],
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lr_schedule": lr_schedule if lr_schedule == "constant" else [lr_schedule, epochs],
        "channels": list(channels),
        "seed": seed,
        "precision": precision,
        "device": accelerator.device.type,
        "code": [fingerprints.of_modules(DETERMINED_BY), fingerprints.of_class(type(process))],
    }
    fingerprint = digest(determines)
    folder = RunFolder(Path(runs_dir) / f"{model}-{fingerprint}")
    total = epochs * math.ceil(len(x_train) / batch_size)
    loop = TrainingLoop(
        accelerator,
        process,
        folder,
        x_train,
        x_test,
        batch_size,
        seed,
        precision,
        about={"model": model, "fingerprint": fingerprint},
        rate=lambda step: learning_rate_at(step, total, learning_rate, lr_schedule),
        channels=channels,
    )
    if accelerator.is_main_process:
        with folder.locked():
            loop.run(epochs, checkpoint_steps)
    else:
        loop.run(epochs, checkpoint_steps)
    accelerator.wait_for_everyone()
    history = loop.history[:epochs]
    return Trained(
        folder,
        fingerprint,
        history,
        len(history) * loop.steps_per_epoch,
        precision,
        accelerator.device,
        tuple(channels),
    )
