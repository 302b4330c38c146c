"""Measures of a training at its end: from its late checkpoints.

A measure is a function from the samples of one checkpoint to an `Interval`. A training gives a measure's mean
over its late checkpoints, or where these are few the value of its last one.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.results import Real
from diffusion.evaluation.statistics import FEWEST
from report.text_format import percent
from study.records import LATE, Checkpoint, Final, MeasureRecord, Results, SchedulesRecord, Trained

LAST = f"the last {percent(LATE)} of training"

Measure = Callable[[Checkpoint], Interval]


# --- what is read off a checkpoint ---


def log(x: float) -> float:
    """The natural logarithm, of what is 0 a very small one."""
    return math.log(max(x, 1e-9))


def share(value: float, n: int) -> Interval:
    """A share of n independent cases with Wilson's interval; without a case it may be anything."""
    return Interval(value, *statistics.wilson(round(value * n), n), n)


def logarithm(measure: Measure) -> Measure:
    return lambda row: measure(row).map(log)


distance: Measure = attrgetter("frechet")
background: Measure = attrgetter("background")
low_confidence: Measure = attrgetter("low_confidence")
divergence: Measure = attrgetter("classes.divergence")
precision: Measure = attrgetter("variety.precision")
recall: Measure = attrgetter("variety.recall")
coverage: Measure = attrgetter("variety.coverage")


def extreme_centre(row: Checkpoint) -> Interval:
    """The share of samples with a dark or a white centre."""
    return share(row.centre.dark + row.centre.white, row.centre.n)


def classes(which: Sequence[int]) -> Measure:
    """The share of some classes among the recognised samples; without such, its value is None."""

    def measure(row: Checkpoint) -> Interval:
        found = row.recognised
        if not found.n:
            return Interval(None, 0.0, 1.0)
        return share(min(1.0, sum(found.share[c] for c in which)), found.n)

    return measure


def mean_of(found: Iterable[Interval]) -> Interval | None:
    """The mean of estimates of successive checkpoints, with its interval; None if these are too few.

    Two chances move it. From one checkpoint to the next the weights move, and the values scatter. And the
    samples of all checkpoints are drawn from the same noise: what chance there is in this is common to them,
    does not show in their scatter, and counts as much as in one checkpoint. The two are independent: their
    errors add in squares.
    """
    found = [one for one in found if one.value is not None]
    if len(found) < FEWEST:
        return None
    over = statistics.late_mean([one.value for one in found])
    below = sum(one.value - one.low for one in found) / len(found)
    above = sum(one.high - one.value for one in found) / len(found)
    low, high = math.hypot(over.value - over.low, below), math.hypot(over.high - over.value, above)
    return Interval(over.value, over.value - low, over.value + high, over.n, sd=over.sd)


def late(measured: MeasureRecord, measure: Measure) -> Interval | None:
    """The mean of a measure that cannot be negative over the late checkpoints; None if these are too few."""
    found = mean_of(map(measure, measured.late()))
    return found and found.model_copy(update={"low": max(found.low, 0.0)})


def at_end(measured: MeasureRecord, measure: Measure) -> Interval:
    """A measure at the end of training: over the late checkpoints or, where they are few, of the last."""
    return mean_of(map(measure, measured.late())) or measure(measured.final)


def swing(measured: MeasureRecord) -> Interval:
    """The last distance, and the smallest and the largest of the second half of training."""
    found = [row.frechet.value for row in measured.curve if row.epoch >= measured.final.epoch / 2]
    return Interval(measured.final.frechet.value, min(found), max(found))


# --- a training of each model ---


@dataclass(frozen=True)
class Case:
    """A run seen with one training of each model: what a claim is put to."""

    results: Results
    chosen: Mapping[str, Trained]

    def __getitem__(self, model: str) -> Trained:
        return self.chosen[model]

    @property
    def schedules(self) -> SchedulesRecord:
        return self.results.schedules

    @property
    def real(self) -> Real:
        """The measures of real test images, which do not depend on the model."""
        return next(iter(self.chosen.values())).measure.real

    def final(self, model: str) -> Final:
        return self.chosen[model].measure.final

    def end(self, model: str, measure: Measure) -> Interval:
        return at_end(self.chosen[model].measure, measure)

    def gap(self, model: str, other: str, measure: Measure) -> Interval:
        """The difference of two models at the end of training.

        Checkpoint by checkpoint where both have late checkpoints at the same epochs; else of their means,
        or of their last samples if the checkpoints have not as many samples.
        """
        a, b = (self.chosen[m].measure for m in (model, other))
        if a.settings.get("n_checkpoint") != b.settings.get("n_checkpoint"):
            return measure(a.final).minus(measure(b.final))
        if [row.epoch for row in a.late()] == [row.epoch for row in b.late()]:
            pairs = zip(map(measure, a.late()), map(measure, b.late()), strict=True)
            found = mean_of(x.minus(y) for x, y in pairs if None not in (x.value, y.value))
            if found:
                return found
        ends = [mean_of(map(measure, one.late())) for one in (a, b)]
        if not all(ends):  # a mean and a single checkpoint may have other numbers of samples
            ends = [measure(one.final) for one in (a, b)]
        return ends[0].minus(ends[1])
