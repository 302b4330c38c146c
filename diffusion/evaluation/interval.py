"""A number with its interval: the one shape in which measures, records and claims have it."""

from collections.abc import Callable
from math import hypot
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Part(BaseModel):
    """A piece of a record: finite numbers, no unknown keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Source(NamedTuple):
    """The place of a number: a record, and the JSON pointer in it."""

    record: str
    pointer: str


class Sparse(Part):
    """A part that is written without what it lacks."""

    @model_serializer(mode="wrap")
    def _known(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}


class Interval(Sparse):
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

    def __init__(self, *ends: float | None, **more: Any):
        """Value, low, high and n, in this order or by name."""
        super().__init__(**dict(zip(("value", "low", "high", "n"), ends, strict=False)), **more)

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


class Spread(Sparse):
    """Mean and standard deviation of n values."""

    mean: float
    sd: float
    n: int | None = None
