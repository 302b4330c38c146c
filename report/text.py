"""Values as Markdown: escaping, and the few number formats of the report.

A template expression that gives a plain string is escaped, one that gives a float is refused: a number in the
prose must say how many digits it wants.
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Sequence
from typing import Any

MINUS, FIXED = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


class Markdown(str):
    """Markdown that is safe to print as it stands, because a function of this package made it."""


def escape(value: Any) -> Markdown:
    """``value`` as literal text: ASCII punctuation escaped, line breaks and control characters removed.

    Pandoc's writers then escape for HTML and Typst: a label such as ``<script>`` or ``#panic()`` stays text.
    """
    if isinstance(value, Markdown):
        return value
    words = "".join(c if c.isprintable() else " " for c in str(value)).split()
    return Markdown("".join("\\" + c if c in string.punctuation else c for c in " ".join(words)))


def finalize(value: Any) -> str:
    """What a template expression prints. Raises ValueError for None and for a float without a format."""
    if isinstance(value, Markdown):
        return value
    if value is None:
        raise ValueError("the report prints a value that the run left empty (null); guard it or measure it")
    if isinstance(value, float):
        raise ValueError(
            f"the report prints the bare number {value!r}; choose a format such as num() or percent()"
        )
    if isinstance(value, int) and not isinstance(value, bool):
        return integer(value)
    return escape(value)


def _finite(x: float) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x):
        raise ValueError(f"the report needs a finite number here, but the run gives {x!r}")
    return x


def integer(x: int) -> Markdown:
    """12345 -> 12,345 (four digits stay together)."""
    x = round(_finite(x))
    return Markdown((f"{x:,}" if abs(x) >= 10000 else str(x)).replace("-", MINUS))


def num(x: float, digits: int = 3) -> Markdown:
    """``digits`` significant digits; powers of ten outside 0.001..99999."""
    x = _finite(x)
    if x == 0:
        return Markdown("0")
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 < power < 5:
        return Markdown(f"{x:,.{max(0, digits - 1 - power)}f}".replace("-", MINUS))
    if set(mantissa) <= set("10."):
        return Markdown(f"$10^{{{power}}}$")
    return Markdown(f"${mantissa}\\times 10^{{{power}}}$")


def fixed(x: float, decimals: int = 2) -> Markdown:
    """A fixed number of decimals; a value that rounds to zero has no sign."""
    shown = f"{_finite(x):.{decimals}f}"
    return Markdown(shown.lstrip("-") if float(shown) == 0 else shown.replace("-", MINUS))


def percent(x: float, decimals: int = 0) -> Markdown:
    """A share in [0, 1] as a percentage; a small share that would read 0 gets more digits."""
    if 0 < abs(_finite(100 * x)) < 0.5 * 10**-decimals:
        return Markdown(num(100 * x, 1) + "%")
    return Markdown(fixed(100 * x, decimals) + "%")


def span(value: float, low: float | None, high: float | None, digits: int = 3) -> Markdown:
    """A value with its 95 per cent interval, where it has one: 9.02 [8.51, 9.60]."""
    if low is None or high is None:
        return num(value, digits)
    return Markdown(f"{num(value, digits)} [{num(low, digits)},{FIXED}{num(high, digits)}]")


def percent_span(value: float, low: float, high: float, decimals: int = 1) -> Markdown:
    """A share with its interval, in per cent."""
    inner = f"{fixed(100 * low, decimals)},{FIXED}{fixed(100 * high, decimals)}"
    return Markdown(f"{fixed(100 * value, decimals)}% [{inner}]")


def spread(mean: float, sd: float) -> Markdown:
    """mean ± sd, both to the second significant digit of the spread."""
    decimals = max(0, 1 - math.floor(math.log10(sd))) if _finite(sd) > 0 else 3
    return Markdown(f"{fixed(mean, min(decimals, 6))}{FIXED}±{FIXED}{fixed(sd, min(decimals, 6))}")


def near_one(x: float) -> Markdown:
    """A number up to one, to two digits, or to two digits of what it lacks where that is little."""
    return num(x, 2) if not 0.99 < x < 1 else Markdown(f"1{FIXED}{MINUS}{FIXED}{num(1 - x, 2)}")


def duration(seconds: float) -> Markdown:
    """Seconds as a person says them: 0.09 s, 43 s, 12 min, 5.1 h."""
    seconds = _finite(seconds)
    if seconds < 120:
        return Markdown(f"{num(seconds, 2)} s")
    return (
        Markdown(f"{num(seconds / 60, 2)} min") if seconds < 7200 else Markdown(f"{num(seconds / 3600, 2)} h")
    )


def listing(items: Iterable[Any], word: str = "and") -> Markdown:
    """a, b and c, each escaped."""
    parts = [finalize(i) for i in items]
    if not parts:
        return Markdown("none")
    return Markdown(parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}")


def sentence(value: Any) -> Markdown:
    """Escaped text that begins with a capital and ends with a full stop."""
    text = str(value).strip().rstrip(".")
    return escape(f"{text[:1].upper()}{text[1:]}.")


def code(value: Any) -> Markdown:
    """A code span of literal text; its fence is longer than any run of backticks inside.

    A vertical bar would end a table cell even in code, so a text with one becomes plain escaped text.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    if "|" in text or not text:
        return escape(text)
    fence = "`" * (max((len(r) for r in _runs(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}")


def _runs(text: str) -> Sequence[str]:
    return list("".join(c if c == "`" else " " for c in text).split())


HELPERS = {
    f.__name__: f
    for f in (
        num,
        fixed,
        percent,
        span,
        percent_span,
        spread,
        near_one,
        duration,
        listing,
        sentence,
        code,
        integer,
        escape,
    )
}
