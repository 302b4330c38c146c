"""Distances between sets of images: Fréchet (FID) and kernel (KID), with floor and interval, in float64.

    extractor = features.extractors()["digits"]
    reference = Reference(extractor.features(to_uint8(test_images)))            once
    frechet_distance(reference, extractor.features(to_uint8(samples)))          one number

A distance means something only with its number of images n, its extractor and its `floor`: the same distance
for real images at the same n, which is not zero.
"""

import math
import warnings
from functools import cached_property

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from diffusion.data import grey_values
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.measures import by_features, measure
from diffusion.evaluation.statistics import TAILS, half_error, half_scale
from diffusion.runtime import generator, seeded


def to_uint8(x: Tensor) -> Tensor:
    """Images in model units as bytes: clamp to [-0.5, 0.5], then (x + 0.5) * 255, rounded. Never wraps.

    Args:
        x: float (N, C, S, S); samples may leave [-0.5, 0.5].

    Raises:
        ValueError: not floating point (bytes would be scaled twice), another shape, or not finite.
    """
    if not x.is_floating_point() or x.ndim != 4:
        raise ValueError(
            f"images are {tuple(x.shape)} of {x.dtype}; needed: (N, C, S, S) of floats in model units"
        )
    if bad := x.numel() - int(x.isfinite().sum()):
        raise ValueError(f"{bad} of {x.numel()} pixels are not finite; the samples cannot be measured")
    return grey_values(x.float())


def check_features(features: Tensor, dimension: int | None = None) -> Tensor:
    """The features (N, D) as float64 on the CPU.

    Raises:
        ValueError: not a floating (N, D) with N >= 2 and finite values, or D is not `dimension`.
    """
    if features.ndim != 2 or not features.is_floating_point() or len(features) < 2:
        raise ValueError(
            f"features are {tuple(features.shape)} of {features.dtype}; needed: (N, D) of floats, N >= 2"
        )
    if dimension is not None and features.shape[1] != dimension:
        raise ValueError(
            f"an image has {features.shape[1]} features, of the reference {dimension}; "
            "use the same extractor for both"
        )
    if not features.isfinite().all():
        raise ValueError("features are not finite; check the images that they come from")
    return features.detach().cpu().double()


class _Features(nn.Module):
    """Takes the place of torchmetrics' feature network: the input already is features."""

    def __init__(self, num_features: int):
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


