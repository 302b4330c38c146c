"""Effects: the numbers that decide claims, with their intervals over training runs, and their answers."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from diffusion.evaluation.statistics import Interval
from report.pages.text_format import Markdown, fixed, shown
from report.results.scatter import LOG, Over
from report.results.table import note

EQUAL, PART = "equal", "part"  # the answers "no difference that matters" and "parts have different answers"
Answer = bool | str | None  # yes, no, EQUAL, PART, or None if the data do not decide
ABOVE, BELOW, WITHIN = "above", "below", "within"


def with_interval(value: float, low: float, high: float) -> Over:
    """A number with the interval of one measurement, which is not over training runs."""
    return Over(Interval(value, low, high), {}, unknown=False)


def exact(value: float) -> Over:
    """A number without uncertainty."""
    return with_interval(value, value, value)


@dataclass(frozen=True)
class Effect:
    """A number that decides a claim, by the position of its interval relative to a bound.

    The claim holds if the interval is on the side of the bound that `side` names, and fails if it is on the
    other side. An interval that includes the bound and stays within the margin about it is not a difference
    that matters. With side "within", the claim holds inside the margin and fails outside. With several
    margins, the smallest that the interval stays within counts: an equivalence test (TOST, Schuirmann 1987)
    at each, with two tests at 2.5%.
    """

    name: str
    found: Over  # the number, with its interval
    side: str | None = ABOVE  # None: the number is shown, but decides nothing
    bound: float = 0.0
    margins: tuple[float, ...] = ()  # smallest first; for a ratio, factors
    ratio: bool = False  # if True, twice as large and half as large are equally far from 1
    show: Callable[[float], Markdown] = fixed
    sources: tuple[str, ...] = ()  # sources of the number

    @property
    def interval(self) -> Interval:
        """The number with its interval; its sources are noted as read."""
        note(*self.sources)
        return self.found.interval

    @property
    def each(self) -> Mapping[str, tuple[float, ...]]:
        """The number of each training run, by model."""
        return self.found.each

    def at(self, level: float) -> "Effect":
        """The effect with its interval, if it is over training runs, at another level of confidence."""
        return replace(self, found=self.found._replace(interval=self.found.at(level)))

    def _away(self, x: float) -> float:
        """The distance of a value from the bound; for a ratio, a factor of at least 1."""
        return math.exp(abs(LOG.to(x / self.bound))) if self.ratio else abs(x - self.bound)

    @property
    def limit(self) -> float | None:
        """The smallest margin that the interval stays within; None if it exceeds all of them."""
        far = max(map(self._away, self.interval.ends[1:]))
        return next((margin for margin in self.margins if far < margin), None)

    def answer(self) -> Answer:
        """The answer of the interval."""
        _, low, high = self.interval.ends
        if self.found.unknown:
            return None
        if self.side == WITHIN:
            beside = low > self.bound or high < self.bound
            outside = beside and min(self._away(low), self._away(high)) > self.margins[-1]
            return True if self.limit else False if outside else None
        if low > self.bound or high < self.bound:
            return (low > self.bound) == (self.side == ABOVE)
        return EQUAL if self.limit else None

    def lean(self) -> Answer:
        """The answer of the value alone, without its interval."""
        alone = replace(self, found=exact(self.interval.value))
        return EQUAL if self.side != WITHIN and alone.limit else alone.answer()

    def row(self) -> dict[str, Any]:
        """The effect for other programs."""
        content = {"name": self.name} | dict(zip(("value", "low", "high"), self.interval.ends, strict=True))
        content |= {"trainings": {model: [*values] for model, values in self.each.items()}}
        names = ("side", "bound", "margins") if self.side else ()
        return content | {"freedom": self.found.freedom} | {name: getattr(self, name) for name in names}

    def shown(self) -> Markdown:
        """Format the number with its interval, or alone if it is exact."""
        value, low, high = self.interval.ends
        return self.show(value) if low == high else shown(self.interval, self.show)


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
