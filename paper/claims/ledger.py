"""Claims and their verdicts, as tables and other programs have them."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paper.claims.effects import BELOW, EQUAL, PART, WITHIN, Effect
from report.pages.sources import DEFINITION
from report.pages.text_format import DASH, FIXED, Markdown, integer, listing, num, sentence
from report.results.table import note
from report.results.views import Training

HOLDS, FAILS, SAME, IN_PART, OPEN = "holds", "does not hold", "no difference", "holds in part", "undecided"
WORDS = {HOLDS: "holds", FAILS: "fails", SAME: "equal", IN_PART: "part", OPEN: "open"}  # as conditions say
OF_ANSWER = {True: HOLDS, False: FAILS, EQUAL: SAME, PART: IN_PART, None: OPEN}
DOCSTRING = re.compile(r'^ *r?""".*?"""\n+', re.MULTILINE | re.DOTALL)
BY_TRAININGS, BY_MEASURE = "trainings", "measure"  # what keeps a claim open


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
    measure: Callable[..., Iterator[Effect]]  # of the results of a run
    models: tuple[str, ...] = ()  # of the study, that it is about
    one_thing: bool = False  # parts that contradict each other decide nothing
    made_before: bool = False  # its rule, before the data were seen
    place: int = 0  # its number in the ledger

    @property
    def source(self) -> str:
        """The source of what is defined here, and not measured."""
        return f"{DEFINITION}claim_{self.id}"


def bound(effect: Effect) -> Markdown:
    """The bound of an effect, and the margin within which it makes no difference."""
    factor = "a factor of " if effect.ratio else ""
    about = f"within {factor}{effect.show(effect.margin)}" if effect.margin is not None else ""
    sign = "<" if effect.side == BELOW else ">"
    side = "" if effect.side == WITHIN else f"{sign}{FIXED}{effect.show(effect.bound)}"
    return Markdown(" or ".join(filter(None, (side, about))))


def same(effect: Effect) -> Markdown:
    """The range of the bounds that give the same verdict."""
    of, low, high = effect.same()
    if low is None:
        return Markdown(f"{of}s all below {effect.show(high)}")
    if high is None:
        return Markdown(f"{of}s all above {effect.show(low)}")
    return Markdown(f"{of}s {effect.show(low)} to {effect.show(high)}")


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim."""

    claim: Claim
    verdict: str
    of: Mapping[str, list[Training]] = field(default_factory=dict)  # model -> its trainings
    parts: tuple[Effect, ...] = ()
    decides: tuple[Effect, ...] = ()  # or leave it open
    reason: str = ""  # of an undecided one, one of the `BY_...`; why: in words
    why: Markdown = Markdown("")
    lean: str = ""  # the verdict that the values alone would give

    @property
    def trainings(self) -> dict[str, int]:
        """Model -> number of its trainings."""
        return {model: len(trainings) for model, trainings in self.of.items()}

    @property
    def fewest(self) -> int:
        """Trainings behind the numbers that decide, of the model with the fewest; 0 for what none enters."""
        return min((len(of) for part in self.decides for of in part.each.values()), default=0)

    @property
    def measured(self) -> Markdown:
        """Each part in words: its number with its interval, those of the trainings, and what it answers."""
        words = []
        for part in self.parts:
            answer = f" ({OF_ANSWER[part.answer()]})" if part.side and len(self.parts) > 1 else ""
            each = "; ".join(f"{model} {listing(map(num, of))}" for model, of in part.each.items())
            words.append(f"{part.name}: {part.shown()}{answer}" + (f"; trainings: {each}" if each else ""))
        return sentence(Markdown("; ".join(words))) if words else DASH

    def row(self) -> dict[str, Any]:
        """The line of the ledger for other programs."""
        of_claim = {n: getattr(self.claim, n) for n in ("id", "section", "text", "rule", "made_before")}
        names = ("verdict", "trainings", "reason", "why", "lean", "measured")
        row = of_claim | {n: getattr(self, n) for n in names}
        return row | {"parts": [part.row() for part in self.parts]}

    # --- cells of the text; those with numbers read the claim's definition, too ---

    @property
    def anchor(self) -> Markdown:
        """Its place on the page."""
        return Markdown(f"#claim-{self.claim.id}")

    @property
    def number(self) -> Markdown:
        note(self.claim.source)
        return integer(self.claim.place)

    @property
    def told(self) -> Markdown:
        """The numbers that decide, with their intervals."""
        note(self.claim.source)
        numbers = "; ".join(f"{effect.name}: {effect.shown()}" for effect in self.decides)
        return Markdown(numbers) or DASH

    @property
    def n(self) -> Markdown:
        """Trainings of the model with the fewest."""
        note(self.claim.source)
        return integer(n) if (n := self.fewest) else DASH

    @property
    def bounds(self) -> Markdown:
        """The bounds of the numbers that decide."""
        note(self.claim.source)
        return Markdown("; ".join(map(bound, self.decides))) or DASH

    @property
    def badge(self) -> Markdown:
        """The verdict as a span that style sheets colour."""
        return Markdown(f"[{self.verdict}]{{.verdict .{WORDS[self.verdict]}}}")

    @property
    def details(self) -> Markdown:
        """Every part, and what else is to be said: why it is open and what it rests on."""
        note(self.claim.source)
        single = [model for model, n in self.trainings.items() if n == 1 and self.parts]
        rests = f"rests on one training of {' and of '.join(single)}" if single else ""
        lean = f"leans to *{self.lean}*" if self.lean not in ("", OPEN) else ""
        more = Markdown("; ".join(filter(None, (self.why, lean, rests))))
        return Markdown(f"{self.measured} {sentence(more) if more else ''}".strip())

    @property
    def every_bound(self) -> Markdown:
        """A paragraph on the bounds of all parts; empty without any."""
        note(self.claim.source)
        bounds = "; ".join(f"{part.name} {bound(part)} ({same(part)})" for part in self.parts if part.side)
        return Markdown(f"*Bounds (those with the same verdict):* {bounds}." if bounds else "")

    @property
    def function(self) -> Markdown:
        """The Python that measures it."""
        source = inspect.getsource(self.claim.measure).partition("\ndef ")[2]  # after the decorator
        return Markdown("def " + DOCSTRING.sub("", source, count=1).strip())


def tally(verdicts: Mapping[str, Verdict]) -> Markdown:
    """The number of times that each verdict is given, leaving out what does not occur."""
    counts = Counter(verdict.verdict for verdict in verdicts.values())
    return listing(Markdown(f"*{word}* ({counts[word]})") for word in WORDS if counts[word])
