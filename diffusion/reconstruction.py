"""How well a cold model reconstructs images from each level of degradation, and which digits come out."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffusion import centres, devices
from diffusion.cold import ColdDiffusion
from diffusion.zoom import SeedDistribution


@torch.inference_mode()
def reconstruct(
    process: ColdDiffusion, network: nn.Module, x: Tensor, level: int, precision: str
) -> tuple[Tensor, Tensor]:
    """Degrade x (N, 1, 28, 28) to one level, predict it back in one go; returns (degraded, reconstructed)."""
    device = next(network.parameters()).device
    t = torch.full((len(x),), level, device=device)
    degraded = process.degrade(x.to(device), t)
    with devices.autocast(device, precision):
        parts = [
            network(a, b / process.T).float() for a, b in zip(degraded.split(128), t.split(128), strict=True)
        ]
    return degraded.cpu(), torch.cat(parts).cpu()


def error_by_level(process: ColdDiffusion, network: nn.Module, x: Tensor, precision: str) -> dict:
    """Mean squared error per image at every level: mean and standard deviation over the images."""
    levels, mean, sd = list(range(1, process.T + 1)), [], []
    for level in levels:
        error = (
            (reconstruct(process, network, x, level, precision)[1] - x).square().flatten(1).mean(1)
        )  # (N,)
        mean.append(float(error.mean()))
        sd.append(float(error.std()))
    return {"levels": levels, "mse": mean, "sd": sd, "n": len(x)}


@torch.inference_mode()
def read_digits(classifier: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """The digit that the classifier sees in each image, (N,). Pixels are cut to [-0.5, 0.5] first."""
    return torch.cat([classifier(part.clamp(-0.5, 0.5)).argmax(1) for part in images.split(1000)])


def confusion(
    process: ColdDiffusion,
    network: nn.Module,
    classifier: Callable,
    x: Tensor,
    labels: Tensor,
    precision: str,
) -> dict:
    """Which digit comes out of a fully degraded one.

    Args:
        x, labels: (N, 1, 28, 28) in [-0.5, 0.5] and (N,) int64.
        classifier: images -> logits, (B, 10).

    Returns:
        "confusion": {"matrix" (counts, true digit by digit read), "accuracy", "n", "real_accuracy" (of the
        images themselves)}; "dark_centre", of the images with at least 12 of the 16 central pixels in the
        lowest tenth of the range: {"n", "share" (10,) of the digits read, "true_share" (10,)};
        "five_as_zero", "seven_as_zero": shares of the restored 5s and 7s.
    """
    out = reconstruct(process, network, x, process.T, precision)[1]
    read, real = read_digits(classifier, out), read_digits(classifier, x)
    matrix = torch.zeros(10, 10, dtype=torch.long).index_put_(
        (labels, read), torch.ones_like(labels), accumulate=True
    )
    share = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    dark = centres.dark(x)  # (N,)
    return {
        "confusion": {
            "matrix": matrix.tolist(),
            "accuracy": float((read == labels).float().mean()),
            "n": len(x),
            "real_accuracy": float((real == labels).float().mean()),
        },
        "dark_centre": {
            "n": int(dark.sum()),
            "share": _shares(read[dark]),
            "true_share": _shares(labels[dark]),
        },
        "five_as_zero": float(share[5, 0]),
        "seven_as_zero": float(share[7, 0]),
    }


def _shares(digits: Tensor) -> list[float]:
    """How often each digit occurs, (10,); zeros if there are none."""
    return (digits.bincount(minlength=10) / max(1, len(digits))).tolist()


def centre_pixels(seeds: SeedDistribution) -> dict:
    """The distribution of the central pixels: counts, and the shares of black, white and nearly either."""
    share = seeds.counts.double() / seeds.counts.sum()
    return {
        "counts": seeds.counts.tolist(),
        "black": float(share[0]),
        "white": float(share[250:].sum()),
        "extreme": float(share[:26].sum() + share[230:].sum()),
    }
