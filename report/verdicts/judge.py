"""The claims ledger: testable statements of the study, put to the trainings of a run, and their verdicts.

A claim is one function under the decorator `claim`: its name is the claim's id; it measures a `Case`, one
training of each model, and returns a `Finding`, the effects that decide. From three trainings of each model
an interval over trainings decides; with fewer, which tell too little about their spread, each must give the
same answer by the interval of its own checkpoints. A run that is not at the scale that a claim needs shows
which way it leans, and decides nothing.
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from diffusion.evaluation.statistics import FEWEST
from report import claims as chapters
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
from report.verdicts.case import Case
from report.verdicts.effects import ENOUGH, EQUAL, Answer, Effect, all_of, over_trainings, trainings_to_decide
from study.records import Results

HOLDS, FAILS, SAME, OPEN = "holds", "does not hold", "no difference", "undecided"
TOO_SMALL, ABSENT = "undecided at this scale", "not in this run"
VERDICTS = (HOLDS, FAILS, SAME, OPEN, TOO_SMALL, ABSENT)
WORDS = {HOLDS: "holds", FAILS: "fails", SAME: "equal", OPEN: "open"}  # as guards name them
OF_ANSWER = {True: HOLDS, False: FAILS, EQUAL: SAME, None: OPEN}

# Conditions that claims of one kind share.
EXACT = {"schedules": True, "any_data": True}
TRAINED = {"epochs": END_OF_TRAINING}
WHOLE_TRAINING = {"epochs": EPOCHS}
SAMPLED = TRAINED | {"sampled": True, "late": True}
DISTANCE = SAMPLED | {"distance": True}

# Reasons for what stays open.
BY_TRAININGS, BY_CHECKPOINTS, BY_CASES = "trainings", "checkpoints", "few points"
BY_MEASURE, BY_SCALE = "measure", "scale"


class Finding:
    """A measurement of one claim in one case.

    Args:
        text: what was measured, in Markdown.
        effects: the numbers that decide, the one to show first; none where it was not measured.
        combine: of the answers of several effects.
    """

    def __init__(self, text: str, *effects: Effect, combine: Callable[[list[Answer]], Answer] = all_of):
        self.text, self.effects, self.combine = Markdown(text), effects, combine

    def answer(self) -> Answer:
        return self.combine([effect.answer() for effect in self.effects]) if self.effects else None


@dataclass(frozen=True)
class Claim:
    """One testable statement.

    Attributes:
        id, section, text: its name, where the study makes it, and the statement in our words.
        short: the same in a few words.
        rule, fails: when it holds and when it does not; in between it is undecided.
        measure: Case -> Finding.
        margin: the difference that does not matter, as it is printed, if there is such.
        changed: how the rule differs from the one that was made before the data were seen.
        models: the models that it is about.
        epochs: passes over the training data that it needs; None: it is not about training.
        sampled: it is about samples, which must be drawn as in the study.
        late: it is put to the mean over the late checkpoints, if there are enough.
        distance: it is about the Fréchet distance.
        schedules: it is about the noise schedules, which must be those of the study.
        any_data: no data enter it.
        names_digits: it names digits, and says nothing about the classes of another data set.
    """

    id: str
    section: str
    text: str
    short: str
    rule: str
    fails: str
    measure: Callable[[Case], Finding]
    margin: str = ""
    changed: str = ""
    models: tuple[str, ...] = ()
    epochs: int | None = None
    sampled: bool = False
    late: bool = False
    distance: bool = False
    schedules: bool = False
    any_data: bool = False
    names_digits: bool = False


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim.

    Attributes:
        verdict: one of `VERDICTS`.
        lean: the verdict that the data alone give, or of undecided data that the values alone would.
        effect: the number that decides, over all trainings; None where there is none.
        trainings: number of trainings of each model, the smallest; 0 for what no training enters.
        why: what keeps it open, or on what less than it should it rests.
        reason: of an undecided one, one of the `BY_...`; else empty.
        each: that number in each case.
        needed: about how many trainings would decide; None: not known, or more than 50.
        parted: the trainings disagree.
    """

    claim: Claim
    measured: Markdown
    verdict: str
    lean: str
    effect: Effect | None = None
    trainings: int = 0
    why: Markdown = Markdown("")
    reason: str = ""
    each: tuple[Effect, ...] = ()
    needed: int | None = None
    parted: bool = False

    @property
    def label(self) -> str:
        """The verdict as it is printed."""
        return f"{SAME} beyond {self.claim.margin}" if self.verdict == SAME else self.verdict

    def row(self) -> dict[str, Any]:
        """The line of the ledger for other programs."""
        effect = self.effect
        found = zip(("value", "low", "high"), effect.interval.ends, strict=True) if effect else ()
        return {
            "id": self.claim.id,
            "section": self.claim.section,
            "text": self.claim.text,
            "verdict": self.label,
            "effect": {"name": effect.name} | dict(found) if effect else None,
            "trainings": self.trainings,
            "reason": self.reason,
            "lean": self.lean if self.verdict in (OPEN, TOO_SMALL) else "",
            "needed": self.needed,
            "why": str(self.why),
            "measured": str(self.measured),
            "rule": self.claim.rule,
            "fails": self.claim.fails,
            "rule_changed": self.claim.changed,
        }


