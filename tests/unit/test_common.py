"""What claims share, and the answer to the main question: on made-up runs, against scipy."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import made_up
from diffusion.evaluation.statistics import Interval
from paper import answer
from paper.claims import common, judge
from paper.claims.effects import ABOVE, BELOW, WITHIN
from report.pages.text_format import fixed, percent
from report.results.scatter import LINEAR, LOG, LOGIT, NotMeasured, last
from report.results.table import row
from report.results.views import Results, load

# Distances after the last five of the epochs, and other measures at the end, of each training.
LATE = {
    "zoom-0": (8.0, 10.0, 12.0, 9.0, 11.0),
    "zoom-1": (14.0, 15.0, 13.0, 16.0, 12.0),
    "linear-0": (5.0, 6.0, 5.5, 6.5, 7.0),
    "linear-1": (4.0, 4.5, 5.0, 5.5, 6.0),
    "cosine-0": (9.0, 9.5, 10.0, 9.7, 9.9),
}
AUTOENCODER = {"zoom-0": 3.0, "zoom-1": 4.0, "linear-0": 1.0, "linear-1": 1.5, "cosine-0": 2.0}
DIGIT = {"zoom-0": 0.4, "zoom-1": 0.5, "linear-0": 0.9, "linear-1": 0.95, "cosine-0": 0.7}


@pytest.fixture
def results(tmp_path) -> Results:
    for name, distances in LATE.items():
        made_up.training(tmp_path, name, epochs=100)
        rows = made_up.curve(dict(zip(range(96, 101), distances, strict=True)) | {1: 1e6})
        rows += [row("frechet", 1.0, epoch=100), row("digit", DIGIT[name], epoch=100)]
        rows += [row("frechet_autoencoder", AUTOENCODER[name], epoch=100)]
        made_up.measures(tmp_path, name, rows)
    return load(tmp_path)


def logs(model: str) -> list[float]:
    """The logarithms of the geometric means of late distances of a model's trainings."""
    return [float(np.mean(np.log(values))) for name, values in LATE.items() if name.startswith(model)]


# --- effects ---


def test_a_ratio_of_distances_is_that_of_geometric_means_over_late_checkpoints(results):
    one = common.ratio(results, ("zoom", "linear"), WITHIN, 2.0)
    assert math.log(one.found.value) == pytest.approx(np.mean(logs("zoom")) - np.mean(logs("linear")))
    assert (one.side, one.margin, one.bound, one.ratio, one.show) == (WITHIN, 2.0, 1.0, True, fixed)
    assert one.name == "distance, zoom : linear"
    assert one.each["linear"] == pytest.approx([math.exp(x) for x in logs("linear")])
    assert common.ratio(results, ("zoom", "linear"), BELOW).margin == common.LEVEL == 1.25
    quotient = common.quotient(
        results, "x", last("digit"), {"zoom": results.all_of("zoom")}, side=None, bound=3.0
    )
    assert (quotient.side, quotient.bound, quotient.ratio) == (None, 3.0, True)
    assert quotient.found.value == pytest.approx(math.sqrt(0.4 * 0.5))


def test_a_difference_is_the_first_minus_the_second(results):
    one = common.difference(results, "x", ("zoom", "linear"), last("digit"), side=BELOW, margin=0.1)
    welch = stats.ttest_ind([0.4, 0.5], [0.9, 0.95], equal_var=False).confidence_interval()
    assert one.found.value == pytest.approx(0.45 - 0.925)
    # The cosine DDPM has a single training, so the scatter of DDPMs is that of the linear one.
    assert (one.found.low, one.found.high) == pytest.approx((welch.low, welch.high))
    assert (one.name, one.side, one.margin, one.ratio) == ("x", BELOW, 0.1, False)
    late = common.late_difference(results, "y", ("zoom", "linear"), "frechet", side=ABOVE)
    assert late.found.value == pytest.approx((10 + 14) / 2 - (6 + 5) / 2)


def test_an_exact_number_has_no_width():
    one = common.exact("x", 0.25, BELOW, 0.5, show=percent)
    assert (one.name, one.found.ends, one.side, one.bound) == ("x", (0.25, 0.25, 0.25), BELOW, 0.5)
    assert (one.answer(), one.shown()) == (True, "25%")
    assert common.exact("x", 0.5, BELOW, 0.5).answer() is None
    assert common.percent1(0.1234) == "12.3%"
    assert common.points1(0.1234) == "12.3"


def series(one) -> tuple[list[int], list[float]]:
    """Anything at first, then a line from 20, whose slope is that of the seed."""
    values = [3.0, 90.0, 5.0] + [20.0 + (one.seed - 0.5) * (epoch - 40) for epoch in (40, 60, 80)]
    return [10, 20, 30, 40, 60, 80], values


def test_a_slope_is_the_relative_change_over_the_second_half(results):
    one = common.slope(results, "distance", "zoom", series)
    assert one.each["zoom"] == pytest.approx((-0.5 * 40 / 10, 0.5 * 40 / 30))  # over the means of the halves
    assert (one.side, one.bound, one.name) == (BELOW, 0.0, "distance, change over the second half")
    assert one.show(0.1234) == "12.3%"


@pytest.mark.parametrize(("passes", "enough"), [(100, True), (99.99, False)])
def test_a_slope_needs_the_whole_training(results, passes, enough):
    ones = {
        key: SimpleNamespace(model="zoom", process="zoom", seed=key[1], passes=passes)
        for key in (("zoom", 3), ("zoom", 4))
    }

    def points(one):
        return [1, 2, 3, 4], [9.0, 9.0, 4.0, 4.0 - (one.seed - 2) / 2]

    run = replace(results, trainings=ones)
    if enough:
        each = common.slope(run, "x", "zoom", points).each["zoom"]
        assert each == pytest.approx((-0.5 / 3.75, -1.0 / 3.5))
    else:
        with pytest.raises(NotMeasured, match="needs all 100 epochs"):
            common.slope(run, "x", "zoom", points)


