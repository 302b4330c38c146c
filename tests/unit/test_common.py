"""What claims share, and the answer to the main question: on made-up runs, against scipy."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import made_up
from diffusion.evaluation.statistics import Interval
from helpers import PAPER
from paper import answer
from paper.claims import common, judge
from paper.claims.effects import BELOW, WITHIN
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
    one = common.ratio(results, ("zoom", "linear"), side=WITHIN, margin=2.0)
    assert math.log(one.found.value) == pytest.approx(np.mean(logs("zoom")) - np.mean(logs("linear")))
    assert (one.side, one.margin, one.bound, one.ratio, one.show) == (WITHIN, 2.0, 1.0, True, fixed)
    assert one.name == "distance, zoom : linear"
    assert one.each["linear"] == pytest.approx([math.exp(x) for x in logs("linear")])
    assert common.LEVEL == answer.GRADES[0] == 1.25
    quotient = common.quotient(
        results, "x", last("digit"), {"zoom": results.all_of("zoom")}, side=None, bound=3.0
    )
    assert (quotient.side, quotient.bound, quotient.ratio) == (None, 3.0, True)
    assert quotient.found.value == pytest.approx(math.sqrt(0.4 * 0.5))


def test_pairs_have_one_seed_and_their_differences_have_the_interval_of_student(results):
    matched = common.seed_pairs(results, ("zoom", "linear"))
    assert [(a.name, b.name) for a, b in matched] == [("zoom-0", "linear-0"), ("zoom-1", "linear-1")]
    assert [b.name for _, b in common.seed_pairs(results, ("zoom", "cosine"))] == ["cosine-0"]
    one = judge.paired_effect("x", last("digit"), matched, side=BELOW, margin=0.1)
    student = stats.ttest_rel([0.4, 0.5], [0.9, 0.95]).confidence_interval()
    assert one.found.value == pytest.approx(0.45 - 0.925)
    assert (one.found.low, one.found.high) == pytest.approx((student.low, student.high))
    assert (one.each, one.freedom, one.pairs) == ({"zoom": (0.4, 0.5), "linear": (0.9, 0.95)}, 1.0, True)
    ratio = common.paired_quotient("y", answer.ASKED["digits"].number, matched, side=BELOW)
    logs_apart = np.array(logs("zoom")) - np.array(logs("linear"))
    assert math.log(ratio.found.value) == pytest.approx(logs_apart.mean())
    student = stats.ttest_1samp(logs_apart, 0).confidence_interval()
    assert math.log(ratio.found.high) == pytest.approx(student.high)
    assert judge.paired_effect("z", last("digit"), matched[:1]).open  # one pair has no scatter
    with pytest.raises(NotMeasured, match="share a seed"):
        judge.paired_effect("z", last("digit"), [])


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
    assert judge.SHARED["AT_END"] == "averaged over the last 20% of training"
    assert {name: judge.SHARED[name] for name in ("NATS", "LEVEL")} == {"NATS": 0.1, "LEVEL": 1.25}
    claims = {one.id: one for one in judge.list_claims()}
    assert "within a factor of 1.25 count as equal" in claims["lower_distance"].rule
    assert "factors 1.25, 1.5 and 2 that" in claims["comparable"].rule
    paired = {name for name, one in claims.items() if "pairs of one seed" in one.rule}
    assert paired == {"lower_loss", "learns_faster", "lower_distance", "darker", "more_realistic"}


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


# --- thresholds, levels and choices ---


@pytest.mark.parametrize(
    ("low", "high", "smallest"),
    [(0.9, 1.2, 1.25), (0.9, 1.55, 2.0), (0.7, 1.1, 1.5), (1.44, 2.25, None), (0.3, 0.45, None)],
)
def test_the_smallest_factor_that_an_interval_stays_within(low, high, smallest):
    assert answer.met(Interval(math.sqrt(low * high), low, high)) == smallest


def test_a_new_training_is_predicted_with_the_scatter_of_its_model(results):
    found = answer.compare(results, answer.ASKED["digits"])
    zooms, linears = np.array(logs("zoom")), np.array(logs("linear"))
    parts = zooms.var(ddof=1) * (1 + 1 / 2), linears.var(ddof=1) / 2
    freedom = sum(parts) ** 2 / sum(part**2 for part in parts)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    predicted = found.at(0.95, predicted=True)
    assert math.log(predicted.high) == pytest.approx(zooms.mean() - linears.mean() + half)
    assert predicted.low < found.interval.low < found.interval.high < predicted.high


def test_another_level_has_the_quantiles_of_that_level(results):
    found = answer.compare(results, answer.ASKED["digits"])
    level = judge.corrected_level(24)
    assert level == pytest.approx(1 - 0.05 / 24)
    wide, usual = found.at(level), found.interval
    quantiles = [stats.t.ppf((1 + each) / 2, found.estimate.freedom) for each in (level, 0.95)]
    widths = [math.log(each.high / each.low) for each in (wide, usual)]
    assert widths[0] / widths[1] == pytest.approx(quantiles[0] / quantiles[1])


def test_each_training_is_left_out_once_and_windows_have_their_epochs(results, tmp_path):
    found = answer.leave_one_out(results, answer.ASKED["digits"])
    assert [*found] == ["zoom-0", "zoom-1", "linear-0", "linear-1"]
    assert math.log(found["zoom-0"].value) == pytest.approx(logs("zoom")[1] - np.mean(logs("linear")))
    ratios = answer.windows(results, (96, 99))
    last_two = {name: np.mean(np.log(values[3:])) for name, values in LATE.items()}
    expected = np.mean([last_two["zoom-0"], last_two["zoom-1"]]) - np.mean(
        [last_two["linear-0"], last_two["linear-1"]]
    )
    assert math.log(ratios[99].value) == pytest.approx(expected)
    assert ratios[96].value == pytest.approx(answer.apart(results, answer.ASKED["digits"]).value)


def test_each_network_has_the_ratio_of_its_finished_zooms_and_linear_ddpms():
    beyond = load(PAPER.with_name("beyond"))
    found = answer.by_network(replace(load(PAPER), beside={"beyond": beyond}))
    assert [*found] == [*answer.NETWORKS]
    suffixes = ["", "_rms", "_dilated", "_unet"]
    for ratio, suffix in zip(found.values(), suffixes, strict=True):
        models = [f"{model}{suffix}" for model in answer.PAIR]
        zooms, linears = (
            [math.log(one.final["frechet"].value) for one in beyond.all_of(model)] for model in models
        )
        assert math.log(ratio.interval.value) == pytest.approx(np.mean(zooms) - np.mean(linears))


def test_late_values_come_from_trainings_whose_late_checkpoints_have_the_measure(results, tmp_path):
    asked = answer.ASKED["autoencoder"]
    assert answer.late_values(results, asked, "zoom") == {}
    assert answer.late_ratio(results, asked) is None
    digits = answer.late_values(results, answer.ASKED["digits"], "zoom")
    assert [*digits.values()] == pytest.approx([math.exp(x) for x in logs("zoom")])
