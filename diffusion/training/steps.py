"""The arithmetic of training: this file, and the functions that it calls, determine the weights.

Everything random is a function of (seed, step): the order of images in an epoch, the time steps and noise of
a step, and the global streams for networks with dropout.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from diffusion.processes.base import DegradationProcess
from diffusion.runtime import autocast, generator, seeded
from diffusion.training import network as networks

WARM_UP = 0.03  # share of all steps over which the "cosine" learning rate rises, at most 200 steps


def learning_rate_at(step: int, total: int, peak: float, schedule: str) -> float:
    """Return the learning rate of a step, counted from 0.

    "constant" keeps the peak; "cosine" has a short linear warm-up and falls to zero.
    """
    if schedule == "constant":
        return peak
    warm = max(1, min(200, round(WARM_UP * total)))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


@dataclass
class Learner:
    """A network in training with its optimiser, Adam, at the rate of `learning_rate_at`."""

    process: DegradationProcess
    cls: type[nn.Module]
    arguments: Mapping[str, Any]  # arguments of the network
    x: Tensor  # training images, (N, C, S, S), on the training device
    x_test: Tensor | None  # images for the test loss, on the same device
    batch_size: int
    learning_rate: float
    lr_schedule: str
    total: int  # number of steps, after which a decaying rate is zero
    seed: int
    precision: str
    ema: float | None = None  # decay of the moving average of the weights over steps; None for no average

    def __post_init__(self) -> None:
        with seeded(generator(self.seed, "network").initial_seed()):
            self.network = networks.build(self.cls, self.arguments).to(self.x.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)
        self.average = None
        if (ema := self.ema) is not None:
            # The decay grows from 2 / 11 to `ema`.
            def mean(old: Tensor, new: Tensor, n: Tensor | int) -> Tensor:
                return old.lerp(new, 1 - min(ema, (1 + int(n)) / (10 + int(n))))

            self.average = AveragedModel(self.network, avg_fn=mean)

    @property
    def trained(self) -> nn.Module:
        """torch.nn.Module: The network to save, with averaged weights if `ema` is set."""
        return self.network if self.average is None else self.average.module

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which training resumes, except its position."""
        parts = {"network": self.network, "optimizer": self.optimizer, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items() if part is not None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from a state."""
        for name, part in state.items():
            getattr(self, name).load_state_dict(part)

    def batches(self, epoch: int, first: int = 0) -> Iterator[Tensor]:
        """Yield the batches of an epoch, each (B, C, S, S), from batch `first` on."""
        order = torch.randperm(len(self.x), generator=generator(self.seed, "order", epoch))
        self.network.train()
        for batch in order.to(self.x.device).split(self.batch_size)[first:]:
            yield self.x[batch]

    def step(self, number: int, batch: Tensor) -> Tensor:
        """Train on images (B, C, S, S) for one step, counted from 0 over all epochs, and return the loss."""
        rate = learning_rate_at(number, self.total, self.learning_rate, self.lr_schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss(self.network, batch, "noise", number)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        return loss.detach()

    def loss(self, network: nn.Module, x: Tensor, *key: int | str) -> Tensor:
        """Return the loss of one batch, with randomness that is a function of the key."""
        noise = generator(self.seed, *key)
        with seeded(noise.initial_seed()), autocast(self.x.device, self.precision):
            return self.process.loss(network, x, noise)

    @torch.inference_mode()
    def test_loss(self) -> float | None:
        """Return the mean loss over the test images, at the same time steps and noise in all epochs."""
        if self.x_test is None:
            return None
        network, batches = self.trained.eval(), enumerate(self.x_test.split(self.batch_size))
        total = sum(self.loss(network, x, "test", i).item() * len(x) for i, x in batches)
        return total / len(self.x_test)
