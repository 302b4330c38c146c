"""Probes of finished trainings: what a network errs in, is blind to, restores in one step, and copies."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffusion.evaluation.classifier import classes_of
from diffusion.evaluation.measures import register
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.processes import DDPM, ColdDiffusion
from diffusion.processes.base import Network, in_chunks
from diffusion.runtime import autocast, device_of, generator
from study.pixels import dark_centre
from study.series import mean_of

LEVELS = tuple(round(0.05 + 0.1 * i, 2) for i in range(10))  # alpha_bar of the scale common to all schedules
SHIFT = 1 / 28  # one standard deviation of the mean of 784 pixels of noise
LARGER = (3.0, 10.0, 30.0, 100.0)  # times that: levels of samples that nothing mended
NEAR = 0.05  # the share of test images that counts as near to a training image


# --- noise predictors ---


@torch.no_grad()
def predicted(network: Network, latent: Tensor, t: int, T: int, precision: str) -> Tensor:
    """The network's answer to latents (N, 1, 28, 28) of one time step, float32 on the CPU."""
    on = device_of(network)
    with autocast(on, precision):
        return in_chunks(network, latent.to(on), t, T).cpu()


class CommonLoss(NamedTuple):
    """A test loss at noise levels, values of alpha_bar: its mean, and by level."""

    mean: float
    levels: Sequence[float]
    by_level: Sequence[float]


@register(
    common_loss=("squared error", "test loss, mean over noise levels that are the same for all schedules"),
    common_loss_at=("squared error", "test loss at a noise level; x: alpha_bar"),
)
def common_loss(process: DDPM, network: Network, x: Tensor, precision: str, seed: int = 0) -> CommonLoss:
    """Test loss over the images x (N, 1, 28, 28) at fixed noise levels, the same for all schedules.

    The loss of Eq. (6) averages over a schedule's own time steps, so those of two schedules are not on one
    scale. This takes, for each of ten values of alpha_bar, the step that comes nearest to it. The noise is
    that of any other schedule with the same seed, so that chance moves the losses of both alike.
    """
    alpha_bar = process.schedule.alpha_bar[1:]
    steps = [int((alpha_bar - level).abs().argmin()) + 1 for level in LEVELS]
    eps, errors = torch.randn(x.shape, generator=generator(seed, "probe")), torch.zeros(len(steps), len(x))
    for i, t in enumerate(steps):
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        errors[i] = (predicted(network, latent, t, process.T, precision) - eps).square().mean((1, 2, 3))
    return CommonLoss(float(errors.mean()), LEVELS, errors.mean(1).tolist())


