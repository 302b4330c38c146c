"""How dark the background of images is: the grey of a ring of pixels along their edge."""

import math

import numpy as np
import torch
from torch import Tensor

from diffusion.extractors import check_uint8
from diffusion.intervals import TAILS, numpy_generator

BORDER = 3  # pixels: width of the ring


def background(images: Tensor, repeats: int = 2000, seed: int = 0) -> dict[str, float]:
    """Mean grey value, 0 (black) to 1 (white), of the outer ring of 3 pixels: almost 0 in MNIST.

    Args:
        images: uint8 (N, 1, 28, 28), N >= 2.

    Returns:
        {"mean", "low", "high"}; the interval is from a bootstrap over images: pixels of one are dependent.

    Raises:
        ValueError: other images, or fewer than two.
    """
    grey = _grey(images).cpu().numpy()  # (N,)
    n, random = len(grey), numpy_generator(seed, "background")
    means = np.array([grey[random.integers(0, n, n)].mean() for _ in range(repeats)])
    low, high = np.quantile(means, TAILS)
    mean = float(grey.mean())
    return {"mean": mean, "low": min(mean, float(low)), "high": max(mean, float(high))}


def background_gap(a: Tensor, b: Tensor) -> dict[str, float]:
    """Mean of `background` of a minus that of b, image by image, with its 95 % interval.

    Args:
        a, b: uint8 (N, 1, 28, 28), N >= 2, drawn from the same noise, so that their images correspond.

    Raises:
        ValueError: other images, fewer than two, or not as many in both.
    """
    if len(a) != len(b):
        raise ValueError(
            f"{len(a)} and {len(b)} images; give as many of each, for they are compared in pairs"
        )
    gap = _grey(a) - _grey(b)
    mean, error = float(gap.mean()), float(1.96 * gap.std() / math.sqrt(len(gap)))
    return {"mean": mean, "low": mean - error, "high": mean + error}


def border(samples: Tensor) -> dict[str, float]:
    """The border's grey before clamping: {"mean", "sd"} over images of the mean over the ring.

    On the scale of `background`, 0 (black) to 1; a border darker than black is negative. Clamping hides such
    borders, and with them half of what a drift of the mean does.

    Args:
        samples: (N, 1, 28, 28) in model units, N >= 2.
    """
    grey = samples[:, 0, _ring()].double().mean(1) + 0.5
    return {"mean": float(grey.mean()), "sd": float(grey.std())}


def _ring() -> Tensor:
    """Mask (28, 28) of the border, which counts as background."""
    ring = torch.ones(28, 28, dtype=torch.bool)
    ring[BORDER:-BORDER, BORDER:-BORDER] = False
    return ring


def _grey(images: Tensor) -> Tensor:
    """Mean grey of the border of each uint8 image, 0 to 1: (N,)."""
    check_uint8(images)
    if len(images) < 2:
        raise ValueError(f"{len(images)} images; an interval needs at least 2")
    return images[:, 0, _ring()].double().mean(1) / 255