class Reference:
    """The real images of a comparison, passed through the extractor and through the statistics once.

    Attributes:
        features: (N, D) float64, a copy.   dimension: D.
    """

    def __init__(self, features: Tensor):
        self.features = check_features(features).clone()
        self.dimension = self.features.shape[1]
        self.metric = FrechetInceptionDistance(
            _Features(self.dimension), normalize=False, reset_real_features=False
        ).set_dtype(torch.float64)
        self.metric.update(self.features, real=True)

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean (D,) and symmetric square root (D, D) of the covariance."""
        values, vectors = torch.linalg.eigh(torch.cov(self.features.T).reshape(self.dimension, -1))
        return self.features.mean(0), (vectors * values.clamp(min=0).sqrt()) @ vectors.T

    def distance(self, centre: Tensor, a: Tensor) -> float:
        """The Fréchet distance to images with the mean `centre` (D,) and the covariance a.T @ a, a (n, D).

        The trace of the root of S a.T a is the sum of the singular values of a S^(1/2): one symmetric
        eigenproblem of size min(n, D). At D = 2048, n = 500 that is 50 times faster than `frechet_distance`.
        """
        mean, root = self.moments
        b = a @ root
        gram = b @ b.T if len(b) <= b.shape[1] else b.T @ b
        cross = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().sum()
        return ((centre - mean).square().sum() + a.square().sum() + root.square().sum() - 2 * cross).item()


def frechet_distance(reference: Reference, features: Tensor) -> float:
    """Fréchet distance (Heusel et al. 2017) of features (N, D) to the reference, at least 0.

    |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), by torchmetrics in float64.
    """
    features = check_features(features, reference.dimension)
    reference.metric.reset()  # forgets the previous samples, keeps the reference
    reference.metric.update(features, real=False)
    return max(0.0, reference.metric.compute().item())  # equal sets give zero up to the sign of the rounding


def kid(reference: Reference, features: Tensor, seed: int = 0) -> Interval:
    """Kernel distance KID (Binkowski et al. 2018) by torchmetrics in float64: mean and sd over 50 subsets.

    A random subset has half of the smaller set, at most 1,000 images. Unbiased at any n, so that real images
    score zero on average; hence it may be negative.
    """
    real, features = reference.features, check_features(features, reference.dimension)
    size = min(1000, max(2, min(len(real), len(features)) // 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer")
        metric = KernelInceptionDistance(_Features(reference.dimension), subsets=50, subset_size=size)
    metric.update(real, real=True)
    metric.update(features, real=False)
    with seeded(seed):  # torchmetrics draws from the global stream
        mean, sd = metric.compute()
    return Interval(mean.item(), n=len(features), sd=sd.item())


# --- what a distance is worth ---


@measure(**by_features("floor", "squared distance", "Fréchet distance of as many training images, mean"))
def floor(train_features: Tensor, reference: Reference, n: int, repeats: int = 10, seed: int = 0) -> Interval:
    """Distance of n random training images from the reference, `repeats` times: the real-vs-real floor.

    Returns mean and standard deviation.

    The draws share no image while n * repeats fit into the training features; beyond that each draw is a new
    permutation, and the standard deviation comes out somewhat small.
    """
    order = torch.randperm(len(train_features), generator=generator(seed, "floor"))
    found = []
    for repeat in range(repeats):
        chosen = order[repeat * n : (repeat + 1) * n]
        if len(chosen) < n:
            chosen = torch.randperm(len(train_features), generator=generator(seed, "floor", repeat))[:n]
        found.append(frechet_distance(reference, train_features[chosen]))
    values = torch.tensor(found, dtype=torch.float64)
    return Interval(values.mean().item(), n=n, sd=values.std().item())


def distance(reference: Reference, features: Tensor, repeats: int = 200, seed: int = 0) -> Interval:
    """The Fréchet distance of features (N, D), N >= 4, with its interval and standard deviation.

    The interval is for what the distance would be on average over sample sets of this size n.

    The estimate is biased upwards by about b / n. Resampling with replacement adds a bias of that size again,
    since copies make the covariance look lower in rank: plain percentiles of a bootstrap lie above the
    estimate altogether, and in many dimensions the bootstrap overstates the spread several times. So the
    distance is recomputed on random halves (`statistics.half_scale`), whose mean exceeds it by b / n. The
    interval is the estimate minus the centred quantiles of the halves. It shares the bias of the estimate, as
    the floor at the same n does, with which it is to be compared. The reference is taken as fixed.
    """
    features = check_features(features, reference.dimension)
    fid = frechet_distance(reference, features)
    halves = _of_halves(reference, features, repeats, seed)
    centred = (halves - halves.mean()) * half_scale(len(features))
    low, high = (fid - centred.quantile(torch.tensor(TAILS[::-1], dtype=torch.float64))).tolist()
    ends = min(fid, max(0.0, low)), max(fid, high)
    return Interval(fid, *ends, len(features), sd=centred.std().item())


@measure(frechet_gap=("squared distance", "distance after the change minus that before, from the same noise"))
def frechet_gap(reference: Reference, a: Tensor, b: Tensor, repeats: int = 200, seed: int = 0) -> Interval:
    """The distance of features a minus that of b, whose images correspond, with its 95 % interval.

    Both sets are halved alike, so that what their images share does not widen the interval.

    Args:
        a, b: (N, D), N >= 4, such as samples drawn from the same noise.
    """
    a, b = a.double(), b.double()
    gap = frechet_distance(reference, a) - frechet_distance(reference, b)
    draws = _of_halves(reference, a, repeats, seed) - _of_halves(reference, b, repeats, seed)
    error = half_error(draws.numpy(), len(a))
    return Interval(gap, gap - error, gap + error)


def _of_halves(reference: Reference, features: Tensor, repeats: int, seed: int) -> Tensor:
    """Distances (repeats,) of random halves of the features, drawn without replacement."""
    size = len(features) // 2
    draws = (torch.randperm(len(features), generator=generator(seed, size, r)) for r in range(repeats))
    found = [_of_subset(reference, features[draw[:size]]) for draw in draws]
    return torch.tensor(found, dtype=torch.float64)


def _of_subset(reference: Reference, features: Tensor) -> float:
    """`frechet_distance`, quick for many small sets."""
    centre = features.mean(0)
    return reference.distance(centre, (features - centre) / math.sqrt(len(features) - 1))
