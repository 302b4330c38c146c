"""Numbers with 95% intervals.

Random draws come from generators with a key, see `runtime.generator`.
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
QUANTILE = 1.959963984540054  # the same with all digits


@dataclass(frozen=True)
class Interval:
    """A number with its 95% interval, if it has one.

    Attributes:
        value (float): The number, or None if it is not defined.
        low (float): Lower end of the interval. Default None.
        high (float): Upper end of the interval. Default None.
        n (int): Number of cases behind it, such as images, checkpoints or runs. Default None.
        sd (float): Standard deviation of the values whose mean it is. Default None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    sd: float | None = None

    @property
    def ends(self) -> tuple[Any, Any, Any]:
        """tuple: The value and the ends of its interval, None if undefined."""
        return self.value, self.low, self.high


def numpy_generator(*key: int | str) -> np.random.Generator:
    """Return a NumPy generator that is a function of its key."""
    return np.random.default_rng(generator(*key).initial_seed())


def wilson(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval of a share of `count` in n, valid at 0 and n, too. For n = 0, it is 0 to 1.

    Equal to the last bit to scipy's, whose import takes a second.
    """
    if not n:
        return 0.0, 1.0
    share, square = count / n, QUANTILE**2
    scale = 2 * (n + square)
    centre = (2 * n * share + square) / scale
    half = QUANTILE / scale * math.sqrt(4 * n * share * (1 - share) + square)
    return centre - half if count else 0.0, centre + half if count < n else 1.0


def share_of(mask: Tensor) -> Interval:
    """Return the share of True values in a mask (N,), with Wilson's interval."""
    count, n = int(mask.sum()), len(mask)
    return Interval(count / max(n, 1), *wilson(count, n), n)


def centred(estimate: float, draws: np.ndarray) -> tuple[float, float]:
    """Return an interval, not below 0, for an estimate >= 0 that is biased upwards.

    The draws have the same bias once more. Subtracting their centred quantiles from the estimate gives an
    interval for its mean over sample sets of the same size.
    """
    below, above = np.quantile(draws - draws.mean(), TAILS)
    return min(estimate, max(0.0, estimate - float(above))), max(estimate, estimate - float(below))


def half_scale(n: int) -> float:
    """Return the factor from the spread over random halves of n cases to the spread over sets of n.

    The halves are drawn without replacement: a delete-half jackknife (Shao and Wu 1989). Given the set, their
    variance equals the variance of the estimate, because 1/(n/2) - 1/n = 1/n; the factor corrects an odd n.
    """
    return math.sqrt((n // 2) / (n - n // 2))


def half_error(draws: np.ndarray, n: int) -> float:
    """Return half the width of the interval of an estimate from n cases, by its values on random halves."""
    return Z * float(np.std(draws, ddof=1)) * half_scale(n)
