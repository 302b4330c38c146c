"""Effects: the numbers that decide claims, with their intervals over training runs, and their answers."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from diffusion.evaluation.statistics import Interval
from report.pages.text_format import Markdown, num, shown
from report.results.scatter import LOG
from report.results.table import note

EQUAL, PART = "equal", "part"  # the answers "no difference that matters" and "parts have different answers"
Answer = bool | str | None  # yes, no, EQUAL, PART, or None if the data do not decide
ABOVE, BELOW, WITHIN = "above", "below", "within"


@dataclass(frozen=True)
class Effect:
    """A number that decides a claim, by the position of its interval relative to a bound.

    The claim holds if the interval is on the side of the bound that `side` names, and fails if it is on the
    other side. With side "within", it holds inside the margin about the bound and fails outside. An interval
    that includes the bound and stays within the margin is not a difference that matters.
    """

    name: str
    found: Interval  # the number with its 95% interval; without width if it is exact
    side: str | None = ABOVE  # None: the number is shown, but decides nothing
    bound: float = 0.0
    margin: float | None = None  # for a ratio, a factor
    ratio: bool = False  # if True, twice as large and half as large are equally far from 1
    show: Callable[[float], Markdown] = lambda x: Markdown(f"{x:.2g}")
    open: bool = False  # the scatter of trainings is unknown, so the number decides nothing
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # model -> number of each training
    sources: tuple[str, ...] = ()  # sources of the number

    @property
    def interval(self) -> Interval:
        """The number with its interval; its sources are noted as read."""
        note(*self.sources)
        return self.found

    def away(self, x: float) -> float:
        """The distance of a value from the bound; for a ratio, a factor of at least 1."""
        return math.exp(abs(LOG.to(x / self.bound))) if self.ratio else abs(x - self.bound)

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest distance of the interval from the bound."""
        _, low, high = self.interval.ends
        ends = sorted((self.away(low), self.away(high)))
        return (self.away(self.bound) if low <= self.bound <= high else ends[0]), ends[1]

    def answer(self) -> Answer:
        """The answer of the interval."""
        _, low, high = self.interval.ends
        near, far = self.reach
        if self.open:
            return None
        if self.side == WITHIN:
            return True if far < self.margin else False if near > self.margin else None
        if low > self.bound or high < self.bound:
            return (low > self.bound) == (self.side == ABOVE)
        return EQUAL if self.margin is not None and far < self.margin else None

    def lean(self) -> Answer:
        """The answer of the value alone, without its interval."""
        value = self.interval.value
        if self.side != WITHIN and self.margin is not None and self.away(value) < self.margin:
            return EQUAL
        return replace(self, found=Interval(value, value, value), open=False).answer()

    def same(self) -> tuple[str, float | None, float | None]:
        """The range of bounds or margins with the same answer: "bound" or "margin", lower end, upper end."""
        _, low, high = self.interval.ends
        near, far = self.reach
        answer = self.answer()
        if self.side == WITHIN:
            return "margin", *{True: (far, None), False: (None, near), None: (near, far)}[answer]
        if self.margin is not None and answer in (EQUAL, None):
            return "margin", *((far, None) if answer == EQUAL else (None, far))
        if answer is None:
            return "bound", low, high
        return "bound", *((None, low) if low > self.bound else (high, None))

    @property
    def spare(self) -> float:
        """Distance of the interval from the bound, in widths of the interval; the smallest decides."""
        _, low, high = self.interval.ends
        return min(abs(low - self.bound), abs(high - self.bound)) / (high - low or 1e-9)

    def row(self) -> dict[str, Any]:
        """The effect for other programs, with the range of bounds that give the same answer."""
        content = {"name": self.name} | dict(zip(("value", "low", "high"), self.interval.ends, strict=True))
        content |= {"trainings": {model: [*values] for model, values in self.each.items()}}
        if self.side is None:
            return content
        kind, least, most = self.same()
        judged = {n: getattr(self, n) for n in ("side", "bound", "margin")}
        return content | judged | {f"same_for_{kind}s": [least, most]}

    def shown(self) -> Markdown:
        """Format the number with its interval, or alone if it is exact.

        If rounding hides on which side of the bound the interval ends, that end is repeated with more digits.
        """
        value, low, high = self.interval.ends
        if low == high:
            return self.show(value)
        near = 0.005 * abs(self.bound) if self.side else 0  # half a printed place of a ratio
        hidden = [x for x in (low, high) if 0 < abs(x - self.bound) < near]
        return Markdown(shown(self.interval, self.show) + "".join(f", to {num(x, 4)}" for x in hidden))


def together(answers: Iterable[Answer]) -> Answer:
    """The answer of a claim from the answers of its parts.

    Two different answers mean that the claim holds in part, even if other parts are undecided. If a part
    fails and none holds, the claim fails. Otherwise an undecided part leaves the claim undecided.
    """
    given = set(answers)
    decided = given - {None}
    if len(decided) > 1:
        return PART
    return None if decided != {False} and None in given or not given else decided.pop()
