"""The claims ledger: testable statements of the study, put to the trainings of a run, and their verdicts.

A claim is one function under the decorator `claim`: its name is the claim's id; of a `Case`, one training of
each model, it yields the effects that decide, one for each of its parts. The interval of an effect over
trainings decides, which follows from how far trainings of one recipe scatter (`study.scatter`). Only a run
that is complete is judged (`report.departures`).

Verdicts are given before a text is written: what was read for each is kept with its effects, and is read
again when the text prints them.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.effects import PART, Effect, over_trainings, together, trainings_to_decide
from report.ledger import BY_MEASURE, BY_TRAININGS, OF_ANSWER, OPEN, Claim, Verdict
from report.text_format import Markdown, code, percent
from study import series
from study.results import LATE, Results, Training
from study.scatter import LINEAR, Scale, gain, pooled, runs_of
from study.table import Samples, reading

LAST = f"the last {percent(LATE)} of training"

Measure = str | Callable[[Samples], Interval]  # of a set of samples: its name, or what computes it


class NotMeasured(LookupError):
    """A number that a claim rests on was not measured, or means nothing."""


# --- a training at its end ---


def read(measure: Measure, samples: Samples) -> Interval:
    return samples[measure] if isinstance(measure, str) else measure(samples)


def late(training: Training, measure: Measure) -> Interval | None:
    """The mean of a measure, none of which is negative, over the late checkpoints; None if these are few."""
    mean = series.mean_of_late(read(measure, row) for row in training.late)
    if mean and measure == "frechet":
        return series.of_positive(mean)
    return mean and Interval(mean.value, max(mean.low, 0.0), mean.high, mean.n, sd=mean.sd)


def late_value(measure: Measure, epochs: Collection[int] = ()) -> Callable[[Training], float]:
    """The mean of a measure over late checkpoints, of these epochs where enough; else LookupError."""

    def number(training: Training) -> float:
        rows = [row for row in training.late if row.epoch in epochs]
        rows = rows if len(rows) >= series.FEWEST else training.late
        values = [read(measure, row).value for row in rows]
        if len(values) < series.FEWEST:
            raise LookupError("too few late checkpoints")
        return float(np.mean(values))

    return number


def at_end(training: Training, measure: Measure) -> Interval:
    """A measure at the end of training: over the late checkpoints or, where they are few, of the last."""
    return late(training, measure) or read(measure, training.final)


@dataclass(frozen=True)
class Case:
    """A run seen with one training of each model, by its number among these: what a claim is put to."""

    results: Results
    chosen: Mapping[str, Training]
    number: int = 0

    def __getitem__(self, model: str) -> Training:
        return self.chosen[model]

    def beyond(self, model: str) -> Training:
        """A training of a model beyond the study."""
        if not (trainings := self.results.further.of(model) if self.results.further else []):
            raise NotMeasured(f"there is no {model} of the trainings beyond the study")
        return trainings[self.number % len(trainings)]

    def shared(self, *models: str) -> set[int]:
        """The late epochs after which all of them are measured."""
        return set.intersection(*({row.epoch for row in self[model].late} for model in models))

    def gap(self, model: str, other: str, measure: Measure) -> Interval:
        """The difference of two models at the end of training, over the late checkpoints that both have."""
        epochs = self.shared(model, other)
        rows, others = ([row for row in self[m].late if row.epoch in epochs] for m in (model, other))
        pairs = zip(rows, others, strict=True)
        gap = series.mean_of_late(read(measure, row).minus(read(measure, other)) for row, other in pairs)
        if gap is None:
            raise NotMeasured(f"{model} and {other} have too few late checkpoints of the same epochs")
        return gap

    def effect(
        self,
        name: str,
        interval: Interval,
        number: Callable[[Training], float],
        of: Scale,
        *trainings: Training,
        gains: float | None = None,
        **more: Any,
    ) -> Effect:
        """An effect of one training, or of the first over or minus the second.

        `interval` is that of these trainings alone; `number` of a training, on the scale `of`, is what it
        follows from; `gains` is the derivative by it on these scales, if it is the same everywhere.
        """
        first, scale = trainings[0], more.get("scale", LINEAR)
        weights = {}
        for sign, training in zip((1, -1), trainings, strict=False):
            weights[training.name] = sign * (gain(scale, of, number(training)) if gains is None else gains)
        runs = runs_of(self.results)
        scatter = pooled(runs, lambda training: of.to(number(training)), first.constant_rate)
        return Effect(name, interval, weights=weights, scatter=scatter, **more)

    def single(
        self, name: str, found: Callable[[Training], Interval], of: Scale, training: Training, **more: Any
    ) -> Effect:
        """An effect of one training, whose number is that of its own interval."""
        return self.effect(name, found(training), lambda one: found(one).value, of, training, **more)


def cases(results: Results, models: tuple[str, ...]) -> list[Case]:
    """The first training of each model, then the second, and so on; one with fewer begins again."""
    of_model = {model: results.of(model) for model in models}
    n = max(map(len, of_model.values()), default=1)
    chosen = [{model: group[i % len(group)] for model, group in of_model.items()} for i in range(n)]
    return [Case(results, trainings, number) for number, trainings in enumerate(chosen)]


# --- claims and verdicts ---


CLAIMS: dict[str, Claim] = {}
SHARED: dict[str, Any] = {}  # what the docstrings of claims may name, whatever their module


def claim(section: str, short: str, **more: Any) -> Callable:
    """Enter the function below into the ledger; `more` are further attributes of `Claim`.

    The first paragraph of its docstring is the claim, the second the rule by which it holds; in braces they
    have constants of its module, or of `SHARED`.
    """

    def enter(measure: Callable[[Case], Iterator[Effect]]) -> Callable:
        said = (measure.__doc__ or "").format(**SHARED | measure.__globals__)
        text, rule = (" ".join(paragraph.split()) for paragraph in said.split("\n\n"))
        words = map(Markdown, (section, text, short, rule))
        CLAIMS[measure.__name__] = Claim(measure.__name__, *words, measure, **more)
        return measure

    return enter


def claims() -> list[Claim]:
    """All claims of the modules of `report.claims`, in the study's order; then those of other modules."""
    importlib.import_module("report.claims")  # whose modules enter theirs
    return [replace(claim, place=place) for place, claim in enumerate(CLAIMS.values(), 1)]


