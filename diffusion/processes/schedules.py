"""Noise schedules: how fast a DDPM turns an image into noise.

Tensors have length T + 1 and are indexed by the time step. Index 0 is the clean image: `beta[0] = 0` and
`alpha_bar[0] = 1`. Vrikkis (2024) writes alpha_t for the cumulative product; here it is `alpha_bar`, as in Ho
et al. (2020).
"""

import math
from collections.abc import Callable
from typing import Annotated, Any, Self

import torch
from pydantic import Field

from diffusion.arguments import Native, Number, checked, summarise


class NoiseSchedule:
    """A noise schedule of a DDPM: the variance added in each step, and the share of signal variance left.

    Args:
        name (str): Name in figures.
        beta (Tensor, array or list): (T,), the variances beta_1..beta_T, each in [0, 1). A variance of 1
            would erase the image at once.

    Attributes:
        beta (Tensor): (T + 1,) float64, variance added in step t; beta[0] = 0.
        alpha_bar (Tensor): (T + 1,) float64, the product of 1 - beta_i over i <= t: the share of signal
            variance left at step t.

    Raises:
        ValueError: If a beta is outside [0, 1).

    Example:
        >>> import diffusion as d
        >>> d.NoiseSchedule("constant", [0.5, 0.5]).alpha_bar.tolist()
        [1.0, 0.5, 0.25]
    """

    @checked
    def __init__(self, name: str, beta: Any):
        steps = torch.as_tensor(beta, dtype=torch.float64)
        if steps.ndim != 1:
            raise ValueError(f"beta is {summarise(steps)}; expected: one number for each step, (T,)")
        if (wrong := ~((steps >= 0) & (steps < 1))).any():
            t = int(wrong.nonzero()[0]) + 1
            raise ValueError(f"beta at t = {t} is {steps[t - 1]:g}; allowed: [0, 1)")
        self.name = name
        self.beta = torch.cat([torch.zeros(1, dtype=torch.float64), steps])
        self.alpha_bar = torch.cumprod(1 - self.beta, 0)

    @property
    def T(self) -> int:
        """int: Number of diffusion steps."""
        return len(self.beta) - 1

    def __repr__(self) -> str:
        return f"<NoiseSchedule {self.name}, T = {self.T}>"

    @classmethod
    @checked
    def from_alpha_bar(cls, name: str, alpha_bar: Any) -> Self:
        """Make a schedule from the shares of signal variance alpha_bar_0..alpha_bar_T.

        Args:
            name (str): Name in figures.
            alpha_bar (Tensor, array or list): (T + 1,), falling from 1, the clean image, to a value above 0.

        Raises:
            ValueError: If alpha_bar does not start at 1, or rises.
        """
        alpha_bar = torch.as_tensor(alpha_bar, dtype=torch.float64)
        if abs(alpha_bar[0] - 1) > 1e-6:
            raise ValueError(f"alpha_bar at t = 0 is {alpha_bar[0]:g}; needed: 1, the clean image")
        return cls(name, 1 - alpha_bar[1:] / alpha_bar[:-1])


Steps = Annotated[int, Native, Field(ge=2, le=100_000)]
Variance = Annotated[float, Native, Field(ge=0, lt=1)]


@checked
def linear(T: Steps = 1000, beta_start: Variance = 1e-5, beta_end: Variance = 0.02) -> NoiseSchedule:
    """Make a linear schedule: beta rises from `beta_start` at t = 1 to `beta_end` at t = T.

    Ho et al. (2020) use this form with a start of 1e-4; Vrikkis (2024), Sec. 2.3, starts at 1e-5.

    Args:
        T (int): Number of diffusion steps, 2 to 100,000. Default 1000.
        beta_start (float): Variance of the first step, in [0, 1). Default 1e-5.
        beta_end (float): Variance of the last step, in [0, 1). Default 0.02.

    Returns:
        NoiseSchedule: The schedule.

    Raises:
        ValueError: If a value is out of range, or beta_start is above beta_end.

    Example:
        >>> import diffusion as d
        >>> d.linear(T=3, beta_start=0.1, beta_end=0.3).beta.tolist()
        [0.0, 0.1, 0.2, 0.3]
    """
    if beta_start > beta_end:
        raise ValueError(f"beta_start = {beta_start:g} exceeds beta_end = {beta_end:g}")
    return NoiseSchedule("linear", torch.linspace(beta_start, beta_end, T, dtype=torch.float64))


@checked
def cosine(
    T: Steps = 1000, s: Number = 0.008, beta_max: Annotated[float, Native, Field(gt=0, lt=1)] = 0.02
) -> NoiseSchedule:
    """Make a cosine schedule: alpha_bar falls along a squared cosine, and beta is clipped at `beta_max`.

    Nichol and Dhariwal (2021), as in Vrikkis (2024), Eqs. (7) to (9). Eq. (9) is printed as 1 - alpha_t /
    (alpha_t - 1); the intended ratio is alpha_t / alpha_{t-1}. `alpha_bar` is computed from the clipped beta,
    so the latents of Eq. (3) agree with the steps of Eq. (5).

    Args:
        T (int): Number of diffusion steps, 2 to 100,000. Default 1000.
        s (float): Offset near the clean image, in units of T; at least 0. Default 0.008.
        beta_max (float): Largest variance of a step, in (0, 1). Default 0.02.

    Returns:
        NoiseSchedule: The schedule.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> import diffusion as d
        >>> d.cosine(T=100).T
        100
        >>> float(d.cosine(beta_max=0.5).beta.max())
        0.5
    """
    t = torch.arange(T + 1, dtype=torch.float64)
    f = torch.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2  # Eq. (7)
    alpha_bar = f / f[0]  # Eq. (8)
    beta = 1 - alpha_bar[1:] / alpha_bar[:-1]  # Eq. (9), corrected
    return NoiseSchedule("cosine", beta.clamp(max=beta_max))


SCHEDULES: dict[str, Callable[..., NoiseSchedule]] = {"linear": linear, "cosine": cosine}
