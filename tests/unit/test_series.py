"""Means and trends of series, against formulas as they are printed."""

import numpy as np
import pytest
from scipy import stats

from diffusion.evaluation.statistics import Interval
from study import series


def test_values_that_follow_one_another_tell_as_much_as_fewer_independent_ones():
    values = np.tile([1.0, 1.0, -1.0, -1.0], 2)  # lagged products sum to 1, squares to 8
    rho = 1 / 8 + (1 + 4 / 8) / 8  # with what few values find too little
    assert series.effective(values) == pytest.approx(8 * (1 - rho) / (1 + rho))
    assert series.effective(np.tile([1.0, -1.0], 4)) == 8  # no more than there are
    assert series.effective(np.arange(8.0)) == pytest.approx(8 * 0.2 / 1.8)  # the most that is allowed for


def test_the_mean_over_checkpoints_takes_in_the_chance_of_drawing_samples():
    rows = [Interval(10.0 + (-1) ** i, 7.0, 14.0) for i in range(8)]
    found, alone = series.mean_of_late(rows), series.late_mean([row.value for row in rows])
    assert found.value == alone.value == 10.0
    assert (found.value - found.low) ** 2 == pytest.approx((alone.value - alone.low) ** 2 + 3.0**2)
    assert (found.high - found.value) ** 2 == pytest.approx((alone.high - alone.value) ** 2 + 4.0**2)
    assert series.mean_of_late(rows[:4]) is None


def test_a_slope_is_that_of_the_line_and_of_independent_residuals_its_usual_interval():
    x, noise = np.arange(12), np.array([1, -1, 1, -1, 1, -1, -1, 1, -1, 1, -1, 1]) / 10
    found, line = series.slope(x, 5 - 0.5 * x + noise), stats.linregress(x, 5 - 0.5 * x + noise)
    assert found.value == pytest.approx(line.slope)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 10) * line.stderr)
