"""How much a Fréchet distance is worth: its floor and its interval."""

import math

import torch
from torch import Tensor

from diffusion.distances import Reference, check_features, frechet, kernel
from diffusion.randomness import generator


def floor(train_features: Tensor, reference: Reference, n: int, repeats: int = 10, seed: int = 0) -> dict:
    """What n real images score: n random training images against the reference, `repeats` times.

    The draws share no image while n * repeats fit into the training features; beyond that each draw is a new
    permutation, and the standard deviations come out somewhat small.

    Returns:
        {"n", "repeats", "fid_mean", "fid_sd", "kid_mean", "kid_sd"}, the sd over the draws.

    Raises:
        ValueError: n < 2, more than there are training features, or repeats < 2.
    """
    if not 2 <= n <= len(train_features):
        raise ValueError(f"n is {n}; allowed: 2 to {len(train_features)}, the number of training features")
    check_repeats(repeats)
    order = torch.randperm(len(train_features), generator=generator(seed, "floor"))
    fid, kid = [], []
    for repeat in range(repeats):
        chosen = order[repeat * n : (repeat + 1) * n]
        if len(chosen) < n:
            chosen = torch.randperm(len(train_features), generator=generator(seed, "floor", repeat))[:n]
        fid.append(frechet(reference, train_features[chosen]))
        kid.append(kernel(reference, train_features[chosen], seed=seed + repeat)[0])
    values = torch.tensor([fid, kid], dtype=torch.float64)
    (fid_mean, kid_mean), (fid_sd, kid_sd) = values.mean(1).tolist(), values.std(1).tolist()
    return {
        "n": n,
        "repeats": repeats,
        "fid_mean": fid_mean,
        "fid_sd": fid_sd,
        "kid_mean": kid_mean,
        "kid_sd": kid_sd,
    }


def check_repeats(repeats: int) -> None:
    """Raise ValueError unless there are at least two, below which there is no spread."""
    if repeats < 2:
        raise ValueError(f"repeats is {repeats}; at least 2, or there is no spread to report")


def frechet_interval(
    reference: Reference, features: Tensor, repeats: int = 200, seed: int = 0, level: float = 0.95
) -> dict:
    """The Fréchet distance with an interval for what it would be on average over sample sets of this size n.

    The estimate is biased upwards by about b / n. Resampling with replacement adds a bias of that size again,
    since copies make the covariance look lower in rank: plain percentiles of a bootstrap lie above the
    estimate altogether, and in many dimensions the bootstrap overstates the spread several times. So the
    distance is recomputed on random *halves*, drawn without replacement. Given the set, their variance about
    their mean is that of the estimate, as 1/(n/2) - 1/n = 1/n, and their mean exceeds it by b / n. The
    interval is the estimate minus the centred quantiles of the halves. It shares the bias of the estimate, as
    the floor at the same n does, with which it is to be compared. The reference is taken as fixed.

    Returns:
        {"fid", "low", "high", "sd", "bias", "n", "repeats", "level"}; `bias` estimates b / n,
        but too low while n is below the number of features.
    """
    check_repeats(repeats)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; allowed: between 0 and 1, such as 0.95")
    features = check_features(features, dimension=reference.dimension)
    n = len(features)
    if n < 4:
        raise ValueError(f"{n} images; an interval needs at least 4, two halves of two")
    fid = frechet(reference, features)
    halves = torch.tensor(_subsampled(reference, features, n // 2, repeats, seed), dtype=torch.float64)
    centred = (halves - halves.mean()) * math.sqrt((n // 2) / (n - n // 2))  # exact for an odd n, too
    tails = torch.tensor([(1 + level) / 2, (1 - level) / 2], dtype=torch.float64)
    low, high = (fid - centred.quantile(tails)).tolist()
    return {
        "fid": fid,
        "low": min(fid, max(0.0, low)),
        "high": max(fid, high),
        "sd": centred.std().item(),
        "bias": (halves.mean().item() - fid) * (n // 2) / (n - n // 2),
        "n": n,
        "repeats": repeats,
        "level": level,
    }


def frechet_gap(
    reference: Reference, a: Tensor, b: Tensor, repeats: int = 200, seed: int = 0
) -> dict[str, float]:
    """The distance of features a minus that of b, whose images correspond, with a 95 % interval.

    Both sets are halved alike, so that what their images share does not widen the interval.

    Args:
        a, b: (N, D), N >= 4, such as samples drawn from the same noise.

    Returns:
        {"mean", "low", "high"}.

    Raises:
        ValueError: bad features, not as many in both, fewer than four, or repeats < 2.
    """
    check_repeats(repeats)
    a, b = (check_features(features, dimension=reference.dimension) for features in (a, b))
    if len(a) != len(b) or len(a) < 4:
        raise ValueError(f"{len(a)} and {len(b)} images; needed: as many of each, at least 4")
    n, gap = len(a), frechet(reference, a) - frechet(reference, b)
    halves = (torch.tensor(_subsampled(reference, x, n // 2, repeats, seed)).double() for x in (a, b))
    draws = next(halves) - next(halves)
    error = 1.96 * float(draws.std()) * math.sqrt((n // 2) / (n - n // 2))
    return {"mean": gap, "low": gap - error, "high": gap + error}


def _subsampled(reference: Reference, features: Tensor, size: int, repeats: int, seed: int) -> list[float]:
    """Distances of `repeats` random subsets of `size` features, drawn without replacement."""
    draws = (torch.randperm(len(features), generator=generator(seed, size, r)) for r in range(repeats))
    return [_frechet_of_subset(reference, features[draw[:size]]) for draw in draws]


def _frechet_of_subset(reference: Reference, features: Tensor) -> float:
    """`frechet` for many small sets: a symmetric eigenproblem of size min(n, D), not a general one of size D.

    With the centred features A = (x - mean) / sqrt(n - 1), the covariance is A^T A, and the trace of the root
    of S A^T A is the sum of the singular values of A S^(1/2). At D = 2048, n = 500 that is 50 times faster.
    """
    mean, root = reference.moments()
    centre = features.mean(0)
    a = (features - centre) / math.sqrt(len(features) - 1)  # (n, D)
    b = a @ root
    gram = b @ b.T if len(b) <= b.shape[1] else b.T @ b
    cross = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().sum()
    return ((centre - mean).square().sum() + a.square().sum() + root.square().sum() - 2 * cross).item()
