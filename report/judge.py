"""The claims ledger: testable statements of the study, put to the trainings of a run, and their verdicts.

A claim is one function under the decorator `claim`: its name is the claim's id; of a `Case`, one training of
each model, it yields the effects that decide, one for each of its parts. The interval of an effect over
trainings decides, which follows from how far trainings of one recipe scatter (`study.scatter`). A run that is
not at the scale that a claim needs decides nothing.

Verdicts are given before a text is written: what was read for each is kept with its effects, and is read
again when the text prints them.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import Interval
from report import departures
from report.effects import PART, Effect, over_trainings, together, trainings_to_decide
from report.ledger import (
    ABSENT,
    BY_MEASURE,
    BY_SCALE,
    BY_TRAININGS,
    OF_ANSWER,
    OPEN,
    TOO_SMALL,
    Claim,
    Verdict,
)
from report.text_format import Markdown, code, escape, listing, percent
from study import series
from study.counterparts import other_data, studied
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


def late(one: Training, measure: Measure) -> Interval | None:
    """The mean of a measure, none of which is negative, over the late checkpoints; None if these are few."""
    found = series.mean_of_late(read(measure, row) for row in one.late)
    if found and measure == "frechet":
        return series.of_positive(found)
    return found and Interval(found.value, max(found.low, 0.0), found.high, found.n, sd=found.sd)


def late_value(measure: Measure, epochs: Collection[int] = ()) -> Callable[[Training], float]:
    """The mean of a measure over late checkpoints, of these epochs where enough; else LookupError."""

    def number(one: Training) -> float:
        rows = [row for row in one.late if row.epoch in epochs]
        found = [read(measure, row).value for row in (rows if len(rows) >= series.FEWEST else one.late)]
        if len(found) < series.FEWEST:
            raise LookupError("too few late checkpoints")
        return float(np.mean(found))

    return number


def at_end(one: Training, measure: Measure) -> Interval:
    """A measure at the end of training: over the late checkpoints or, where they are few, of the last."""
    return late(one, measure) or read(measure, one.final)


@dataclass(frozen=True)
class Case:
    """A run seen with one training of each model, by its number among these: what a claim is put to."""

    results: Results
    chosen: Mapping[str, Training]
    number: int = 0

    def __getitem__(self, model: str) -> Training:
        return self.chosen[model]

    def analysed(self, model: str) -> Training:
        """The training, which is analysed, too."""
        if not self.chosen[model].analysed:
            raise NotMeasured(f"the {model} model is not analysed")
        return self.chosen[model]

    def beyond(self, model: str) -> Training:
        """A training of a model beyond the study."""
        if not (found := self.results.further.of(model) if self.results.further else []):
            raise NotMeasured(f"there is no {model} of the trainings beyond the study")
        return found[self.number % len(found)]

    @property
    def real(self) -> Samples:
        """The measures of real test images, which do not depend on the model."""
        return next(iter(self.chosen.values())).real

    def shared(self, *models: str) -> set[int]:
        """The late epochs after which all of them are measured."""
        return set.intersection(*({row.epoch for row in self[model].late} for model in models))

    def gap(self, model: str, other: str, measure: Measure) -> Interval:
        """The difference of two models at the end of training, over the late checkpoints that both have."""
        epochs = self.shared(model, other)
        a, b = ([row for row in self[m].late if row.epoch in epochs] for m in (model, other))
        found = (read(measure, x).minus(read(measure, y)) for x, y in zip(a, b, strict=True))
        if (gap := series.mean_of_late(found)) is None:
            raise NotMeasured(f"{model} and {other} have too few late checkpoints of the same epochs")
        return gap

    def effect(
        self,
        name: str,
        found: Interval,
        number: Callable[[Training], float],
        of: Scale,
        *ones: Training,
        gains: float | None = None,
        **more: Any,
    ) -> Effect:
        """An effect of one training, or of the first over or minus the second.

        `found` has the interval of these trainings alone; `number` of a training, on the scale `of`, is what
        it follows from; `gains` is the derivative by it on these scales, if it is the same everywhere.
        """
        scale = more.get("scale", LINEAR)
        by = (gain(scale, of, number(one)) if gains is None else gains for one in ones)
        weights = {one.name: sign * weight for sign, one, weight in zip((1, -1), ones, by, strict=False)}
        scatter = pooled(runs_of(self.results), lambda one: of.to(number(one)), ones[0].constant_rate)
        return Effect(name, found, weights=weights, scatter=scatter, **more)


def cases(results: Results, models: tuple[str, ...]) -> list[Case]:
    """The first training of each model, then the second, and so on; one with fewer begins again."""
    of_model = {m: results.of(m) for m in models}
    n = max(map(len, of_model.values()), default=1)
    chosen = [{m: ones[i % len(ones)] for m, ones in of_model.items()} for i in range(n)]
    return [Case(results, one, i) for i, one in enumerate(chosen)]


# --- what a claim needs of a run: each returns in what the run differs from the study, or nothing ---


def schedules(case: Case) -> list[Markdown]:
    """The noise schedules of the study."""
    if not case.results.schedules:
        raise NotMeasured("the schedules are not measured")
    return departures.other_schedules(case.results.schedules.facts.settings)


def trained(case: Case, epochs: int = departures.END_OF_TRAINING) -> list[Markdown]:
    """The study's data and training."""
    if other := other_data(case.results):
        return [Markdown(f"another data set, {escape(other)}")]
    if (n := min(one.passes for one in case.chosen.values())) < epochs:
        return [Markdown(f"trained for {departures.passes(n)} of the {epochs} epochs that this needs")]
    return next(filter(None, map(departures.other_training, case.chosen.values())), [])


