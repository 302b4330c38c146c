"""The classes of samples: their shares, and how far these are from those of real images.

The evaluator takes both of every set of images once this module is imported. The divergence is that of
Kullback and Leibler in nats. From the empirical shares of real
labels, KL(samples || real), for MNIST's classes are not equally frequent. It is biased upwards, by about
9 / (2n) if the true shares agree, so compare it with `divergence_floor` at the same n.
"""

import numpy as np
from scipy.special import rel_entr
from torch import Tensor

from diffusion.evaluation.measures import register
from diffusion.evaluation.statistics import Interval, centred, numpy_generator, wilson

REPEATS = 2000  # draws behind an interval


@register(
    lambda seen: seen.labels is not None and (seen.labels, seen.evaluator.classes),
    False,
    class_share=("share", "of each class among the samples, as the classifier reads them"),
)
def class_shares(labels: Tensor, classes: int) -> list[Interval]:
    """Shares of the classes among labels (N,), integers from 0, with Wilson's intervals."""
    n = len(labels)
    return [Interval(k / n, *wilson(k, n)) for k in labels.bincount(minlength=classes).tolist()]


@register(
    lambda seen: (
        seen.labels is not None
        and (seen.labels[: seen.n], seen.evaluator.all_labels, seen.evaluator.classes, seen.seed)
    ),
    False,
    divergence=("nats", "KL divergence of the class shares from those of the test split"),
)
def divergence(labels: Tensor, real_labels: Tensor, classes: int, seed: int = 0) -> Interval:
    """The divergence of labels (n,) from those of the whole test split, (M,), integers from 0.

    Its interval is that of `statistics.centred`.
    """
    prior, share, n = shares(real_labels, classes), shares(labels, classes, 0), len(labels)
    draws = numpy_generator(seed, "classes").multinomial(n, share, REPEATS) / n
    found = float(_divergence(share, prior))
    return Interval(found, *centred(found, _divergence(draws, prior)))


@register(divergence_floor=("nats", "divergence of the classes of as many real images, mean over draws"))
def divergence_floor(real_labels: Tensor, n: int, classes: int, seed: int = 0) -> Interval:
    """The divergence that n real images score, mean and deviation over independent draws of n labels."""
    prior = shares(real_labels, classes)
    draws = numpy_generator(seed, "divergence floor").multinomial(n, prior, REPEATS) / n
    found = _divergence(draws, prior)
    return Interval(float(found.mean()), n=n, sd=float(found.std(ddof=1)))


def shares(labels: Tensor, classes: int, absent: float = 0.5) -> np.ndarray:
    """Shares (classes,) of labels. A class without a label counts as `absent`: no divergence is infinite."""
    counts = np.bincount(labels.cpu().numpy(), minlength=classes)
    counts = np.where(counts == 0, absent, counts) if absent else counts
    return counts / counts.sum()


def _divergence(share: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """KL(share || prior) in nats over the last axis; rounding may not make it negative."""
    share, prior = (x / x.sum(-1, keepdims=True) for x in (share, prior))
    return np.maximum(rel_entr(share, prior).sum(-1), 0.0)
