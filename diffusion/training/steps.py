"""The arithmetic of a training: what follows here, and what it calls, determines the weights.

Everything random is a function of (seed, step): the order of the images of an epoch, the time steps and the
noise of a step, and the global streams that a network with dropout draws from.
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
    """Rate of a step (0-based): "constant", or "cosine" with a short linear warm-up, falling to zero."""
    if schedule == "constant":
        return peak
    warm = max(1, min(200, round(WARM_UP * total)))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


@dataclass
class Learner:
    """A network under training, with its optimiser: Adam, at the rate of `learning_rate_at`."""

    process: DegradationProcess
    cls: type[nn.Module]
    arguments: Mapping[str, Any]  # of the network
    x: Tensor  # training images, (N, C, S, S), on the device that is trained on
    x_test: Tensor | None  # images whose loss is measured, there too
    batch_size: int
    learning_rate: float
    lr_schedule: str
    total: int  # steps in all, after which a rate that falls is zero
    seed: int
    precision: str
    ema: float | None = None  # decay of the moving average of the weights over steps; None: there is none

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
        """The network that is kept: with averaged weights, where they are averaged."""
        return self.network if self.average is None else self.average.module

    def state_dict(self) -> dict[str, Any]:
        """All that training goes on from, but for its position."""
        parts = {"network": self.network, "optimizer": self.optimizer, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items() if part is not None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name, part in state.items():
            getattr(self, name).load_state_dict(part)

    def batches(self, epoch: int, first: int = 0) -> Iterator[Tensor]:
        """The batches of an epoch, each (B, C, S, S), from this one on."""
        order = torch.randperm(len(self.x), generator=generator(self.seed, "order", epoch))
        self.network.train()
        for batch in order.to(self.x.device).split(self.batch_size)[first:]:
            yield self.x[batch]

    def step(self, number: int, batch: Tensor) -> Tensor:
        """Train on images (B, C, S, S) in a step, counted from 0 over all epochs; returns the loss."""
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
        """The loss of one batch, whose randomness is a function of the key."""
        noise = generator(self.seed, *key)
        with seeded(noise.initial_seed()), autocast(self.x.device, self.precision):
            return self.process.loss(network, x, noise)

    @torch.inference_mode()
    def test_loss(self) -> float | None:
        """Mean loss over the test images, at time steps and noise that are the same in every epoch."""
        if self.x_test is None:
            return None
        network, batches = self.trained.eval(), enumerate(self.x_test.split(self.batch_size))
        total = sum(self.loss(network, x, "test", i).item() * len(x) for i, x in batches)
        return total / len(self.x_test)
