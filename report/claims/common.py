"""Shared by the claims: effects between two models, how numbers are shown, and phrases of rules."""

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from diffusion.evaluation import statistics
from diffusion.evaluation.statistics import FEWEST
from report.effects import Effect
from report.estimates import LAST, NAME, Case, Estimate, Measure, distance, logarithm
from report.text_format import MINUS, Markdown, fixed, span

COMPARABLE = 1.25  # two distances within this factor of each other are comparable
BOTH = ("linear", "cosine")
PAIR = ("cosine", "linear")  # in the order in which texts name them
OVERLAP = "The first edition asked whether two intervals overlap, not for the interval of the difference"
AT_END = f"on average over {LAST}"


def exact(name: str, value: float, side: str, bound: float, **more: object) -> Effect:
    """An effect without uncertainty."""
    return Effect(name, value, value, value, side, bound, **more)


def points(x: float) -> Markdown:
    """A difference of shares in percentage points."""
    return fixed(100 * x, 1)


def times(x: float) -> Markdown:
    return fixed(x, 2)


def ratio(case: Case, pair: tuple[str, str], measure: Measure, **more: object) -> Effect:
    """The quotient of a measure of two models at the end of training, the first over the second."""
    gap = case.gap(*pair, logarithm(measure))
    ends = (math.exp(x) for x in (gap.value, gap.low, gap.high))
    return Effect(f"distance, {pair[0]} : {pair[1]}", *ends, ratio=True, bound=1.0, show=times, **more)


def gap(case: Case, pair: tuple[str, str], measure: Measure, name: str, **more: object) -> Effect:
    """The difference of a measure of two models at the end of training."""
    found = case.gap(*pair, measure)
    return Effect(f"{name}, {pair[0]} {MINUS} {pair[1]}", found.value, found.low, found.high, **more)


def said(case: Case, models: tuple[str, ...], measure: Measure, show: Callable[..., Markdown]) -> str:
    """A measure of each model at the end of training."""
    return ", ".join(f"{case.end(m, measure).shown(show)} ({m})" for m in models)


def distances(case: Case, models: tuple[str, ...]) -> Markdown:
    """The distances of models at the end of training, in all features at hand."""
    parts = [f"in {NAME[e]} {said(case, models, distance(e), span)}" for e in case.extractors]
    return Markdown(f"Distance {AT_END}: {'; '.join(parts)}.")


def slope(epochs: list[int], values: list[float]) -> Estimate:
    """The change in ten epochs over the second half of some points, over their mean, with its interval.

    Least squares, with Student's interval; of fewer than five points it may be anything.
    """
    half = len(epochs) // 2
    x, y = np.asarray(epochs[half:], dtype=float), np.asarray(values[half:], dtype=float)
    if len(x) < FEWEST or len(set(x)) < 2:
        return Estimate(0.0, -math.inf, math.inf)
    line = stats.linregress(x, y)
    error = float(stats.t.ppf(statistics.TAILS[1], len(x) - 2)) * line.stderr
    return Estimate(
        *(float(10 * value / abs(y.mean())) for value in (line.slope, line.slope - error, line.slope + error))
    )
