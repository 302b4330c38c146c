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
from report.results.table import note, reading
from report.results.views import Results
from unit import oracles_measures as oracle


def run(**groups: list[float]) -> Results:
    """Trainings whose number is given: "zoom" is of its own process, all others are DDPMs."""
    ones = {
        (model, seed): SimpleNamespace(
            model=model, seed=seed, process="zoom" if model == "zoom" else "ddpm", value=value
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
    result = over(run(zoom=zooms, linear=linears), "zoom", "linear").interval
    welch = stats.ttest_ind(zooms, linears, equal_var=False).confidence_interval()
    assert (result.low, result.high) == pytest.approx((welch.low, welch.high))
    assert (result.low, result.high) == pytest.approx(oracle.welch(zooms, linears))
    assert result.value == pytest.approx(np.mean(zooms) - np.mean(linears))


@given(NUMBERS)
def test_a_mean_of_independent_values_has_the_interval_of_student(values):
    result, student = scatter.mean_of(values), stats.ttest_1samp(values, 0).confidence_interval()
    assert (result.low, result.high) == pytest.approx((student.low, student.high))
    assert (result.value, result.sd, result.n) == pytest.approx(
        (np.mean(values), np.std(values, ddof=1), len(values))
    )


def test_scatter_is_pooled_over_the_models_of_a_process_alone():
    values = {"linear": [1.0, 3.0], "cosine": [10.0, 11.0, 15.0], "zoom": [0.0, 100.0]}
    pooled = scatter.pooled([values["linear"], values["cosine"]])
    assert pooled == (pytest.approx(((2.0 + 14.0) / 3) ** 0.5), 3)
    result = over(run(**values), "linear").interval
    assert result.high - result.value == pytest.approx(stats.t.ppf(0.975, 3) * pooled.sd / 2**0.5)
    alone = over(run(zoom=values["zoom"]), "zoom").interval
    assert (result.value, alone.value) == (2.0, 50.0)
    assert alone.high - alone.value == pytest.approx(stats.t.ppf(0.975, 1) * 50.0)


def test_on_the_scale_of_logarithms_means_are_geometric_and_differences_ratios():
    result = over(run(zoom=[2.0, 8.0], linear=[1.0, 1.0]), "zoom", "linear", scale=LOG)
    assert result.interval.value == pytest.approx(4.0)
    assert result.interval.low * result.interval.high == pytest.approx(16.0)
    assert result.each == {"zoom": pytest.approx((2.0, 8.0)), "linear": (1.0, 1.0)}
    assert over(run(linear=[0.2, 0.2]), "linear", scale=LOGIT).interval.ends == pytest.approx([0.2] * 3)


def test_single_trainings_tell_nothing_of_their_scatter():
    result = over(run(zoom=[2.0], linear=[1.0]), "zoom", "linear")
    assert result.unknown
    assert result.interval.ends == (1.0, 1.0, 1.0)
    assert not over(run(linear=[2.0], cosine=[1.0, 3.0]), "linear").unknown  # another model of its process


def test_the_late_value_is_the_mean_over_all_late_checkpoints():
    rows = [{"frechet": SimpleNamespace(value=2.0**n)} for n in range(5)]
    one = SimpleNamespace(name="zoom-0", late=rows)
    assert scatter.late("frechet")(one) == pytest.approx(31 / 5)
    assert scatter.late("frechet", LOG)(one) == pytest.approx(4.0)
    with pytest.raises(NotMeasured, match="zoom-0"):
        scatter.late("frechet")(SimpleNamespace(name="zoom-0", late=rows[:4]))


@pytest.mark.parametrize("scale", [LINEAR, LOG, LOGIT, scatter.FISHER])
def test_a_scale_leads_back_and_is_bounded_where_it_would_be_infinite(scale):
    inside = [0.01, 0.2, 0.5, 0.9]
    assert [scale.back(scale.to(x)) for x in inside] == pytest.approx(inside)
    assert [scale.to(x) for x in inside] == sorted(scale.to(x) for x in inside)
    assert np.isfinite([scale.to(x) for x in (0.0, 1.0)]).all()
    known = {LOG: np.log, LOGIT: lambda p: np.log(p / (1 - p)), scatter.FISHER: np.arctanh, LINEAR: float}
    assert [scale.to(x) for x in inside] == pytest.approx([float(known[scale](x)) for x in inside])


def test_groups_of_one_number_have_no_scatter():
    sd, freedom = scatter.pooled([[1.0], [2.0], []])
    assert np.isnan(sd)
    assert freedom == 0
    assert scatter.pooled([[1.0, 3.0], [2.0]]) == (pytest.approx(2**0.5), 1)
    assert scatter.pooled([[2.0, 2.0]]) == (0.0, 1)


def test_a_weighted_sum_has_the_variances_of_its_means():
    spread = {"a": scatter.Scatter(2.0, 3), "b": scatter.Scatter(1.0, 5), "unused": scatter.Scatter(0.0, 0)}
    values = [(2.0, "a", [1.0, 3.0]), (-0.5, "b", [4.0, 4.0, 4.0, 8.0]), (1.0, "a", [10.0])]
    result = scatter.estimate(values, spread).interval()
    of_a, of_b = (2.0**2 / 2 + 1.0) * 2.0**2, 0.5**2 / 4 * 1.0
    freedom = (of_a + of_b) ** 2 / (of_a**2 / 3 + of_b**2 / 5)
    assert result.value == pytest.approx(4.0 - 2.5 + 10.0)
    assert result.high - result.value == pytest.approx(stats.t.ppf(0.975, freedom) * (of_a + of_b) ** 0.5)
    assert result.value - result.low == pytest.approx(result.high - result.value)
    assert scatter.estimate([(1.0, "a", [1.0]), (1.0, "unused", [1.0])], spread) is None
    exact = scatter.estimate([(1.0, "a", [1.0, 3.0])], {"a": scatter.Scatter(0.0, 1)}).interval()
    assert exact.ends == (2.0, 2.0, 2.0)


def noted(results: Results, models: list[str], scale=LINEAR, missing=()) -> dict[str, str]:
    """Each source that is read for a mean or a difference, with its role."""

    def read(one) -> float:
        if (one.model, one.seed) in missing:
            raise NotMeasured(one.model)
        note(f"{one.model}-{one.seed}")
        return one.value

    groups = {model: results.all_of(model) for model in models}
    with reading() as seen:
        scatter.over(results, read, groups, scale)
    return {str(source): getattr(source, "part", "") for source in seen}


def test_what_is_read_has_its_role_and_trainings_without_the_number_are_passed_over():
    results = run(linear=[1.0, 2.0], cosine=[4.0, 5.0], zoom=[3.0, 4.0], fourth=[7.0, 9.0])
    both = noted(results, ["linear", "zoom"], LOG, missing=[("cosine", 0)])
    roles = {"numerator": ["linear-0", "linear-1"], "denominator": ["zoom-0", "zoom-1"]}
    roles |= {"scatter": ["cosine-1", "fourth-0", "fourth-1"]}
    assert both == {name: role for role, names in roles.items() for name in names}
    terms = noted(results, ["zoom", "linear"])
    assert (terms["zoom-0"], terms["linear-1"]) == ("first term", "second term")
    assert noted(results, ["zoom"]) == {"zoom-0": "", "zoom-1": ""}
    with pytest.raises(NotMeasured):
        noted(results, ["linear"], missing=[("linear", 0)])


def test_trainings_of_another_run_are_not_pooled_with_those_of_this_one():
    results, others = run(linear=[1.0, 2.0], cosine=[4.0, 90.0]), run(linear_30=[3.0, 5.0])
    result = scatter.over(results, number, {"linear_30": others.all_of("linear_30")})
    student = stats.ttest_1samp([3.0, 5.0], 0).confidence_interval()
    assert (result.interval.low, result.interval.high) == pytest.approx((student.low, student.high))


def test_the_last_value_is_that_of_the_finished_model_by_name_or_by_a_function():
    row = {"frechet": SimpleNamespace(value=3.0), "ink": SimpleNamespace(value=0.5)}
    one = SimpleNamespace(name="zoom-0", final=row, late=[row] * 5)
    assert scatter.last("frechet")(one) == 3.0
    assert scatter.last(lambda samples: samples["frechet"].value * samples["ink"].value)(one) == 1.5
    assert scatter.late(lambda samples: samples["ink"].value)(one) == pytest.approx(0.5)
