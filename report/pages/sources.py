"""Sources of the numbers in a text: the rows that were read while a placeholder was evaluated.

`Marks` marks each placeholder whose text contains digits with the rows that it has read. `write_sources`
turns the marks of a finished text into spans and appends a list of sources. `rows.html` shows cited rows.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment

from diffusion.arguments import nearest
from diffusion.places import releases
from report import record  # noqa: F401 - this and the next two register their measures
from report.measures import measure, notebook_rows  # noqa: F401
from report.measures.registry import MEASURES, Measure
from report.pages.figures import SOURCE, find_record, find_row
from report.pages.text_format import Markdown
from report.results.definitions import DEFINITIONS
from report.results.table import CHECKPOINT, Row, note

BEGIN, MIDDLE, END = "\ue000", "\ue001", "\ue002"  # enclose a number and its entry
MARK = re.compile(f"{BEGIN}(\\d+){MIDDLE}([^{BEGIN}{END}]*){END}")
DEFINITION = "definition "  # instead of a file, for numbers that we chose
ROWS = "rows.html"

NO_SPAN = re.compile(  # code, formulas, attributes and metadata, which cannot contain a span in Markdown
    rf"(?P<tick>`+)[^`]+?(?P=tick)|\$[^$\n]+\$|\{{[^{{}}]*\}}|^\w+: .*{BEGIN}.*$", re.MULTILINE
)


def note_definition(value: Any, name: str) -> Any:
    """Note that a chosen number is read, and return it; `name` is its public id."""
    note(DEFINITION + name)
    return value


def chosen(name: str) -> float:
    """The chosen number with a public id (`report.results.definitions`); it is noted as read."""
    if name not in DEFINITIONS:
        raise ValueError(f"no definition is named {name!r}{nearest(name, DEFINITIONS)}")
    return note_definition(DEFINITIONS[name], name)


def strip_marks(text: str) -> str:
    """Remove all marks from a text."""
    return MARK.sub(r"\2", text)


Entry = tuple[tuple[float, ...], tuple[str, ...]]  # unrounded values of a placeholder, and their sources


class Marks:
    """The marks of a text.

    Attributes:
        entries: number of each entry.
        missing: texts with digits for which no row was read.
    """

    def __init__(self) -> None:
        self.entries: dict[Entry, int] = {}
        self.missing: list[str] = []

    def mark(self, text: Markdown, sources: Iterable[str], values: Sequence[float]) -> Markdown:
        """Mark a text; returns it unchanged if it contains no formatted number, or already has a mark."""
        if BEGIN in text or "\n" in text or not values or not re.search(r"\d", text):
            return text
        entry = tuple(map(float, values)), tuple(sources)
        if not entry[1]:
            self.missing.append(text)
            return text
        number = self.entries.setdefault(entry, len(self.entries))
        return Markdown(f"{BEGIN}{number}{MIDDLE}{text}{END}")


# --- descriptions of sources ---


@dataclass
class Selection:
    """Rows with one measure, training and variant, or a setting, or a definition."""

    what: str  # measure, setting or definition in words
    file: str = ""  # the job's file, relative to the folder of the run or of the project
    part: str = ""  # role of the rows in the number, such as "denominator"
    known: Measure | None = None  # the measure of the rows
    rows: list[Row] = field(default_factory=list)

    @property
    def description(self) -> str:
        """The selection in words: "distance ... (`frechet`) of 21 checkpoints of zoom-0"."""
        known = self.known
        what = f"{known.meaning} ({self.what}, {known.unit})" if known else self.what
        return what + _describe_rows(self.rows)

    @property
    def head(self) -> str:
        """The heading in the list of sources: role in the number, and model; "also" without both."""
        row = self.rows[0] if self.rows else None
        words = [self.part, f"{row.model}{_name_release(row.source)}" if row and row.model else ""]
        return ", ".join(filter(None, words)) or "also"

    def link(self, out: Path) -> str:
        """The link from a page in `out` to the rows on `rows.html`, or to the file if `rows` is empty."""
        if self.rows:
            ranges = ("-".join(map(str, x)) if isinstance(x, list) else str(x) for x in self.indices)
            return f"{ROWS}?rows={','.join(ranges)}#{anchor(self.rows[0])}"
        released = self.file.startswith("released/")
        return os.path.relpath(releases().parent / self.file, out) if released else self.file

    @property
    def indices(self) -> list[int | list[int]]:
        """Indices of the rows in their file; consecutive ones are a range, [first, last]."""
        indices = [int(row.source.rpartition("#")[2]) for row in self.rows]
        ranges = []
        for _, group in groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
            run = [index for _, index in group]
            ranges.append([run[0], run[-1]] if len(run) > 1 else run[0])
        return ranges

    def as_json(self) -> dict[str, Any]:
        what = self.what + _describe_rows(self.rows)
        content = {"what": what, "part": self.part, "file": self.file, "rows": self.indices}
        return {name: value for name, value in content.items() if value}


def anchor(row: Row) -> str:
    """The anchor of a row on the page of rows."""
    return row.source.replace("/", ".").replace("#", ".").removeprefix("metrics.")


def selections(sources: Iterable[str], out: Path) -> list[Selection]:
    """Group sources into selections, for a report in `out`."""
    groups: dict[Any, Selection] = {}
    for source in sources:
        part, (file, _, key) = getattr(source, "part", ""), source.partition("#/")
        if source.startswith(DEFINITION):
            groups[source] = Selection(f"a definition, `{source.removeprefix(DEFINITION)}`")
        elif SOURCE.fullmatch(source):
            row, file = find_row(source, out), source.partition("#")[0]
            alike = part, row.run, row.model, row.seed, row.way, row.measure, file
            in_main = f"{row.measure}_{find_record(source, out).main_features}"  # if not of the classifier
            known = MEASURES.get(in_main, MEASURES.get(row.measure))
            groups.setdefault(alike, Selection(f"`{row.measure}`", file, part, known)).rows.append(row)
        else:
            job = file.rpartition("/")[2].removesuffix(".json") + _name_release(file)
            groups[source] = Selection(f"`{key.replace('/', '.')}` of {job}", file)
    return list(groups.values())


def _name_release(source: str) -> str:
    return f" of {source.split('/')[1]}" if source.startswith("released/") else ""


def _describe_rows(rows: Sequence[Row]) -> str:
    """Training, variant and epochs of rows: " of 21 checkpoints of zoom-0, epochs 80 to 100"."""
    if not rows:
        return ""
    row, n = rows[0], len(rows)
    epochs = sorted({row.epoch for row in rows if row.epoch is not None})
    run = f" of {row.model}" if row.model else ""
    if row.model and row.seed is not None:
        run += f"-{row.seed}"
    text = run + _name_release(row.source)
    if row.way == CHECKPOINT:
        text = (f" of {n} checkpoints" if n > 1 else " of a checkpoint") + text
    elif row.way:
        text = f" of “{row.way}”{text}"
    if len(epochs) > 1:
        return f"{text}, epochs {epochs[0]} to {epochs[-1]}"
    if n > 1:
        return f"{text}, {n} rows"
    if row.x is not None:
        text += f", at {row.x:g}"
    return f"{text}, epoch {row.epoch}" if row.way == CHECKPOINT and epochs else text


# --- writing ---


MOST = 8  # selections of a model that the list names; numbers.json contains all


def write_sources(text: str, marks: Marks, out: Path) -> tuple[str, list[dict[str, Any]], list[Row]]:
    """Turn the marks of a text into spans, and append the list of sources.

    Returns:
        The text, the content of numbers.json, and the cited rows.
    """
    text = NO_SPAN.sub(lambda match: strip_marks(match[0]), text)
    shown: dict[str, str] = {}  # text of each mark, in the order of the text
    for match in MARK.finditer(text):
        shown.setdefault(match[1], match[2])
    entries, numbers, lines = [*marks.entries], [], []
    first: dict[tuple[str, ...], int] = {}  # the first number with these sources
    rows: dict[str, Row] = {}
    for number, (mark, number_text) in enumerate(shown.items(), 1):
        values, sources = entries[int(mark)]
        read = selections(sources, out)
        value = values[0] if len(values) == 1 else list(values)
        listed = first.get(sources) or [selection.as_json() for selection in read]
        numbers.append({"number": number, "text": number_text, "value": value, "sources": listed})
        first.setdefault(sources, number)
        rows.update((row.source, row) for selection in read for row in selection.rows)
        lines += [f"1. [{number_text}]{{#n{number}}}", *_describe_number(number_text, values, read, out), ""]
    number_of = {mark: number for number, mark in enumerate(shown, 1)}
    text = MARK.sub(lambda match: f"[{match[2]}]{{.n s={number_of[match[1]]}}}", text)
    head = "# Where the numbers come from {#sec:sources .unnumbered}\n\n::: {.claim #numbers}"
    head += f"\n**{len(numbers)} numbers**\n\nThey come from {len(rows)} [rows of the table]({ROWS})."
    text += "\n".join(["", "::: page", head, "", *lines, ":::", ":::", ""])
    return text, numbers, sorted(rows.values(), key=_file_and_index)


def _describe_number(text: str, values: Sequence[float], read: Sequence[Selection], out: Path) -> list[str]:
    """A definition list on one number, within an item: its value to four digits, and links to its sources."""
    names = ("", "low ", "high ") if "[" in text and len(values) == 3 else ("",) * 4
    digits = (f"{x:.4g}" if abs(x) < 1e4 else f"{x:.0f}" for x in values)
    value = ", ".join(map("".join, zip(names, digits, strict=False))) + (" …" if len(values) > 4 else "")
    groups: dict[str, dict[str, str]] = {}  # in the order of reading
    for selection in read:
        groups.setdefault(selection.head, {})[selection.description] = selection.link(out)
    entries = {"Value": [value]}
    for head, links in groups.items():
        items = [f"[{what}]({link})" if link else what for what, link in [*links.items()][:MOST]]
        if len(links) > MOST:
            items.append(f"{len(links) - MOST} more in [the file of numbers](numbers.json)")
        entries[head[:1].upper() + head[1:] if len(groups) > 1 else "Source"] = items
    lines = []
    for term, definitions in entries.items():
        lines += ["", f"    {term}", *(f"    :   {text}" for text in definitions)]
    return lines


def _file_and_index(row: Row) -> tuple[str, int]:
    file, _, index = row.source.partition("#")
    return file, int(index)


WORDS = ("model", "way", "measure")  # columns that are aligned left
COLUMNS = ("model", "seed", "way", "epoch", "measure", "x", "value", "low", "high", "n", "sd")
TEMPLATE = Path(__file__).resolve().parent / "templates" / "rows.html"


def render_rows(rows: Sequence[Row]) -> bytes:
    """Render the page of the cited rows: a table for each file, with the columns that are used."""
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text("utf-8"))
    files = []
    for file, group in groupby(rows, key=lambda row: row.source.partition("#")[0]):
        cited = [*group]
        values = {name: {getattr(row, name) for row in cited} for name in COLUMNS}
        in_name = ("model", "seed") if len(cited) > 1 else ()  # if equal, the file's name contains them
        used = [n for n in COLUMNS if values[n] - {None, ""} and not (n in in_name and len(values[n]) == 1)]
        files.append((file, used, cited))
    return template.render(files=files, words=WORDS, anchor=anchor).encode()
