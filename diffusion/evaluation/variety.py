"""Labels that the classifier predicts for samples, and their fidelity and variety, with intervals."""

import numpy as np
import torch
from torch import Tensor

from diffusion.evaluation.statistics import Interval, half_error, wilson
from diffusion.runtime import generator


def grey(x: Tensor) -> Tensor:
    """Convert images (N, C, S, S) to (N, 1, S, S), the mean of their colours."""
    return x if x.shape[1] == 1 else x.mean(1, keepdim=True)


def read(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return labels (N,) int64 and confidence (N,) float64 in (0.1, 1] from logits (N, 10)."""
    # In float32 the probability of a clear digit may round to exactly 1, and ties could not be ranked.
    confidence, labels = logits.double().softmax(1).max(1)
    return labels, confidence


NEIGHBOURS = 3  # neighbours of precision and recall, as in their source
COVERING = 5  # neighbours of coverage, as in its source
HALVES = 50  # random halves behind an interval
FEWEST = 2 * (COVERING + 1)  # a half must contain an image and its neighbours
MOST_IMAGES = 2000  # per set: memory grows with its square


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
            for all models: at least `FEWEST`, at most the size of the sets and `MOST_IMAGES`.
        seed (int): Seeds the draws. Default 0.
    """
    n = min(n, MOST_IMAGES, len(real_features), len(features))
    real, fake = real_features.double(), features.double()
    fake = fake[torch.randperm(len(fake), generator=generator(seed, "variety", "samples"))[:n]]
    real = real[torch.randperm(len(real), generator=generator(seed, "variety", "real"))[:n]]
    shares, halves = _prc(real, fake), []
    for half in range(HALVES):
        a, b = (
            torch.randperm(n, generator=generator(seed, "variety half", kind, half))[: n // 2]
            for kind in ("real", "samples")
        )
        halves.append(_prc(real[a], fake[b]))
    wide = {key: half_error(np.array([half[key] for half in halves]), n) for key in ("recall", "coverage")}
    ends = {key: (max(0.0, shares[key] - e), min(1.0, shares[key] + e)) for key, e in wide.items()}
    ends["precision"] = wilson(round(shares["precision"] * n), n)
    return {key: Interval(value, *ends[key], n) for key, value in shares.items()}


def _prc(real: Tensor, fake: Tensor) -> dict[str, float]:
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
    return torch.cdist(x, x).kthvalue(NEIGHBOURS + 1).values  # itself is the first


def coverage(real: Tensor, fake: Tensor) -> float:
    """Return the share of real images with a sample in the ball that reaches their fifth real neighbour.

    Naeem et al. (2020), Eq. (7), for features (N, D), N at least 6, and (M, D). A perfect model has 1 - 2^-5
    = 0.97 if both sets are large and of one size.
    """
    exact = "donot_use_mm_for_euclid_dist"  # the distance from an image to itself or its copy is exactly 0
    radius = torch.cdist(real, real, compute_mode=exact).kthvalue(COVERING + 1).values  # itself is the first
    nearest = torch.cdist(real, fake, compute_mode=exact).amin(1)
    return float((nearest <= radius).double().mean())
