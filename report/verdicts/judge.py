"""The claims ledger: testable statements of the study, put to the trainings of a run, and their verdicts.

A claim is one function under the decorator `claim`: its name is the claim's id; of a `Case`, one training of
each model, it yields the effects that decide, one for each of its parts. From three trainings of each model
an interval over trainings decides; with fewer, which tell too little about their spread, each must give the
same answer by the interval of its own checkpoints. A run that is not at the scale that a claim needs decides
nothing.
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from diffusion.evaluation.statistics import FEWEST
from report import claims as chapters
from report.sources import DEFINITION, Source, known, plain, reading
from report.study import (
    END_OF_TRAINING,
    EPOCHS,
    few_samples,
    measured,
    other_data,
    other_sampling,
    other_schedules,
    other_training,
)
from report.text_format import DASH, Markdown, integer, listing, num, sentence
from report.verdicts.case import Case, NotMeasured
from report.verdicts.effects import (
    EQUAL,
    MOST_TRAININGS,
    PART,
    Effect,
    over_trainings,
    together,
    trainings_to_decide,
)
from study.records import Results

HOLDS, FAILS, SAME, IN_PART, OPEN = "holds", "does not hold", "no difference", "holds in part", "undecided"
TOO_SMALL, ABSENT = "undecided at this scale", "not in this run"
WORDS = {HOLDS: "holds", FAILS: "fails", SAME: "equal", IN_PART: "part", OPEN: "open"}  # as guards name them
OF_ANSWER = {True: HOLDS, False: FAILS, EQUAL: SAME, PART: IN_PART, None: OPEN}
DECIDED = (HOLDS, FAILS, SAME, IN_PART)
BY_TRAININGS, BY_MEASURE, BY_SCALE = "trainings", "measure", "scale"  # what keeps a claim open


# --- what a claim needs of a run: each returns in what the run differs from the study, or nothing ---


def schedules(case: Case) -> list[Markdown]:
    """The noise schedules of the study."""
    return other_schedules(case.results.schedules.settings)


def trained(case: Case, epochs: int = END_OF_TRAINING) -> list[Markdown]:
    """The study's data and training."""
    if other := other_data(case.results):
        return [Markdown(f"another data set, {other}")]
    ones = [one.train for one in case.chosen.values()]
    if (n := min(one.passes for one in ones)) < epochs:
        return [Markdown(f"trained for {passes(n)} of the {epochs} epochs that this needs")]
    return next(filter(None, map(other_training, ones)), [])


whole = partial(trained, epochs=EPOCHS)  # all of the study's training


def sampled(case: Case) -> list[Markdown]:
    """The study's training, samples drawn as there and as many, and enough checkpoints near the end."""
    ones = list(case.chosen.values())
    if any(one.measure.final.constant for one in ones):
        raise NotMeasured("all samples of a model are one image")
    if found := trained(case):
        return found
    if (n := min(len(one.measure.late()) for one in ones)) < FEWEST:
        return [Markdown(f"{n} of the {FEWEST} checkpoints that this needs in the last fifth of training")]
    return next(filter(None, (other_sampling(one.train) + few_samples(one) for one in ones)), [])


# --- claims and verdicts ---


@dataclass(frozen=True)
class Claim:
    """One testable statement.

    Attributes:
        id, section, text: its name, where the study makes it, and the statement in our words.
        short: the same in a few words.
        rule: when it holds; it fails where the mirror image of that is so, and in between it is undecided.
        measure: Case -> effects.
        models: the models of the study that it is about.
        needs: of a run, so that it decides: one of the functions above.
        one_thing: its parts are measures of one thing, and decide nothing where they contradict each other.
        made_before: its rule was made before the data were seen.
    """

    id: str
    section: str
    text: str
    short: str
    rule: str
    measure: Callable[[Case], Iterator[Effect]]
    models: tuple[str, ...] = ()
    needs: Callable[[Case], list[Markdown]] = lambda case: []
    one_thing: bool = False
    made_before: bool = False


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim.

    Attributes:
        trainings: model -> number of its trainings.
        parts: the effects over all trainings; each: the first of them in each case.
        decides: those of the parts that decide, or leave it open, and those that are only told.
        reason, why: of an undecided one, one of the `BY_...`, and the same in words.
        lean: the verdict that the values alone would give.
        needed: about how many trainings would decide; None: not known, or more than `MOST_TRAININGS`.
    """

    claim: Claim
    verdict: str
    trainings: dict[str, int] = field(default_factory=dict)
    measured: Markdown = DASH
    parts: tuple[Effect, ...] = ()
    each: tuple[Effect, ...] = ()
    decides: tuple[Effect, ...] = ()
    reason: str = ""
    why: Markdown = Markdown("")
    lean: str = ""
    needed: int | None = None

    @property
    def fewest(self) -> int:
        """Trainings of the model with the fewest; 0 for what no training enters."""
        return min(self.trainings.values(), default=0)

    @property
    def settles(self) -> str:
        """The evidence that would settle an undecided one."""
        more = f"about {self.needed}" if self.needed else f"more than {MOST_TRAININGS}"
        words = {
            BY_SCALE: "a run like the study",
            BY_MEASURE: "its measures agreeing" if self.parts else "its measuring",
        }
        return (words | {BY_TRAININGS: f"{more} trainings of each model"}).get(self.reason, "")

    def row(self) -> dict[str, Any]:
        """The line of the ledger for other programs."""
        of_claim = {n: getattr(self.claim, n) for n in ("id", "section", "text", "rule", "made_before")}
        names = ("verdict", "trainings", "reason", "why", "lean", "settles", "needed", "measured")
        row = of_claim | {n: getattr(self, n) for n in names}
        row = {n: plain(x) if isinstance(x, str) else x for n, x in row.items()}
        return row | {"parts": [one.row() for one in self.parts]}


CLAIMS: dict[str, Claim] = {}


def claim(section: str, text: str, *, short: str, rule: str, **conditions: Any) -> Callable:
    """Enter the function below into the ledger; `conditions` are further attributes of `Claim`."""

    def enter(measure: Callable[[Case], Iterator[Effect]]) -> Callable:
        name = measure.__name__
        CLAIMS[name] = Claim(name, section, text, short, rule, measure, **conditions)
        return measure

    return enter


def claims() -> list[Claim]:
    """All claims of the modules of `report.claims`, in the study's order; then those of other modules."""
    for chapter in pkgutil.iter_modules(chapters.__path__):
        importlib.import_module(f"report.claims.{chapter.name}")
    place = {f"report.claims.{name}": i for i, name in enumerate(chapters.ORDER)}
    return sorted(CLAIMS.values(), key=lambda one: place.get(one.measure.__module__, len(place)))


