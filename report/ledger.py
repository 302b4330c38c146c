"""Claims and their verdicts, as tables and other programs have them."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from report.effects import BELOW, EQUAL, MOST_TRAININGS, PART, WITHIN, Effect
from report.sources import DEFINITION
from report.text_format import DASH, FIXED, Markdown, integer, listing, sentence
from study.results import Training
from study.table import note

HOLDS, FAILS, SAME, IN_PART, OPEN = "holds", "does not hold", "no difference", "holds in part", "undecided"
TOO_SMALL, ABSENT = "undecided at this scale", "not in this run"
WORDS = {HOLDS: "holds", FAILS: "fails", SAME: "equal", IN_PART: "part", OPEN: "open"}  # as conditions say
OF_ANSWER = {True: HOLDS, False: FAILS, EQUAL: SAME, PART: IN_PART, None: OPEN}
DECIDED = (HOLDS, FAILS, SAME, IN_PART)
BY_TRAININGS, BY_MEASURE, BY_SCALE = "trainings", "measure", "scale"  # what keeps a claim open
KINDS = WORDS | {TOO_SMALL: "open"}  # for style sheets


@dataclass(frozen=True)
class Claim:
    """One testable statement.

    It fails where the mirror image of its rule is so, and in between it is undecided.
    """

    id: str
    section: Markdown  # where the study makes it
    text: Markdown
    short: Markdown  # the text in a few words
    rule: Markdown
    measure: Callable[..., Iterator[Effect]]  # of a `Case`
    models: tuple[str, ...] = ()  # of the study, that it is about
    needs: Callable[..., list[Markdown]] = lambda case: []  # in what a run differs from one that decides
    one_thing: bool = False  # parts that contradict each other decide nothing
    made_before: bool = False  # its rule, before the data were seen
    place: int = 0  # its number in the ledger

    @property
    def source(self) -> str:
        """The source of what is defined here, and not measured."""
        return f"{DEFINITION}report.claims:{self.id}"


class cell(property):
    """A property of a verdict; who reads it reads the claim's definition, too."""

    def __get__(self, verdict: Any, of: type | None = None) -> Any:
        if verdict is not None:
            note(verdict.claim.source)
        return super().__get__(verdict, of)


def badge(verdict: str) -> Markdown:
    """A verdict as a span that style sheets colour."""
    return Markdown(f"[{verdict}]{{.verdict .{KINDS.get(verdict, 'absent')}}}")


