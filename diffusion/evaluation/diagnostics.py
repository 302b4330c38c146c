"""Diagnostics of a trained network: where a noise predictor errs and is blind; what a zoom restores."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.evaluation.classifier import logits
from diffusion.evaluation.samples import dark_centre
from diffusion.processes import DDPM, ColdDiffusion
from diffusion.processes.base import Network, in_chunks
from diffusion.runtime import autocast, device_of, generator

LEVELS = tuple(round(0.05 + 0.1 * i, 2) for i in range(10))  # alpha_bar of the scale common to all schedules


@dataclass(frozen=True)
class CommonLoss:
    """The test loss at noise levels common to all schedules, values of alpha_bar: mean, and by level."""

    mean: float
    levels: list[float]
    by_level: list[float]


@dataclass(frozen=True)
class Reconstruction:
    """Mean squared error of restorations by zoom level: mean and standard deviation over n images."""

    levels: list[int]
    mse: list[float]
    sd: list[float]
    n: int


@dataclass(frozen=True)
class Confusion:
    """Fully degraded images restored: counts of true class by class read, and the shares read right."""

    matrix: list[list[int]]
    accuracy: float
    n: int
    real_accuracy: float


@dataclass(frozen=True)
class DarkCentre:
    """Shares by class: what is read in restorations of images with a dark centre, and what these are."""

    n: int
    share: list[float]
    true_share: list[float]


# --- noise predictors ---


@torch.no_grad()
def predicted(network: Network, latent: Tensor, t: int, T: int, precision: str) -> Tensor:
    """The network's answer to latents (N, 1, 28, 28) of one time step, float32 on the CPU."""
    on = device_of(network)
    with autocast(on, precision):
        return in_chunks(network, latent.to(on), t, T).cpu()


def noise_error(process: DDPM, network: Network, x: Tensor, t: int, precision: str, seed: int) -> Tensor:
    """Mean squared error of the predicted noise at one time step, of each image of x (N, 1, 28, 28): (N,)."""
    eps = torch.randn(x.shape, generator=generator(seed, "probe"))
    latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
    return (predicted(network, latent, t, process.T, precision) - eps).square().mean((1, 2, 3))


def common_loss(process: DDPM, network: Network, x: Tensor, precision: str, seed: int = 0) -> CommonLoss:
    """Test loss over the images x (N, 1, 28, 28) at fixed noise levels, the same for all schedules.

    The loss of Eq. (6) averages over a schedule's own time steps, so those of two schedules are not on one
    scale. This takes, for each of ten values of alpha_bar, the step that comes nearest to it. The noise is
    that of any other schedule with the same seed, so that chance moves the losses of both alike.
    """
    alpha_bar = process.schedule.alpha_bar[1:]
    steps = [int((alpha_bar - level).abs().argmin()) + 1 for level in LEVELS]
    errors = torch.stack([noise_error(process, network, x, t, precision, seed) for t in steps])  # (10, N)
    return CommonLoss(mean=float(errors.mean()), levels=list(LEVELS), by_level=errors.mean(1).tolist())


# --- restorations by cold diffusion ---


def reconstruct(
    process: ColdDiffusion, network: Network, x: Tensor, level: int, precision: str
) -> tuple[Tensor, Tensor]:
    """Degrade x (N, 1, 28, 28) to one level, predict it back in one go; returns (degraded, reconstructed)."""
    degraded = process.degrade(x, torch.full((len(x),), level))
    return degraded, predicted(network, degraded, level, process.T, precision)


def error_by_level(process: ColdDiffusion, network: Network, x: Tensor, precision: str) -> Reconstruction:
    """Mean squared error per image at every level: mean and standard deviation over the images."""
    levels, mean, sd = list(range(1, process.T + 1)), [], []
    for level in levels:
        restored = reconstruct(process, network, x, level, precision)[1]
        error = (restored - x).square().flatten(1).mean(1)  # (N,)
        mean.append(float(error.mean()))
        sd.append(float(error.std()))
    return Reconstruction(levels=levels, mse=mean, sd=sd, n=len(x))


def classes_of(classifier: Network, images: Tensor) -> Tensor:
    """The class that the classifier sees in each image, (N,). Pixels are cut to [-0.5, 0.5] first."""
    return logits(classifier, images.clamp(-0.5, 0.5)).argmax(1)


def confusion(
    process: ColdDiffusion, network: Network, classifier: Callable, x: Tensor, labels: Tensor, precision: str
) -> dict[str, Confusion | DarkCentre | float]:
    """The classes that come out of fully degraded images: fields of the study's `ZoomProbes`, by name.

    Args:
        x, labels: (N, 1, 28, 28) in [-0.5, 0.5] and (N,) int64.
        classifier: images -> logits, (B, K).

    Returns:
        "confusion"; "dark_centre", of the images with a dark one; "five_as_zero" and "seven_as_zero", shares
        of the restored 5s and 7s, where there are ten classes.
    """
    out = reconstruct(process, network, x, process.T, precision)[1]
    read, real = classes_of(classifier, out), classes_of(classifier, x)
    K = classifier(x[:1]).shape[1]
    matrix = (labels * K + read).bincount(minlength=K * K).view(K, K)
    share = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    dark = dark_centre(x)  # (N,)
    return {
        "confusion": Confusion(
            matrix=matrix.tolist(),
            accuracy=float((read == labels).float().mean()),
            n=len(x),
            real_accuracy=float((real == labels).float().mean()),
        ),
        "dark_centre": DarkCentre(
            n=int(dark.sum()), share=_shares(read[dark], K), true_share=_shares(labels[dark], K)
        ),
        "five_as_zero": float(share[5, 0]) if K == 10 else None,
        "seven_as_zero": float(share[7, 0]) if K == 10 else None,
    }


def _shares(classes: Tensor, K: int) -> list[float]:
    """Shares of the classes, (K,); zeros if there are none."""
    return (classes.bincount(minlength=K) / max(1, len(classes))).tolist()
