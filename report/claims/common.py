"""Shared by the claims: effects between two models, and how their values are printed."""

import math
from collections.abc import Iterator, Sequence
from functools import partial

from diffusion.evaluation.statistics import Interval
from report.effects import ABOVE, BELOW, Effect, log
from report.judge import LAST, Case, Measure, NotMeasured
from report.text_format import Markdown, fixed, percent
from study import series

LEVEL = 1.25  # distances within this factor of each other are level
POINTS = 0.1  # a difference of shares that does not matter
NATS = 0.1  # a difference of divergences that does not matter
VARIETY = (  # measures of variety, the side on which a set of samples has less, and what does not matter
    ("divergence", ABOVE, NATS),
    ("recall", BELOW, POINTS),
    ("coverage", BELOW, POINTS),
)
AT_END = f"on average over {LAST}"
BELOW_ONE = (
    f"{AT_END.capitalize()} the ratio of the distances is below 1; within a factor of {LEVEL} it is level."
)

percent1 = partial(percent, decimals=1)


def points(x: float) -> Markdown:
    """A difference of shares in percentage points."""
    return fixed(100 * x, 1)


def logarithm(measure: str) -> Measure:
    return lambda row: row[measure].map(log)


def exact(name: str, value: float, side: str, bound: float, **more: object) -> Effect:
    """An effect without uncertainty."""
    return Effect(name, Interval(value, value, value), side, bound, **more)


def quotient(name: str, log: Interval, side: str | None, bound: float = 1.0, **more: object) -> Effect:
    """An effect that is a ratio, from its logarithm."""
    return Effect(name, log.map(math.exp), side, bound, ratio=True, **{"show": fixed} | more)


def ratio(case: Case, pair: tuple[str, str], side: str, margin: float = LEVEL) -> Effect:
    """The distance of one model over that of another at the end of training."""
    log = case.gap(*pair, logarithm("frechet"))
    return quotient(f"distance, {pair[0]} : {pair[1]}", log, side, margin=margin)


def elsewhere(case: Case, pair: tuple[str, str]) -> Iterator[Effect]:
    """The same ratio in other features in which all late samples of both were measured; told beside it."""
    late = [row for m in pair for row in case[m].late]
    for name in late[0]:
        if name.startswith("frechet_") and all(name in row for row in late):
            log = case.gap(*pair, logarithm(name))
            yield quotient(f"in {name.removeprefix('frechet_')} features", log, None)


def slope(name: str, epochs: Sequence[int], values: Sequence[Interval]) -> Effect:
    """The change in ten epochs over the second half of some points, over their mean; it is to be below 0."""
    half = len(epochs) // 2
    epochs, later = epochs[half:], [one.value for one in values[half:]]
    if len(later) < series.FEWEST:
        raise NotMeasured("too few points of the second half of training are measured")
    mean = sum(later) / len(later)
    found = series.slope(epochs, later).map(lambda change: 10 * change / mean)
    return Effect(f"{name}, change in ten epochs", found, BELOW, show=percent1)
