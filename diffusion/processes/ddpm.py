"""Denoising diffusion: degrade with Gaussian noise, learn to predict the noise, remove it step by step.

Equations (1) to (6) of Vrikkis (2024); Ho, Jain and Abbeel (2020).
"""

from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.arguments import summarise
from diffusion.names import create
from diffusion.processes.base import DegradationProcess, Network, levels
from diffusion.processes.samplers import Ancestral
from diffusion.processes.schedules import SCHEDULES, NoiseSchedule


class DDPM(DegradationProcess):
    """A denoising diffusion probabilistic model (DDPM): the network predicts the noise in a noisy image.

    The method is from Ho et al. (2020), also Vrikkis (2024), Eqs. (1) to (6).

    Args:
        schedule (NoiseSchedule or str): The variances beta_t, t = 1..T: "linear" (as in the original study,
            1000 steps), "cosine", your own `module:name`, or a schedule. Default "linear".
        **options: Arguments of a schedule given by name, such as T.

    Raises:
        ValueError: If there is no such schedule, or it refuses an option.

    Example:
        >>> import diffusion as d
        >>> ddpm = d.DDPM("cosine", T=100)
        >>> ddpm.T
        100
        >>> x, _ = d.load("mnist", n=2)
        >>> bool((ddpm.degrade(x, 0) == x).all())
        True
    """

    predicts = "noise"
    sampler = Ancestral()

    def __init__(self, schedule: NoiseSchedule | str = "linear", **options: Any):
        if isinstance(schedule, str):
            schedule = create("schedule", schedule, SCHEDULES, options)
        elif options:
            names = ", ".join(options)
            raise ValueError(f"{names} cannot change a finished schedule; pass T to d.cosine(T=100)")
        if not isinstance(schedule, NoiseSchedule):
            raise ValueError(f"schedule is {summarise(schedule)}; needed: a NoiseSchedule, such as cosine()")
        self.schedule, self.T = schedule, schedule.T

    def degrade(
        self, x: Tensor, t: Tensor, eps: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """Add noise to images in closed form: x_t = sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) eps.

        Vrikkis (2024), Eq. (3): all steps of Eqs. (1) and (2) at once.

        Args:
            x (Tensor): Images (B, C, S, S).
            t (int or Tensor): Time step for all images, or of each, (B,), in 0..T.
            eps (Tensor, optional): Standard normal noise, (B, C, S, S). If None, draws it. Default None.
            generator (Generator, optional): Draws the noise. If None, uses torch's global generator. Default
                None.

        Returns:
            Tensor: The noisy images x_t, (B, C, S, S).
        """
        t = levels(x, t, self.T)
        if eps is None:
            eps = torch.randn(x.shape, generator=generator).to(x.device)
        a = self.schedule.alpha_bar[t.cpu()][:, None, None, None]  # (B, 1, 1, 1)
        signal, noise = (part.sqrt().float().to(x.device) for part in (a, 1 - a))
        return signal * x + noise * eps

    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Return the mean squared error of the predicted noise over pixels and batch.

        Vrikkis (2024), Eq. (6). See `DegradationProcess.loss` for the arguments.
        """
        t = self.draw_steps(len(x), generator)
        eps = torch.randn(x.shape, generator=generator).to(x.device)
        prediction = network(self.degrade(x, t, eps), t.to(x.device) / self.T)
        return mse_loss(prediction.float(), eps)

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """Draw standard normal latents x_T, (n, C, S, S)."""
        return torch.randn((n, *self.image_shape), generator=generator)

    def to_pixels(self, x: Tensor) -> Tensor:
        """Raise ValueError: a DDPM starts from noise and takes no prior."""
        raise ValueError("a DDPM starts from noise and takes no prior; start=latents starts elsewhere")