def test_rules_name_the_constants_by_which_they_are_judged():
    assert judge.SHARED["IN_POINTS"] == 100 * common.POINTS == 10
    assert judge.SHARED["AT_END"] == "on average over the last 20% of training"
    assert judge.SHARED["ON_AVERAGE"] == "On average over the last 20% of training"
    assert "within a factor of 1.25" in judge.SHARED["BELOW_ONE"]
    assert "below 1;" in judge.SHARED["BELOW_ONE"]
    assert {name: judge.SHARED[name] for name in ("NATS", "MOSTLY")} == {"NATS": 0.1, "MOSTLY": 12}


# --- the answer ---


def test_what_is_asked_is_the_late_distance_the_last_in_other_features_and_the_share(results):
    one = results.first("zoom")
    numbers = {name: asked.number(one) for name, asked in answer.ASKED.items()}
    assert numbers == {
        "digits": pytest.approx(math.exp(logs("zoom")[0])),
        "autoencoder": 3.0,
        "share": 0.4,
    }
    scales = {name: (asked.scale, asked.difference) for name, asked in answer.ASKED.items()}
    assert scales == {"digits": (LOG, LOG), "autoencoder": (LOG, LOG), "share": (LOGIT, LINEAR)}


def test_a_comparison_is_a_ratio_of_distances_and_a_difference_of_shares(results):
    apart = answer.apart(results, answer.ASKED["digits"])
    assert math.log(apart.value) == pytest.approx(np.mean(logs("zoom")) - np.mean(logs("linear")))
    shares = answer.apart(results, answer.ASKED["share"])
    assert shares.value == pytest.approx(0.45 - 0.925)
    other = answer.apart(results, answer.ASKED["autoencoder"], ("linear", "cosine"))
    assert other.value == pytest.approx(math.sqrt(1.5) / 2.0)


def test_means_have_an_interval_where_the_scatter_is_known(results, tmp_path):
    found = answer.means(results, answer.ASKED["autoencoder"], ["zoom", "linear", "cosine", "nothing"])
    assert [*found] == ["zoom", "linear", "cosine"]
    assert found["zoom"].value == pytest.approx(math.sqrt(12.0))
    assert found["zoom"].low < found["zoom"].value < found["zoom"].high
    assert found["cosine"].low < 2.0 < found["cosine"].high  # from the linear ones
    single = load(tmp_path, trainings=[("zoom", 1)])
    assert answer.means(single, answer.ASKED["autoencoder"], ["zoom"]) == {
        "zoom": Interval(pytest.approx(4.0))
    }


def test_trainings_without_the_measure_do_not_count_and_published_weights_do(results, tmp_path):
    other = tmp_path / "original"
    made_up.training(other, "zoom-9", epochs=100)
    made_up.measures(other, "zoom-9", [row("digit", 0.2, epoch=100)])
    made_up.training(tmp_path, "zoom-3", epochs=100)
    made_up.measures(tmp_path, "zoom-3", [row("ink", 0.2, epoch=100)])
    run = replace(load(tmp_path), beside={"original": load(other)})
    names = {
        name: [one.name for one in answer.trainings(run, "zoom", asked)]
        for name, asked in answer.ASKED.items()
    }
    ours = ["zoom-0", "zoom-1"]
    assert names == {"digits": ours, "autoencoder": ours, "share": [*ours, "zoom-9"]}
    assert [one.name for one in answer.trainings(run, "linear", answer.ASKED["share"])] == [
        "linear-0",
        "linear-1",
    ]
    assert answer.value(run.trainings["zoom", 3], answer.ASKED["share"]) is None


def closed_form(n: int, zooms: list[float], ddpms: list[list[float]]) -> tuple[float, float]:
    """Ends of Welch's interval of the difference with n zooms."""
    squares = sum(np.var(x, ddof=1) * (len(x) - 1) for x in ddpms)
    freedom = sum(len(x) - 1 for x in ddpms)
    a, b = np.var(zooms, ddof=1) / n, squares / freedom / len(ddpms[0])
    dof = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / freedom)
    middle, half = np.mean(zooms) - np.mean(ddpms[0]), stats.t.ppf(0.975, dof) * math.sqrt(a + b)
    return middle - half, middle + half


@pytest.mark.parametrize("apart", [0.0, 0.3, -0.3, 0.55, 0.65, 0.8])
def test_so_many_zooms_are_enough_for_an_interval_within_a_factor_of_two(apart):
    zooms = [apart - 0.1, apart + 0.12, apart + 0.28]
    ddpms = {"linear": [0.0, 0.05, -0.05], "cosine": [1.0, 1.1, 0.95]}

    def of(model: str, values: list[float]) -> dict:
        return {
            (model, i): SimpleNamespace(model=model, process=model, value=math.exp(x))
            for i, x in enumerate(values)
        }

    run = Results(None, of("zoom", zooms) | of("linear", ddpms["linear"]) | of("cosine", ddpms["cosine"]))
    asked = SimpleNamespace(number=lambda one: one.value, scale=LOG)
    enough = {
        n for n in range(3, 40) if max(map(abs, closed_form(n, zooms, [*ddpms.values()]))) < math.log(2)
    }
    assert answer.enough(run, asked) == (min(enough) if enough and min(enough) < 20 else None)
    if enough and min(enough) > 3:
        assert answer.enough(run, asked, most=min(enough)) is None
        assert answer.enough(run, asked, most=min(enough) + 1) == min(enough)
