"""Intervals at one level, and numpy's random numbers keyed as torch's are."""

import numpy as np
from scipy import stats

from diffusion.randomness import generator

LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share of `count` in n; sound at 0 and at n, too."""
    interval = stats.binomtest(count, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def centred(estimate: float, draws: np.ndarray) -> tuple[float, float]:
    """Interval, not below 0, about an estimate >= 0 that is biased upwards.

    The bootstrap draws carry the same bias once more. Their centred quantiles, taken off the estimate, give
    an interval for its mean over sample sets of the same size.
    """
    below, above = np.quantile(draws - draws.mean(), TAILS)
    return min(estimate, max(0.0, estimate - float(above))), max(estimate, estimate - float(below))


def numpy_generator(*key: int | str) -> np.random.Generator:
    """A numpy generator that is a function of its key."""
    return np.random.default_rng(generator(*key).initial_seed())
