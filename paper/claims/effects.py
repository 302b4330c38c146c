"""Effects: the numbers that decide claims, with their intervals over training runs, and their answers."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scipy.special import ndtri

from diffusion.evaluation.statistics import Interval, Z
from report.pages.text_format import Markdown, num, shown
from report.results.scatter import LOG, Over
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

    With `grades` instead of one margin, the answer is "no difference beyond the smallest grade that the
    interval stays within". This is an equivalence test (TOST, Schuirmann 1987) at each grade, with two tests
    at 2.5% each.
    """

    name: str
    found: Interval  # the number with its 95% interval; without width if it is exact
    side: str | None = ABOVE  # None: the number is shown, but decides nothing
    bound: float = 0.0
    margin: float | None = None  # for a ratio, a factor
    grades: tuple[float, ...] = ()  # several margins, smallest first
    ratio: bool = False  # if True, twice as large and half as large are equally far from 1
    show: Callable[[float], Markdown] = lambda x: Markdown(f"{x:.2g}")
    open: bool = False  # the scatter of trainings is unknown, so the number decides nothing
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # model -> number of each training
    over: Over | None = None  # the mean or difference over training runs, if it is one
    pairs: bool = False  # the difference is taken within pairs of training runs
    sources: tuple[str, ...] = ()  # sources of the number

    @property
    def interval(self) -> Interval:
        """The number with its interval; its sources are noted as read."""
        note(*self.sources)
        return self.found

    @property
    def freedom(self) -> float | None:
        """Degrees of freedom of the interval; None if it is not over training runs."""
        return self.over.freedom if self.over else None

    def at(self, level: float) -> "Effect":
        """The effect with its interval at another level of confidence.

        An interval over images is widened by the ratio of normal quantiles.
        """
        if self.over:
            return replace(self, found=self.over.at(level))
        value, low, high = self.found.ends
        wider = float(ndtri((1 + level) / 2)) / Z
        return replace(
            self, found=Interval(value, value - wider * (value - low), value + wider * (high - value))
        )

    def away(self, x: float) -> float:
        """The distance of a value from the bound; for a ratio, a factor of at least 1."""
        return math.exp(abs(LOG.to(x / self.bound))) if self.ratio else abs(x - self.bound)

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest distance of the interval from the bound."""
        _, low, high = self.interval.ends
        ends = sorted((self.away(low), self.away(high)))
        return (self.away(self.bound) if low <= self.bound <= high else ends[0]), ends[1]

    @property
    def met(self) -> float | None:
        """The smallest grade that the interval stays within; None if it exceeds all of them."""
        return None if self.open else next((grade for grade in self.grades if self.reach[1] < grade), None)

    @property
    def limit(self) -> float | None:
        """The margin; with grades, the smallest that the interval stays within, or the largest of all."""
        return (self.met or self.grades[-1]) if self.grades else self.margin

    def answer(self) -> Answer:
        """The answer of the interval."""
        _, low, high = self.interval.ends
        near, far = self.reach
        if self.open:
            return None
        if self.side == WITHIN:
            inside = EQUAL if self.grades else True
            return inside if far < self.limit else False if near > self.limit else None
        if low > self.bound or high < self.bound:
            return (low > self.bound) == (self.side == ABOVE)
        return EQUAL if self.limit is not None and far < self.limit else None

    def lean(self) -> Answer:
        """The answer of the value alone, without its interval."""
        value = self.interval.value
        if self.side != WITHIN and self.margin is not None and self.away(value) < self.margin:
            return EQUAL
        return replace(self, found=Interval(value, value, value), open=False).answer()

    @property
    def spare(self) -> float:
        """Distance of the interval from the bound, in widths of the interval; the smallest decides."""
        _, low, high = self.interval.ends
        return min(abs(low - self.bound), abs(high - self.bound)) / (high - low or 1e-9)

    def row(self) -> dict[str, Any]:
        """The effect for other programs."""
        content = {"name": self.name} | dict(zip(("value", "low", "high"), self.interval.ends, strict=True))
        content |= {"trainings": {model: [*values] for model, values in self.each.items()}}
        if self.freedom is not None:
            content |= {"freedom": self.freedom, "paired": self.pairs}
        if self.side is None:
            return content
        judged = {"side": self.side, "bound": self.bound, "margin": self.limit}
        judged |= {"grades": [*self.grades]} if self.grades else {}
        return content | judged

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
