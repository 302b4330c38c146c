"""Fidelity and variety of samples: precision, recall and coverage, with intervals."""

import numpy as np
import torch
from torch import Tensor

from diffusion.evaluation.statistics import Interval, half_error, wilson
from diffusion.pixels import COMPARED
from diffusion.runtime import generator

REACH = 3  # neighbours of precision and recall, as in their source
COVERING = 5  # neighbours of coverage, as in its source
HALVES = 50  # random halves behind an interval
FEWEST_IMAGES = 2 * (COVERING + 1)  # a half must contain an image and its neighbours
MEANINGFUL = 100  # images below which these measures mean little: samples that are noise may get 1 and 0.95


def precision_recall_coverage(
    real_features: Tensor, features: Tensor, n: int, seed: int = 0
) -> dict[str, Interval]:
    """Return precision, recall and coverage by name.

    Precision and recall are defined by Kynkäänniemi et al. (2019). Precision is the share of
    samples inside the manifold of real images, recall the share of real images inside the manifold of
    samples. A manifold is the union of balls that reach each point's third neighbour. Samples that are far
    apart have large balls, so recall flatters scattered samples; coverage uses balls around real images only.

    The interval of precision is Wilson's. The intervals of recall and coverage come from random halves of
    both sets (`statistics.half_scale`), because their points are compared with each other and are not
    independent.

    Args:
        real_features (Tensor): (N, D), of real images.
        features (Tensor): (M, D), of samples.
        n (int): Images taken at random from each set, because all three measures depend on n. Use the same n
            for all models: at least `FEWEST_IMAGES`, at most the size of the sets and `COMPARED`.
        seed (int): Seeds the draws. Default 0.
    """
    n = min(n, COMPARED, len(real_features), len(features))
    real = _draw(real_features.double(), n, seed, "variety", "real")
    fake = _draw(features.double(), n, seed, "variety", "samples")
    shares, halves = _shares(real, fake), []
    for half in range(HALVES):
        real_half = _draw(real, n // 2, seed, "variety half", "real", half)
        fake_half = _draw(fake, n // 2, seed, "variety half", "samples", half)
        halves.append(_shares(real_half, fake_half))
    intervals = {}
    for name, share in shares.items():
        error = half_error(np.array([half[name] for half in halves]), n)
        intervals[name] = Interval(share, max(0.0, share - error), min(1.0, share + error), n)
    low, high = wilson(round(shares["precision"] * n), n)
    return intervals | {"precision": Interval(shares["precision"], low, high, n)}


def _draw(x: Tensor, n: int, *key: int | str) -> Tensor:
    """Return n rows of x at random; `key` seeds the draw."""
    return x[torch.randperm(len(x), generator=generator(*key))[:n]]


def _shares(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Return precision, recall and coverage.

    Precision and recall equal torch-fidelity's, whose import takes two seconds.
    """
    to_fake = torch.cdist(real, fake)  # (N, M)
    to_real = to_fake.T
    recalled = (to_fake <= _radii(fake)).any(1)
    precise = (to_real <= _radii(real)).any(1)
    shares = {"precision": precise.float().mean().item(), "recall": recalled.float().mean().item()}
    return shares | {"coverage": coverage(real, fake)}


def _radii(x: Tensor) -> Tensor:
    """Return the distances (N,) from features (N, D) to their third neighbours among them."""
    return torch.cdist(x, x).kthvalue(REACH + 1).values  # itself is the first


def coverage(real: Tensor, fake: Tensor) -> float:
    """Return the share of real images with a sample in the ball that reaches their fifth real neighbour.

    Naeem et al. (2020), Eq. (7), for features (N, D), N at least 6, and (M, D). A perfect model has 1 - 2^-5
    = 0.97 if both sets are large and of one size.
    """
    exact = "donot_use_mm_for_euclid_dist"  # the distance from an image to itself or its copy is exactly 0
    radius = torch.cdist(real, real, compute_mode=exact).kthvalue(COVERING + 1).values  # itself is the first
    nearest = torch.cdist(real, fake, compute_mode=exact).amin(1)
    return float((nearest <= radius).double().mean())
