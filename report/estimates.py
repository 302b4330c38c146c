"""Estimates behind verdicts and tables: a measure of the last checkpoint, and its mean over the late ones.

A measure is a function from the samples of one checkpoint to an `Estimate`, a value with its 95 % interval.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffusion.evaluation import statistics
from diffusion.evaluation.statistics import FEWEST
from diffusion.records import LATE, Checkpoint, Final, MeasureRecord, Real, Results, SchedulesRecord, Trained
from report.text_format import Markdown, integer, listing, percent, span

Answer = bool | None  # yes, no, or the data do not decide
NAME = {"digits": "digit features", "inception": "Inception features"}
LAST = f"the last {percent(LATE)} of training"


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, as far as it has one; `sd` is that of the checkpoints behind a mean."""

    value: float | None
    low: float | None
    high: float | None
    sd: float | None = None

    def below(self, other: "Estimate") -> Answer:
        """The whole interval lies below another one. Overlap does not decide; values without intervals do."""
        if None in (self.low, self.high, other.low, other.high):
            return None if self.value == other.value else self.value < other.value
        return True if self.high < other.low else False if self.low > other.high else None

    def above(self, threshold: float) -> Answer:
        """The whole interval lies above a threshold."""
        return True if self.low > threshold else False if self.high < threshold else None

    def shown(self, show: Callable[..., Markdown] = span) -> Markdown:
        return show(self.value, self.low, self.high)


Measure = Callable[[Checkpoint], Estimate]


# --- three-valued logic ---


def all_of(answers: Iterable[Answer]) -> Answer:
    """Conjunction: one no is a no; otherwise one undecided leaves it undecided."""
    answers = list(answers)
    if False in answers:
        return False
    return None if None in answers or not answers else True


def consensus(answers: Iterable[Answer]) -> Answer:
    """The common answer of several measurements of one thing; no common answer does not decide."""
    answers = set(answers)
    return answers.pop() if len(answers) == 1 else None


def unless_contradicted(answers: Iterable[Answer]) -> Answer:
    """Measures of one thing of which none is enough: yes if all say so, no if one says no and none yes."""
    answers = list(answers)
    if answers and all(answers):
        return True
    return False if False in answers and True not in answers else None


def negate(answer: Answer) -> Answer:
    return None if answer is None else not answer


# --- intervals ---


def share(value: float, n: int) -> Estimate:
    """A share of n independent cases with Wilson's interval; without a case it may be anything."""
    return Estimate(value, *statistics.wilson(round(value * n), n))


def tail(values: Sequence[float], k: int = 10) -> Estimate:
    """Mean of the last k values, and two of its standard errors from their scatter to either side."""
    last = np.asarray(values[-k:], dtype=float)
    error = 2 * last.std(ddof=1) / math.sqrt(last.size) if last.size > 1 else 0.0
    return Estimate(float(last.mean()), float(last.mean() - error), float(last.mean() + error))


# --- measures of the samples of one checkpoint ---


def distance(extractor: str) -> Measure:
    """The Fréchet distance in the features of an extractor, which may have no interval."""

    def measure(row: Checkpoint) -> Estimate:
        found = getattr(row, extractor)
        return Estimate(found.fid, found.low, found.high) if found else Estimate(None, None, None)

    return measure


def background(row: Checkpoint) -> Estimate:
    return Estimate(row.background.mean, row.background.low, row.background.high)


def not_recognised(row: Checkpoint) -> Estimate:
    return Estimate(row.not_digit.share, row.not_digit.low, row.not_digit.high)


def centre(kind: str) -> Measure:
    """The share of samples with a centre that is "dark" or "white"."""
    return lambda row: share(getattr(row.centre, kind), row.centre.n)


def digit(which: int) -> Measure:
    """The share of a class among the recognised samples; without such, its value is None."""

    def measure(row: Checkpoint) -> Estimate:
        found = row.recognised
        return Estimate(found.share[which] if found.n else None, found.low[which], found.high[which])

    return measure


def divergence(row: Checkpoint) -> Estimate:
    found = row.classes
    return Estimate(found.divergence, found.divergence_low, found.divergence_high)


def recall(row: Checkpoint) -> Estimate:
    return Estimate(row.variety.recall, row.variety.recall_low, row.variety.recall_high)


