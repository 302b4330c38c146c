"""Effects: the numbers that decide claims, with their intervals, over trainings, and the logic of answers."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from report.text_format import Markdown
from report.text_format import interval as bracketed
from report.verdicts.case import log

EQUAL = "equal"  # the answer "no difference that matters"
Answer = bool | str | None  # yes, no, EQUAL, or the data do not decide
ABOVE, BELOW, WITHIN = "above", "below", "within"
ENOUGH = 3  # trainings from which an interval over them decides
MOST_TRAININGS = 50  # beyond these, a number of trainings is not computed


@dataclass(frozen=True)
class Effect:
    """A number that decides a claim.

    Attributes:
        name: what it is.
        interval: the number and its 95 % interval; an exact one has no width.
        side: the claim holds where the interval lies above the bound, below it, or within the margin.
        bound, fails: the claim fails where the interval lies beyond `fails` on the other side, which is the
            bound unless another one is given.
        margin: an interval that includes the bound and stays this near to it is no difference that matters;
            of a ratio, a factor.
        ratio: it is a quotient, for which twice as large and half as large are equally far from 1.
        show: how a value of it is printed.
    """

    name: str
    interval: Interval
    side: str = ABOVE
    bound: float = 0.0
    fails: float | None = None
    margin: float | None = None
    ratio: bool = False
    show: Callable[[float], Markdown] = lambda x: Markdown(f"{x:.2g}")

    @property
    def nearby(self) -> tuple[float, float] | None:
        """The values that are no difference that matters."""
        if self.margin is None:
            return None
        if self.ratio:
            return self.bound / self.margin, self.bound * self.margin
        return self.bound - self.margin, self.bound + self.margin

    def answer(self) -> Answer:
        _, lowest, highest = self.interval.ends
        if self.side == WITHIN:
            low, high = self.nearby
            inside, outside = low < lowest and highest < high, highest < low or lowest > high
            return True if inside else False if outside else None
        fails = self.bound if self.fails is None else self.fails
        upwards = self.side == ABOVE
        if lowest > self.bound if upwards else highest < self.bound:
            return True
        if highest < fails if upwards else lowest > fails:
            return False
        near = self.nearby
        return EQUAL if near and near[0] < lowest and highest < near[1] else None

    def lean(self) -> Answer:
        """The answer of the value alone, as if its interval had no width."""
        near, value = self.nearby, self.interval.value
        if self.side != WITHIN and near and near[0] < value < near[1]:
            return EQUAL
        return replace(self, interval=Interval(value, value, value)).answer()

    def shown(self) -> Markdown:
        """The number and its interval; an exact one alone."""
        value, low, high = self.interval.ends
        return self.show(value) if low == high else bracketed(value, low, high, self.show)


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
    scale = log if first.ratio else float
    raw = np.array([[scale(x) for x in e.interval.ends] for e in effects])
    mean, low, high = raw[:, 0].mean(), raw[:, 1].min(), raw[:, 2].max()
    if len(effects) >= ENOUGH:
        over = statistics.mean_of(raw[:, 0])
        below, above = (raw[:, 0] - raw[:, 1]).mean(), (raw[:, 2] - raw[:, 0]).mean()
        low, high = mean - math.hypot(mean - over.low, below), mean + math.hypot(over.high - mean, above)
    found = np.array([mean, low, high])
    ends = (float(x) for x in (np.exp(found) if first.ratio else found))
    return replace(first, interval=Interval(*ends, len(effects)))


def trainings_to_decide(effects: Sequence[Effect]) -> int | None:
    """About how many trainings would decide, if they scatter as those there are; None: more than 50.

    Of a single training the width of its own interval stands in for that scatter, which makes the number a
    lower bound.
    """
    first = effects[0]
    scale = log if first.ratio else float
    values = [scale(e.interval.value) for e in effects]
    mean = sum(values) / len(values)
    sd = (
        float(np.std(values, ddof=1))
        if len(values) > 1
        else (scale(first.interval.high) - scale(first.interval.low)) / 4
    )
    edges = [scale(first.bound if x is None else x) for x in {first.bound, first.fails}]
    if first.side == WITHIN:
        edges = [scale(x) for x in first.nearby]
    away = min(abs(mean - edge) for edge in edges)
    if first.side != WITHIN and (near := first.nearby):
        away = max(away, min(mean - scale(near[0]), scale(near[1]) - mean))
    for n in range(3, MOST_TRAININGS + 1):
        if stats.t.ppf(statistics.TAILS[1], n - 1) * sd / math.sqrt(n) < away:
            return n
    return None


# --- three-valued logic, and equality ---


def all_of(answers: Iterable[Answer]) -> Answer:
    """Conjunction: one no is a no, one undecided leaves it undecided, one equal makes it equal."""
    answers = list(answers)
    if False in answers:
        return False
    if None in answers or not answers:
        return None
    return EQUAL if EQUAL in answers else True


def consensus(answers: Iterable[Answer]) -> Answer:
    """The common answer of several measurements of one thing; no common answer does not decide."""
    answers = set(answers)
    return answers.pop() if len(answers) == 1 else None