whole = partial(trained, epochs=departures.EPOCHS)  # all of the study's training


def sampled(case: Case) -> list[Markdown]:
    """The study's training, samples drawn as there and as many, and enough checkpoints near the end."""
    ones = case.chosen.values()
    if any(one.constant for one in ones):
        raise NotMeasured("all samples of a model are one image")
    if found := trained(case):
        return found
    if (n := min(len(one.late) for one in ones)) < (least := series.FEWEST):
        return [Markdown(f"{n} of the {least} checkpoints that this needs in the last fifth of training")]
    differs = (departures.other_sampling(one) + departures.few_samples(one) for one in ones)
    return next(filter(None, differs), [])


# --- claims and verdicts ---


CLAIMS: dict[str, Claim] = {}


def claim(section: str, text: str, *, short: str, rule: str, **conditions: Any) -> Callable:
    """Enter the function below into the ledger; `conditions` are further attributes of `Claim`."""

    def enter(measure: Callable[[Case], Iterator[Effect]]) -> Callable:
        said = map(Markdown, (section, text, short, rule))
        CLAIMS[measure.__name__] = Claim(measure.__name__, *said, measure, **conditions)
        return measure

    return enter


def claims() -> list[Claim]:
    """All claims of the modules of `report.claims`, in the study's order; then those of other modules."""
    importlib.import_module("report.claims")  # whose modules enter theirs
    return [replace(one, place=number) for number, one in enumerate(CLAIMS.values(), 1)]


def ledger(results: Results) -> dict[str, Verdict]:
    """Claim id -> verdict, in the study's order."""
    return {one.id: judge(one, results) for one in claims()}


def judge(one: Claim, results: Results) -> Verdict:
    """The verdict over all trainings of the models that a claim is about."""
    if absent := [m for m in one.models if m not in studied(results)]:
        return Verdict(one, ABSENT, why=Markdown(f"no {listing(absent)} model"))
    found, trainings = cases(results, one.models), {m: results.of(m) for m in one.models}
    try:
        if differs := next(filter(None, map(one.needs, found)), None):
            return Verdict(one, TOO_SMALL, trainings, reason=BY_SCALE, why=listing(differs))
        return decide(one, trainings, [effects(one, case) for case in found])
    except NotMeasured as error:
        why = Markdown(str(error))
    except KeyError as error:  # a table does not have it
        why = Markdown(f"{code(error.args[0])} is not measured")
    return Verdict(one, OPEN, trainings, reason=BY_MEASURE, why=why)


def effects(one: Claim, case: Case) -> list[Effect]:
    """The effects of a claim on a case, each with what was read for it."""
    found, measure = [], one.measure(case)
    while True:
        with reading() as seen:
            effect = next(measure, None)
        if effect is None:
            return found
        found.append(replace(effect, sources=tuple(seen) or (one.source,)))


def decide(one: Claim, trainings: Mapping[str, list[Training]], found: list[list[Effect]]) -> Verdict:
    """The verdict from the effects of all cases."""
    # Of the parts that decide nothing an early training may lack some.
    common = set.intersection(*({part.name for part in parts} for parts in found))
    kept = ([part for part in parts if part.side or part.name in common] for parts in found)
    of_parts = tuple(zip(*kept, strict=True))
    parts = tuple(map(over_trainings, of_parts))
    answers = [part.answer() for part in parts if part.side]
    answer = together(answers)
    shown = dict.fromkeys(answers) if answer == PART else [answer]
    decides = [parts[answers.index(a)] for a in shown] + [part for part in parts if not part.side]
    given = (trainings, parts, of_parts, tuple(decides))
    if answer == PART and one.one_thing:
        return Verdict(one, OPEN, *given, BY_MEASURE, Markdown("its measures contradict each other"))
    if answer is not None:
        return Verdict(one, OF_ANSWER[answer], *given)
    scattered, lean = of_parts[answers.index(None)], together(part.lean() for part in parts if part.side)
    needed = trainings_to_decide(scattered)
    return Verdict(one, OPEN, *given, BY_TRAININGS, _why(scattered), OF_ANSWER[lean], needed)


def _why(effects: tuple[Effect, ...]) -> Markdown:
    if effects[0].open:
        return Markdown("no recipe was trained twice, so that nothing tells how far trainings scatter")
    counts = Counter(OF_ANSWER[effect.lean()] for effect in effects)
    if len(counts) > 1:
        return Markdown(f"the trainings differ ({'; '.join(f'{v} in {n}' for v, n in counts.items())})")
    return Markdown("trainings of one recipe scatter too widely for so few")
