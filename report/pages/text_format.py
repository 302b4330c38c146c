"""Values as Markdown: escaping, the few number formats of the report, and its tables.

A placeholder that gives a plain string is escaped; a float and an interval are refused: a number in the prose
must say how many digits it wants.
"""

import math
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GROUP = "a group of values"
MINUS, FIXED = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


class Markdown(str):
    """Markdown that is safe to print as it stands, because a function of this package made it."""


DASH = Markdown("–")


def escape(value: Any) -> Markdown:
    """`value` as literal text, punctuation escaped: `<script>` or `#panic()` stays text for all writers."""
    if isinstance(value, Markdown):
        return value
    text = re.sub(r"(?<=\w)'(?=\w)", "’", _one_line(value))
    return Markdown("".join("\\" + c if c in string.punctuation else c for c in text))


def _one_line(value: Any) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def finalize(value: Any) -> Markdown:
    """Text that a placeholder prints; ValueError: it is None, or neither text nor an integer."""
    if isinstance(value, Markdown):
        return value
    if value is None:
        raise ValueError("a placeholder prints a value that the run left empty; guard it or measure it")
    if not isinstance(value, str | int):
        text = str(value)  # of what is undefined this is an error that says so
        what = f"the number {text}" if isinstance(value, float) else GROUP
        raise ValueError(f"it is {what} without a format; needed: num(), shown(), percent() or another one")
    if isinstance(value, int) and not isinstance(value, bool):
        return integer(value)
    return escape(value)


printed: list[float] = []  # numbers that were formatted, unrounded, for `report.pages.sources`


def _note(x: Any) -> float:
    """A number, or that of an interval, which is now printed."""
    x = getattr(x, "value", x)
    if lacking := getattr(x, "_undefined_message", ""):
        raise ValueError(lacking)
    if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x):
        what = repr(x) if isinstance(x, float | str) or x is None else GROUP
        raise ValueError(f"needed: a finite number; got: {what}")
    printed.append(x)
    return x


def _significant(x: float, digits: int) -> Markdown:
    if x == 0:
        return Markdown("0")
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 < power < 5:
        return Markdown(f"{x:,.{max(0, digits - 1 - power)}f}".replace("-", MINUS))
    if set(mantissa) <= set("10."):
        return Markdown(f"$10^{{{power}}}$")
    return Markdown(f"${mantissa}\\times 10^{{{power}}}$")


def _decimal(x: float, decimals: int) -> Markdown:
    shown = f"{x:.{decimals}f}"
    return Markdown(shown.lstrip("-") if float(shown) == 0 else shown.replace("-", MINUS))


def integer(x: float) -> Markdown:
    """12345 -> 12,345 (four digits stay together)."""
    x = round(_note(x))
    return Markdown((f"{x:,}" if abs(x) >= 10000 else str(x)).replace("-", MINUS))


def num(x: float, digits: int = 3) -> Markdown:
    """`digits` significant digits; powers of ten outside 0.001..99999."""
    return _significant(_note(x), digits)


def fixed(x: float, decimals: int = 2) -> Markdown:
    """A fixed number of decimals; a value that rounds to zero has no sign."""
    return _decimal(_note(x), decimals)


def percent(x: float, decimals: int = 0) -> Markdown:
    """A share in [0, 1] as a percentage; a small share that would read 0 gets more digits."""
    share = 100 * _note(x)
    small = 0 < abs(share) < 0.5 * 10**-decimals
    return Markdown((_significant(share, 1) if small else _decimal(share, decimals)) + "%")


def shown(x: Any, show: Callable = num, *how: Any) -> Markdown:
    """A number with its 95 % interval, if it has one: 9.02 [8.51, 9.60]; several without: 9.02 and 8.7."""
    if isinstance(x, list):
        return shown(x[0], show, *how) if len(x) == 1 else listing(show(one, *how) for one in x)
    if x.low is None:
        return show(x.value, *how)
    value, low, high = (show(end, *how) for end in x.ends)
    return Markdown(f"{value} [{low},{FIXED}{high}]")


def points(x: float, decimals: int = 0) -> Markdown:
    """A difference of shares in percentage points."""
    return fixed(100 * getattr(x, "value", x), decimals)


def percent_span(x: Any, decimals: int = 1) -> Markdown:
    """A share with its interval, in per cent."""
    value, low, high = (_decimal(100 * _note(end), decimals) for end in x.ends)
    return Markdown(f"{value}% [{low},{FIXED}{high}]")


def percent_range(shares: Iterable[Any]) -> Markdown:
    """The smallest and the largest of some shares: 12% to 15%."""
    found = [percent(x) for x in sorted(getattr(x, "value", x) for x in shares)]
    return listing(dict.fromkeys(found[:1] + found[-1:]), "to")


def spread(mean: Any, sd: float) -> Markdown:
    """mean ± sd, both to the second significant digit of the spread."""
    decimals = min(max(0, 1 - math.floor(math.log10(sd))), 6) if sd > 0 else 3
    return Markdown(f"{fixed(mean, decimals)}{FIXED}±{FIXED}{fixed(sd, decimals)}")


def duration(seconds: float) -> Markdown:
    """0.09 s, 43 s, 12 min, 5.1 h."""
    seconds = _note(seconds)
    unit, size = ("s", 1) if seconds < 120 else ("min", 60) if seconds < 7200 else ("h", 3600)
    return Markdown(f"{_significant(seconds / size, 2)} {unit}")


def each(values: Iterable[float], digits: int = 3) -> Markdown:
    """Some numbers, one after the other."""
    return listing(num(x, digits) for x in values)


def named(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]], show: Callable, *how: Any) -> Markdown:
    """Values, shown by a function with further arguments, and their names: 12.1 (linear) and 9.0 (cosine)."""
    pairs = pairs.items() if isinstance(pairs, Mapping) else pairs
    return listing(Markdown(f"{show(value, *how)} ({escape(name)})") for name, value in pairs)


def listing(items: Iterable[Any], word: str = "and") -> Markdown:
    """a, b and c, each escaped."""
    parts = [finalize(item) for item in items]
    if len(parts) < 2:
        return Markdown(parts[0] if parts else "none")
    return Markdown(f"{', '.join(parts[:-1])} {word} {parts[-1]}")


def sentence(value: Any) -> Markdown:
    """Text that begins with a capital and ends with one full stop."""
    text = finalize(value).strip()
    return Markdown(text[:1].upper() + text[1:].removesuffix("\\.").removesuffix(".") + ".")


def code(value: Any) -> Markdown:
    """A code span of literal text; one with a vertical bar, which would end a cell, becomes plain text."""
    text = _one_line(value)
    if "|" in text or not text:
        return escape(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Markdown:
    """A pipe table, whose columns are aligned at the left."""
    lines = [[finalize(cell) for cell in line] for line in (head, *rows)]
    lines.insert(1, [":--"] * len(head))
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))


def bibtex(key: str, **fields: Any) -> Markdown:
    """An entry of a bibliography, of the fields that say something, for a code block in a source's YAML."""
    known = {name: _one_line(value).replace("~~~", "") for name, value in fields.items() if value}
    known |= {"author": f"{{{known['author']}}}"} if "author" in known else {}  # one name, as it stands
    lines = [f"@misc{{{key},", *(f"  {name} = {{{value}}}," for name, value in known.items()), "}"]
    return Markdown("\n  ".join(lines))


# What placeholders and conditions may call, as functions or filters.
FUNCTIONS = (num, fixed, percent, points, integer, duration, percent_range, percent_span, shown, spread)
HELPERS = {f.__name__: f for f in (*FUNCTIONS, listing, each, named, code)}
