"""Probes of finished trainings: what a network errs in, is blind to, restores in one step, and copies."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffusion.evaluation.classifier import classes_of
from diffusion.evaluation.measures import register
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.processes.base import Network, in_chunks
from diffusion.runtime import autocast, device_of, generator
from diffusion.training.run import Run
from report.results.scatter import mean_of

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


@register(response=("share", "of a uniform rise of the latents that the network sees as noise; x: time step"))
def response(
    run: Run, x: Tensor, epoch: int | None = None, *, seed: int, steps: Sequence[int] = (), size: float = 1.0
) -> dict[int, Interval]:
    """The rise of the predicted noise when latents x_t are raised uniformly, over the ideal rise, by step.

    The shift is `size` times `SHIFT` standard deviations of the noise at t. At size 1 it is one of the mean
    of the noise's 784 pixels, so that training has shown the network such latents; a sampler that does not
    mend the level meets larger ones. If all of the shift is noise, the prediction should rise by the shift
    over sqrt(1 - alpha_bar_t). It is where the level of the clean image is known, as with MNIST's black
    ground, or where hardly any image is left.

    Args:
        x: test images (N, 1, 28, 28); half of them are raised and half lowered.
        epoch: after which the network is probed; None: the last one.
        steps: time steps; none: thirteen from T / 20 to T.
    """
    process, network = run.process, run.network(epoch)
    sign = (torch.arange(len(x)) % 2 * 2.0 - 1)[:, None, None, None]
    eps = torch.randn(x.shape, generator=generator(seed, "response"))
    steps = steps or sorted({max(1, process.T // 20), *_steps(process.T, 12)})
    found, shift = {}, size * SHIFT
    for t in steps:
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        raised = latent + shift * sign * (1 - process.schedule.alpha_bar[t]).sqrt().float()
        rise = predicted(network, raised, t, process.T, run.precision)
        rise -= predicted(network, latent, t, process.T, run.precision)
        each = (rise * sign).mean((1, 2, 3)) / shift  # (N,)
        found[t] = mean_of(each.tolist())
    return found


@register(recovered=("share", "test images read right when restored in one step; x: time step"))
def recovered(run: Run, classifier: Network, x: Tensor, labels: Tensor, seed: int) -> dict[int, Interval]:
    """By step, the share of test images (N, 1, 28, 28) read right in what the network predicts from x_t.

    The classifier, images -> logits (B, 10), sees the prediction cut to [-0.5, 0.5].
    """
    process, network = run.process, run.network()
    eps = torch.randn(x.shape, generator=generator(seed, "recoverable"))
    found = {}
    for t in _steps(process.T, 10):
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        eps_hat = predicted(network, latent, t, process.T, run.precision)
        a = run.process.schedule.alpha_bar[t]
        x0_hat = (latent - (1 - a).sqrt().float() * eps_hat) / a.sqrt().float()
        found[t] = share_of(classes_of(classifier, x0_hat) == labels)
    return found


def _steps(T: int, n: int) -> list[int]:
    """n evenly spaced time steps up to T, fewer where T is smaller."""
    return sorted({max(1, t) for t in torch.linspace(T / n, T, n).round().long().tolist()})


# --- restorations by cold diffusion ---


@register(restoration_error=("squared error", "of images restored in one step, mean and deviation; x: level"))
def restoration_error(run: Run, x: Tensor) -> dict[int, Interval]:
    """Mean squared error per image by level: mean and standard deviation over the images x."""
    process, network, found = run.process, run.network(), {}
    for level in range(1, process.T + 1):
        degraded = process.degrade(x, torch.full((len(x),), level))
        restored = predicted(network, degraded, level, process.T, run.precision)
        error = (restored - x).square().flatten(1).mean(1)  # (N,)
        found[level] = Interval(float(error.mean()), n=len(x), sd=float(error.std()))
    return found


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
    of_class = bound.repeat(len(far))
    for k in test_labels.unique():
        of_class[labels == k] = test_far[test_labels == k].quantile(NEAR)
    return {"copies": share_of(far < bound), "copies_in_class": share_of(far < of_class)}
