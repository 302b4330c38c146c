"""Probes of a finished run: response to offsets, one-step restorations, copies of training images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffusion.evaluation.classifier import classes_of
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.processes.base import Network, in_chunks
from diffusion.runtime import autocast, device_of, generator
from diffusion.training.run import Run
from report.measures.registry import register
from report.results.scatter import mean_of

SHIFT = 1 / 28  # one standard deviation of the mean of 784 pixels of noise
LARGER = (3.0, 10.0, 30.0, 100.0)  # sizes of further shifts, for offsets that sampling has not corrected
NEAR = 0.05  # share of test images that count as near to a training image


# --- noise predictors ---


@torch.no_grad()
def predicted(network: Network, latent: Tensor, t: int, T: int, precision: str) -> Tensor:
    """The output of a network for latents (N, C, S, S) of one time step, float32 on the CPU."""
    on = device_of(network)
    with autocast(on, precision):
        return in_chunks(network, latent.to(on), t, T).cpu()


@register(response=("share", "share of a uniform rise of latents that a network sees as noise; x: time step"))
def response(
    run: Run, x: Tensor, epoch: int | None = None, *, seed: int, steps: Sequence[int] = (), size: float = 1.0
) -> dict[int, Interval]:
    """The rise of the predicted noise when latents x_t are raised uniformly, over the ideal rise, by step.

    A shift of size 1 is one standard deviation of the mean of the noise over an image at t (with 784 pixels
    `SHIFT` standard deviations of the noise), so the network has seen such latents in training. Larger shifts
    occur in samplers that do not correct the level.

    The ideal rise is the shift over sqrt(1 - alpha_bar_t), since all of the shift is noise. This holds if the
    level of the clean image is known, as with the black background of MNIST, or if hardly any image is left.

    Args:
        run: a finished DDPM.
        x: test images (N, C, S, S); half of them are raised and half lowered.
        epoch: epoch of the weights. If None, the last.
        seed: seeds the noise.
        steps: time steps. If empty, up to thirteen from T / 20 to T.
        size: size of the shift. Default 1.
    """
    process, network = run.process, run.network(epoch)
    sign = (torch.arange(len(x)) % 2 * 2.0 - 1)[:, None, None, None]
    eps = torch.randn(x.shape, generator=generator(seed, "response"))
    steps = steps or sorted({max(1, process.T // 20), *_steps(process.T, 12)})
    answers, shift = {}, size * x[0].numel() ** -0.5
    for t in steps:
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        raised = latent + shift * sign * (1 - process.schedule.alpha_bar[t]).sqrt().float()
        rise = predicted(network, raised, t, process.T, run.precision)
        rise -= predicted(network, latent, t, process.T, run.precision)
        each = (rise * sign).mean((1, 2, 3)) / shift  # (N,)
        answers[t] = mean_of(each.tolist())
    return answers


@register(recovered=("share", "test images that are read correctly after one-step restoring; x: time step"))
def recovered(run: Run, classifier: Network, x: Tensor, labels: Tensor, seed: int) -> dict[int, Interval]:
    """The share of test images (N, C, S, S) that are read correctly in the prediction from x_t, by step.

    The classifier maps images to logits (B, 10), and gets the prediction clipped to [-0.5, 0.5].
    """
    process, network = run.process, run.network()
    eps = torch.randn(x.shape, generator=generator(seed, "recoverable"))
    shares = {}
    for t in _steps(process.T, 10):
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        eps_hat = predicted(network, latent, t, process.T, run.precision)
        a = run.process.schedule.alpha_bar[t]
        x0_hat = (latent - (1 - a).sqrt().float() * eps_hat) / a.sqrt().float()
        shares[t] = share_of(classes_of(classifier, x0_hat) == labels)
    return shares


def _steps(T: int, n: int) -> list[int]:
    """n evenly spaced time steps up to T, or fewer if T is smaller."""
    return sorted({max(1, t) for t in torch.linspace(T / n, T, n).round().long().tolist()})


# --- restorations by cold diffusion ---


@register(restoration_error=("squared error", "error of images restored in one step; x: level"))
def restoration_error(run: Run, x: Tensor) -> dict[int, Interval]:
    """Squared error of restored images by level: mean and standard deviation over the images x."""
    process, network, errors = run.process, run.network(), {}
    for level in range(1, process.T + 1):
        degraded = process.degrade(x, torch.full((len(x),), level))
        restored = predicted(network, degraded, level, process.T, run.precision)
        error = (restored - x).square().flatten(1).mean(1)  # (N,)
        errors[level] = Interval(float(error.mean()), n=len(x), sd=float(error.std()))
    return errors


# --- copies of training images ---


def nearest(x: Tensor, x_train: Tensor, chunk: int = 10_000) -> Tensor:
    """Euclidean distance (N,) of each image to the nearest training image; both are bytes, scaled to 0..1."""
    flat = x.flatten(1).float() / 255
    parts = x_train.flatten(1).split(chunk)
    return torch.stack([torch.cdist(flat, part.float() / 255).amin(1) for part in parts]).amin(0)


@register(
    copies=("share", "samples that are closer to a training image than 95% of the test images"),
    copies_in_class=("share", "the same, each sample compared with test images of the class that is read"),
)
def memorised(samples: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, Interval]:
    """Shares of samples that are unusually close to a training image, by name.

    Args:
        samples: distances (N,) of the samples to the nearest training image, and their classes (N,) as read.
        test: the same for test images.
    """
    (far, labels), (test_far, test_labels) = samples, test
    threshold = test_far.quantile(NEAR)
    of_class = threshold.repeat(len(far))
    for k in test_labels.unique():
        of_class[labels == k] = test_far[test_labels == k].quantile(NEAR)
    return {"copies": share_of(far < threshold), "copies_in_class": share_of(far < of_class)}
