"""A number with its interval, and intervals at the 95 % level.

Random draws come from generators keyed like all others (`runtime.generator`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from diffusion.runtime import generator

LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
Z = 1.96  # the normal quantile at this level
FEWEST = 5  # points of a series below which its mean or trend is not judged (the paper names it here)


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval, as far as it has one.

    Attributes:
        value: the number; None where there is nothing to take it of.
        n: cases behind it, such as images, checkpoints or trainings.
        sd: standard deviation of the values that it is a mean of.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    sd: float | None = None

    @property
    def ends(self) -> tuple[Any, Any, Any]:
        """The value and its interval; None: there is none."""
        return self.value, self.low, self.high


def numpy_generator(*key: int | str) -> np.random.Generator:
    """A numpy generator that is a function of its key."""
    return np.random.default_rng(generator(*key).initial_seed())


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share of `count` in n; sound at 0 and at n, too. Of none: 0 to 1."""
    from scipy.stats import binomtest  # takes half a second

    interval = binomtest(count, n).proportion_ci(LEVEL, "wilson") if n else None
    return (interval.low, interval.high) if interval else (0.0, 1.0)


def share_of(mask: Tensor) -> Interval:
    """The share of a mask (N,) with Wilson's interval."""
    count, n = int(mask.sum()), len(mask)
    return Interval(count / max(n, 1), *wilson(count, n), n)


def centred(estimate: float, draws: np.ndarray) -> tuple[float, float]:
    """Interval, not below 0, about an estimate >= 0 that is biased upwards.

    The draws about it carry the same bias once more. Their centred quantiles, taken off the estimate, give an
    interval for its mean over sample sets of the same size.
    """
    below, above = np.quantile(draws - draws.mean(), TAILS)
    return min(estimate, max(0.0, estimate - float(above))), max(estimate, estimate - float(below))


def half_scale(n: int) -> float:
    """The factor from the spread of an estimate over random halves of n cases to its spread over sets of n.

    The halves are drawn without replacement: a delete-half jackknife (Shao & Wu 1989). Given the set, their
    variance about the estimate is that of the estimate, as 1/(n/2) - 1/n = 1/n; the factor is for an odd n.
    """
    return math.sqrt((n // 2) / (n - n // 2))


def half_error(draws: np.ndarray, n: int) -> float:
    """Half the width of the interval of an estimate from n cases, by its values on random halves of them."""
    return Z * float(np.std(draws, ddof=1)) * half_scale(n)
