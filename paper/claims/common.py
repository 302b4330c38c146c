"""Shared by the claims: effects between two models, and formats of their values."""

from functools import partial

import numpy as np

from diffusion.evaluation.statistics import Interval
from paper.answer import ASKED
from paper.claims.effects import BELOW, Effect
from paper.claims.judge import SHARED, effect
from paper.departures import EPOCHS
from report.measures.pixels import MOSTLY
from report.pages.text_format import fixed, percent, points
from report.results.definitions import define
from report.results.scatter import LOG, Measure, NotMeasured, Number, late
from report.results.views import LATE, Results, Training

LEVEL = define("level_ratio", 1.25)  # distances within this factor count as equal
POINTS = 0.1  # a smaller difference of shares does not matter
NATS = 0.1  # a smaller difference of divergences does not matter
AT_END = f"on average over the last {percent(LATE)} of training"
BELOW_ONE = (
    f"{AT_END.capitalize()} the ratio of the distances is below 1; within a factor of {LEVEL} it is level."
)

SHARED.update(
    AT_END=AT_END, ON_AVERAGE=AT_END.capitalize(), BELOW_ONE=BELOW_ONE, NATS=NATS, IN_POINTS=100 * POINTS
)
SHARED.update(MOSTLY=MOSTLY)

percent1 = partial(percent, decimals=1)
Pair = tuple[str, str]


points1 = partial(points, decimals=1)


def exact(name: str, value: float, side: str, bound: float, **more: object) -> Effect:
    """An effect without uncertainty."""
    return Effect(name, Interval(value, value, value), side, bound, **more)


def quotient(
    results: Results, name: str, number: Number, groups: dict[str, list[Training]], **more: object
) -> Effect:
    """The effect of a ratio of two models' numbers."""
    at = {"bound": 1.0, "ratio": True, "show": fixed} | more
    return effect(name, results, number, groups, LOG, **at)


def ratio(results: Results, pair: Pair, side: str, margin: float = LEVEL) -> Effect:
    """The effect of the ratio of two models' distances at the end of training."""
    groups = {model: results.all_of(model) for model in pair}
    name, at = f"distance, {pair[0]} : {pair[1]}", {"side": side, "margin": margin}
    return quotient(results, name, ASKED["digits"].number, groups, **at)


def difference(results: Results, name: str, pair: Pair, number: Number, **more: object) -> Effect:
    """The effect of a difference of two models' numbers, first minus second."""
    return effect(name, results, number, {model: results.all_of(model) for model in pair}, **more)


def late_difference(results: Results, name: str, pair: Pair, measure: Measure, **more: object) -> Effect:
    """The effect of a difference of two models' measures at the end of training, first minus second."""
    return difference(results, name, pair, late(measure), **more)


def slope(results: Results, name: str, model: str, points: object) -> Effect:
    """The effect of the relative change over the second half of training, from a fitted line.

    The claim holds if the change is below 0.

    Args:
        points: function of a training that returns epochs and a number for each.
    """

    def change(training: Training) -> float:
        if training.passes < EPOCHS:
            raise NotMeasured(f"it needs all {EPOCHS} epochs")
        epochs, values = (series[len(series) // 2 :] for series in points(training))
        return float(np.polyfit(epochs, values, 1)[0] * (epochs[-1] - epochs[0]) / np.mean(values))

    at = {"side": BELOW, "show": percent1}
    return effect(f"{name}, change over the second half", results, change, results.all_of(model), **at)
