"""Shared by the claims: effects between two models, and how their values are printed."""

import math
from collections.abc import Iterator
from functools import partial

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from report.text_format import MINUS, Markdown, fixed, num, percent
from report.verdicts.case import (
    LAST,
    Case,
    Measure,
    NotMeasured,
    coverage,
    distance,
    divergence,
    logarithm,
    recall,
)
from report.verdicts.effects import ABOVE, BELOW, Effect

LEVEL = 1.25  # distances within this factor of each other are level
POINTS = 0.1  # a difference of shares that does not matter
NATS = 0.1  # a difference of divergences that does not matter
VARIETY = (  # measures of variety, the side on which a set of samples has less, and what does not matter
    ("divergence", divergence, ABOVE, NATS),
    ("recall", recall, BELOW, POINTS),
    ("coverage", coverage, BELOW, POINTS),
)
AT_END = f"on average over {LAST}"
BELOW_ONE = (
    f"{AT_END.capitalize()} the ratio of the distances is below 1; within a factor of {LEVEL} it is level."
)

num2 = partial(num, digits=2)
percent1 = partial(percent, decimals=1)


def points(x: float) -> Markdown:
    """A difference of shares in percentage points."""
    return fixed(100 * x, 1)


def exact(name: str, value: float, side: str, bound: float, **more: object) -> Effect:
    """An effect without uncertainty."""
    return Effect(name, Interval(value, value, value), side, bound, **more)


def quotient(name: str, log: Interval, side: str | None, bound: float = 1.0, **more: object) -> Effect:
    """An effect that is a ratio, from its logarithm."""
    return Effect(name, log.map(math.exp), side, bound, ratio=True, **{"show": fixed} | more)


def ratio(case: Case, pair: tuple[str, str], side: str, margin: float = LEVEL) -> Effect:
    """The distance of one model over that of another at the end of training."""
    log = case.gap(*pair, logarithm(distance))
    return quotient(f"distance, {pair[0]} : {pair[1]}", log, side, margin=margin)


def elsewhere(case: Case, pair: tuple[str, str]) -> Iterator[Effect]:
    """The same ratio in other features in which all late samples of both were measured; told beside it."""
    late = [row for m in pair for row in case[m].measure.late()]
    for name in late[0].distances:
        if all(name in row.distances for row in late):
            log = case.gap(*pair, logarithm(lambda row, name=name: row.distances[name]))
            yield quotient(f"in {name} features", log, None)


def gap(case: Case, pair: tuple[str, str], measure: Measure, name: str, side: str, **more: object) -> Effect:
    """The difference of a measure of two models at the end of training."""
    return Effect(f"{name}, {pair[0]} {MINUS} {pair[1]}", case.gap(*pair, measure), side, **more)


def slope(name: str, epochs: list[int], values: list[float]) -> Effect:
    """The change in ten epochs over the second half of some points, over their mean; it is to be below 0."""
    half = len(epochs) // 2
    if len(values[half:]) < statistics.FEWEST:
        raise NotMeasured("too few points of the second half of training are measured")
    mean = sum(values[half:]) / len(values[half:])
    found = statistics.slope(epochs[half:], values[half:]).map(lambda change: 10 * change / mean)
    return Effect(f"{name}, change in ten epochs", found, BELOW, show=percent1)
