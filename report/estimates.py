"""Estimates: what the late checkpoints of a training give.

A measure is a function from the samples of one checkpoint to an `Estimate`. A training gives a measure's mean
over its late checkpoints, or where these are few the value of its last one.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from diffusion.evaluation import statistics
from diffusion.evaluation.results import NotDigit, Real, Share
from diffusion.evaluation.statistics import FEWEST
from report.text_format import Markdown, percent, span
from study.records import LATE, Checkpoint, Final, MeasureRecord, Results, SchedulesRecord, Trained

NAME = {"digits": "digit features", "inception": "Inception features"}
LAST = f"the last {percent(LATE)} of training"


# --- estimates: a value of one training ---


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, as far as it has one; `sd` is that of the checkpoints behind a mean."""

    value: float | None
    low: float | None
    high: float | None
    sd: float | None = None

    @property
    def ends(self) -> tuple[float, float, float]:
        """The value and its interval."""
        return self.value, self.low, self.high

    def shown(self, show: Callable[..., Markdown] = span) -> Markdown:
        return show(*self.ends)

    def map(self, function: Callable[[float], float]) -> "Estimate":
        """An increasing function of it."""
        return Estimate(*map(function, self.ends))

    def minus(self, other: "Estimate") -> "Estimate":
        """The difference of two independent estimates."""
        value = self.value - other.value
        low = value - math.hypot(self.value - self.low, other.high - other.value)
        return Estimate(value, low, value + math.hypot(self.high - self.value, other.value - other.low))


Measure = Callable[[Checkpoint], Estimate]


def log(x: float) -> float:
    """The natural logarithm, of what is 0 a very small one."""
    return math.log(max(x, 1e-9))


def share(value: float, n: int) -> Estimate:
    """A share of n independent cases with Wilson's interval; without a case it may be anything."""
    return Estimate(value, *statistics.wilson(round(value * n), n))


def of_share(found: Share | NotDigit) -> Estimate:
    return Estimate(found.share, found.low, found.high)


def distance(extractor: str = "digits") -> Measure:
    """The Fréchet distance in the features of an extractor; its interval is empty where it has none."""

    def measure(row: Checkpoint) -> Estimate:
        found = getattr(row, extractor)
        if found is None:
            return Estimate(None, None, None)
        ends = (found.fid, found.fid) if found.low is None else (found.low, found.high)
        return Estimate(found.fid, *ends)

    return measure


def logarithm(measure: Measure) -> Measure:
    return lambda row: measure(row).map(log)


def background(row: Checkpoint) -> Estimate:
    return Estimate(row.background.mean, row.background.low, row.background.high)


def not_recognised(row: Checkpoint) -> Estimate:
    return of_share(row.not_digit)


def extreme_centre(row: Checkpoint) -> Estimate:
    """The share of samples with a dark or a white centre."""
    return share(row.centre.dark + row.centre.white, row.centre.n)


def digits(which: Sequence[int]) -> Measure:
    """The share of some classes among the recognised samples; without such, its value is None."""

    def measure(row: Checkpoint) -> Estimate:
        found = row.recognised
        if not found.n:
            return Estimate(None, 0.0, 1.0)
        return share(min(1.0, sum(found.share[digit] for digit in which)), found.n)

    return measure


def divergence(row: Checkpoint) -> Estimate:
    found = row.classes
    return Estimate(found.divergence, found.divergence_low, found.divergence_high)


def precision(row: Checkpoint) -> Estimate:
    return share(row.variety.precision, row.variety.n)


def recall(row: Checkpoint) -> Estimate:
    return Estimate(row.variety.recall, row.variety.recall_low, row.variety.recall_high)


def coverage(row: Checkpoint) -> Estimate:
    return Estimate(row.variety.coverage, row.variety.coverage_low, row.variety.coverage_high)


def mean_of(found: Iterable[Estimate]) -> Estimate | None:
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
    low = over.mean - math.hypot(over.mean - over.low, below)
    return Estimate(over.mean, low, over.mean + math.hypot(over.high - over.mean, above), over.sd)


def late(measured: MeasureRecord, measure: Measure) -> Estimate | None:
    """The mean of a measure that cannot be negative over the late checkpoints; None if these are too few."""
    found = mean_of(map(measure, measured.late()))
    return found and replace(found, low=max(found.low, 0.0))


def at_end(measured: MeasureRecord, measure: Measure) -> Estimate:
    """A measure at the end of training: over the late checkpoints or, where they are few, of the last."""
    return mean_of(map(measure, measured.late())) or measure(measured.final)


def swing(measured: MeasureRecord) -> Estimate:
    """The last distance, and the smallest and the largest of the second half of training."""
    fids = [row.digits.fid for row in measured.curve if row.epoch >= measured.final.epoch / 2]
    return Estimate(measured.final.digits.fid, min(fids), max(fids))


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

    @property
    def extractors(self) -> list[str]:
        """The features that distances of all trainings of these models were measured in."""
        ones = [one for (model, _), one in self.results.trainings.items() if model in self.chosen]
        return [e for e in NAME if all(getattr(one.measure.final, e) for one in ones)]

    def final(self, model: str) -> Final:
        return self.chosen[model].measure.final

    def end(self, model: str, measure: Measure) -> Estimate:
        return at_end(self.chosen[model].measure, measure)

    def gap(self, model: str, other: str, measure: Measure) -> Estimate:
        """The difference of two models at the end of training.

        Checkpoint by checkpoint where both have late checkpoints at the same epochs; else of their means,
        or of their last samples if the checkpoints have not as many samples.
        """
        a, b = (self.chosen[m].measure for m in (model, other))
        if a.settings.get("n_samples") != b.settings.get("n_samples"):
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
