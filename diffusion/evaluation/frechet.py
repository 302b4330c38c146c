"""Distances between sets of images: Fréchet (FID) and kernel (KID), with floor and interval, in float64.

    extractor = features.extractors()["digits"]
    reference = Reference(extractor.features(to_uint8(test_images)))
    frechet_distance(reference, extractor.features(to_uint8(samples)))          # a number

A distance depends on its number of images n and on its extractor. Compare it with its `floor`, the distance
of equally many real images, which is not zero.
"""

import math

import numpy as np
import torch
from torch import Tensor

from diffusion.evaluation.statistics import Interval, centred, half_scale
from diffusion.pixels import grey_values
from diffusion.runtime import generator

SUBSETS, MOST = 50, 1000  # for a kernel distance: number of random subsets, and most images in a subset


def to_uint8(x: Tensor) -> Tensor:
    """Convert images (N, C, S, S) in model units to bytes: clamp to [-0.5, 0.5], scale and round."""
    return grey_values(x.float())


class Reference:
    """The features of real images, and their statistics.

    Attributes:
        features (Tensor): (N, D) float64, a copy.
        mean (Tensor): (D,).
        root (Tensor): (D, D), the symmetric square root of the covariance.
    """

    def __init__(self, features: Tensor):
        self.features = features.detach().cpu().double().clone()
        values, vectors = torch.linalg.eigh(torch.atleast_2d(torch.cov(self.features.T)))
        self.mean, self.root = self.features.mean(0), (vectors * values.clamp(min=0).sqrt()) @ vectors.T

    def distance(self, centre: Tensor, a: Tensor) -> float:
        """Return the Fréchet distance (Heusel et al. 2017) to images with given mean and covariance.

        |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), at least 0, with mu_a = `centre`, (D,), and S_a =
        a.T @ a, a (n, D). The trace of the root is the sum of the singular values of a S_b^(1/2).
        """
        cross = torch.linalg.svdvals(a @ self.root).sum()
        spread = a.square().sum() + self.root.square().sum() - 2 * cross
        return max(0.0, ((centre - self.mean).square().sum() + spread).item())


def frechet_distance(reference: Reference, features: Tensor) -> float:
    """Return the Fréchet distance of features (N, D) to the reference, at least 0."""
    features = features.detach().cpu().double()
    centre = features.mean(0)
    return reference.distance(centre, (features - centre) / math.sqrt(len(features) - 1))


def kid(reference: Reference, features: Tensor, seed: int = 0) -> Interval:
    """Return the kernel distance KID (Binkowski et al. 2018): mean and sd over random subsets.

    A subset has half the size of the smaller set, at most 1,000 images. The estimate is unbiased at any n:
    real images score zero on average, so it may be negative. Agrees with torchmetrics'
    `KernelInceptionDistance`, whose import takes four seconds.
    """
    real, features = reference.features, features.detach().cpu().double()
    size, scores = min(MOST, max(2, min(len(real), len(features)) // 2)), []
    random = torch.Generator().manual_seed(seed)
    for _ in range(SUBSETS):
        a, b = (x[torch.randperm(len(x), generator=random)[:size]] for x in (real, features))
        scores.append(_discrepancy(a, b))
    values = torch.stack(scores)
    return Interval(values.mean().item(), n=len(features), sd=values.std(unbiased=False).item())


def _discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy of a and b, (n, D): kernel (x y / D + 1)^3."""
    n = len(a)
    kernel_a, kernel_b, kernel_ab = ((x @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = sum((kernel.sum(-1) - kernel.diagonal()).sum() for kernel in (kernel_a, kernel_b))
    return within / (n * (n - 1)) - 2 * kernel_ab.sum(0).sum() / n**2


# --- floors and intervals ---


def floor(train_features: Tensor, reference: Reference, n: int, repeats: int = 10, seed: int = 0) -> Interval:
    """Return the real-vs-real floor: mean and sd of the distance of n random training images.

    The draws share no image while n * repeats fit into the training features. Beyond that, each draw is a new
    permutation, and the standard deviation is slightly too small.
    """
    order = torch.randperm(len(train_features), generator=generator(seed, "floor"))
    distances = []
    for repeat in range(repeats):
        chosen = order[repeat * n : (repeat + 1) * n]
        if len(chosen) < n:
            chosen = torch.randperm(len(train_features), generator=generator(seed, "floor", repeat))[:n]
        distances.append(frechet_distance(reference, train_features[chosen]))
    return Interval(float(np.mean(distances)), n=n, sd=float(np.std(distances, ddof=1)))


def distance(reference: Reference, features: Tensor, repeats: int = 200, seed: int = 0) -> Interval:
    """Return the Fréchet distance of features (N, D), N >= 4, with its interval and standard deviation.

    The interval is for the mean distance over sample sets of this size n.

    The estimate is biased upwards by about b / n. Resampling with replacement adds the same bias again,
    because copies lower the apparent rank of the covariance. All percentiles of a plain bootstrap are then
    above the estimate, and in many dimensions the bootstrap overstates the spread several times. The distance
    is therefore recomputed on random halves (`statistics.half_scale`), whose mean exceeds it by b / n, and
    the interval is `statistics.centred`. It has the same bias as the estimate, and as the floor at the same
    n, with which you can compare it. The reference is treated as fixed.
    """
    fid, halves = frechet_distance(reference, features), half_distances(reference, features, repeats, seed)
    draws = halves * half_scale(len(features))
    return Interval(fid, *centred(fid, draws), len(features), sd=float(draws.std(ddof=1)))


def half_distances(reference: Reference, features: Tensor, repeats: int, seed: int) -> np.ndarray:
    """Return distances (repeats,) of random halves of the features, drawn without replacement."""
    size = len(features) // 2
    orders = (torch.randperm(len(features), generator=generator(seed, size, r)) for r in range(repeats))
    return np.array([frechet_distance(reference, features[order[:size]]) for order in orders])
