"""Effects: the numbers that decide claims, with their intervals over trainings, and what they answer."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from diffusion.evaluation.statistics import Interval
from report.pages.text_format import Markdown, num, shown
from report.results.scatter import LOG
from report.results.table import note

EQUAL, PART = "equal", "part"  # the answers "no difference that matters" and "not the same in all parts"
Answer = bool | str | None  # yes, no, one of these, or the data do not decide
ABOVE, BELOW, WITHIN = "above", "below", "within"


@dataclass(frozen=True)
class Effect:
    """A number that decides a claim: yes where its interval lies on one side of a bound, no on the other.

    It holds above the bound, below it, or within the margin about it, and fails where it would hold with the
    opposite side. An interval that includes the bound and stays within the margin is no difference that
    matters. `interval` reads the number.
    """

    name: str
    found: Interval  # with its 95 % interval; an exact one has no width
    side: str | None = ABOVE  # None: no verdict rests on it
    bound: float = 0.0
    margin: float | None = None  # of a ratio, a factor
    ratio: bool = False  # twice as large and half as large are equally far from 1
    show: Callable[[float], Markdown] = lambda x: Markdown(f"{x:.2g}")
    open: bool = False  # nothing tells how far trainings scatter, so that it decides nothing
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # model -> of each training
    sources: tuple[str, ...] = ()  # what was read to compute it

    @property
    def interval(self) -> Interval:
        """The number and its interval; its sources have been read."""
        note(*self.sources)
        return self.found

    def away(self, x: float) -> float:
        """The distance of a value from the bound, as margins are counted."""
        return math.exp(abs(LOG.to(x / self.bound))) if self.ratio else abs(x - self.bound)

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest distance of the interval from the bound."""
        _, low, high = self.interval.ends
        ends = sorted((self.away(low), self.away(high)))
        return (self.away(self.bound) if low <= self.bound <= high else ends[0]), ends[1]

    def answer(self) -> Answer:
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
        """The answer of the value alone, as if its interval had no width."""
        value = self.interval.value
        if self.side != WITHIN and self.margin is not None and self.away(value) < self.margin:
            return EQUAL
        return replace(self, found=Interval(value, value, value), open=False).answer()

    def same(self) -> tuple[str, float | None, float | None]:
        """Bounds with the same answer: "bound" or, where that decides, "margin"; from, to."""
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
        """Distance of the interval from the bound, in its widths: of two parts the one with less decides."""
        _, low, high = self.interval.ends
        return min(abs(low - self.bound), abs(high - self.bound)) / (high - low or 1e-9)

    def row(self) -> dict[str, Any]:
        """The effect for other programs, with the range of bounds that give the same answer."""
        found = {"name": self.name} | dict(zip(("value", "low", "high"), self.interval.ends, strict=True))
        found |= {"trainings": {model: [*values] for model, values in self.each.items()}}
        if self.side is None:
            return found
        of, least, most = self.same()
        judged = {n: getattr(self, n) for n in ("side", "bound", "margin")}
        return found | judged | {f"same_for_{of}s": [least, most]}

    def shown(self) -> Markdown:
        """The number and its interval, as they are printed; an exact one alone.

        Where rounding hides on which side of the bound the interval ends, that end again.
        """
        value, low, high = self.interval.ends
        if low == high:
            return self.show(value)
        near = 0.005 * abs(self.bound) if self.side else 0  # half a printed place of a ratio
        hidden = [x for x in (low, high) if 0 < abs(x - self.bound) < near]
        return Markdown(shown(self.interval, self.show) + "".join(f", to {num(x, 4)}" for x in hidden))


def together(answers: Iterable[Answer]) -> Answer:
    """The answer of a claim of several parts: what all of them answer.

    Two that are decided and differ settle that it holds in part, whatever the others. Where one fails and
    none holds, the whole fails; else one that is open leaves it open.
    """
    found = set(answers)
    decided = found - {None}
    if len(decided) > 1:
        return PART
    return None if decided != {False} and None in found or not found else decided.pop()