def bound(one: Effect) -> Markdown:
    """The bound of an effect, and the range of those that give the same verdict."""
    factor = "a factor of " if one.ratio else ""
    about = f"within {factor}{one.show(one.margin)}" if one.margin is not None else ""
    side = "" if one.side == WITHIN else f"{'<' if one.side == BELOW else '>'}{FIXED}{one.show(one.bound)}"
    of, low, high = one.same()
    if low is None:
        same = f"all below {one.show(high)}"
    else:
        same = f"all above {one.show(low)}" if high is None else f"{one.show(low)} to {one.show(high)}"
    what = f"{of}s: " if about and side else ""
    return Markdown(f"{' or '.join(filter(None, (side, about)))} ({what}{same})")


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim."""

    claim: Claim
    verdict: str
    of: Mapping[str, list[Training]] = field(default_factory=dict)  # model -> its trainings
    parts: tuple[Effect, ...] = ()  # over all trainings
    cases: tuple[tuple[Effect, ...], ...] = ()  # of each part those of which it is made
    decides: tuple[Effect, ...] = ()  # or leave it open, or are only told
    reason: str = ""  # of an undecided one, one of the `BY_...`; why: in words
    why: Markdown = Markdown("")
    lean: str = ""  # the verdict that the values alone would give
    needed: int | None = None  # trainings that would decide; None: not known, or too many

    @property
    def word(self) -> str:
        """The verdict as conditions of the text name it."""
        return WORDS.get(self.verdict, self.verdict)

    @property
    def trainings(self) -> dict[str, int]:
        """Model -> number of its trainings."""
        return {model: len(ones) for model, ones in self.of.items()}

    @property
    def fewest(self) -> int:
        """Trainings of the model with the fewest, which are read; 0 for what no training enters."""
        return len([one.train["seed"] for one in min(self.of.values(), key=len, default=())])

    @property
    def measured(self) -> Markdown:
        """Each part in words: its number in each training, and what it answers."""
        said = []
        for part, effects in zip(self.parts, self.cases, strict=True):
            answer = f" ({OF_ANSWER[part.answer()]})" if part.side and len(self.parts) > 1 else ""
            said.append(f"{part.name}: {listing(dict.fromkeys(one.shown() for one in effects))}{answer}")
        return sentence(Markdown("; ".join(said))) if said else DASH

    @property
    def settles(self) -> str:
        """The evidence that would settle an undecided one."""
        more = f"about {self.needed}" if self.needed else f"more than {MOST_TRAININGS}"
        words = {
            BY_SCALE: "a run like the study",
            BY_MEASURE: "measures that agree" if self.parts else "its measuring",
            BY_TRAININGS: f"{more} trainings",
        }
        return words.get(self.reason, "")

    def row(self) -> dict[str, Any]:
        """The line of the ledger for other programs."""
        of_claim = {n: getattr(self.claim, n) for n in ("id", "section", "text", "rule", "made_before")}
        names = ("verdict", "trainings", "reason", "why", "lean", "settles", "needed", "measured")
        row = of_claim | {n: getattr(self, n) for n in names}
        return row | {"parts": [one.row() for one in self.parts]}

    # --- cells of the text ---

    @cell
    def link(self) -> Markdown:
        return Markdown(f"[{self.claim.place}](#claim-{self.claim.id})")

    @cell
    def anchor(self) -> Markdown:
        """Its own place, of which `link` is the link."""
        return Markdown(f"#claim-{self.claim.id}")

    @cell
    def number(self) -> Markdown:
        return integer(self.claim.place)

    @cell
    def told(self) -> Markdown:
        """The numbers that decide with their intervals, and those that are told beside them."""
        found = "; ".join(f"{one.name}: {one.shown()}" for one in self.decides if one.side)
        beside = "; ".join(f"{one.name}: {one.shown()}" for one in self.decides if not one.side)
        return Markdown(found + (f" (beside it: {beside})" if beside else "")) or DASH

    @cell
    def n(self) -> Markdown:
        """Trainings of the model with the fewest."""
        return integer(n) if (n := self.fewest) else DASH

    @cell
    def bounds(self) -> Markdown:
        """The bounds of the numbers that decide."""
        return Markdown("; ".join(bound(one) for one in self.decides if one.side)) or DASH

    @cell
    def badge(self) -> Markdown:
        return badge(self.verdict)

    @cell
    def outcome(self) -> Markdown:
        """The badge, and what an open one needs, or that a single training decides."""
        open_ = self.verdict == OPEN
        more = f"needs {self.settles}" if open_ else "one training" if self.fewest == 1 and self.parts else ""
        return Markdown(f"{self.badge} {more}".strip())

    @cell
    def details(self) -> Markdown:
        """Every part, and what else is to be said: what it rests on, why it is open, what would settle it."""
        single = [model for model, n in self.trainings.items() if n == 1 and self.parts]
        rests = f"rests on one training of {' and of '.join(single)}" if single else ""
        lean = f"leans to *{self.lean}*" if self.lean not in ("", OPEN) else ""
        settles = f"{self.settles} would settle it" if self.settles else ""
        more = Markdown("; ".join(filter(None, (self.why, lean, rests, settles))))
        return Markdown(f"{self.measured} {sentence(more) if more else ''}".strip())

    @cell
    def rule(self) -> Markdown:
        before = " *Made before the data were seen.*" if self.claim.made_before else ""
        return Markdown(self.claim.rule + before)

    @cell
    def every_bound(self) -> Markdown:
        """A paragraph on the bounds of all parts; empty without any."""
        found = "; ".join(f"{part.name} {bound(part)}" for part in self.parts if part.side)
        return Markdown(f"*Bounds (those with the same verdict):* {found}." if found else "")

    @cell
    def function(self) -> Markdown:
        """The Python that measures it."""
        source = inspect.getsource(self.claim.measure).partition("\ndef ")[2]  # after the decorator
        return Markdown(f"def {source.strip()}")


def tally(verdicts: Mapping[str, Verdict]) -> Markdown:
    """The number of times that each verdict is given, leaving out what does not occur."""
    note(f"{DEFINITION}report.claims")
    counts = Counter(v.verdict for v in verdicts.values())
    return listing(Markdown(f"*{v}* ({counts[v]})") for v in (*DECIDED, OPEN, TOO_SMALL, ABSENT) if counts[v])
