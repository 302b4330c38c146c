"""Noise schedules: how fast a DDPM turns an image into noise.

Tensors have length T + 1 and are indexed by the time step: index 0 is the clean image, so `beta[0] = 0` and
`alpha_bar[0] = 1`. The study writes alpha_t for the cumulative product; here it is `alpha_bar`, as in Ho et
al. (2020).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
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

    @property
    def T(self) -> int:
        """Number of diffusion steps."""
        return len(self.beta) - 1

    @classmethod
    def from_beta(cls, name: str, beta: Tensor) -> "NoiseSchedule":
        """Build from beta_1..beta_T, (T,).

        Raises:
            ValueError: a beta outside [0, 1): it would be no variance, or would erase the image at once.
        """
        wrong = ~((beta >= 0) & (beta < 1))
        if wrong.any():
            t = int(wrong.nonzero()[0]) + 1
            raise ValueError(
                f"beta at t = {t} is {beta[t - 1]:g}; allowed: [0, 1); change the schedule's parameters"
            )
        beta = torch.cat([torch.zeros(1, dtype=torch.float64), beta.double()])
        return cls(name, beta, torch.cumprod(1 - beta, 0))


def _check_steps(T: int) -> None:
    if not isinstance(T, int) or T < 2:
        raise ValueError(f"T is {T!r}; a schedule needs a whole number of steps, 2 or more (the study: 1000)")


def linear(T: int = 1000, beta_start: float = 1e-5, beta_end: float = 0.02) -> NoiseSchedule:
    """beta rising linearly from `beta_start` at t = 1 to `beta_end` at t = T.

    The form is that of Ho et al. (2020), who start at 1e-4; 1e-5 is the study's (Sec. 2.3).

    Raises:
        ValueError: T below 2, or not 0 <= beta_start <= beta_end < 1.
    """
    _check_steps(T)
    if not 0 <= beta_start <= beta_end < 1:
        raise ValueError(
            f"beta_start = {beta_start:g}, beta_end = {beta_end:g}; needed: 0 <= start <= end < 1"
        )
    return NoiseSchedule.from_beta("linear", torch.linspace(beta_start, beta_end, T, dtype=torch.float64))


def cosine(T: int = 1000, s: float = 0.008, beta_max: float = 0.02) -> NoiseSchedule:
    """The cosine schedule of Nichol & Dhariwal (2021), Eqs. (7)-(9) of the study, with beta clipped at
    `beta_max`.

    Eq. (9) is printed as 1 - alpha_t / (alpha_t - 1); the ratio meant is alpha_t / alpha_{t-1}. `alpha_bar`
    is recomputed from the clipped beta, so that the latents of Eq. (3) and the steps of Eq. (5) belong
    together.

    Raises:
        ValueError: T below 2, s negative, or beta_max outside (0, 1).
    """
    _check_steps(T)
    if not s >= 0 or not 0 < beta_max < 1:
        raise ValueError(f"s = {s:g}, beta_max = {beta_max:g}; needed: s >= 0 and 0 < beta_max < 1")
    t = torch.arange(T + 1, dtype=torch.float64)
    f = torch.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2  # Eq. (7)
    alpha_bar = f / f[0]  # Eq. (8)
    beta = 1 - alpha_bar[1:] / alpha_bar[:-1]  # Eq. (9), corrected
    return NoiseSchedule.from_beta("cosine", beta.clamp(max=beta_max))


SCHEDULES = {"linear": linear, "cosine": cosine}


def build(name: str, T: int, beta_start: float, beta_end: float, s: float, beta_max: float) -> NoiseSchedule:
    """A schedule by name, from the flat parameters of a notebook; those of the other schedule are ignored.

    Raises:
        ValueError: an unknown name, or what the schedule itself refuses.
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedule is {name!r}; allowed: {', '.join(SCHEDULES)}")
    return linear(T, beta_start, beta_end) if name == "linear" else cosine(T, s, beta_max)
