"""Probes of finished trainings: blindness to an offset, restoration in one step, copies of images."""

import torch
from torch import Tensor

from diffusion.evaluation.diagnostics import classes_of, predicted
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.measures import measure
from diffusion.evaluation.statistics import mean_of, share_of
from diffusion.processes import DDPM
from diffusion.processes.base import Network
from diffusion.runtime import generator

SHIFT = 1 / 28  # one standard deviation of the mean of 784 pixels of noise
LARGER = (3.0, 10.0, 30.0, 100.0)  # times that: levels of samples that nothing mended
NEAR = 0.05  # the share of test images that counts as near to a training image


@measure(response=("share", "of a uniform rise of the latents that the network sees as noise; x: time step"))
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


@measure(recovered=("share", "test images read right when restored in one step; x: time step"))
def recovered(
    process: DDPM,
    network: Network,
    classifier: Network,
    x: Tensor,
    labels: Tensor,
    precision: str,
    seed: int = 0,
) -> dict[int, Interval]:
    """By step, the share of test images read right in the clean image that the network predicts from x_t.

    Args:
        x, labels: (N, 1, 28, 28) in [-0.5, 0.5] and (N,).
        classifier: images -> logits, (B, 10); it sees the prediction cut to [-0.5, 0.5].
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


def nearest(x: Tensor, x_train: Tensor, chunk: int = 10_000) -> Tensor:
    """Distance of each image to the nearest training image, (N,).

    Args:
        x, x_train: bytes, (N, 1, 28, 28) and (M, 1, 28, 28). Distances are Euclidean, of grey values 0 to 1.
    """
    flat = x.flatten(1).float() / 255
    parts = x_train.flatten(1).split(chunk)
    return torch.stack([torch.cdist(flat, part.float() / 255).amin(1) for part in parts]).amin(0)


@measure(
    copies=("share", "samples closer to a training image than 5 % of the test images are"),
    copies_in_class=("share", "the same, each against the test images of the class that it is read as"),
)
def memorised(found: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, Interval]:
    """Distances of samples to the nearest training image against those of test images, by name.

    Args:
        found, test: distances (N,) and classes (N,), as read, of samples and of test images.
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
