"""Which classes a set of samples holds, and how far from the classes of real images that is."""

import numpy as np
from scipy import stats
from torch import Tensor

from diffusion.intervals import centred, numpy_generator, wilson

CLASSES = 10


def class_balance(
    labels: Tensor, real_labels: Tensor, repeats: int = 2000, seed: int = 0
) -> dict[str, list[float] | float]:
    """Class shares of samples, and their divergence from the classes of real images.

    The divergence is KL(samples || real) in nats, from the empirical shares of `real_labels`, for MNIST's
    classes are not equally frequent. It is biased upwards, by about 9 / (2n) if the true shares agree, so
    compare it with `divergence_floor` at the same n. Its interval is that of `intervals.centred`.

    Args:
        labels: (N,) integers in 0..9 of the samples, N >= 2.
        real_labels: (M,) of real images: the whole test split, so that no class is missing.

    Returns:
        {"share": [10], "low": [10], "high": [10] (Wilson), "divergence", "divergence_low", "divergence_high",
        "entropy" (nats; ln 10 = 2.303 at most)}.

    Raises:
        ValueError: labels out of range, fewer than two, or a class missing among the real ones.
    """
    counts, prior = _counts(labels, "labels"), _prior(real_labels)
    found = shares(labels)
    n = int(counts.sum())
    share = counts / n
    divergence = float(_divergence(share, prior))
    draws = _divergence(numpy_generator(seed, "classes").multinomial(n, share, repeats) / n, prior)
    low, high = centred(divergence, draws)
    return {
        **{key: found[key] for key in ("share", "low", "high")},
        "divergence": divergence,
        "divergence_low": low,
        "divergence_high": high,
        "entropy": float(stats.entropy(share)),
    }


def shares(labels: Tensor) -> dict[str, list[float] | int]:
    """Class shares of labels (N,), which may be none: {"n", "share": [10], "low": [10], "high": [10]}."""
    counts = np.bincount(labels.cpu().numpy(), minlength=CLASSES)
    n = len(labels)
    intervals = [wilson(int(count), n) if n else (0.0, 1.0) for count in counts]
    return {
        "n": n,
        "share": (counts / max(n, 1)).tolist(),
        "low": [a for a, _ in intervals],
        "high": [b for _, b in intervals],
    }


def divergence_floor(real_labels: Tensor, n: int, repeats: int = 2000, seed: int = 0) -> dict[str, float]:
    """The divergence that n real images score: {"mean", "sd", "n"} over independent draws of n labels."""
    if n < 2:
        raise ValueError(f"n is {n}; at least 2 images")
    prior = _prior(real_labels)
    draws = _divergence(numpy_generator(seed, "divergence floor").multinomial(n, prior, repeats) / n, prior)
    return {"mean": float(draws.mean()), "sd": float(draws.std(ddof=1)), "n": n}


def _counts(labels: Tensor, what: str) -> np.ndarray:
    if labels.ndim != 1 or labels.is_floating_point() or len(labels) < 2:
        raise ValueError(
            f"{what}: {tuple(labels.shape)} of {labels.dtype}; needed: (N,) integers, N at least 2"
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise ValueError(f"{what} range over {labels.min()}..{labels.max()}; allowed: 0..{CLASSES - 1}")
    return np.bincount(labels.cpu().numpy(), minlength=CLASSES)


def _prior(real_labels: Tensor) -> np.ndarray:
    counts = _counts(real_labels, "real labels")
    if not counts.all():
        missing = np.flatnonzero(counts == 0).tolist()
        raise ValueError(
            f"the real labels lack the classes {missing}; give those of the whole test split, "
            "or the divergence is infinite"
        )
    return counts / counts.sum()


def _divergence(share: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """KL(share || prior) in nats over the last axis; rounding may not make it negative."""
    return np.maximum(stats.entropy(share, np.broadcast_to(prior, share.shape), axis=-1), 0.0)