@register(response=("share", "of a uniform rise of the latents that the network sees as noise; x: time step"))
def response(
    process: DDPM,
    network: Network,
    x: Tensor,
    precision: str,
    seed: int = 0,
    steps: list[int] | None = None,
    size: float = 1.0,
) -> dict[int, Interval]:
    """The rise of the predicted noise when latents x_t are raised uniformly, over the ideal rise, by step.

    The shift is `size` times `SHIFT` standard deviations of the noise at t. At size 1 it is one of the mean
    of the noise's 784 pixels, so that training has shown the network such latents; a sampler that does not
    mend the level meets larger ones. If all of the shift is noise, the prediction should rise by the shift
    over sqrt(1 - alpha_bar_t). It is where the level of the clean image is known, as with MNIST's black
    ground, or where hardly any image is left.

    Args:
        x: test images (N, 1, 28, 28); half of them are raised and half lowered.
        steps: time steps; None: thirteen from T / 20 to T.
    """
    sign = (torch.arange(len(x)) % 2 * 2.0 - 1)[:, None, None, None]
    eps = torch.randn(x.shape, generator=generator(seed, "response"))
    steps = steps or sorted({max(1, process.T // 20), *_steps(process.T, 12)})
    found, shift = {}, size * SHIFT
    for t in steps:
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        raised = latent + shift * sign * process.schedule.sqrt_one_minus_alpha_bar[t]
        rise = predicted(network, raised, t, process.T, precision)
        rise -= predicted(network, latent, t, process.T, precision)
        each = (rise * sign).mean((1, 2, 3)) / shift  # (N,)
        found[t] = mean_of(each.tolist())
    return found


@register(recovered=("share", "test images read right when restored in one step; x: time step"))
def recovered(
    process: DDPM,
    network: Network,
    classifier: Network,
    x: Tensor,
    labels: Tensor,
    precision: str,
    seed: int = 0,
) -> dict[int, Interval]:
    """By step, the share of test images (N, 1, 28, 28) read right in what the network predicts from x_t.

    The classifier, images -> logits (B, 10), sees the prediction cut to [-0.5, 0.5].
    """
    eps = torch.randn(x.shape, generator=generator(seed, "recoverable"))
    found = {}
    for t in _steps(process.T, 10):
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        eps_hat = predicted(network, latent, t, process.T, precision)
        x0_hat = (
            latent - process.schedule.sqrt_one_minus_alpha_bar[t] * eps_hat
        ) / process.schedule.sqrt_alpha_bar[t]
        found[t] = share_of(classes_of(classifier, x0_hat) == labels)
    return found


def _steps(T: int, n: int) -> list[int]:
    """n evenly spaced time steps up to T, fewer where T is smaller."""
    return sorted({max(1, t) for t in torch.linspace(T / n, T, n).round().long().tolist()})


# --- restorations by cold diffusion ---


def reconstruct(
    process: ColdDiffusion, network: Network, x: Tensor, level: int, precision: str
) -> tuple[Tensor, Tensor]:
    """Degrade x (N, 1, 28, 28) to one level, predict it back in one go; returns (degraded, reconstructed)."""
    degraded = process.degrade(x, torch.full((len(x),), level))
    return degraded, predicted(network, degraded, level, process.T, precision)


@register(restoration_error=("squared error", "of images restored in one step, mean and deviation; x: level"))
def restoration_error(
    process: ColdDiffusion, network: Network, x: Tensor, precision: str
) -> dict[int, Interval]:
    """Mean squared error per image by level: mean and standard deviation over the images x."""
    found = {}
    for level in range(1, process.T + 1):
        restored = reconstruct(process, network, x, level, precision)[1]
        error = (restored - x).square().flatten(1).mean(1)  # (N,)
        found[level] = Interval(float(error.mean()), n=len(x), sd=float(error.std()))
    return found


@register(
    restored_right=("share", "test images read right when restored from the last level"),
    original_right=("share", "test images read right"),
    restored_as=("images", "of a class, restored from the last level; x: class that is read"),
    dark_centre_restored_as=("share", "classes read in restored images with a dark centre; x: class"),
    dark_centre_of=("share", "classes of images with a dark centre; x: class"),
)
def confusion(
    process: ColdDiffusion, network: Network, classifier: Callable, x: Tensor, labels: Tensor, precision: str
) -> dict[str, Any]:
    """The classes that come out of fully degraded images x, by name; `restored_as` by true class first."""
    out = reconstruct(process, network, x, process.T, precision)[1]
    read, real = classes_of(classifier, out), classes_of(classifier, x)
    K, dark = classifier(x[:1]).shape[1], dark_centre(x)  # dark: (N,)

    def shares(classes: Tensor) -> list[Interval]:
        counts = classes[dark].bincount(minlength=K)
        return [Interval(one, n=int(dark.sum())) for one in (counts / max(1, int(dark.sum()))).tolist()]

    return {
        "restored_right": Interval(float((read == labels).float().mean()), n=len(x)),
        "original_right": Interval(float((real == labels).float().mean()), n=len(x)),
        "restored_as": (labels * K + read).bincount(minlength=K * K).view(K, K).tolist(),
        "dark_centre_restored_as": shares(read),
        "dark_centre_of": shares(labels),
    }


# --- copies of training images ---


def nearest(x: Tensor, x_train: Tensor, chunk: int = 10_000) -> Tensor:
    """Euclidean distance of each image to the nearest training image, (N,); both bytes, taken as 0 to 1."""
    flat = x.flatten(1).float() / 255
    parts = x_train.flatten(1).split(chunk)
    return torch.stack([torch.cdist(flat, part.float() / 255).amin(1) for part in parts]).amin(0)


@register(
    copies=("share", "samples closer to a training image than 5 % of the test images are"),
    copies_in_class=("share", "the same, each against the test images of the class that it is read as"),
)
def memorised(found: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, Interval]:
    """Distances of samples to the nearest training image against those of test images, by name.

    `found` and `test` are distances (N,) and classes (N,), as read.
    """
    (far, labels), (test_far, test_labels) = found, test
    bound = test_far.quantile(NEAR)
    of_class = torch.stack(
        [
            test_far[test_labels == k].quantile(NEAR) if (test_labels == k).any() else bound
            for k in range(1 + int(max(labels.max(), test_labels.max())))
        ]
    )
    return {"copies": share_of(far < bound), "copies_in_class": share_of(far < of_class[labels])}