def ledger(results: Results) -> dict[str, Verdict]:
    """Claim id -> verdict, in the study's order."""
    return {one.id: judge(one, results) for one in claims()}


def cases(results: Results, models: tuple[str, ...]) -> list[Case]:
    """The choices of one training of each model that a claim is put to.

    The first training of each, then the second of each, and so on; a model with fewer begins again. Where the
    models have the same seeds these are pairs of one seed.
    """
    seeds = {m: results.seeds(m) for m in models}
    n = max((len(found) for found in seeds.values()), default=1)
    chosen = [{m: results.trainings[m, s[i % len(s)]] for m, s in seeds.items()} for i in range(n)]
    return [Case(results, one, i) for i, one in enumerate(chosen)]


def judge(one: Claim, results: Results) -> Verdict:
    """The verdict over all trainings of the models that a claim is about."""
    if absent := [m for m in one.models if m not in measured(results)]:
        return Verdict(one, ABSENT, why=Markdown(f"no {listing(absent)} model"))
    found, trainings = cases(results, one.models), {m: len(results.seeds(m)) for m in one.models}
    try:
        if differs := next(filter(None, map(one.needs, found)), None):
            return Verdict(one, TOO_SMALL, trainings, reason=BY_SCALE, why=listing(differs))
        return decide(one, trainings, [effects(one, case) for case in found])
    except NotMeasured as error:
        return Verdict(one, OPEN, trainings, reason=BY_MEASURE, why=Markdown(str(error)))


def effects(one: Claim, case: Case) -> list[Effect]:
    """The effects of a claim on a case; each knows what it was computed from."""
    found, measure = [], one.measure(case)
    while True:
        with reading() as seen:
            effect = next(measure, None)
        if effect is None:
            return found
        places = tuple(seen) or (Source(DEFINITION, f"report.claims:{one.id}"),)
        found.append(known(effect, places, f"{one.measure.__module__}.{one.id}"))


def decide(one: Claim, trainings: dict[str, int], found: list[list[Effect]]) -> Verdict:
    """The verdict from the effects of all cases."""
    # Of the parts that decide nothing an early record may lack some.
    common = set.intersection(*({part.name for part in of} for of in found))
    kept = ([part for part in of if part.side or part.name in common] for of in found)
    of_parts = list(zip(*kept, strict=True))
    parts = tuple(map(over_trainings, of_parts))
    answers = [part.answer() for part in parts if part.side]
    answer = together(answers)
    shown = dict.fromkeys(answers) if answer == PART else [answer]
    decides = [parts[answers.index(a)] for a in shown] + [part for part in parts if not part.side]
    given = (trainings, _said(parts, of_parts), parts, of_parts[0], tuple(decides))
    if answer == PART and one.one_thing:
        why = Markdown("its measures contradict each other")
        return Verdict(one, OPEN, *given, BY_MEASURE, why)
    if answer is not None:
        return Verdict(one, OF_ANSWER[answer], *given)
    effects, lean = of_parts[answers.index(None)], together(part.lean() for part in parts if part.side)
    return Verdict(
        one, OPEN, *given, BY_TRAININGS, _why(effects), OF_ANSWER[lean], trainings_to_decide(effects)
    )


def _why(effects: tuple[Effect, ...]) -> Markdown:
    counts = Counter(OF_ANSWER[effect.answer()] for effect in effects)
    if len(counts) > 1:
        return Markdown(f"the trainings disagree ({'; '.join(f'{v} in {n}' for v, n in counts.items())})")
    return Markdown(
        "the trainings scatter too widely" if len(effects) > 1 else "one training says too little"
    )


def _said(parts: tuple[Effect, ...], of_parts: list[tuple[Effect, ...]]) -> Markdown:
    """Each part in words: its number in each training, and what it answers."""
    said = []
    for part, effects in zip(parts, of_parts, strict=True):
        shown = listing({plain(one): one for one in (effect.shown() for effect in effects)}.values())
        answer = f" ({OF_ANSWER[part.answer()]})" if part.side and len(parts) > 1 else ""
        said.append(f"{part.name}: {shown}{answer}")
    return sentence(Markdown("; ".join(said)))


def passes(n: float) -> Markdown:
    """A number of passes over the data, which need not be a whole one."""
    return integer(n) if n == int(n) else num(n, 2)


def tally(verdicts: dict[str, Verdict]) -> Markdown:
    """The number of times that each verdict is given, leaving out what does not occur."""
    counts = Counter(v.verdict for v in verdicts.values())
    return listing(Markdown(f"{counts[v]} *{v}*") for v in (*DECIDED, OPEN, TOO_SMALL, ABSENT) if counts[v])
