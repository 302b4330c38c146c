"""Intervals against formulas as they are printed, and by all halves that there are."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from diffusion.evaluation.statistics import Interval, centred, half_error, half_scale, share_of, wilson


@pytest.mark.parametrize("n", [4, 5, 7, 10])
def test_halves_of_n_cases_scaled_have_the_spread_of_an_estimate_of_n(n):
    """Of a mean the variance is known, s^2 / n, and all halves can be drawn."""
    x = np.random.default_rng(n).normal(size=n)
    means = np.array([np.mean(half) for half in combinations(x, n // 2)])
    assert half_scale(n) ** 2 * means.var() == pytest.approx(x.var(ddof=1) / n)
    assert half_error(means, n) == pytest.approx(1.96 * means.std(ddof=1) * half_scale(n))


@pytest.mark.parametrize(("k", "n"), [(0, 12), (3, 20), (20, 20)])
def test_the_interval_of_a_share_is_wilsons(k, n):
    z, p = 1.959964, k / n
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = [(middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)]
    assert share_of(torch.arange(n) < k).ends == pytest.approx((p, *ends), abs=1e-6)
    assert share_of(torch.arange(n) < k).n == n
    assert wilson(0, 0) == (0, 1)


def test_an_interval_is_turned_round_about_the_estimate_and_not_below_0():
    draws = np.concatenate([np.linspace(50, 54, 9), [62]])  # biased, with a tail above
    low, high = np.quantile(draws, [0.025, 0.975]) - draws.mean()
    assert centred(10, draws) == pytest.approx((10 - high, 10 - low))
    assert centred(1, draws) == pytest.approx((0, 1 - low))


def test_differences_and_functions_of_intervals_have_their_ends():
    one, other = Interval(10, 9, 13), Interval(4, 3, 6)
    assert one.minus(other).ends == pytest.approx((6, 6 - math.hypot(1, 2), 6 + math.hypot(3, 1)))
    assert one.map(math.log).ends == (math.log(10), math.log(9), math.log(13))