CLAIMS: dict[str, Claim] = {}


def claim(
    section: str, text: str, *, short: str, rule: str, fails: str = "Otherwise.", **conditions: Any
) -> Callable:
    """Enter the function below into the ledger; `conditions` are further attributes of `Claim`."""

    def enter(measure: Callable[[Case], Finding]) -> Callable:
        name = measure.__name__
        CLAIMS[name] = Claim(name, section, text, short, rule, fails, measure, **conditions)
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


def judge(one: Claim, results: Results) -> Verdict:
    """The verdict over all trainings of the models that a claim is about."""
    absent = [m for m in one.models if m not in measured(results)]
    if absent:
        return Verdict(one, DASH, ABSENT, ABSENT, why=Markdown(f"no {listing(absent)} model"))
    found = cases(results, one.models)
    fewest = min((len(results.seeds(m)) for m in one.models), default=0)
    for case in found:
        if constant := [m for m in one.models if one.sampled and case.final(m).constant]:
            why = Markdown(f"all samples of the {listing(constant)} model are one image")
            return Verdict(one, DASH, OPEN, OPEN, trainings=fewest, why=why, reason=BY_MEASURE)
    verdict = together(one, [one.measure(case) for case in found], fewest)
    if one.names_digits and other_data(results):
        verdict = replace(verdict, lean=OPEN)
    if scale := next((why for case in found if (why := _out_of_scale(one, case))), None):
        return replace(verdict, verdict=TOO_SMALL, why=scale, reason=BY_SCALE, needed=None)
    if verdict.verdict == OPEN:
        return verdict
    return replace(verdict, why=listing(notes) if (notes := _notes(one, found)) else Markdown(""))


def cases(results: Results, models: tuple[str, ...]) -> list[Case]:
    """The choices of one training of each model that a claim is put to.

    The first training of each, then the second of each, and so on; a model with fewer begins again. Where the
    models have the same seeds these are pairs of one seed.
    """
    seeds = {m: results.seeds(m) for m in models}
    n = max((len(found) for found in seeds.values()), default=1)
    chosen = [{m: results.trainings[m, s[i % len(s)]] for m, s in seeds.items()} for i in range(n)]
    return [Case(results, one) for one in chosen]


def together(one: Claim, found: list[Finding], fewest: int) -> Verdict:
    """One verdict from the findings of all cases, the first ones' first."""
    first, n = found[0], len(found)
    if not all(f.effects for f in found):
        text, why = sentence(first.text), Markdown("not measured")
        return Verdict(one, text, OPEN, OPEN, trainings=fewest, why=why, reason=BY_MEASURE)
    parts = [over_trainings(effects) for effects in zip(*(f.effects for f in found), strict=True)]
    answers, of_parts = [f.answer() for f in found], [part.answer() for part in parts]
    answer = first.combine(of_parts)
    lean = first.combine([part.lean() for part in parts]) if answer is None else answer
    text, each = _said(found, parts), tuple(f.effects[0] for f in found)
    verdict = Verdict(one, text, OF_ANSWER[answer], OF_ANSWER[lean], parts[0], fewest, each=each)
    if answer is not None:
        return verdict
    parted = len(set(answers)) > 1
    reason = BY_TRAININGS if parted or n >= ENOUGH else BY_CHECKPOINTS if one.late else BY_CASES
    if len(parts) > 1 and first.combine is not all_of and set(of_parts) != {None}:
        reason = BY_MEASURE
    i = next((i for i, part in enumerate(parts) if part.answer() is None), 0)
    needed = trainings_to_decide([f.effects[i] for f in found]) if reason != BY_MEASURE else None
    why = _why(reason, answers)
    return replace(verdict, why=why, reason=reason, needed=needed, parted=parted, effect=parts[i])


