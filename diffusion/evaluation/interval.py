"""A number with its interval: the one shape in which measures, rows and claims have it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot
from typing import Self


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval, as far as it has one.

    Attributes:
        value: the number; None where there is nothing to take it of.
        n: cases behind it, such as images, checkpoints or trainings.
        sd: standard deviation of the values that it is a mean of.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    sd: float | None = None

    @property
    def ends(self) -> tuple[float, float, float]:
        """The value and its interval."""
        return self.value, self.low, self.high

    def map(self, function: Callable[[float], float]) -> "Interval":
        """An increasing function of it."""
        return Interval(*map(function, self.ends))

    def minus(self, other: Self) -> "Interval":
        """The difference of two independent numbers."""
        value = self.value - other.value
        low = value - hypot(self.value - self.low, other.high - other.value)
        return Interval(value, low, value + hypot(self.high - self.value, other.value - other.low))
