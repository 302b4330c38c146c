"""Claims and their verdicts, for tables and other programs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from paper.claims.effects import EQUAL, PART, WITHIN, Effect
from report.pages.sources import DEFINITION
from report.pages.text_format import DASH, Markdown, fixed, integer, listing, num, sentence
from report.results.table import note

HOLDS, FAILS, SAME, IN_PART, OPEN = "holds", "does not hold", "no difference", "holds in part", "undecided"
WORDS = {HOLDS: "holds", FAILS: "fails", SAME: "equal", IN_PART: "part", OPEN: "open"}  # for conditions
OF_ANSWER = {True: HOLDS, False: FAILS, EQUAL: SAME, PART: IN_PART, None: OPEN}


@dataclass(frozen=True)
class Claim:
    """A testable statement.

    It holds if its rule is met, fails if the mirror image of the rule is met, and is undecided in between.
    """

    id: str
    section: Markdown  # section of the original study; "" for a comparison of ours
    text: Markdown
    short: Markdown  # the text in a few words
    rule: Markdown
    measure: Callable[..., Iterator[Effect]]  # function of the results of a run
    scope: str = ""  # words that limit the verdict, as the rule does, such as "with digit features"
    made_before: bool = False  # if True, the rule was written before the data were seen
    place: int = 0  # number in the ledger

    @property
    def source(self) -> str:
        """The source of numbers that this claim defines rather than measures."""
        return f"{DEFINITION}claim_{self.id}"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim."""

    claim: Claim
    verdict: str
    parts: tuple[Effect, ...] = ()
    why: Markdown = Markdown("")  # for an undecided claim, the reason
    lean: str = ""  # the verdict of the values without their intervals

    @property
    def decides(self) -> list[Effect]:
        """The parts that decide the claim; the others are only shown."""
        return [part for part in self.parts if part.side]

    @property
    def words(self) -> Markdown:
        """The verdict in words, with the smallest margin that all parts stay within, if there is one."""
        limits = [(part.limit, part) for part in self.decides if part.limit]
        within = {HOLDS: f"{HOLDS} within", SAME: f"{SAME} beyond"}.get(self.verdict)
        if within and limits and (self.verdict == SAME or self.decides[0].side == WITHIN):
            note(self.claim.source)
            limit, part = max(limits, key=lambda pair: pair[0])
            return Markdown(f"{within} {f'a factor of {limit:g}' if part.ratio else part.show(limit)}")
        scope = f" {self.claim.scope}" if self.claim.scope and self.verdict != OPEN else ""
        return Markdown(self.verdict + scope)

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
        of_claim = {name: getattr(self.claim, name) for name in ("id", "section", "text", "rule")}
        names = ("verdict", "words", "why", "lean", "measured")
        of_verdict = {name: getattr(self, name) for name in names}
        return of_claim | of_verdict | {"parts": [part.row() for part in self.parts]}

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
        """The numbers with their intervals; numbers that decide nothing come last."""
        note(self.claim.source)
        parts = sorted(self.parts, key=lambda part: not part.side)
        return Markdown("; ".join(f"{part.name}: {part.shown()}" for part in parts)) or DASH

    @property
    def n(self) -> Markdown:
        """Number of training runs behind the deciding numbers, of the model with the fewest."""
        note(self.claim.source)
        counts = [len(values) for part in self.decides for values in part.each.values()]
        return integer(min(counts)) if counts else DASH

    @property
    def freedom(self) -> Markdown:
        """Degrees of freedom of the deciding intervals; a dash if they are not over runs."""
        note(self.claim.source)
        degrees = dict.fromkeys(fixed(part.found.freedom, 1) for part in self.decides if part.found.freedom)
        return Markdown("; ".join(degrees)) or DASH

    @property
    def badge(self) -> Markdown:
        """The verdict as a span that style sheets colour."""
        return Markdown(f"[{self.words}]{{.verdict .{WORDS[self.verdict]}}}")

    @property
    def details(self) -> Markdown:
        """All parts, and the reason for an undecided verdict."""
        note(self.claim.source)
        lean = f"leans to *{self.lean}*" if self.lean not in ("", OPEN) else ""
        more = Markdown("; ".join(filter(None, (self.why, lean))))
        return Markdown(f"{self.measured} {sentence(more) if more else ''}".strip())


def tally(verdicts: Iterable[Verdict]) -> Markdown:
    """Format how often each verdict occurs."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    return listing(Markdown(f"*{word}* ({counts[word]})") for word in WORDS if counts[word])
