"""Claims and their verdicts, for tables and other programs."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paper.claims.effects import BELOW, EQUAL, PART, WITHIN, Effect
from report.pages.sources import DEFINITION
from report.pages.text_format import DASH, FIXED, Markdown, fixed, integer, listing, num, sentence
from report.results.table import note
from report.results.views import Training

HOLDS, FAILS, SAME, IN_PART, OPEN = "holds", "does not hold", "no difference", "holds in part", "undecided"
WORDS = {HOLDS: "holds", FAILS: "fails", SAME: "equal", IN_PART: "part", OPEN: "open"}  # for conditions
OF_ANSWER = {True: HOLDS, False: FAILS, EQUAL: SAME, PART: IN_PART, None: OPEN}
DOCSTRING = re.compile(r'^ *r?""".*?"""\n+', re.MULTILINE | re.DOTALL)
BY_TRAININGS, BY_MEASURE = "trainings", "measure"  # reasons for an undecided claim


@dataclass(frozen=True)
class Claim:
    """A testable statement.

    It holds if its rule is met, fails if the mirror image of the rule is met, and is undecided in between.
    """

    id: str
    section: Markdown  # section of the original study
    text: Markdown
    short: Markdown  # the text in a few words
    rule: Markdown
    measure: Callable[..., Iterator[Effect]]  # function of the results of a run
    models: tuple[str, ...] = ()  # models of the original study that the claim is about
    one_thing: bool = False  # if True, parts that contradict each other leave the claim undecided
    made_before: bool = False  # if True, the rule was written before the data were seen
    place: int = 0  # number in the ledger

    @property
    def source(self) -> str:
        """The source of numbers that this claim defines rather than measures."""
        return f"{DEFINITION}claim_{self.id}"


def bound(effect: Effect) -> Markdown:
    """Format the bound of an effect, and the margin within which a difference does not matter."""
    factor = "a factor of " if effect.ratio else ""
    margins = effect.grades or ([] if effect.margin is None else [effect.margin])
    named = listing((_margin(effect, margin) for margin in margins), "or")
    about = f"within {factor}{named}" if margins else ""
    sign = "<" if effect.side == BELOW else ">"
    threshold = effect.show(effect.bound) if effect.bound else "0"
    side = "" if effect.side == WITHIN else f"{sign}{FIXED}{threshold}"
    return Markdown(" or ".join(filter(None, (side, about))))


def beyond(effect: Effect) -> Markdown:
    """Format the smallest difference that an effect without a difference excludes."""
    factor = "a factor of " if effect.ratio else ""
    return Markdown(f"{SAME} beyond {factor}{_margin(effect, effect.limit)}")


def _margin(effect: Effect, margin: float) -> Markdown:
    return Markdown(f"{margin:g}") if effect.ratio else effect.show(margin)


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim."""

    claim: Claim
    verdict: str
    of: Mapping[str, list[Training]] = field(default_factory=dict)  # trainings by model
    parts: tuple[Effect, ...] = ()
    decides: tuple[Effect, ...] = ()  # parts that decide the claim, or leave it undecided
    reason: str = ""  # for an undecided claim, BY_TRAININGS or BY_MEASURE
    why: Markdown = Markdown("")  # the reason in words
    lean: str = ""  # the verdict of the values without their intervals

    @property
    def trainings(self) -> dict[str, int]:
        """Number of training runs by model."""
        return {model: len(trainings) for model, trainings in self.of.items()}

    @property
    def fewest(self) -> int:
        """Number of training runs behind the deciding numbers, of the model with the fewest, or 0."""
        return min((len(of) for part in self.decides for of in part.each.values()), default=0)

    @property
    def measured(self) -> Markdown:
        """Each part in words: number with interval, numbers of the training runs, and answer."""
        words = []
        for part in self.parts:
            answer = f" ({OF_ANSWER[part.answer()]})" if part.side and len(self.parts) > 1 else ""
            each = "; ".join(f"{model} {listing(map(num, of))}" for model, of in part.each.items())
            words.append(f"{part.name}: {part.shown()}{answer}" + (f"; runs: {each}" if each else ""))
        return sentence(Markdown("; ".join(words))) if words else DASH

    def row(self) -> dict[str, Any]:
        """The entry of the ledger for other programs."""
        of_claim = {n: getattr(self.claim, n) for n in ("id", "section", "text", "rule", "made_before")}
        names = ("verdict", "trainings", "reason", "why", "lean", "measured")
        row = of_claim | {n: getattr(self, n) for n in names}
        return row | {"parts": [part.row() for part in self.parts]}

    # --- cells of tables; cells with numbers also note the claim as their source ---

    @property
    def anchor(self) -> Markdown:
        """The anchor on the page."""
        return Markdown(f"#claim-{self.claim.id}")

    @property
    def number(self) -> Markdown:
        note(self.claim.source)
        return integer(self.claim.place)

    @property
    def told(self) -> Markdown:
        """The deciding numbers, with their intervals."""
        note(self.claim.source)
        numbers = "; ".join(f"{effect.name}: {effect.shown()}" for effect in self.decides)
        return Markdown(numbers) or DASH

    @property
    def n(self) -> Markdown:
        """Number of training runs of the model with the fewest."""
        note(self.claim.source)
        return integer(n) if (n := self.fewest) else DASH

    @property
    def freedom(self) -> Markdown:
        """Degrees of freedom of the deciding intervals; a dash for an interval that is not over runs."""
        note(self.claim.source)
        degrees = [DASH if part.freedom is None else fixed(part.freedom, 1) for part in self.decides]
        return Markdown("; ".join(degrees)) or DASH

    @property
    def bounds(self) -> Markdown:
        """The bounds of the deciding numbers."""
        note(self.claim.source)
        return Markdown("; ".join(map(bound, self.decides))) or DASH

    @property
    def badge(self) -> Markdown:
        """The verdict as a span that style sheets colour."""
        return Markdown(f"[{with_limit(self)}]{{.verdict .{WORDS[self.verdict]}}}")

    @property
    def details(self) -> Markdown:
        """All parts, the reason for an undecided verdict, and a note on models with one run."""
        note(self.claim.source)
        single = [model for model, n in self.trainings.items() if n == 1 and self.parts]
        rests = f"rests on one run of {' and of '.join(single)}" if single else ""
        lean = f"leans to *{self.lean}*" if self.lean not in ("", OPEN) else ""
        more = Markdown("; ".join(filter(None, (self.why, lean, rests))))
        return Markdown(f"{self.measured} {sentence(more) if more else ''}".strip())

    @property
    def every_bound(self) -> Markdown:
        """A paragraph on the bounds of all parts; empty if no part has a bound."""
        note(self.claim.source)
        bounds = "; ".join(f"{part.name} {bound(part)}" for part in self.parts if part.side)
        return Markdown(f"*Thresholds:* {bounds}." if bounds else "")

    @property
    def function(self) -> Markdown:
        """The Python code of the claim's function, without decorator and docstring."""
        source = inspect.getsource(self.claim.measure).partition("\ndef ")[2]  # after the decorator
        return Markdown("def " + DOCSTRING.sub("", source, count=1).strip())


def with_limit(verdict: Verdict) -> Markdown:
    """The verdict in words; "no difference" names the smallest difference that it excludes."""
    if verdict.verdict != SAME:
        return Markdown(verdict.verdict)
    note(verdict.claim.source)
    return beyond(max(verdict.decides, key=lambda part: part.limit or 0.0))


def tally(verdicts: Mapping[str, Verdict]) -> Markdown:
    """Format how often each verdict occurs."""
    counts = Counter(verdict.verdict for verdict in verdicts.values())
    return listing(Markdown(f"*{word}* ({counts[word]})") for word in WORDS if counts[word])
