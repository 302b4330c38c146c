"""Means over training runs, and differences of means, with intervals from the scatter of training runs.

The unit of replication is the training run. The number of a run at its end is the mean over its late
checkpoints. The scatter of runs about the mean of their model is pooled over the models of one process at the
original study's settings (linear and cosine DDPM). It is not pooled across processes, because it differs
between them. The interval of a difference between processes is Welch's.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from diffusion.evaluation.statistics import LEVEL, Interval
from report.results.table import Samples, reading
from report.results.views import Results, Training

FEWEST_LATE = 5  # late checkpoints below which their mean is not judged
SMALLEST = 1e-9

Measure = str | Callable[[Samples], float]  # name of a measure of samples, or a function that computes it
Number = Callable[[Training], float]  # a function of a training run; LookupError: the run lacks the number


class NotMeasured(LookupError):
    """A number was not measured, or is not defined."""


class Scale(NamedTuple):
    """A scale on which numbers of a kind have about equal scatter: functions `to` the scale and `back`."""

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
    """Standard deviation of training runs about the mean of their model, and its degrees of freedom."""

    sd: float
    freedom: int


def pooled(groups: Iterable[Sequence[float]]) -> Scatter:
    """The pooled scatter of groups of numbers, one group for each model.

    `freedom` is 0 if no group has two numbers.
    """
    groups = [np.asarray(values, dtype=float) for values in groups if len(values)]
    freedom = sum(len(values) - 1 for values in groups)
    squares = sum(float(np.square(values - values.mean()).sum()) for values in groups)
    return Scatter(math.sqrt(squares / freedom) if freedom else math.nan, freedom)


class Estimate(NamedTuple):
    """A weighted sum of means over training runs: its value, standard error and degrees of freedom."""

    value: float
    error: float
    freedom: float

    def interval(self, level: float = LEVEL) -> Interval:
        """Student's interval at a level of confidence."""
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * self.error if self.error else 0.0
        return Interval(self.value, self.value - half, self.value + half)


def estimate(
    means: Iterable[tuple[float, str, Sequence[float]]], scatter: Mapping[str, Scatter]
) -> Estimate | None:
    """A weighted sum of means over training runs; None if a scatter is unknown.

    The variances of processes add; the degrees of freedom follow Welch and Satterthwaite.

    Args:
        means: factor, process, and numbers of the training runs, for each mean.
        scatter: scatter of each process.
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
    known = sum(scatter[process].freedom for process in used)
    return Estimate(value, math.sqrt(total), total**2 / shares if shares else float(known))


def mean_of(values: Sequence[float]) -> Interval:
    """The mean of two or more independent values, such as one for each image, with Student's interval."""
    scatter = pooled([values])
    mean = estimate([(1.0, "", values)], {"": scatter})
    return Interval(*mean.interval().ends, n=len(values), sd=scatter.sd)


# --- numbers of training runs ---


def read(measure: Measure, samples: Samples) -> float:
    return samples[measure].value if isinstance(measure, str) else measure(samples)


def late(measure: Measure, scale: Scale = LINEAR) -> Number:
    """The mean of a measure over all late checkpoints, taken on a scale; on LOG it is the geometric mean."""

    def number(training: Training) -> float:
        if len(training.late) < FEWEST_LATE:
            raise NotMeasured(f"{training.name} has too few late checkpoints")
        values = [read(measure, row) for row in training.late]
        return scale.back(float(np.mean([scale.to(value) for value in values])))

    return number


def last(measure: Measure) -> Number:
    """A measure of the samples of the finished model."""
    return lambda training: read(measure, training.final)


class Over(NamedTuple):
    """A mean or difference over training runs."""

    interval: Interval  # of width 0 if `unknown`
    each: dict[str, tuple[float, ...]]  # numbers of the training runs of each model
    unknown: bool  # no model was trained twice, so the scatter is unknown
    estimate: Estimate | None = None  # the same on `scale`; None if `unknown`
    scale: Scale = LINEAR

    @property
    def shown(self) -> Interval:
        """The interval, or the value alone if the scatter is unknown."""
        return Interval(self.interval.value) if self.unknown else self.interval

    @property
    def freedom(self) -> float | None:
        """Degrees of freedom of the interval; None if the scatter is unknown."""
        return self.estimate.freedom if self.estimate else None

    def at(self, level: float) -> Interval:
        """The interval at another level of confidence."""
        return back(self.estimate.interval(level), self.scale) if self.estimate else self.interval


