"""Estimates of a training from its late checkpoints."""

import math
from collections.abc import Iterable

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.statistics import FEWEST


def share(value: float, n: int) -> Interval:
    """A share of n independent cases with Wilson's interval; without a case it may be anything."""
    return Interval(value, *statistics.wilson(round(value * n), n), n)


def mean_of(found: Iterable[Interval]) -> Interval | None:
    """The mean of estimates of successive checkpoints, with its interval; None if these are too few.

    Two chances move it. From one checkpoint to the next the weights move, and the values scatter. And the
    samples of all checkpoints are drawn from the same noise: what chance there is in this is common to them,
    does not show in their scatter, and counts as much as in one checkpoint. The two are independent: their
    errors add in squares.
    """
    found = [one for one in found if one.value is not None]
    if len(found) < FEWEST:
        return None
    over = statistics.late_mean([one.value for one in found])
    below = sum(one.value - one.low for one in found) / len(found)
    above = sum(one.high - one.value for one in found) / len(found)
    low, high = math.hypot(over.value - over.low, below), math.hypot(over.high - over.value, above)
    return Interval(over.value, over.value - low, over.value + high, over.n, sd=over.sd)
