"""Denoising diffusion: degrade with Gaussian noise, learn the noise, take it out step by step.

Equations (1)-(6) of the study; Ho, Jain & Abbeel (2020).
"""

from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.bounds import make, summarise
from diffusion.processes.base import DegradationProcess, Network, levels
from diffusion.processes.samplers import Ancestral
from diffusion.processes.schedules import SCHEDULES, NoiseSchedule


class DDPM(DegradationProcess):
    """A denoising diffusion probabilistic model over a noise schedule.

    Args:
        schedule: the variances beta_t, t = 1..T; also "linear" (the study's, of 1000 steps), "cosine", or
            `module:name` of your own.
        options: of the schedule, where it is named. ValueError: it is none, or refuses them.
    """

    predicts = "noise"
    sampler = Ancestral()

    def __init__(self, schedule: NoiseSchedule | str = "linear", **options: Any):
        if isinstance(schedule, str):
            schedule = make("schedule", schedule, SCHEDULES, options)
        if not isinstance(schedule, NoiseSchedule):
            raise ValueError(f"schedule is {summarise(schedule)}; needed: a NoiseSchedule, such as cosine()")
        self.schedule, self.T = schedule, schedule.T

    def degrade(
        self, x: Tensor, t: Tensor, eps: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) eps, Eq. (3): all steps of Eqs. (1), (2) at once.

        eps is standard normal noise like x; None: it is drawn from the generator.
        """
        t = levels(x, t, self.T)
        if eps is None:
            eps = torch.randn(x.shape, generator=generator).to(x.device)
        a = self.schedule.alpha_bar[t.cpu()][:, None, None, None]  # (B, 1, 1, 1)
        signal, noise = (part.sqrt().float().to(x.device) for part in (a, 1 - a))
        return signal * x + noise * eps

    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Eq. (6): the mean squared error of the predicted noise, over pixels and batch."""
        t = self.draw_steps(len(x), generator)
        eps = torch.randn(x.shape, generator=generator).to(x.device)
        prediction = network(self.degrade(x, t, eps), t.to(x.device) / self.T)
        return mse_loss(prediction.float(), eps)

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """x_T ~ N(0, I), (n, C, S, S)."""
        return torch.randn((n, *self.image_shape), generator=generator)

    def to_pixels(self, x: Tensor) -> Tensor:
        raise ValueError("a DDPM starts from noise and takes no prior; start=latents starts elsewhere")
