"""Further Fréchet distances: before and after a change, and with weights for the classes.

Weighting images to the real class shares removes the effect of the class mix on the distance.
"""

import numpy as np
import torch
from torch import Tensor

from diffusion.evaluation.frechet import Reference, distance, frechet_distance, half_distances
from diffusion.evaluation.statistics import Interval, half_error
from diffusion.runtime import generator
from report.measures.registry import register

N = 500  # samples of each model; the same for all, because the bias of a Fréchet distance depends on it


@register(
    frechet_gap=("squared distance", "distance after the change minus distance before, from the same noise")
)
def frechet_gap(reference: Reference, a: Tensor, b: Tensor, repeats: int = 200, seed: int = 0) -> Interval:
    """The distance of features a (N, D) minus the distance of features b (N, D), with its interval.

    The images of a and b correspond. Both sets are halved in the same way, so variation that they share does
    not widen the interval.
    """
    a, b = a.double(), b.double()
    gap = frechet_distance(reference, a) - frechet_distance(reference, b)
    draws = half_distances(reference, a, repeats, seed) - half_distances(reference, b, repeats, seed)
    error = half_error(draws, len(a))
    return Interval(gap, gap - error, gap + error)


def weighted_distance(reference: Reference, features: Tensor, weights: Tensor) -> float:
    """The Fréchet distance to the reference of features (N, D) with weights (N,), which may have any sum.

    The covariance is divided by 1 minus the sum of squared weights, which is (n - 1) / n for equal weights.

    Raises:
        ValueError: fewer than two images have a positive weight.
    """
    features, w = features.double(), weights.double() / weights.double().sum()
    if not w.square().sum() < 1 - 1e-9:  # this form also refuses NaN
        raise ValueError("fewer than two images have a positive weight")
    centre = w @ features
    spread = (w / (1 - w.square().sum())).sqrt()[:, None]
    return reference.distance(centre, (features - centre) * spread)


def class_weights(labels: Tensor, shares: Tensor) -> Tensor:
    """Weights (N,) that give labels (N,) the class shares (K,); missing classes are left out."""
    have = labels.bincount(minlength=len(shares)).double() / len(labels)
    return (shares.double() / have.clamp(min=1e-12))[labels]


def reweighted(
    reference: Reference, features: Tensor, labels: Tensor, shares: Tensor, repeats: int
) -> Interval:
    """The distance of features (N, D) weighted to class shares, with an interval from random halves."""
    weights = class_weights(labels, shares)
    fid, n, halves = weighted_distance(reference, features, weights), len(features), []
    for repeat in range(repeats):
        half = torch.randperm(n, generator=generator(0, n // 2, repeat))[: n // 2]
        halves.append(weighted_distance(reference, features[half], class_weights(labels[half], shares)))
    error = half_error(np.array(halves), n)
    return Interval(fid, max(0.0, fid - error), fid + error, n)


@register(
    mix_frechet=("squared distance", "Fréchet distance of the first samples, in features of the classifier"),
    mix_reweighted=("squared distance", "the same, with samples weighted to the class shares of test images"),
)
def split(
    reference: Reference, features: Tensor, labels: Tensor, reference_labels: Tensor, repeats: int
) -> dict[str, Interval]:
    """The distance of the first `N` samples, with and without the effect of their class mix, by name.

    Args:
        reference: the reference images.
        features: (n, D), of the samples.
        labels: (n,), read by the classifier.
        reference_labels: labels of the reference images, read by the classifier.
        repeats: number of random halves behind an interval.
    """
    features, labels = features[:N], labels[:N]
    classes = 1 + int(max(labels.max(), reference_labels.max()))
    shares = reference_labels.bincount(minlength=classes).double() / len(reference_labels)
    return {
        "mix_frechet": distance(reference, features, repeats),
        "mix_reweighted": reweighted(reference, features, labels, shares, repeats),
    }
