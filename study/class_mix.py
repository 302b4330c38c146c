"""The part of a Fréchet distance that the mix of classes makes: the same distance with weighted images."""

import numpy as np
import torch
from torch import Tensor

from diffusion.evaluation.frechet import Reference, distances
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.statistics import half_error, numpy_generator
from diffusion.runtime import generator
from study.records import ClassMix

N = 500  # samples of a model, the same number for all: a Fréchet distance is biased by it
MIXES = 20  # random mixes behind a mean
DIVERGENCES = (0.02, 0.05, 0.1, 0.2, 0.4)  # nats, of the mixes that a yardstick has


def weighted_distance(reference: Reference, features: Tensor, weights: Tensor) -> float:
    """The Fréchet distance to the reference of features (N, D) with weights (N,), which need not sum to one.

    The covariance is divided by 1 - sum of squared weights: with equal weights, by n - 1 of n.
    """
    features, w = features.double(), weights.double() / weights.double().sum()
    centre = w @ features
    spread = (w / (1 - w.square().sum())).sqrt()[:, None]
    return max(0.0, reference.distance(centre, (features - centre) * spread))


def class_weights(labels: Tensor, shares: Tensor) -> Tensor:
    """Weights (N,) that give labels (N,) the class shares (K,); a class that is not there stays out."""
    have = labels.bincount(minlength=len(shares)).double() / len(labels)
    return (shares.double() / have.clamp(min=1e-12))[labels]


def reweighted(
    reference: Reference, features: Tensor, labels: Tensor, shares: Tensor, repeats: int
) -> Interval:
    """The distance of features (N, D) weighted to class shares, with the interval of random halves."""
    weights = class_weights(labels, shares)
    fid, n, halves = weighted_distance(reference, features, weights), len(features), []
    for repeat in range(repeats):
        half = torch.randperm(n, generator=generator(0, n // 2, repeat))[: n // 2]
        halves.append(weighted_distance(reference, features[half], class_weights(labels[half], shares)))
    error = half_error(np.array(halves), n)
    return Interval(fid, max(0.0, fid - error), fid + error, n)


def split(
    reference: Reference, features: Tensor, labels: Tensor, reference_labels: Tensor, repeats: int
) -> ClassMix:
    """The distance of the first `N` samples, and what is left of it without their class mix.

    Args:
        features, labels: (n, D) and (n,) of the samples, as read.
        reference_labels: of the reference images, as read.
    """
    features, labels = features[:N], labels[:N]
    classes = 1 + int(max(labels.max(), reference_labels.max()))
    shares = reference_labels.bincount(minlength=classes).double() / len(reference_labels)
    return ClassMix(
        n=len(features),
        frechet=distances(reference, features, repeats),
        reweighted=reweighted(reference, features, labels, shares, repeats),
    )


def mixed(reference: Reference, real: tuple[Tensor, Tensor], divergence: float) -> float:
    """The mean distance of real images, features and labels, at random class mixes of a divergence in nats.

    The logarithms of the class shares are tilted by normal numbers, as far as the divergence asks for.
    """
    features, labels = real
    prior = labels.bincount().double().numpy() / len(labels)
    random, found = numpy_generator(0, "mixes"), []
    for _ in range(MIXES):
        share = tilted(prior, random.normal(size=len(prior)), divergence)
        found.append(weighted_distance(reference, features, class_weights(labels, torch.tensor(share))))
    return float(np.mean(found))


def tilted(prior: np.ndarray, direction: np.ndarray, divergence: float) -> np.ndarray:
    """The shares prior * exp(s * direction), normalised, whose KL divergence from the prior is as given."""
    low, high = 0.0, 100.0
    for _ in range(60):
        s = (low + high) / 2
        share = prior * np.exp(s * (direction - direction.max()))
        share /= share.sum()
        found = float((share * np.log(np.maximum(share, 1e-300) / prior)).sum())
        low, high = (s, high) if found < divergence else (low, s)
    return share
