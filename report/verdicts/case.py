"""Measures of a training at its end: from its late checkpoints.

A measure is a function from the samples of one checkpoint to an `Interval`. A training gives a measure's mean
over its late checkpoints, or where these are few the value of its last one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.results import Real
from report.sources import defined, derived
from report.text_format import percent
from study.records import LATE, AnalyseRecord, Checkpoint, Drawn, MeasureRecord, Results, Trained

LAST = f"the last {percent(defined(LATE, 'study.records:LATE'))} of training"

Measure = Callable[[Checkpoint], Interval]


# --- what is read off a checkpoint ---


def log(x: float) -> float:
    """The natural logarithm, of what is 0 a very small one."""
    return math.log(max(x, 1e-9))


def logarithm(measure: Measure) -> Measure:
    return lambda row: measure(row).map(log)


distance: Measure = attrgetter("frechet")
background: Measure = attrgetter("background")
low_confidence: Measure = attrgetter("low_confidence")
divergence: Measure = attrgetter("classes.divergence")
recall: Measure = attrgetter("variety.recall")
coverage: Measure = attrgetter("variety.coverage")


def extreme_centre(row: Checkpoint) -> Interval:
    """The share of samples with a dark or a white centre."""
    return statistics.share(row.centre.dark + row.centre.white, row.centre.n)


def classes(which: Sequence[int]) -> Measure:
    """The share of some classes among the recognised samples; without such, its value is None."""

    def measure(row: Checkpoint) -> Interval:
        found = row.recognised
        if not found.n:
            return Interval(None, 0.0, 1.0)
        return statistics.share(min(1.0, sum(found.share[c] for c in which)), found.n)

    return measure


@derived
def late(measured: MeasureRecord, measure: Measure) -> Interval | None:
    """The mean of a measure, none of which is negative, over the late checkpoints; None if these are few."""
    found = statistics.mean_of_late(map(measure, measured.late()))
    if found and measure is distance:
        return statistics.of_positive(found)
    return found and found.model_copy(update={"low": max(found.low, 0.0)})


@derived
def at_end(measured: MeasureRecord, measure: Measure) -> Interval:
    """A measure at the end of training: over the late checkpoints or, where they are few, of the last."""
    return late(measured, measure) or measure(measured.final)


@derived
def swing(measured: MeasureRecord) -> Interval:
    """The last distance, and the smallest and the largest of the second half of training."""
    found = [row.frechet.value for row in measured.curve if row.epoch >= measured.final.epoch / 2]
    return Interval(measured.final.frechet.value, min(found), max(found))


def full(analysis: AnalyseRecord | None) -> Drawn | None:
    """The samples of an analysis that are drawn as the model's settings say."""
    return analysis.drawn[0] if analysis else None


def digits(one: Trained) -> Interval | None:
    """The share of a training's samples that are digits: of its analysis, else as measured."""
    return full(one.analysis).digit if one.analysis else one.measure and one.measure.final.digit


# --- a training of each model ---


class NotMeasured(Exception):
    """A number that a claim rests on was not measured, or means nothing."""


@dataclass(frozen=True)
class Case:
    """A run seen with one training of each model: what a claim is put to.

    Attributes:
        number: its place among those of the run, which chooses the trainings beyond the study.
    """

    results: Results
    chosen: Mapping[str, Trained]
    number: int = 0

    def __getitem__(self, model: str) -> Trained:
        return self.chosen[model]

    def beyond(self, model: str) -> Trained:
        """A training of a model beyond the study."""
        if not (further := self.results.further) or not (seeds := further.seeds(model)):
            raise NotMeasured(f"there is no {model} of the trainings beyond the study")
        return further.trainings[model, seeds[self.number % len(seeds)]]

    def analysis(self, model: str) -> AnalyseRecord:
        if not (found := self.chosen[model].analysis):
            raise NotMeasured(f"the {model} model is not analysed")
        return found

    @property
    def real(self) -> Real:
        """The measures of real test images, which do not depend on the model."""
        return next(iter(self.chosen.values())).measure.real

    def end(self, model: str, measure: Measure) -> Interval:
        return at_end(self.chosen[model].measure, measure)

    @derived
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
            return statistics.mean_of_late(x.minus(y) for x, y in pairs)
        return statistics.mean_of_late(map(measure, a.late())).minus(
            statistics.mean_of_late(map(measure, b.late()))
        )