def _why(reason: str, answers: list[Answer]) -> Markdown:
    """The reason why a claim is open, in words."""
    counts = Counter(OF_ANSWER[a] for a in answers)
    each = "; ".join(f"{verdict} in {counts[verdict]}" for verdict in VERDICTS if counts[verdict])
    scatter = f"the trainings disagree ({each})" if len(counts) > 1 else "the trainings scatter too widely"
    words = {
        BY_TRAININGS: scatter,
        BY_CHECKPOINTS: "the checkpoints scatter too widely",
        BY_CASES: "the interval is too wide",
        BY_MEASURE: "the measures contradict each other",
    }
    return Markdown(words[reason])


def _said(found: list[Finding], parts: list[Effect]) -> Markdown:
    """The measurement in the first case, and the deciding number in the others."""
    text, effects = sentence(found[0].text), [f.effects[0] for f in found]
    if len({e.interval.ends for e in effects}) == 1:
        return text
    by_each = Markdown(f"training by training: {listing(e.shown() for e in effects)}")
    more = by_each if len(found) < ENOUGH else f"over trainings: {parts[0].shown()}"
    return Markdown(f"{text} {sentence(effects[0].name)[:-1]}, {more}.")


def _notes(one: Claim, found: list[Case]) -> list[Markdown]:
    """On what less than it should a decided verdict rests."""
    notes = []
    if one.distance:
        notes.append(Markdown("in digit features only"))
    if one.late and any(len(case[m].measure.late()) < FEWEST for case in found for m in one.models):
        notes.append(Markdown("by the last checkpoint only"))
    return notes


def passes(n: float) -> Markdown:
    """A number of passes over the data, which need not be a whole one."""
    return integer(n) if n == int(n) else num(n, 2)


def _out_of_scale(one: Claim, case: Case) -> Markdown:
    """Reason why this run cannot decide the claim; empty if it can."""
    if not one.any_data and (other := other_data(case.results)):
        return Markdown(f"another data set, {other}, unlike the study")
    if one.schedules and (differs := other_schedules(case.schedules.settings)):
        return Markdown(f"{listing(differs)}, unlike the study")
    if one.epochs is None:
        return Markdown("")
    shortest = min(case[m].train.passes for m in one.models)
    if shortest < one.epochs:
        return Markdown(f"trained for {passes(shortest)} of the {one.epochs} epochs that this claim needs")
    for trained in (case[m] for m in one.models):
        if differs := other_training(trained.train):
            return Markdown(f"trained with {listing(differs)}, unlike the study")
        if one.sampled and (differs := other_sampling(trained.train)):
            return Markdown(f"{listing(differs)}, unlike the study")
        if one.sampled and (few := few_samples(trained)):
            return listing(few)
    return Markdown("")


def tally(verdicts: dict[str, Verdict]) -> Markdown:
    """Numbers of claims that hold, do not, and stay open, leaving out what does not occur."""
    words = {
        HOLDS: ("holds", "hold"),
        FAILS: ("does not", "do not"),
        SAME: ("shows no difference that matters", "show no difference that matters"),
        OPEN: ("is undecided", "are undecided"),
        TOO_SMALL: ("is undecided at this scale", "are undecided at this scale"),
        ABSENT: ("is about a model not in this run", "are about models not in this run"),
    }
    counts = Counter(v.verdict for v in verdicts.values())
    return listing(Markdown(f"{counts[w]} {words[w][counts[w] != 1]}") for w in VERDICTS if counts[w])
