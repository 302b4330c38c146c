"""Shared by the claims: effects between two models, and how their values are printed."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from diffusion.evaluation.statistics import Interval
from report.departures import EPOCHS
from report.effects import ABOVE, BELOW, Effect
from report.judge import LAST, SHARED, Case, Measure, NotMeasured, late_value
from report.text_format import Markdown, fixed, percent
from study import series
from study.pixels import MOSTLY
from study.results import Training
from study.scatter import LINEAR, LOG, LOGIT, Scale

LEVEL = 1.25  # distances within this factor of each other are level
POINTS = 0.1  # a difference of shares that does not matter
NATS = 0.1  # a difference of divergences that does not matter
VARIETY = (  # measures of variety, their scale, the side on which samples have less, and what does not matter
    ("divergence", LOG, ABOVE, NATS),
    ("recall", LOGIT, BELOW, POINTS),
    ("coverage", LOGIT, BELOW, POINTS),
)
AT_END = f"on average over {LAST}"
BELOW_ONE = (
    f"{AT_END.capitalize()} the ratio of the distances is below 1; within a factor of {LEVEL} it is level."
)

SHARED.update(
    AT_END=AT_END, ON_AVERAGE=AT_END.capitalize(), BELOW_ONE=BELOW_ONE, NATS=NATS, IN_POINTS=100 * POINTS
)
SHARED.update(MOSTLY=MOSTLY)

percent1 = partial(percent, decimals=1)


def points(x: float) -> Markdown:
    """A difference of shares in percentage points."""
    return fixed(100 * x, 1)


def logarithm(measure: str) -> Measure:
    return lambda row: row[measure].map(LOG.to)


def exact(name: str, value: float, side: str, bound: float, **more: object) -> Effect:
    """An effect without uncertainty."""
    return Effect(name, Interval(value, value, value), side, bound, **more)


def share(case: Case, name: str, measure: str, one: Training, side: str, bound: float) -> Effect:
    """The share of a measure among the finished model's samples."""
    at = {"side": side, "bound": bound, "scale": LOGIT, "show": percent}
    return case.single(name, lambda one: one.final[measure], LOGIT, one, **at)


def quotient(
    case: Case, name: str, log: Interval, number: Callable[[Training], float], *ones: Training, **more: Any
) -> Effect:
    """An effect that is a ratio, from its logarithm; number: the logarithm of a training's part in it."""
    at = {"bound": 1.0, "scale": LOG, "ratio": True, "show": fixed, "gains": 1.0} | more
    return case.effect(name, log.map(math.exp), number, LINEAR, *ones, **at)


def ratio(case: Case, pair: tuple[str, str], side: str, margin: float = LEVEL) -> Effect:
    """The distance of one model over that of another at the end of training."""
    return _ratio(case, f"distance, {pair[0]} : {pair[1]}", pair, "frechet", side=side, margin=margin)


def elsewhere(case: Case, pair: tuple[str, str]) -> Iterator[Effect]:
    """The same ratio in other features in which all late samples of both were measured; told beside it."""
    late = [row for m in pair for row in case[m].late]
    for name in late[0]:
        if name.startswith("frechet_") and all(name in row for row in late):
            yield _ratio(case, f"in {name.removeprefix('frechet_')} features", pair, name, side=None)


def _ratio(case: Case, name: str, pair: tuple[str, str], measure: str, **more: Any) -> Effect:
    number = late_value(logarithm(measure), case.shared(*pair))
    return quotient(case, name, case.gap(*pair, logarithm(measure)), number, *(case[m] for m in pair), **more)


def difference(case: Case, name: str, pair: tuple[str, str], measure: str, of: Scale, **more: Any) -> Effect:
    """A measure of one model minus that of another at the end of training."""
    number = late_value(measure, case.shared(*pair))
    return case.effect(name, case.gap(*pair, measure), number, of, *(case[m] for m in pair), **more)


Points = Callable[[Training], tuple[Sequence[int], Sequence[float]]]  # epochs, and a number after each


def slope(case: Case, name: str, one: Training, points: Points) -> Effect:
    """The change over the second half of some points, by their line, over their mean; it is to be below 0."""

    def found(one: Training) -> Interval:
        if one.passes < EPOCHS:
            raise NotMeasured(f"it needs all {EPOCHS} epochs")
        epochs, values = points(one)
        half = len(epochs) // 2
        epochs, later = epochs[half:], values[half:]
        if len(later) < series.FEWEST:
            raise NotMeasured("too few points of the second half of training are measured")
        mean = sum(later) / len(later)
        return series.slope(epochs, later).map(lambda x: x * (epochs[-1] - epochs[0]) / mean)

    at = {"side": BELOW, "show": percent1}
    return case.single(f"{name}, change over the second half", found, LINEAR, one, **at)
