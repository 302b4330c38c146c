"""Intervals and trends, against formulas as they are printed, and by how often they cover the truth."""

import math

import numpy as np
import pytest

from diffusion.evaluation import statistics

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("n", [50, 51])
def test_random_halves_have_the_spread_of_an_estimate(n):
    random = np.random.default_rng(n)
    widths = []
    for _ in range(200):
        x = random.normal(0, 1, n)
        halves = [random.permutation(x)[: n // 2].mean() for _ in range(100)]
        widths.append(statistics.half_error(np.array(halves), n))
    assert np.mean(widths) == pytest.approx(1.96 / math.sqrt(n), rel=0.05)
