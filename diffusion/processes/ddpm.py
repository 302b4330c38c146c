"""Denoising diffusion: degrade with Gaussian noise, learn the noise, take it out step by step.

Equations (1)-(6) of the study; Ho, Jain & Abbeel (2020).
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.processes.base import (
    DegradationProcess,
    Network,
    check_count,
    check_images,
    check_steps,
    evenly_spaced,
    in_chunks,
)
from diffusion.processes.schedules import NoiseSchedule, linear
from diffusion.runtime import device_of, digest, name_of, named, own_source


def ancestral(x_t: Tensor, eps: Tensor, a: float, b: float, generator: Generator) -> Tensor:
    """Eqs. (4), (5), plus sqrt(beta_t) noise in every step but the last, where b is 1."""
    beta = 1 - a / b
    mean = (x_t - beta / (1 - a) ** 0.5 * eps) / (1 - beta) ** 0.5
    return mean + beta**0.5 * torch.randn(x_t.shape, generator=generator).to(x_t.device) if b < 1 else mean


def ddim(x_t: Tensor, eps: Tensor, a: float, b: float, generator: Generator) -> Tensor:
    """A step without noise: Eq. (12) of Song et al. (2021) with sigma = 0."""
    return (b / a) ** 0.5 * (x_t - (1 - a) ** 0.5 * eps) + (1 - b) ** 0.5 * eps


# A step of the walk back, from alpha_bar = a to b: (x_t, predicted noise, a, b, generator) -> next latent.
Sampler = Callable[[Tensor, Tensor, float, float, Generator], Tensor]
SAMPLERS: dict[str, Sampler] = {"ancestral": ancestral, "ddim": ddim}


class DDPM(DegradationProcess):
    """A denoising diffusion probabilistic model over a noise schedule.

    Args:
        schedule: the variances beta_t, t = 1..T; None: linear, with the study's 1000 steps.
        clip_x0: clip the clean image that each sampling step predicts to [-0.5, 0.5]. The study does not.
        sampling_steps: how many of the T steps sampling visits, evenly spaced; None: all, as in the study.
            Fewer is quicker and coarser (the respaced schedule of Nichol & Dhariwal 2021, Sec. 4).
        sampler: "ancestral" (the study) adds noise in each step, "ddim" none; or a function of your own, or
            its `module:function`.

    Raises:
        ValueError: no schedule, sampling_steps outside 2..T, or another sampler.
    """

    name = "ddpm"

    def __init__(
        self,
        schedule: NoiseSchedule | None = None,
        clip_x0: bool = False,
        sampling_steps: int | None = None,
        sampler: str | Sampler = "ancestral",
    ):
        self.schedule = schedule = schedule or linear()
        if not isinstance(schedule, NoiseSchedule):
            raise ValueError(
                f"schedule is a {type(schedule).__name__}; needed: a NoiseSchedule, as cosine() returns"
            )
        self.T = schedule.T
        self.clip_x0 = clip_x0
        if sampling_steps is not None and not 2 <= sampling_steps <= self.T:
            raise ValueError(
                f"sampling_steps is {sampling_steps}; allowed: 2 to T = {self.T}, or None for all"
            )
        self.step = named("sampler", sampler, SAMPLERS)
        self.sampling_steps, self.sampler = sampling_steps or self.T, name_of("sampler", sampler)
        self.signal = schedule.alpha_bar.sqrt().float()  # (T + 1,)
        self.noise = (1 - schedule.alpha_bar).sqrt().float()  # (T + 1,)

    def settings(self) -> dict[str, Any]:
        rounded = [float(f"{a:.12g}") for a in self.schedule.alpha_bar]
        known = {"process": self.name, "T": self.T}
        return known | {"schedule": self.schedule.name, "alpha_bar": digest(rounded)}

    def sampling_settings(self) -> dict[str, Any]:
        found = {"clip_x0": self.clip_x0, "sampling_steps": self.sampling_steps}
        if self.sampler != "ancestral":
            found |= {"sampler": self.sampler}
        code = own_source(self.step)
        return found | ({"sampler_code": code} if code else {})

    def reverse_steps(self) -> int:
        return self.sampling_steps

    def degrade(
        self, x: Tensor, t: Tensor, eps: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) eps, Eq. (3): all steps of Eqs. (1), (2) at once.

        Args:
            eps: standard normal noise like x; None: drawn from the generator.

        Raises:
            ValueError: images of another shape or outside [-0.5, 0.5], or a time step outside 0..T.
        """
        check_images(x)
        check_steps(t, self.T, len(x))
        if eps is None:
            eps = torch.randn(x.shape, generator=generator).to(x.device)
        return self._mix(x, t, eps)

    def _mix(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        t = t.cpu()
        signal, noise = (a[t].to(x.device)[:, None, None, None] for a in (self.signal, self.noise))
        return signal * x + noise * eps

    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Eq. (6): the mean squared error of the predicted noise, over pixels and batch."""
        check_images(x)
        t = self.draw_steps(len(x), generator)
        eps = torch.randn(x.shape, generator=generator).to(x.device)
        prediction = network(self._mix(x, t, eps), t.to(x.device) / self.T)
        return mse_loss(prediction.float(), eps)

    def visited(self) -> list[int]:
        """The time steps of the reverse walk, from T down to 0."""
        return evenly_spaced(self.T, self.sampling_steps)

    def reverse(
        self, network: Network, n: int, generator: Generator, chunk: int = 128
    ) -> Iterator[tuple[int, Tensor]]:
        """From x_T ~ N(0, I) to an image: predict the noise, take a step of the sampler, and again.

        With fewer sampling steps, beta_t is that of the step from one visited time to the next.
        """
        check_count(n)
        device = device_of(network)
        alpha_bar = self.schedule.alpha_bar
        x = torch.randn((n, 1, 28, 28), generator=generator).to(device)  # x_T ~ N(0, I)
        yield self.T, x
        for t, previous in pairwise(self.visited()):
            a, b = float(alpha_bar[t]), float(alpha_bar[previous])
            eps = in_chunks(network, x, t, self.T, chunk)
            if self.clip_x0:  # the noise that leads to the clipped image
                x0 = ((x - (1 - a) ** 0.5 * eps) / a**0.5).clamp_(-0.5, 0.5)
                eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
            x = self.step(x, eps, a, b, generator)
            yield previous, x
