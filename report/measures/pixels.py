"""Measures of pixels: grey of the border, ink, and dark or white centres.

Once this module is imported, jobs take these measures of every set of images.
"""

import numpy as np
import torch
from torch import Tensor

from diffusion.evaluation.statistics import TAILS, Interval, numpy_generator
from diffusion.pixels import grey
from diffusion.processes.zoom import central_patch
from report.measures.registry import register
from report.results.scatter import mean_of

BORDER = 3  # pixels: width of the ring that counts as background
REPEATS = 2000  # draws behind an interval of a mean
PATCH = 4  # pixels across; the deepest zoom level leaves a patch of this size
BLACK, WHITE = -0.5 + 0.1, 0.5 - 0.1  # limits of the lowest and the highest tenth of the range
MOSTLY = 12  # a centre is dark (or white) if at least 12 of its 16 pixels are black (or white)


def ring(images: Tensor) -> Tensor:
    """The pixels of the outer ring of images (N, 1, S, S), (N, P)."""
    outside = torch.ones(images.shape[2:], dtype=torch.bool)
    outside[BORDER:-BORDER, BORDER:-BORDER] = False
    return images[:, 0, outside]


@register(
    lambda seen: (seen.images, seen.seed),
    background=("share", "mean grey of the border after clamping, 0 black to 1 white"),
)
def border_grey(images: Tensor, seed: int = 0) -> Interval:
    """Mean grey of the outer ring of images (N, 1, S, S), with a bootstrap interval; almost 0 in MNIST."""
    return bootstrap((ring(images).double().mean(1) / 255).numpy(), REPEATS, seed, "background")


def bootstrap(values: np.ndarray, repeats: int, *key: int | str) -> Interval:
    """Mean of values (N,) with the percentile interval of `repeats` resamples; `key` seeds the draws."""
    n, random = len(values), numpy_generator(*key)
    means = np.array([values[random.integers(0, n, n)].mean() for _ in range(repeats)])
    mean, (low, high) = float(values.mean()), np.quantile(means, TAILS)
    return Interval(mean, min(mean, float(low)), max(mean, float(high)))


@register(
    lambda seen: (grey(seen.x),),
    border=("share", "mean grey of the border before clamping, with the standard deviation over images"),
)
def border_before_clamping(samples: Tensor) -> Interval:
    """Mean and standard deviation of the ring's mean grey before clamping, which hides half of a drift."""
    border = ring(samples).double().mean(1) + 0.5
    return Interval(float(border.mean()), n=len(samples), sd=float(border.std()))


@register(lambda seen: (seen.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
def ink(images: Tensor) -> Interval:
    """Mean grey of all pixels of uint8 images (N, 1, S, S), 0 to 1."""
    return mean_of((images.double().mean((1, 2, 3)) / 255).tolist())


# --- the centre ---


def dark_centre(x: Tensor) -> Tensor:
    """Mask of the images x, (N, 1, S, S) in model units, with a dark centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) < BLACK).sum(1) >= MOSTLY


def white_centre(x: Tensor) -> Tensor:
    """Mask of the images x, (N, 1, S, S) in model units, with a white centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) > WHITE).sum(1) >= MOSTLY


@register(
    lambda seen: (grey(seen.x),),
    centre_dark=("share", "images whose central pixels are mostly black"),
    centre_white=("share", "images whose central pixels are mostly white"),
)
def centre_shares(x: Tensor) -> dict[str, Interval]:
    """Shares of the images x, (N, 1, S, S) in model units, with a dark and with a white centre, by name."""
    masks = {"centre_dark": dark_centre(x), "centre_white": white_centre(x)}
    return {name: Interval(float(mask.double().mean()), n=len(x)) for name, mask in masks.items()}
