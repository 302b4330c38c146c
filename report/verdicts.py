"""The claims ledger: testable statements of the study, put to every training of a run, and their verdicts.

A claim is one function under the decorator `claim`: its name is the claim's id, it measures a `Case` and
answers yes, no or undecided. A run that is not at the scale that the claim needs shows which way it leans,
and decides nothing. Where a model was trained with several seeds each has its answer, and these must agree.
"""

import importlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from diffusion.evaluation.statistics import FEWEST
from diffusion.records import Results
from report.estimates import Answer, Case
from report.study import (
    STUDY,
    few_samples,
    measured,
    other_data,
    other_sampling,
    other_schedules,
    other_training,
)
from report.text_format import DASH, Markdown, escape, integer, listing, num, sentence

END_OF_TRAINING = 50  # passes over the data from which a claim about the end of training is decided
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
TOO_SMALL, ABSENT = "undecided at this scale", "not in this run"
VERDICTS = (HOLDS, FAILS, OPEN, TOO_SMALL, ABSENT)
CHAPTERS = ("schedules", "ddpm", "restoration", "samples")  # modules of `report.claims`, in the study's order

# Conditions that claims of one kind share.
EXACT = {"schedules": True, "any_data": True}
TRAINED = {"epochs": END_OF_TRAINING}
WHOLE_TRAINING = {"epochs": STUDY["epochs"]}
SAMPLED = TRAINED | {"sampled": True, "late": True}
DISTANCE = SAMPLED | {"distance": True}


@dataclass(frozen=True)
class Claim:
    """One testable statement.

    Attributes:
        id, section, text: its name, where the study makes it, and the statement in our words.
        rule, fails: when it holds and when it does not; in between it is undecided.
        measure: Case -> (what was measured, answer).
        models: the models that it is about.
        epochs: passes over the training data that it needs; None: it is not about training.
        sampled: it is about samples, which must be drawn as in the study.
        late: it is put to the last checkpoint, and to the late ones if there are enough.
        distance: it is about the Fréchet distance.
        schedules: it is about the noise schedules, which must be those of the study.
        any_data: no data enter it.
        digits: it names digits, and says nothing about the classes of another data set.
    """

    id: str
    section: str
    text: str
    rule: str
    fails: str
    measure: Callable[[Case], tuple[Markdown, Answer]]
    models: tuple[str, ...] = ()
    epochs: int | None = None
    sampled: bool = False
    late: bool = False
    distance: bool = False
    schedules: bool = False
    any_data: bool = False
    digits: bool = False

    @property
    def change(self) -> str:
        """Changes that could alter the verdict."""
        if self.schedules:
            return "Another schedule" + (": the curves are exact." if self.any_data else ", or other images.")
        if self.epochs is None:
            return "Another data set: the count is exact."
        if self.epochs == STUDY["epochs"]:
            return "A longer run that levels off, or another seed."
        more = "More samples, longer training" if self.sampled else "Longer training"
        return f"{more}, another seed, or other features." if self.distance else f"{more}, or another seed."


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim.

    Attributes:
        verdict: one of `VERDICTS`.
        lean: the verdict that the data alone give.
        why: what keeps it open, or on what less than it should it rests.
        trainings: what the other trainings give, where there are any.
        parted: the trainings disagree.
    """

    claim: Claim
    measured: Markdown
    verdict: str
    lean: str
    why: Markdown = Markdown("")
    trainings: Markdown = Markdown("")
    parted: bool = False


CLAIMS: dict[str, Claim] = {}


def claim(section: str, text: str, *, rule: str, fails: str = "Otherwise.", **conditions: object) -> Callable:
    """Enter the function below into the ledger; `conditions` are further attributes of `Claim`."""

    def enter(measure: Callable[[Case], tuple[Markdown, Answer]]) -> Callable:
        CLAIMS[measure.__name__] = Claim(measure.__name__, section, text, rule, fails, measure, **conditions)
        return measure

    return enter


def claims() -> list[Claim]:
    """All claims, in the study's order."""
    found = []
    for chapter in CHAPTERS:
        module = importlib.import_module(f"report.claims.{chapter}").__name__
        found += [one for one in CLAIMS.values() if one.measure.__module__ == module]
    return found


