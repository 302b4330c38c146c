"""The claims ledger: each testable statement of the study, what measures it, and the rule that decides it.

A rule looks at the data and answers yes, no or undecided (see `report.evidence`); here it becomes a verdict.
A claim about the end of training is not decided by a run that trained less than half as long as the study,
nor one about models if these were trained in another setting, nor one about samples by samples that were
drawn in another way or are fewer: such a run shows which way it leans.
Where the study was run with several seeds, or a model was trained again, each has its verdict, and they must
agree.
On another data set nothing is decided but what no data enter, and what names digits does not even lean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from report.evidence import Answer
from report.final_epochs import LAST, known
from report.results import Results
from report.study import few_samples, other_data, other_sampling, other_schedules, other_training
from report.text import Markdown, escape, integer, listing, num

END_OF_TRAINING = 50  # passes over the data from which a claim about the end of training is decided
# Weights move from checkpoint to checkpoint, and samples with them: see `report.final_epochs`.
BOTH_ENDS = f"by the final samples and by the mean over {LAST}"
BOTH_SEEDS = f"by the final samples and by the mean difference over {LAST}"

HOLDS, FAILS, OPEN, TOO_SMALL = "holds", "does not hold", "undecided", "undecided at this scale"
VERDICTS = (HOLDS, FAILS, OPEN, TOO_SMALL)


@dataclass(frozen=True)
class Claim:
    """One testable statement.

    Attributes:
        id: its name in the report's sources.
        section: where the study makes it.
        text: the statement, in our words.
        rule: what is measured and when the claim holds, in words.
        fails: when it does not hold; in between it is undecided.
        change: what would change the verdict.
        measure: Results -> (what was measured, answer).
        models: the models whose runs the claim is about.
        min_epochs: passes over the training data below which it stays undecided; None: the end of training.
        sampled: it is about samples, so they must be drawn as in the study.
        both_ends: it is put to the final samples, and to the final epochs if they have checkpoints enough.
        schedules: it is about the noise schedules, so they must be those of the study.
        any_data: no data enter it.
        digits: it names digits, and says nothing about the classes of another data set.
        distance: it is about the Fréchet Inception distance.
    """

    id: str
    section: str
    text: str
    rule: str
    fails: str
    change: str
    measure: Callable[[Results], tuple[Markdown, Answer]]
    models: tuple[str, ...] = ()
    min_epochs: int | None = 0
    sampled: bool = False
    both_ends: bool = False
    schedules: bool = False
    any_data: bool = False
    digits: bool = False
    distance: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a claim; `lean` is the verdict that the data alone give, `why` what keeps it open.

    `seeds` says what other seeds or trainings give, where there are any, and `parted` whether they disagree;
    `note` on what less than it should a verdict rests.
    """

    claim: Claim
    measured: Markdown
    verdict: str
    lean: str
    why: str = ""
    seeds: str = ""
    note: str = ""
    parted: bool = False

    @property
    def holds(self) -> bool:
        return self.verdict == HOLDS

    @property
    def fails(self) -> bool:
        return self.verdict == FAILS

    @property
    def open(self) -> bool:
        return self.verdict in (OPEN, TOO_SMALL)


def decide(claim: Claim, results: Results, end_of_training: int = END_OF_TRAINING) -> Verdict:
    """Measure one claim and give its verdict."""
    found, answer = claim.measure(results)
    measured = Markdown(found[:1].upper() + found[1:])
    lean = {True: HOLDS, False: FAILS, None: OPEN}[None if claim.digits and other_data(results) else answer]
    if why := _out_of_scale(claim, results, end_of_training):
        return Verdict(claim, measured, TOO_SMALL, lean, Markdown(why))
    notes = []
    if claim.distance and "inception" not in results.extractors:
        notes.append("in digit features only")
    if claim.both_ends and not known(results):
        notes.append("by the final samples only")
    return Verdict(claim, measured, lean, lean, note=", ".join(notes) if answer is not None else "")


def together(verdicts: Sequence[Verdict], what: str = "seeds") -> Verdict:
    """One verdict from those of all seeds or trainings, the run's own first; they must agree to decide."""
    first, n = verdicts[0], len(verdicts)
    if n == 1:
        return first
    counts = Counter(v.lean for v in verdicts)
    if len(counts) == 1:
        return replace(first, seeds=f"with {'both' if n == 2 else f'all {n}'} {what}")
    shown = ", ".join(f"{lean} with {counts[lean]}" for lean in VERDICTS if counts[lean])
    open_verdict = first.verdict if first.verdict == TOO_SMALL else OPEN
    return replace(
        first, verdict=open_verdict, lean=OPEN, seeds=f"of {n} {what}: {shown}", note="", parted=True
    )


def count(passes: float) -> Markdown:
    """A number of passes over the data, which need not be a whole one."""
    return integer(passes) if passes == int(passes) else num(passes, 2)


def _out_of_scale(claim: Claim, results: Results, end_of_training: int) -> str:
    """Why this run cannot decide the claim, as Markdown; empty if it can."""
    if not claim.any_data and (other := other_data(results)):
        return f"another data set, {other}, unlike the study"
    needed = end_of_training if claim.min_epochs is None else claim.min_epochs
    passes = min((results.passes(m) for m in claim.models), default=needed)
    if passes < needed:
        return f"trained for {count(passes)} of the {needed} epochs that this claim needs"
    for m in claim.models:
        if differs := other_training(results, m):
            return f"trained with {listing(differs)}, unlike the study"
    for m in claim.models if claim.sampled else ():
        if differs := other_sampling(results, m):
            return f"{listing(differs)}, unlike the study"
        if few := few_samples(results, m):
            return few
    if claim.schedules and (differs := other_schedules(results.schedules["parameters"])):
        return f"{listing(differs)}, unlike the study"
    return ""


def ledger(results: Results, end_of_training: int = END_OF_TRAINING) -> dict[str, Verdict]:
    """Claim id -> verdict, in the study's order."""
    from report.claims_ddpm import CLAIMS as ddpm  # these modules import Claim from here
    from report.claims_restoration import CLAIMS as restoration
    from report.claims_samples import CLAIMS as samples

    return {c.id: _judge(c, results, end_of_training) for c in ddpm + restoration + samples}


def _judge(claim: Claim, results: Results, end_of_training: int) -> Verdict:
    """The verdict over all seeds of the study, or over all trainings of the models that a claim is about.

    Of several models' further trainings, each by itself takes the place of its model.
    """
    again = [one for one in results.again if one.model in claim.models]
    runs = [results, *results.others, *(one.run for one in again)]
    return together([decide(claim, r, end_of_training) for r in runs], _trainings({a.model for a in again}))


def _trainings(models: set[str]) -> str:
    """What the runs that decide a claim differ in, if these models were trained again."""
    if not models:
        return "seeds"
    return f"trainings of the {escape(min(models))} model" if len(models) == 1 else "trainings"
