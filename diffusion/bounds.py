"""Numbers that enter from outside: taken as Python's, or refused in one line."""

import math
import operator
from typing import Any


def whole(name: str, value: Any, low: int, high: int | None = None, meaning: str = "") -> int:
    """A whole number from `low` to `high`; numpy's and torch's integers become Python's.

    Raises:
        ValueError: it is none, or out of range; the message has the name and the meaning.
    """
    try:
        found = None if isinstance(value, bool | float) else operator.index(value)
    except TypeError:
        found = None
    if found is None or found < low or (high is not None and found > high):
        allowed = f"{low} to {high}" if high is not None else f"{low} or more"
        raise ValueError(f"{name} is {value!r}; allowed: a whole number, {allowed}{_said(meaning)}")
    return found


def real(
    name: str, value: Any, low: float, high: float = math.inf, meaning: str = "", above: bool = False
) -> float:
    """A finite number from `low` to `high`; numpy's and torch's become Python's.

    Args:
        above: `low` itself is not allowed.

    Raises:
        ValueError: it is none, or out of range; the message has the name and the meaning.
    """
    try:
        found = None if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        found = None
    inside = found is not None and low <= found <= high and math.isfinite(found)
    if not inside or (above and found == low):
        start = f"above {low:g}" if above else f"{low:g} or more"
        end = f", at most {high:g}" if high < math.inf else ""
        raise ValueError(f"{name} is {value!r}; allowed: a number, {start}{end}{_said(meaning)}")
    return found


def _said(meaning: str) -> str:
    return f" ({meaning})" if meaning else ""
