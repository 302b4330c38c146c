"""How much of an image a noise schedule keeps at a time step."""

import torch
from torch import Generator, Tensor

from diffusion.ddpm import DDPM
from diffusion.schedules import NoiseSchedule


def facts(schedule: NoiseSchedule, beta_max: float) -> dict:
    """The schedule itself and two numbers about it, as JSON.

    `clipped_steps` counts the steps at the cap `beta_max`; `signal_T` is sqrt(alpha_bar_T), what is left at
    the end.
    """
    return {
        "beta": schedule.beta.tolist(),
        "alpha_bar": schedule.alpha_bar.tolist(),
        "clipped_steps": int((schedule.beta >= beta_max).sum()) if schedule.name == "cosine" else 0,
        "signal_T": float(schedule.alpha_bar[-1].sqrt()),
    }


def useful_steps(schedule: NoiseSchedule, low: float = 0.05, high: float = 0.95) -> int:
    """Steps whose latent is neither nearly the image nor nearly noise: low < alpha_bar < high."""
    return int(((schedule.alpha_bar > low) & (schedule.alpha_bar < high)).sum())


def at(schedule: NoiseSchedule, t: int, x: Tensor, generator: Generator) -> dict:
    """What is left of the images x, (N, 1, 28, 28), at step t.

    `correlation` is the mean over images of the Pearson correlation between the pixels of x and of its
    latent.
    """
    latent = DDPM(schedule).degrade(x, torch.full((len(x),), t), generator=generator)
    a, b = (v.flatten(1) - v.flatten(1).mean(1, keepdim=True) for v in (x, latent))  # (N, 784)
    correlation = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    alpha_bar = float(schedule.alpha_bar[t])
    return {
        "alpha_bar": alpha_bar,
        "signal": alpha_bar**0.5,
        "noise": (1 - alpha_bar) ** 0.5,
        "correlation": float(correlation.mean()),
        "correlation_sd": float(correlation.std()),
    }


def misprint_eq9(schedule: NoiseSchedule) -> dict:
    """The variances that Eq. (9) gives as printed, 1 - alpha_t / (alpha_t - 1), for t = 1..T.

    alpha_t is the cumulative product of the clipped schedule; before clipping alpha_T is 0, and beta_T would
    be 1.
    """
    alpha = schedule.alpha_bar[1:]
    beta = 1 - alpha / (alpha - 1)
    return {
        "min_beta": float(beta.min()),
        "max_beta": float(beta.max()),
        "share_above_one": float((beta > 1).double().mean()),
    }
