"""Shared by the claims: effects between two models, and formats of their values."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from diffusion.evaluation.statistics import Interval
from paper.answer import ASKED, GRADES
from paper.claims.effects import BELOW, Effect
from paper.claims.judge import SHARED, effect, paired_effect
from report.pages.text_format import fixed, percent, points
from report.results.definitions import define
from report.results.scatter import LOG, NotMeasured, Number
from report.results.views import LATE, Results, Training

LEVEL = define("level_ratio", GRADES[0])  # distances within this factor count as equal
EPOCHS = 100  # of the original study
POINTS = 0.1  # a smaller difference of shares does not matter
NATS = 0.1  # a smaller difference of divergences does not matter
AT_END = f"averaged over the last {percent(LATE)} of training"
PAIRED = "We compare the two DDPMs in pairs of one seed, which share initial weights, images and noise."
SHARED.update(AT_END=AT_END, PAIRED=PAIRED, LEVEL=LEVEL, NATS=NATS, IN_POINTS=100 * POINTS)

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


def ratio(results: Results, pair: Pair, **more: object) -> Effect:
    """The effect of the ratio of two models' distances at the end of training."""
    groups = {model: results.all_of(model) for model in pair}
    return quotient(results, f"distance, {pair[0]} : {pair[1]}", ASKED["digits"].number, groups, **more)


def pairs(firsts: Sequence[Training], seconds: Sequence[Training]) -> list[tuple[Training, Training]]:
    """Pairs of training runs with the same seed."""
    return [(first, second) for first in firsts for second in seconds if first.seed == second.seed]


def seed_pairs(results: Results, pair: Pair) -> list[tuple[Training, Training]]:
    """Pairs of training runs of two models with the same seed."""
    return pairs(*map(results.all_of, pair))


def paired_quotient(
    name: str, number: Number, matched: Sequence[tuple[Training, Training]], **more: object
) -> Effect:
    """The effect of the ratio of two models' numbers within pairs of training runs."""
    at = {"bound": 1.0, "ratio": True, "show": fixed} | more
    return paired_effect(name, number, matched, LOG, **at)


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