def back(interval: Interval, scale: Scale) -> Interval:
    """Transform an interval back from a scale."""
    return Interval(*map(scale.back, interval.ends))


def compare(
    values: Mapping[str, Sequence[float]],
    processes: Mapping[str, str],
    groups: Mapping[str, Sequence[Sequence[float]]],
    scale: Scale,
) -> Over:
    """The mean of one model, or the difference of two means, first minus second, from numbers on a scale.

    Args:
        values: numbers of the training runs of each model.
        processes: process of each model.
        groups: numbers from which the scatter of each process is pooled, one group for each model.
        scale: scale of the numbers.
    """
    means = [(factor, processes[m], values[m]) for factor, m in zip((1.0, -1.0), values, strict=False)]
    spreads = {process: pooled(numbers) for process, numbers in groups.items()}
    total = estimate(means, spreads)
    value = sum(factor * float(np.mean(numbers)) for factor, _, numbers in means)
    each = {model: tuple(map(scale.back, numbers)) for model, numbers in values.items()}
    known = total.interval() if total else Interval(value, value, value)
    return Over(back(known, scale), each, total is None, total, scale)


def over(
    results: Results, number: Number, trainings: Mapping[str, Sequence[Training]], scale: Scale = LINEAR
) -> Over:
    """The mean over the training runs of one model, or the difference of two means, first minus second.

    Means and differences are taken on the scale; on LOG a difference is a ratio. If all models belong to the
    run, the scatter is pooled over all its models of the same process.

    Args:
        results: the run.
        number: the number of a training run.
        trainings: training runs of one model, or of two.
        scale: scale of means and differences.
    """
    terms = ("numerator", "denominator") if scale is LOG else ("first term", "second term")
    values = {}
    for part, (model, group) in zip(terms, trainings.items(), strict=False):
        with reading(part if len(trainings) > 1 else ""):
            values[model] = [scale.to(number(training)) for training in group]
    processes = {model: group[0].process for model, group in trainings.items()}
    groups = {
        process: [v for m, v in values.items() if processes[m] == process] for process in processes.values()
    }
    if all(model in results.models for model in trainings):
        for model in results.models:
            process = results.first(model).process
            if model not in trainings and process in groups:
                with reading("scatter"):
                    groups[process].append(_numbers(number, scale, results.all_of(model)))
    return compare(values, processes, groups, scale)


def paired(number: Number, pairs: Sequence[tuple[Training, Training]], scale: Scale = LINEAR) -> Over:
    """The mean difference within pairs of training runs, first minus second, with Student's interval.

    A pair shares initial weights, images and noise, which cancel in its difference.

    Args:
        number: the number of a training.
        pairs: pairs of training runs.
        scale: scale of differences; on LOG a difference is a ratio.
    """
    terms = ("numerator", "denominator") if scale is LOG else ("first term", "second term")
    columns = []
    for part, group in zip(terms, zip(*pairs, strict=True), strict=True):
        with reading(part):
            columns.append([scale.to(number(training)) for training in group])
    differences = [first - second for first, second in zip(*columns, strict=True)]
    models = [group[0].model for group in zip(*pairs, strict=True)]
    each = {m: tuple(map(scale.back, values)) for m, values in zip(models, columns, strict=True)}
    return compare({"": differences}, {"": ""}, {"": [differences]}, scale)._replace(each=each)


def _numbers(number: Number, scale: Scale, trainings: Sequence[Training]) -> list[float]:
    """The numbers on the scale, without training runs that lack one."""
    numbers = []
    for training in trainings:
        with suppress(LookupError):
            numbers.append(scale.to(number(training)))
    return numbers
