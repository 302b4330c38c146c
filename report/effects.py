"""Effects: the numbers that decide claims, with their intervals, over trainings, and what they answer."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from diffusion.evaluation import statistics
from diffusion.evaluation.statistics import Interval
from report.text_format import Markdown, shown
from study import series
from study.table import note

EQUAL, PART = "equal", "part"  # the answers "no difference that matters" and "not the same in all parts"
Answer = bool | str | None  # yes, no, one of these, or the data do not decide
ABOVE, BELOW, WITHIN = "above", "below", "within"
MIRRORED = {ABOVE: BELOW, BELOW: ABOVE}
ENOUGH = 3  # trainings from which an interval over them decides
MOST_TRAININGS = 50  # beyond these, a number of trainings is not computed


def log(x: float) -> float:
    """The natural logarithm, of what is 0 a very small one."""
    return math.log(max(x, 1e-9))


@dataclass(frozen=True)
class Effect:
    """A number that decides a claim: yes where its interval lies on one side of a bound, no on the other.

    Attributes:
        name: what it is.
        found: the number and its 95 % interval; an exact one has no width. `interval` reads it.
        side: the claim holds above the bound, below it, or within the margin about it, and fails where it
            would hold with the opposite side; None: no verdict rests on it.
        margin: an interval that includes the bound and stays this near to it is no difference that matters;
            of a ratio, a factor.
        ratio: it is a quotient, for which twice as large and half as large are equally far from 1.
        show: how a value of it is printed.
        sources: what was read to compute it.
    """

    name: str
    found: Interval
    side: str | None = ABOVE
    bound: float = 0.0
    margin: float | None = None
    ratio: bool = False
    show: Callable[[float], Markdown] = lambda x: Markdown(f"{x:.2g}")
    sources: tuple[str, ...] = ()

    @property
    def interval(self) -> Interval:
        """The number and its interval; its sources have been read."""
        note(*self.sources)
        return self.found

    def away(self, x: float) -> float:
        """The distance of a value from the bound, as margins are counted."""
        return math.exp(abs(log(x / self.bound))) if self.ratio else abs(x - self.bound)

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest distance of the interval from the bound."""
        _, low, high = self.interval.ends
        ends = sorted((self.away(low), self.away(high)))
        return (self.away(self.bound) if low <= self.bound <= high else ends[0]), ends[1]

    def answer(self) -> Answer:
        _, low, high = self.interval.ends
        near, far = self.reach
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
        return replace(self, found=Interval(value, value, value)).answer()

    def same(self) -> tuple[str, float | None, float | None]:
        """The bounds that would give the same answer: which of them, "bound" or "margin", from, to.

        The margin is asked for where it decides: of what is within it, or no difference, or too wide for it.
        """
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

    def row(self) -> dict[str, Any]:
        """The effect for other programs, with the range of bounds that give the same answer."""
        found = {"name": self.name} | dict(zip(("value", "low", "high"), self.interval.ends, strict=True))
        if self.side is None:
            return found
        of, least, most = self.same()
        judged = {n: getattr(self, n) for n in ("side", "bound", "margin")}
        return found | judged | {f"same_for_{of}s": [least, most]}

    def shown(self) -> Markdown:
        """The number and its interval, as they are printed; an exact one alone."""
        value, low, high = self.interval.ends
        return self.show(value) if low == high else shown(self.interval, self.show)


def over_trainings(effects: Sequence[Effect]) -> Effect:
    """One effect from those of several trainings: their mean, of ratios the geometric one.

    From three trainings its interval is Student's over them. What chance is common to them, such as a model
    with fewer trainings that they are all compared with, does not show in their scatter: it is allowed for by
    the mean width of their own intervals, added in squares. Two tell too little about their scatter; the
    interval reaches from the lowest to the highest end of theirs, so that both must give an answer.
    """
    first = effects[0]
    if len(effects) < 2:
        return first
    raw = _ends(effects)
    mean, low, high = raw[:, 0].mean(), raw[:, 1].min(), raw[:, 2].max()
    if len(effects) >= ENOUGH:
        over = series.mean_of(raw[:, 0])
        below, above = (raw[:, 0] - raw[:, 1]).mean(), (raw[:, 2] - raw[:, 0]).mean()
        low, high = mean - math.hypot(mean - over.low, below), mean + math.hypot(over.high - mean, above)
    sources = dict.fromkeys(source for one in effects for source in one.sources)
    return replace(_with(first, mean, low, high), sources=tuple(sources))


def trainings_to_decide(effects: Sequence[Effect]) -> int | None:
    """About how many trainings would decide, if they scatter as those there are; None: more than 50.

    Of a single training the width of its own interval stands in for that scatter, which makes the number a
    lower bound.
    """
    raw = _ends(effects)
    mean = raw[:, 0].mean()
    sd = raw[:, 0].std(ddof=1) if len(raw) > 1 else (raw[0, 2] - raw[0, 1]) / 4
    for n in range(ENOUGH, MOST_TRAININGS + 1):
        half = stats.t.ppf(statistics.TAILS[1], n - 1) * sd / math.sqrt(n)
        if _with(effects[0], mean, mean - half, mean + half).answer() is not None:
            return n
    return None


def _ends(effects: Sequence[Effect]) -> np.ndarray:
    """Values and intervals of effects of one kind, (n, 3), on the scale on which they are averaged."""
    scale = log if effects[0].ratio else float
    return np.array([[scale(x) for x in effect.interval.ends] for effect in effects])


def _with(effect: Effect, *ends: float) -> Effect:
    """The effect with another interval, given on its scale."""
    back = math.exp if effect.ratio else float
    return replace(effect, found=Interval(*(float(back(x)) for x in ends)))


def together(answers: Iterable[Answer]) -> Answer:
    """The answer of a claim of several parts: what all of them answer.

    Two that are decided and differ settle that it holds in part, whatever the others; else one that is open
    leaves it open. Yes and no are mirror images in this.
    """
    found = set(answers)
    decided = found - {None}
    return PART if len(decided) > 1 else None if None in found or not found else decided.pop()