def ledger(results: Results) -> dict[str, Verdict]:
    """Claim id -> verdict, in the study's order; of a run that is complete."""
    return {claim.id: judge(claim, results) for claim in claims()}


def judge(claim: Claim, results: Results) -> Verdict:
    """The verdict over all trainings of the models that a claim is about."""
    trainings = {model: results.of(model) for model in claim.models}
    try:
        return decide(claim, trainings, [effects(claim, case) for case in cases(results, claim.models)])
    except NotMeasured as error:
        why = Markdown(str(error))
    except KeyError as error:  # a table does not have it
        why = Markdown(f"{code(error.args[0])} is not measured")
    return Verdict(claim, OPEN, trainings, reason=BY_MEASURE, why=why)


def effects(claim: Claim, case: Case) -> list[Effect]:
    """The effects of a claim on a case, each with what was read for it."""
    made, measure = [], claim.measure(case)
    while True:
        with reading() as seen:
            effect = next(measure, None)
        if effect is None:
            return made
        made.append(replace(effect, sources=tuple(seen) or (claim.source,)))


def decide(claim: Claim, trainings: Mapping[str, list[Training]], of_cases: list[list[Effect]]) -> Verdict:
    """The verdict from the effects of all cases."""
    # Of the parts that decide nothing an early training may lack some.
    common = set.intersection(*({part.name for part in parts} for parts in of_cases))
    kept = ([part for part in parts if part.side or part.name in common] for parts in of_cases)
    of_parts = tuple(zip(*kept, strict=True))
    parts = tuple(map(over_trainings, of_parts))
    answers = [part.answer() for part in parts if part.side]
    answer = together(answers)
    shown = dict.fromkeys(answers) if answer == PART else [answer]
    decides = [parts[answers.index(a)] for a in shown] + [part for part in parts if not part.side]
    given = (trainings, parts, of_parts, tuple(decides))
    if answer == PART and claim.one_thing:
        return Verdict(claim, OPEN, *given, BY_MEASURE, Markdown("its measures contradict each other"))
    if answer is not None:
        return Verdict(claim, OF_ANSWER[answer], *given)
    scattered, lean = of_parts[answers.index(None)], together(part.lean() for part in parts if part.side)
    needed = trainings_to_decide(scattered)
    return Verdict(claim, OPEN, *given, BY_TRAININGS, _why(scattered), OF_ANSWER[lean], needed)


def _why(effects: tuple[Effect, ...]) -> Markdown:
    if effects[0].open:
        return Markdown("no recipe was trained twice, so that nothing tells how far trainings scatter")
    counts = Counter(OF_ANSWER[effect.lean()] for effect in effects)
    if len(counts) > 1:
        return Markdown(f"the trainings differ ({'; '.join(f'{v} in {n}' for v, n in counts.items())})")
    return Markdown("trainings of one recipe scatter too widely for so few")
