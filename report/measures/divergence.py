"""Class shares of samples, and their divergence from the class shares of real images.

Once this module is imported, jobs take both measures of every set of images. The divergence is the
Kullback-Leibler divergence KL(samples || real) in nats. It uses the empirical shares of the real labels,
because the classes of MNIST are not equally frequent. If the true shares agree, it is biased upwards by about
9 / (2n); compare it with `divergence_floor` at the same n.
"""

import numpy as np
from scipy.special import rel_entr
from torch import Tensor

from diffusion.evaluation.statistics import Interval, centred, numpy_generator, wilson
from report.measures.registry import register

REPEATS = 2000  # draws behind an interval


@register(
    lambda seen: seen.labels is not None and (seen.labels, seen.evaluator.classes),
    False,
    class_share=("share", "share of each class among the samples, as the classifier reads them"),
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
    divergence=("nats", "KL divergence of the class shares from the class shares of the test split"),
)
def divergence(labels: Tensor, real_labels: Tensor, classes: int, seed: int = 0) -> Interval:
    """The divergence of labels (n,) from the labels of the whole test split (M,), all integers from 0.

    The interval comes from `statistics.centred`.
    """
    prior, share, n = shares(real_labels, classes), shares(labels, classes, 0), len(labels)
    draws = numpy_generator(seed, "classes").multinomial(n, share, REPEATS) / n
    value = float(_divergence(share, prior))
    return Interval(value, *centred(value, _divergence(draws, prior)))


@register(divergence_floor=("nats", "divergence of the classes of as many real images, mean over draws"))
def divergence_floor(real_labels: Tensor, n: int, classes: int, seed: int = 0) -> Interval:
    """The divergence of n real images: mean and standard deviation over independent draws of n labels."""
    prior = shares(real_labels, classes)
    draws = numpy_generator(seed, "divergence floor").multinomial(n, prior, REPEATS) / n
    values = _divergence(draws, prior)
    return Interval(float(values.mean()), n=n, sd=float(values.std(ddof=1)))


def shares(labels: Tensor, classes: int, absent: float = 0.5) -> np.ndarray:
    """Shares (classes,) of labels; a missing class counts as `absent` labels to keep divergences finite."""
    counts = np.bincount(labels.cpu().numpy(), minlength=classes)
    counts = np.where(counts == 0, absent, counts) if absent else counts
    return counts / counts.sum()


def _divergence(share: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """KL(share || prior) in nats over the last axis, cut at 0 because rounding could make it negative."""
    share, prior = (x / x.sum(-1, keepdims=True) for x in (share, prior))
    return np.maximum(rel_entr(share, prior).sum(-1), 0.0)
