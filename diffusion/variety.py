"""Fidelity and variety of a set of samples, apart."""

import math

import torch
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from diffusion.distances import check_features
from diffusion.randomness import generator

NEIGHBOURS = 3  # of precision and recall, as in their source
COVERING = 5  # neighbours of coverage, as in its source
HALVES = 50  # random halves behind an interval
FEWEST = 2 * (COVERING + 1)  # a half must hold an image and its neighbours
MOST_IMAGES = 2000  # per set: memory grows with its square


def variety(real_features: Tensor, features: Tensor, n: int | None = None, seed: int = 0) -> dict[str, float]:
    """Precision and recall (Kynkäänniemi et al. 2019) by torch-fidelity, and coverage beside them.

    Precision is the share of samples inside the manifold of real images, recall the share of real images
    inside that of the samples; a manifold is the union of the balls that reach each point's third neighbour.
    Balls around samples that lie far apart are large, so that recall flatters scattered samples; coverage has
    balls around real images only.

    Args:
        real_features: (N, D).
        features: (M, D) of the samples.
        n: images taken at random from each set, since all three depend on n; None: as many as both offer,
            at most 2,000. Give the same n to all that are compared.

    Returns:
        {"precision", "recall", "coverage", "n"} and the 95 % intervals {"recall_low", "recall_high",
        "coverage_low", "coverage_high"}. All three are of points that are compared with each other, and no
        share of independent cases; so the intervals come from random halves of both sets, drawn without
        replacement, whose spread about their mean is that of the estimate (a delete-half jackknife).

    Raises:
        ValueError: features of different lengths or not finite, or n outside 12..min(N, M).
    """
    real = check_features(real_features, "real features")
    fake = check_features(features, dimension=real.shape[1])
    offered = min(len(real), len(fake))
    size = n if n is not None else min(offered, MOST_IMAGES)
    if not FEWEST <= size <= offered:
        raise ValueError(f"n is {size}; allowed: {FEWEST} to {offered}, the size of the smaller set")
    fake = fake[torch.randperm(len(fake), generator=generator(seed, "variety", "samples"))[:size]]
    real = real[torch.randperm(len(real), generator=generator(seed, "variety", "real"))[:size]]
    found = _measure(real, fake)
    halves = []
    for half in range(HALVES):
        a, b = (
            torch.randperm(size, generator=generator(seed, "variety half", s, half))
            for s in ("real", "samples")
        )
        halves.append(_measure(real[a[: size // 2]], fake[b[: size // 2]]))
    for key in ("recall", "coverage"):
        draws = torch.tensor([h[key] for h in halves], dtype=torch.float64)
        error = 1.96 * float(draws.std()) * math.sqrt((size // 2) / (size - size // 2))  # exact for an odd n
        found[f"{key}_low"], found[f"{key}_high"] = max(0.0, found[key] - error), min(1.0, found[key] + error)
    return found | {"n": size}


def _measure(real: Tensor, fake: Tensor) -> dict[str, float]:
    found = prc_features_to_metric(fake, real, prc_neighborhood=NEIGHBOURS, verbose=False)
    return {key: found[key] for key in ("precision", "recall")} | {"coverage": coverage(real, fake)}


def coverage(real: Tensor, fake: Tensor) -> float:
    """Share of real images with a sample in the ball that reaches their fifth real neighbour.

    Naeem et al. (2020), Eq. (7). Of a perfect model it is 1 - 2^-5 = 0.97 where both sets are large and of
    one size.

    Args:
        real: features (N, D), N at least 6.
        fake: features (M, D).
    """
    exact = "donot_use_mm_for_euclid_dist"  # no image is at a distance from itself, nor from its copy
    radius = torch.cdist(real, real, compute_mode=exact).kthvalue(COVERING + 1).values  # itself is the first
    nearest = torch.cdist(real, fake, compute_mode=exact).amin(1)
    return float((nearest <= radius).double().mean())