def coverage(row: Checkpoint) -> Estimate:
    return Estimate(row.variety.coverage, row.variety.coverage_low, row.variety.coverage_high)


SPREAD = "divergence of the classes"
VARIETY: dict[str, Measure] = {SPREAD: divergence, "recall": recall, "coverage": coverage}


# --- one training of each model ---


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
        """The features that distances of all these models were measured in."""
        return [e for e in NAME if all(getattr(one.measure.final, e) for one in self.chosen.values())]

    def final(self, model: str) -> Final:
        return self.chosen[model].measure.final

    def swing(self, model: str) -> Estimate:
        """The last distance of a model, and the smallest and the largest of the second half of training."""
        measure = self.chosen[model].measure
        fids = [row.digits.fid for row in measure.curve if row.epoch >= measure.final.epoch / 2]
        return Estimate(measure.final.digits.fid, min(fids, default=None), max(fids, default=None))


def mean_of(rows: Sequence[Checkpoint], measure: Measure) -> Estimate | None:
    """The mean of a measure over some checkpoints, with its interval; None if these are too few.

    Two chances move it. From one checkpoint to the next the weights move, and the values scatter. And the
    samples of all checkpoints are drawn from the same noise: what chance there is in this is common to them,
    does not show in their scatter, and counts as much as in one checkpoint. The two are independent: their
    errors add in squares.
    """
    found = [one for row in rows if (one := measure(row)).value is not None]
    if len(found) < FEWEST:
        return None
    over = statistics.late_mean([one.value for one in found])
    drawn = [(one.value - one.low, one.high - one.value) for one in found if one.low is not None]
    below, above = (sum(side) / len(found) for side in zip(*drawn, strict=True)) if drawn else (0.0, 0.0)
    low = over.mean - math.hypot(over.mean - over.low, below)
    return Estimate(over.mean, low, over.mean + math.hypot(over.high - over.mean, above), over.sd)


def late(measured: MeasureRecord, measure: Measure) -> Estimate | None:
    """The mean of a measure that cannot be negative over the late checkpoints; None if these are too few."""
    found = mean_of(measured.late(), measure)
    return found and Estimate(found.value, max(found.low, 0.0), found.high, found.sd)


def ends(case: Case, models: Sequence[str], measure: Measure) -> list[dict[str, Estimate]]:
    """Estimates used for verdicts, model by model: of the last checkpoint; then of the late ones.

    The second is there if each model has late checkpoints enough, with one number of samples.
    """
    final = {m: measure(case.final(m)) for m in models}
    over = {m: late(case[m].measure, measure) for m in models}
    alike = len({case[m].measure.settings.get("n_samples") for m in models}) == 1
    return [final, over] if alike and all(over.values()) else [final]


def lower(case: Case, model: str, other: str, measure: Measure) -> Answer:
    """A measure is lower for one model than for another, at the last checkpoint and over the late ones."""
    return consensus(end[model].below(end[other]) for end in ends(case, (model, other), measure))


def on_average(case: Case, model: str) -> str:
    """Label of a mean over the late checkpoints."""
    return f"on average over {LAST}, at $n = {integer(case[model].measure.settings.get('n_samples', 0))}$,"


def said(
    case: Case,
    models: Sequence[str],
    measures: Measure | Mapping[str, Measure],
    show: Callable[..., Markdown] = span,
) -> Markdown:
    """Measures of models, one or several by name: at the last checkpoint, then over the late ones."""
    by_name = measures if isinstance(measures, Mapping) else {"": measures}
    by_end = zip(*(ends(case, models, measure) for measure in by_name.values()), strict=False)
    parts = []
    for prefix, found in zip(("", f"{on_average(case, models[0])} "), by_end, strict=False):
        each = [f"{name} {_models(end, show)}".strip() for name, end in zip(by_name, found, strict=True)]
        parts.append(prefix + "; ".join(each))
    return Markdown("; ".join(parts))


def _models(end: Mapping[str, Estimate], show: Callable[..., Markdown]) -> Markdown:
    return listing(
        Markdown(estimate.shown(show) + (f" ({model})" if len(end) > 1 else ""))
        for model, estimate in end.items()
    )


def distances(case: Case, models: Sequence[str]) -> Markdown:
    """The distances of models in all features at hand."""
    return Markdown(said(case, models, {NAME[e]: distance(e) for e in case.extractors}) + ".")