def ledger(results: Results) -> dict[str, Verdict]:
    """Claim id -> verdict, in the study's order."""
    return {one.id: judge(one, results) for one in claims()}


def judge(one: Claim, results: Results) -> Verdict:
    """The verdict over all trainings of the models that a claim is about."""
    absent = [m for m in one.models if m not in measured(results)]
    if absent or (one.schedules and results.schedules is None):
        why = Markdown(f"no {listing(absent)} model") if absent else Markdown("no schedules")
        return Verdict(one, DASH, ABSENT, ABSENT, why)
    found, what = cases(results, one.models)
    return together([decide(one, case) for case in found], what)


def cases(results: Results, models: tuple[str, ...]) -> tuple[list[Case], str]:
    """The choices of one training of each model that a claim is put to, and what these are called.

    Where all models have the same seeds, seed by seed; else the first seeds, and then each further training
    by itself in the place of its model's first.
    """
    seeds = {m: results.seeds(m) for m in models}
    several = [m for m in models if len(seeds[m]) > 1]
    if len(several) == len(models) > 1 and len({tuple(s) for s in seeds.values()}) == 1:
        chosen = [{m: results.trainings[m, seed] for m in models} for seed in seeds[models[0]]]
        return [Case(results, one) for one in chosen], "seeds"
    first = {m: results.first(m) for m in models}
    further = [first | {m: results.trainings[m, seed]} for m in several for seed in seeds[m][1:]]
    what = f"trainings of the {escape(several[0])} model" if len(several) == 1 else "choices of trainings"
    return [Case(results, one) for one in (first, *further)], what


def decide(one: Claim, case: Case) -> Verdict:
    """Measure one claim with one training of each model."""
    if constant := [m for m in one.models if one.sampled and case.final(m).constant]:
        why = Markdown(f"all samples of the {listing(constant)} model are one image")
        return Verdict(one, DASH, OPEN, OPEN, why)
    found, answer = one.measure(case)
    lean = {True: HOLDS, False: FAILS, None: OPEN}[
        None if one.digits and other_data(case.results) else answer
    ]
    if why := _out_of_scale(one, case):
        return Verdict(one, sentence(found), TOO_SMALL, lean, why)
    notes = []
    if one.distance and "inception" not in case.extractors:
        notes.append("in digit features only")
    if one.late and any(len(case[m].measure.late()) < FEWEST for m in one.models):
        notes.append("by the last checkpoint only")
    return Verdict(one, sentence(found), lean, lean, Markdown(", ".join(notes) if answer is not None else ""))


def together(verdicts: list[Verdict], what: str = "seeds") -> Verdict:
    """One verdict from those of all trainings, the first ones' first; they must agree to decide."""
    first, n = verdicts[0], len(verdicts)
    if n == 1:
        return first
    counts = Counter(v.lean for v in verdicts)
    if len(counts) == 1:
        return replace(first, trainings=Markdown(f"with {'both' if n == 2 else f'all {n}'} {what}"))
    shown = ", ".join(f"{lean} with {counts[lean]}" for lean in VERDICTS if counts[lean])
    verdict, why = (TOO_SMALL, first.why) if first.verdict == TOO_SMALL else (OPEN, Markdown(""))
    trainings = Markdown(f"of {n} {what}: {shown}")
    return replace(first, verdict=verdict, lean=OPEN, why=why, trainings=trainings, parted=True)


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
        OPEN: ("is undecided", "are undecided"),
        TOO_SMALL: ("is undecided at this scale", "are undecided at this scale"),
        ABSENT: ("is about a model not in this run", "are about models not in this run"),
    }
    counts = Counter(v.verdict for v in verdicts.values())
    return listing(Markdown(f"{counts[w]} {words[w][counts[w] != 1]}") for w in VERDICTS if counts[w])
