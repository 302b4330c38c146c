"""Noise schedules: how fast a DDPM turns an image into noise.

Tensors have length T + 1 and are indexed by the time step: index 0 is the clean image, so `beta[0] = 0` and
`alpha_bar[0] = 1`. The study writes alpha_t for the cumulative product; here it is `alpha_bar`, as in Ho et
al. (2020).
"""

import inspect
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Self

import torch
from pydantic import Field
from torch import Tensor

from diffusion.bounds import Native, Number, checked, write_arguments


@checked
@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """A variance schedule.

    Attributes:
        name: what figures call it.
        beta: (T + 1,) float64, variance added in step t; beta[0] = 0.
        alpha_bar: (T + 1,) float64, prod_{i<=t} (1 - beta_i), the share of signal variance left at t.
    """

    name: str
    beta: Tensor
    alpha_bar: Tensor

    def __post_init__(self) -> None:
        kept, given = torch.cumprod(1 - self.beta.double(), 0), self.alpha_bar.double()
        if kept.ndim != 1 or kept.shape != given.shape or not kept.allclose(given):
            raise ValueError("alpha_bar is not cumprod(1 - beta); use from_beta or from_alpha_bar")

    @property
    def T(self) -> int:
        """Number of diffusion steps."""
        return len(self.beta) - 1

    def __repr__(self) -> str:
        """The call of its function in `SCHEDULES`, if one with the default `s` makes these tensors."""
        known = {"T": self.T, "beta_max": float(self.beta.max())}
        known |= {"beta_start": float(self.beta[min(1, self.T)]), "beta_end": float(self.beta[-1])}
        if make := SCHEDULES.get(self.name):
            values = {one: known[one] for one in inspect.signature(make).parameters if one in known}
            with suppress(ValueError):  # out of its bounds
                if make(**values).beta.allclose(self.beta.double(), rtol=1e-9, atol=0):
                    return f"{self.name}({', '.join(write_arguments(make, values))})"
        return f"<NoiseSchedule {self.name}, T = {self.T}>"

    @classmethod
    @checked
    def from_beta(cls, name: str, beta: Any) -> Self:
        """The schedule of beta_1..beta_T, (T,), a tensor, an array or a list.

        ValueError: a beta outside [0, 1): it would be no variance, or would erase the image at once.
        """
        beta = torch.as_tensor(beta, dtype=torch.float64)
        if (wrong := ~((beta >= 0) & (beta < 1))).any():
            t = int(wrong.nonzero()[0]) + 1
            raise ValueError(f"beta at t = {t} is {beta[t - 1]:g}; allowed: [0, 1)")
        beta = torch.cat([torch.zeros(1, dtype=torch.float64), beta])
        return cls(name, beta, torch.cumprod(1 - beta, 0))

    @classmethod
    @checked
    def from_alpha_bar(cls, name: str, alpha_bar: Any) -> Self:
        """The schedule of alpha_bar_0 = 1, ..., alpha_bar_T > 0, (T + 1,), a tensor, an array or a list.

        ValueError: it does not begin at 1, or rises.
        """
        alpha_bar = torch.as_tensor(alpha_bar, dtype=torch.float64)
        if abs(alpha_bar[0] - 1) > 1e-6:
            raise ValueError(f"alpha_bar at t = 0 is {alpha_bar[0]:g}; needed: 1, the clean image")
        return cls.from_beta(name, 1 - alpha_bar[1:] / alpha_bar[:-1])


Steps = Annotated[int, Native, Field(ge=2, le=100_000)]
Variance = Annotated[float, Native, Field(ge=0, lt=1)]


@checked
def linear(T: Steps = 1000, beta_start: Variance = 1e-5, beta_end: Variance = 0.02) -> NoiseSchedule:
    """beta rising linearly from `beta_start` at t = 1 to `beta_end` at t = T.

    The form is that of Ho et al. (2020), who start at 1e-4; 1e-5 is the study's (Sec. 2.3). ValueError: a
    value out of range, or beta_start above beta_end.
    """
    if beta_start > beta_end:
        raise ValueError(f"beta_start = {beta_start:g} exceeds beta_end = {beta_end:g}")
    return NoiseSchedule.from_beta("linear", torch.linspace(beta_start, beta_end, T, dtype=torch.float64))


@checked
def cosine(
    T: Steps = 1000, s: Number = 0.008, beta_max: Annotated[float, Native, Field(gt=0, lt=1)] = 0.02
) -> NoiseSchedule:
    """The cosine schedule of Nichol & Dhariwal (2021), in Vrikkis (2024) Eqs. (7)-(9), with beta clipped at
    `beta_max`; s is its offset near the clean image, in units of T.

    Eq. (9) is printed as 1 - alpha_t / (alpha_t - 1); the ratio meant is alpha_t / alpha_{t-1}. `alpha_bar`
    is recomputed from the clipped beta, so that the latents of Eq. (3) and the steps of Eq. (5) belong
    together.
    """
    t = torch.arange(T + 1, dtype=torch.float64)
    f = torch.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2  # Eq. (7)
    alpha_bar = f / f[0]  # Eq. (8)
    beta = 1 - alpha_bar[1:] / alpha_bar[:-1]  # Eq. (9), corrected
    return NoiseSchedule.from_beta("cosine", beta.clamp(max=beta_max))


SCHEDULES: dict[str, Callable[..., NoiseSchedule]] = {"linear": linear, "cosine": cosine}
