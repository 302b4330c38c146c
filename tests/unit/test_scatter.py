"""Means and differences over trainings: against scipy, and the trainings whose scatter is pooled."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from report.results import scatter
from report.results.scatter import LINEAR, LOG, LOGIT, NotMeasured
from report.results.views import Results
from unit import oracles_measures as oracle


def run(**groups: list[float]) -> Results:
    """Trainings whose number is given: "zoom" is of its own process, all others are DDPMs."""
    ones = {
        (model, seed): SimpleNamespace(
            model=model, process="zoom" if model == "zoom" else "ddpm", value=value
        )
        for model, values in groups.items()
        for seed, value in enumerate(values)
    }
    return Results(Path(), ones)


def number(one) -> float:
    return one.value


def over(results: Results, *models: str, scale=LINEAR) -> scatter.Over:
    return scatter.over(results, number, {model: results.all_of(model) for model in models}, scale)


NUMBERS = st.lists(st.floats(-100, 100), min_size=2, max_size=6).filter(lambda values: np.ptp(values) > 1e-3)


@given(NUMBERS, NUMBERS)
def test_a_difference_of_two_processes_has_the_interval_of_welch(zooms, linears):
    found = over(run(zoom=zooms, linear=linears), "zoom", "linear").interval
    welch = stats.ttest_ind(zooms, linears, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    assert (found.low, found.high) == pytest.approx(oracle.welch(zooms, linears))
    assert found.value == pytest.approx(np.mean(zooms) - np.mean(linears))


@given(NUMBERS)
def test_a_mean_of_independent_values_has_the_interval_of_student(values):
    found, student = scatter.mean_of(values), stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((student.low, student.high))
    assert (found.value, found.sd, found.n) == pytest.approx(
        (np.mean(values), np.std(values, ddof=1), len(values))
    )


def test_a_difference_within_a_process_has_the_interval_of_student():
    cosines, linears = [1.0, 2.0, 4.0], [3.0, 3.5]
    found = over(run(cosine=cosines, linear=linears), "cosine", "linear").interval
    student = stats.ttest_ind(cosines, linears).confidence_interval()
    assert (found.low, found.high) == pytest.approx((student.low, student.high))


def test_scatter_is_pooled_over_the_models_of_a_process_alone():
    values = {"linear": [1.0, 3.0], "cosine": [10.0, 11.0, 15.0], "zoom": [0.0, 100.0]}
    pooled = scatter.pooled([values["linear"], values["cosine"]])
    assert pooled == (pytest.approx(((2.0 + 14.0) / 3) ** 0.5), 3)
    found = over(run(**values), "linear").interval
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 3) * pooled.sd / 2**0.5)
    alone = over(run(zoom=values["zoom"]), "zoom").interval
    assert (found.value, alone.value) == (2.0, 50.0)
    assert alone.high - alone.value == pytest.approx(stats.t.ppf(0.975, 1) * 50.0)


def test_on_the_scale_of_logarithms_means_are_geometric_and_differences_ratios():
    found = over(run(zoom=[2.0, 8.0], linear=[1.0, 1.0]), "zoom", "linear", scale=LOG)
    assert found.interval.value == pytest.approx(4.0)
    assert found.interval.low * found.interval.high == pytest.approx(16.0)
    assert found.each == {"zoom": pytest.approx((2.0, 8.0)), "linear": (1.0, 1.0)}
    assert over(run(linear=[0.2, 0.2]), "linear", scale=LOGIT).interval.ends == pytest.approx([0.2] * 3)


def test_single_trainings_tell_nothing_of_their_scatter():
    found = over(run(zoom=[2.0], linear=[1.0]), "zoom", "linear")
    assert found.unknown
    assert found.interval.ends == (1.0, 1.0, 1.0)
    assert not over(run(linear=[2.0], cosine=[1.0, 3.0]), "linear").unknown  # another model of its process


def test_the_late_value_is_the_mean_over_all_late_checkpoints():
    rows = [{"frechet": SimpleNamespace(value=2.0**n)} for n in range(5)]
    one = SimpleNamespace(name="zoom-0", late=rows)
    assert scatter.late("frechet")(one) == pytest.approx(31 / 5)
    assert scatter.late("frechet", LOG)(one) == pytest.approx(4.0)
    with pytest.raises(NotMeasured, match="zoom-0"):
        scatter.late("frechet")(SimpleNamespace(name="zoom-0", late=rows[:4]))
