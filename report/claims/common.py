"""Shared by the claims: effects between two models, how numbers are shown, and phrases of rules."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import stats

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.statistics import FEWEST
from report.text_format import MINUS, Markdown, fixed, num, percent, span
from report.verdicts.case import LAST, Case, Measure, distance, logarithm
from report.verdicts.effects import Effect
from report.verdicts.judge import Finding

COMPARABLE = 1.25  # two distances within this factor of each other are comparable
PAIR = ("cosine", "linear")  # in the order in which texts name them
ALL = ("zoom", "linear", "cosine")
ZOOM = {"models": ("zoom",)}
LEFT_OUT = "The first edition left this claim out."
OVERLAP = "The first edition asked whether two intervals overlap, not for the interval of the difference"
AT_END = f"on average over {LAST}"
NOT_MEASURED = Finding("Not measured in this run.")
TOO_FEW = Finding("Too few checkpoints.")

two = partial(span, digits=2)
num2 = partial(num, digits=2)
percent1 = partial(percent, decimals=1)


def exact(name: str, value: float, side: str, bound: float, **more: object) -> Effect:
    """An effect without uncertainty."""
    return Effect(name, Interval(value, value, value), side, bound, **more)


def points(x: float) -> Markdown:
    """A difference of shares in percentage points."""
    return fixed(100 * x, 1)


def quotient(name: str, log: Interval, bound: float = 1.0, **more: object) -> Effect:
    """An effect that is a ratio, from its logarithm."""
    return Effect(name, log.map(math.exp), bound=bound, ratio=True, show=fixed, **more)


def ratio(case: Case, pair: tuple[str, str], side: str) -> Effect:
    """The distance of one model over that of another at the end of training."""
    name, log = f"distance, {pair[0]} : {pair[1]}", case.gap(*pair, logarithm(distance))
    return quotient(name, log, side=side, margin=COMPARABLE)


def gap(case: Case, pair: tuple[str, str], measure: Measure, name: str, **more: object) -> Effect:
    """The difference of a measure of two models at the end of training."""
    return Effect(f"{name}, {pair[0]} {MINUS} {pair[1]}", case.gap(*pair, measure), **more)


def said(case: Case, models: tuple[str, ...], measure: Measure, show: Callable[..., Markdown]) -> str:
    """A measure of each model at the end of training."""
    return ", ".join(f"{case.end(m, measure).shown(show)} ({m})" for m in models)


def distances(case: Case, models: tuple[str, ...]) -> str:
    """The distances of models at the end of training."""
    return f"Distance {AT_END}: in digit features {said(case, models, distance, span)}."


def slope(epochs: list[int], values: list[float]) -> Interval | None:
    """The change in ten epochs over the second half of some points, over their mean, with its interval.

    Least squares, with Student's interval; None of fewer than five points.
    """
    half = len(epochs) // 2
    x, y = np.asarray(epochs[half:], dtype=float), np.asarray(values[half:], dtype=float)
    if len(x) < FEWEST:
        return None
    line = stats.linregress(x, y)
    error = float(stats.t.ppf(statistics.TAILS[1], len(x) - 2)) * line.stderr
    found = Interval(line.slope, line.slope - error, line.slope + error)
    return found.map(lambda change: float(10 * change / abs(y.mean())))
