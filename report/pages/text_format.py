"""Format values as Markdown: escaping, the number formats of the report, and its tables.

Plain strings are escaped. A float or an interval without a format is an error, because a number in prose
needs a stated number of digits.
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
    """Markdown made by a function of this package, which is printed without escaping."""


DASH = Markdown("–")


def escape(value: Any) -> Markdown:
    """Escape all punctuation, which keeps text such as `<script>` or `#panic()` as text in every output."""
    if isinstance(value, Markdown):
        return value
    text = re.sub(r"(?<=\w)'(?=\w)", "’", _one_line(value))
    return Markdown("".join("\\" + c if c in string.punctuation else c for c in text))


def _one_line(value: Any) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def finalize(value: Any) -> Markdown:
    """The text that a placeholder prints; ValueError: the value is neither text nor an integer."""
    if isinstance(value, str | bool):
        return escape(value)
    if isinstance(value, int):
        return integer(value)
    if value is None:
        raise ValueError("the value is undefined in this run; make the sentence conditional, or measure it")
    kind = f"the number {value}" if isinstance(value, float) else GROUP
    raise ValueError(f"{kind} needs a format such as num(), shown() or percent()")


printed: list[float] = []  # unrounded values of formatted numbers, for `report.pages.sources`


def _note(x: Any) -> float:
    """Note that a number, or the value of an interval, is printed, and return it."""
    value = getattr(x, "value", x)
    if not isinstance(value, int | float):
        kind = repr(value) if isinstance(value, str | None) else GROUP
        raise ValueError(getattr(value, "_undefined_message", f"expected a number, got {kind}"))
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    printed.append(value)
    return value


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
    text = f"{x:.{decimals}f}"
    return Markdown(text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS))


def integer(x: float) -> Markdown:
    """Format an integer: 12,345 (four digits stay together)."""
    x = round(_note(x))
    return Markdown((f"{x:,}" if abs(x) >= 10000 else str(x)).replace("-", MINUS))


def num(x: float, digits: int = 3) -> Markdown:
    """Format a number to `digits` significant digits; with a power of ten outside 0.001 to 99999."""
    return _significant(_note(x), digits)


def fixed(x: float, decimals: int = 2) -> Markdown:
    """Format a number to a fixed number of decimals; a value that rounds to zero loses its sign."""
    return _decimal(_note(x), decimals)


def percent(x: float, decimals: int = 0) -> Markdown:
    """Format a share in [0, 1] as a percentage; a small share that would round to 0 gets more digits."""
    share = 100 * _note(x)
    small = 0 < abs(share) < 0.5 * 10**-decimals
    return Markdown((_significant(share, 1) if small else _decimal(share, decimals)) + "%")


def shown(x: Any, show: Callable = num, *how: Any) -> Markdown:
    """Format an interval: 9.02 [8.51, 9.60]. Without its ends: 9.02. A list, by its values: 9.02 and 8.7."""
    if isinstance(x, list):
        return shown(x[0], show, *how) if len(x) == 1 else listing(show(number, *how) for number in x)
    if x.low is None:
        return show(x.value, *how)
    value, low, high = (show(end, *how) for end in x.ends)
    return Markdown(f"{value} [{low},{FIXED}{high}]")


def points(x: float, decimals: int = 0) -> Markdown:
    """Format a difference of shares in percentage points."""
    return fixed(100 * getattr(x, "value", x), decimals)


def percent_span(x: Any, decimals: int = 1) -> Markdown:
    """Format a share and its interval in per cent."""
    value, low, high = (_decimal(100 * _note(end), decimals) for end in x.ends)
    return Markdown(f"{value}% [{low},{FIXED}{high}]")


def percent_range(shares: Iterable[Any]) -> Markdown:
    """Format the smallest and the largest of some shares: 12% to 15%."""
    ordered = [percent(x) for x in sorted(getattr(x, "value", x) for x in shares)]
    return listing(dict.fromkeys(ordered[:1] + ordered[-1:]), "to")


def spread(mean: Any, sd: float) -> Markdown:
    """Format mean ± sd, both to the second significant digit of the standard deviation."""
    decimals = min(max(0, 1 - math.floor(math.log10(sd))), 6) if sd > 0 else 3
    return Markdown(f"{fixed(mean, decimals)}{FIXED}±{FIXED}{fixed(sd, decimals)}")


def duration(seconds: float) -> Markdown:
    """Format a time: 0.09 s, 43 s, 12 min, 5.1 h."""
    seconds = _note(seconds)
    unit, size = ("s", 1) if seconds < 120 else ("min", 60) if seconds < 7200 else ("h", 3600)
    return Markdown(f"{_significant(seconds / size, 2)} {unit}")


def named(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]], show: Callable, *how: Any) -> Markdown:
    """Format values with their names: 12.1 (linear) and 9.0 (cosine).

    Args:
        pairs: value by name, or pairs of name and value.
        show: function that formats a value.
        how: further arguments of `show`.
    """
    pairs = pairs.items() if isinstance(pairs, Mapping) else pairs
    return listing(Markdown(f"{show(value, *how)} ({escape(name)})") for name, value in pairs)


def listing(items: Iterable[Any], word: str = "and", show: Callable = finalize) -> Markdown:
    """Format a list: a, b and c, each escaped or formatted by `show`; "none" for an empty one."""
    parts = [show(item) for item in items]
    if len(parts) < 2:
        return Markdown(parts[0] if parts else "none")
    return Markdown(f"{', '.join(parts[:-1])} {word} {parts[-1]}")


def sentence(value: Any) -> Markdown:
    """Make a sentence of a text: a capital at its start, one full stop at its end."""
    text = finalize(value).strip()
    return Markdown(text[:1].upper() + text[1:].removesuffix("\\.").removesuffix(".") + ".")


def code(value: Any) -> Markdown:
    """Format a code span; text with a vertical bar, which would end a table cell, stays plain text."""
    text = _one_line(value)
    if "|" in text or not text:
        return escape(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Markdown:
    """Format a pipe table with left-aligned columns."""
    lines = [[finalize(cell) for cell in line] for line in (head, *rows)]
    lines.insert(1, [":--"] * len(head))
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))


def bibtex(key: str, **fields: Any) -> Markdown:
    """Format a BibTeX entry from the non-empty fields, for a code block in the YAML of a source."""
    known = {name: _one_line(value).replace("~~~", "") for name, value in fields.items() if value}
    known |= {"author": f"{{{known['author']}}}"} if "author" in known else {}  # braces keep it as one name
    lines = [f"@misc{{{key},", *(f"  {name} = {{{value}}}," for name, value in known.items()), "}"]
    return Markdown("\n  ".join(lines))


# Functions and filters for placeholders and conditions.
NUMERIC = (num, fixed, percent, points, integer, duration, percent_range, percent_span, shown, spread)


def drop_empty_columns(text: str) -> str:
    """Drop the columns of a pipe table that have nothing or only dashes below their heading."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines()]
    used = [i for i in range(len(rows[0])) if any(row[i].strip() not in ("", DASH) for row in rows[2:])]
    return "".join("|".join(["", *(row[i] for i in used), "\n"]) for row in rows)


HELPERS = {function.__name__: function for function in (*NUMERIC, listing, named, code, drop_empty_columns)}
