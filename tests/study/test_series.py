"""Means and trends of series, against formulas as they are printed, and by how often they cover the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from diffusion.evaluation.statistics import Interval
from study import series


def test_a_mean_of_trainings_has_student_s_interval():
    values = [3.1, 2.7, 3.6]
    found = series.mean_of(values)
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.n, found.sd) == (3, pytest.approx(np.std(values, ddof=1)))


def wandering(random, rho: float, n: int) -> np.ndarray:
    """A stationary autoregressive series of the first order."""
    values = [random.normal() / math.sqrt(1 - rho**2)]
    for _ in range(n - 1):
        values.append(rho * values[-1] + random.normal())
    return np.array(values)


@pytest.mark.parametrize(("rho", "least"), [(0.0, 0.93), (0.3, 0.91), (0.5, 0.9)])
def test_means_and_slopes_of_series_that_wander_cover_the_truth(rho, least):
    random, n, x = np.random.default_rng(4), 500, np.arange(20)
    covered = {"mean": 0, "slope": 0, "independent": 0}
    for _ in range(n):
        values = wandering(random, rho, len(x))
        found = {"mean": series.late_mean(values), "independent": series.mean_of(values)}
        found["slope"] = series.slope(x, values)
        for name, one in found.items():
            covered[name] += one.low <= 0 <= one.high
    assert covered["mean"] >= least * n
    assert covered["slope"] >= (least - 0.02) * n
    assert covered["independent"] < 0.85 * n or rho < 0.5


def test_a_slope_is_that_of_the_line_and_of_independent_residuals_its_usual_interval():
    x, noise = np.arange(12), np.array([1, -1, 1, -1, 1, -1, -1, 1, -1, 1, -1, 1]) / 10
    found, line = series.slope(x, 5 - 0.5 * x + noise), stats.linregress(x, 5 - 0.5 * x + noise)
    assert found.value == pytest.approx(line.slope)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 10) * line.stderr)


def test_the_interval_of_a_positive_number_is_symmetric_in_its_logarithm():
    found = series.of_positive(Interval(2.0, -4.0, 8.0))
    assert (found.low * found.high, found.high / found.value) == pytest.approx((4.0, math.exp(3)))
