"""Numbers over trainings: means and differences of means, with intervals by the scatter of trainings.

The unit of replication is the training. The number of one at its end is the mean over all its late
checkpoints. Its scatter about its model's mean is pooled over the models of one process at the study's
settings (linear and cosine DDPM), never across processes, which differ in it. The interval of a difference
between processes is Welch's.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from diffusion.evaluation.statistics import FEWEST, TAILS, Interval
from report.results.table import Samples, reading
from report.results.views import Results, Training

SMALLEST = 1e-9

Measure = str | Callable[[Samples], float]  # of a set of samples: its name, or what computes it
Number = Callable[[Training], float]  # of a training; LookupError: it has none


class NotMeasured(LookupError):
    """A number was not measured, or means nothing."""


class Scale(NamedTuple):
    """A scale on which numbers of a kind scatter about alike: functions `to` it and `back`."""

    to: Callable[[float], float]
    back: Callable[[float], float]


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


LINEAR = Scale(float, float)
LOG = Scale(lambda x: math.log(max(x, SMALLEST)), math.exp)
LOGIT = Scale(_logit, lambda x: 1 / (1 + math.exp(-x)))
FISHER = Scale(lambda r: math.atanh(min(max(r, -0.999999), 0.999999)), math.tanh)


class Scatter(NamedTuple):
    """The standard deviation of a training's number about its model's mean, and its degrees of freedom."""

    sd: float
    freedom: int


def pooled(groups: Iterable[Sequence[float]]) -> Scatter:
    """The scatter in groups of numbers, a group for each model; without a freedom where none has two."""
    groups = [np.asarray(values, dtype=float) for values in groups if len(values)]
    freedom = sum(len(values) - 1 for values in groups)
    squares = sum(float(np.square(values - values.mean()).sum()) for values in groups)
    return Scatter(math.sqrt(squares / freedom) if freedom else math.nan, freedom)


def combined(
    means: Iterable[tuple[float, str, Sequence[float]]], scatter: Mapping[str, Scatter]
) -> Interval | None:
    """The sum of means over trainings, with its 95 % interval by Welch; None where a scatter is unknown.

    Args:
        means: of each a factor, the process, and the numbers of its trainings.
        scatter: of each process.

    The processes' variances add; the degrees of freedom are those of Welch and Satterthwaite.
    """
    value, weights = 0.0, dict.fromkeys(scatter, 0.0)
    for factor, process, values in means:
        value += factor * float(np.mean(values))
        weights[process] += factor**2 / len(values)
    used = {process: weight for process, weight in weights.items() if weight}
    if not all(scatter[process].freedom for process in used):
        return None
    variances = {process: weight * scatter[process].sd ** 2 for process, weight in used.items()}
    total = sum(variances.values())
    shares = sum(variance**2 / scatter[process].freedom for process, variance in variances.items())
    half = float(stdtrit(total**2 / shares, TAILS[1])) * math.sqrt(total) if total else 0.0
    return Interval(value, value - half, value + half)


def mean_of(values: Sequence[float]) -> Interval:
    """The mean of at least two independent values, such as images, with Student's interval."""
    scatter = pooled([values])
    found = combined([(1.0, "", values)], {"": scatter})
    return Interval(*found.ends, n=len(values), sd=scatter.sd)


# --- of the trainings of a run ---


def read(measure: Measure, samples: Samples) -> float:
    return samples[measure].value if isinstance(measure, str) else measure(samples)


def late(measure: Measure, scale: Scale = LINEAR) -> Number:
    """The mean of a measure over all late checkpoints, on a scale: of logarithms it is the geometric mean."""

    def number(training: Training) -> float:
        if len(training.late) < FEWEST:
            raise NotMeasured(f"{training.name} has too few late checkpoints")
        values = [read(measure, row) for row in training.late]
        return scale.back(float(np.mean([scale.to(value) for value in values])))

    return number


def last(measure: Measure) -> Number:
    """A measure of the finished model's samples."""
    return lambda training: read(measure, training.final)


class Over(NamedTuple):
    """A number over trainings, whose interval has no width where `unknown`: no model was trained twice."""

    interval: Interval
    each: dict[str, tuple[float, ...]]  # model -> of each training
    unknown: bool


def over(
    results: Results, number: Number, trainings: Mapping[str, Sequence[Training]], scale: Scale = LINEAR
) -> Over:
    """The mean over the trainings of a model, or that of the first model minus that of the second.

    Means and differences are taken on the scale; on that of logarithms a difference is a ratio. Where the
    trainings are of models of the run, scatter is pooled over its models of the same process.
    """
    terms = ("numerator", "denominator") if scale is LOG else ("first term", "second term")
    values = {}
    for part, (model, group) in zip(terms, trainings.items(), strict=False):
        with reading(part if len(trainings) > 1 else ""):
            values[model] = [scale.to(number(one)) for one in group]
    process = {model: group[0].process for model, group in trainings.items()}
    groups = {of: [v for m, v in values.items() if process[m] == of] for of in process.values()}
    if all(model in results.models for model in trainings):
        for model in results.models:
            of = results.first(model).process
            if model not in trainings and of in groups:
                with reading("scatter"):
                    groups[of].append(_numbers(number, scale, results.all_of(model)))
    means = [(factor, process[m], values[m]) for factor, m in zip((1.0, -1.0), trainings, strict=False)]
    found = combined(means, {of: pooled(numbers) for of, numbers in groups.items()})
    value = sum(factor * float(np.mean(of)) for factor, _, of in means)
    each = {model: tuple(map(scale.back, of)) for model, of in values.items()}
    ends = map(scale.back, found.ends if found else (value, value, value))
    return Over(Interval(*ends), each, found is None)


def _numbers(number: Number, scale: Scale, trainings: Sequence[Training]) -> list[float]:
    """Of those trainings that have the number."""
    found = []
    for training in trainings:
        with suppress(LookupError):
            found.append(scale.to(number(training)))
    return found
