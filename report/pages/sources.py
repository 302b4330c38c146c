"""Sources of the text's numbers: what was read while a placeholder was evaluated.

A placeholder whose text has digits is marked with what it read (`Marks`). The text that is ready has a span
for each and a list of their sources at its end (`written`); beside it lies `rows.html`, with the rows cited.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment

from diffusion.bounds import nearest
from diffusion.evaluation.measures import MEASURES
from diffusion.provenance import releases
from report import record  # noqa: F401 - this and the next two register their measures
from report.measures import measure, notebook_rows  # noqa: F401
from report.pages.figures import SOURCE, find_row
from report.pages.text_format import Markdown, printed
from report.results.definitions import DEFINITIONS
from report.results.table import Row, note, reading

BEGIN, MIDDLE, END = "\ue000", "\ue001", "\ue002"  # around a number and its entry; in no text of ours
MARK = re.compile(f"{BEGIN}(\\d+){MIDDLE}([^{BEGIN}{END}]*){END}")
DEFINITION = "definition "  # in place of a file, of numbers that are chosen and not measured
ROWS = "rows.html"

NO_SPAN = re.compile(  # code, formulas, attributes and metadata, where Markdown takes no span
    rf"(?P<tick>`+)[^`]+?(?P=tick)|\$[^$\n]+\$|\{{[^{{}}]*\}}|^\w+: .*{BEGIN}.*$", re.MULTILINE
)


def note_definition(value: Any, name: str) -> Any:
    """A number that we chose, which is now read; `name` is its public id."""
    note(DEFINITION + name)
    return value


def chosen(name: str) -> float:
    """The number that we chose under a public id (`report.results.definitions`), which is now read."""
    if name not in DEFINITIONS:
        raise ValueError(f"there is no definition {name!r}{nearest(name, DEFINITIONS)}")
    return note_definition(DEFINITIONS[name], name)


def strip_marks(text: str) -> str:
    """The text without its marks."""
    return MARK.sub(r"\2", text)


Entry = tuple[tuple[float, ...], tuple[str, ...]]  # a number of the text, unrounded, and what was read for it


class Marks:
    """The marks of a text: `entries` with their numbers, and `missing`, for which nothing was read."""

    def __init__(self) -> None:
        self.entries: dict[Entry, int] = {}
        self.missing: list[str] = []

    def mark(self, text: Markdown, sources: Iterable[str], values: Sequence[float]) -> Markdown:
        """`text` with a mark; as it stands where no number was formatted for it or it has marks."""
        if BEGIN in text or "\n" in text or not values or not re.search(r"\d", text):
            return text
        if not (sources := tuple(sources)):
            self.missing.append(text)
            return text
        entry = tuple(map(float, values)), sources
        return Markdown(f"{BEGIN}{self.entries.setdefault(entry, len(self.entries))}{MIDDLE}{text}{END}")


@contextmanager
def collect_reads() -> Iterator[dict[str, None]]:
    """All that is read in the block, as keys; numbers formatted in it are apart from those before."""
    before = printed[:]
    printed.clear()
    try:
        with reading() as seen:
            yield seen
    finally:
        printed[:] = before


# --- what was read, for a reader ---


@dataclass
class Selection:
    """Rows of one measure of one training and way, or a setting, or a definition."""

    what: str  # in words, without what rows are of
    file: str = ""  # the job's, from the folder of the run or of the project
    part: str = ""  # of the number, such as its denominator
    rows: list[Row] = field(default_factory=list)

    @property
    def said(self) -> str:
        """With what a measure means: "distance ... (`frechet`) of 21 checkpoints of zoom-0"."""
        one = MEASURES.get(self.rows[0].measure) if self.rows else None
        return (f"{one.meaning} ({self.what}, {one.unit})" if one else self.what) + _describe_rows(self.rows)

    @property
    def head(self) -> str:
        """Under which the list has it: the part of the number, and the model of its rows; "also": neither."""
        one = self.rows[0] if self.rows else None
        of = [self.part, f"{one.model}{_name_release(one.source)}" if one and one.model else ""]
        return ", ".join(filter(None, of)) or "also"

    def link(self, out: Path) -> str:
        """From a page in `out`: its rows on the page of rows, at the first of them, else its file."""
        if self.rows:
            runs = (f"{one[0]}-{one[1]}" if isinstance(one, list) else f"{one}" for one in self.places)
            return f"{ROWS}?rows={','.join(runs)}#{anchor(self.rows[0])}"
        elsewhere = self.file.startswith("released/")
        return os.path.relpath(releases().parent / self.file, out) if elsewhere else self.file

    @property
    def places(self) -> list[int | list[int]]:
        """Numbers of its rows in their file, those that follow one another as [first, last]."""
        return _ranges([int(one.source.rpartition("#")[2]) for one in self.rows])

    def as_json(self) -> dict[str, Any]:
        told = {"what": self.what + _describe_rows(self.rows), "part": self.part}
        return {k: v for k, v in (told | {"file": self.file, "rows": self.places}).items() if v}


def anchor(one: Row) -> str:
    """The name of a row on the page of rows."""
    return one.source.replace("/", ".").replace("#", ".").removeprefix("metrics.")


def _ranges(places: Sequence[int]) -> list[int | list[int]]:
    """Numbers in order, those that follow one another as [first, last]."""
    found = []
    for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
        one = [place for _, place in run]
        found.append([one[0], one[-1]] if len(one) > 1 else one[0])
    return found


def selections(sources: Iterable[str], out: Path) -> list[Selection]:
    """Selections of what was read, for a report in `out`; like ones together."""
    found: dict[Any, Selection] = {}
    for source in sources:
        part, (file, _, key) = getattr(source, "part", ""), source.partition("#/")
        if source.startswith(DEFINITION):
            found[source] = Selection(f"a definition, `{source.removeprefix(DEFINITION)}`")
        elif SOURCE.fullmatch(source):
            one, file = find_row(source, out), source.partition("#")[0]
            alike = part, one.run, one.model, one.seed, one.way, one.measure, file
            found.setdefault(alike, Selection(f"`{one.measure}`", file, part)).rows.append(one)
        else:
            job = file.rpartition("/")[2].removesuffix(".json") + _name_release(file)
            found[source] = Selection(f"`{key.replace('/', '.')}` of {job}", file)
    return list(found.values())


def _name_release(source: str) -> str:
    return f" of {source.split('/')[1]}" if source.startswith("released/") else ""


def _describe_rows(rows: Sequence[Row]) -> str:
    """The training, way and epochs of rows: " of 21 checkpoints of zoom-0, epochs 80 to 100"."""
    if not rows:
        return ""
    one, n = rows[0], len(rows)
    of = one.model + (f"-{one.seed}" if one.seed is not None else "") if one.model else ""
    of = (of + _name_release(one.source)).removeprefix(" of ")
    epochs = sorted({row.epoch for row in rows if row.epoch is not None})
    if one.way == "checkpoint":
        of = f"{n} checkpoints of {of}" if n > 1 else f"a checkpoint of {of}"
    elif one.way:
        of = f"“{one.way}”" + (f" of {of}" if of else "")
    said = f" of {of}" if of else ""
    if len(epochs) > 1:
        return f"{said}, epochs {epochs[0]} to {epochs[-1]}"
    if n > 1:
        return f"{said}, {n} rows"
    place = f", at {one.x:g}" if one.x is not None else ""
    return said + place + (f", epoch {epochs[0]}" if epochs and one.way == "checkpoint" else "")


# --- writing ---


MOST = 8  # selections of a model that are named in the list; the file of numbers has all


def write_sources(text: str, marks: Marks, out: Path) -> tuple[str, list[dict[str, Any]], list[Row]]:
    """The text with a span for each marked number and the list of sources; the numbers; the rows cited."""
    by_id = {number: entry for entry, number in marks.entries.items()}
    numbers: dict[int, dict[str, Any]] = {}
    earlier: dict[tuple[str, ...], int] = {}
    lines: list[str] = []
    rows: dict[str, Row] = {}

    def span(found: re.Match) -> str:
        if (mark := int(found[1])) not in numbers:
            number, (values, sources) = len(numbers) + 1, by_id[mark]
            read = selections(sources, out)
            value = values[0] if len(values) == 1 else list(values)
            one = {"number": number, "text": found[2], "value": value}
            same = earlier.setdefault(sources, number)  # of several claims the same rows decide
            told = [selection.as_json() for selection in read] if same == number else same
            numbers[mark] = one | {"sources": told}
            rows.update((row.source, row) for selection in read for row in selection.rows)
            lines.append(f"1. [{found[2]}]{{#n{number}}}: {_describe_number(values, read, out)}")
        return f"[{found[2]}]{{.n s={numbers[mark]['number']}}}"

    text = MARK.sub(span, NO_SPAN.sub(lambda found: strip_marks(found[0]), text))
    head = "# Where the numbers come from {#sec:sources .unnumbered}\n\n::: {.claim #numbers}"
    head += f"\n**{len(lines)} numbers**\n\nThey come from {len(rows)} [rows of the table]({ROWS})."
    text += "\n".join(["", "::: page", head, "", *lines, ":::", ":::", ""])
    return text, list(numbers.values()), sorted(rows.values(), key=_place_of)


def _describe_number(values: Sequence[float], read: Sequence[Selection], out: Path) -> str:
    """A line on one number: unrounded, and what it is from, with links, of several models each by itself."""
    said = ", ".join(f"{x:.10g}" for x in values[:4]) + (" …" if len(values) > 4 else "")
    groups: dict[str, dict[str, str]] = {}  # in the order of reading
    for one in read:
        groups.setdefault(one.head, {})[one.said] = one.link(out)
    told = []
    for head, links in groups.items():
        named = [f"[{what}]({link})" if link else what for what, link in [*links.items()][:MOST]]
        if len(links) > MOST:
            named.append(f"{len(links) - MOST} more in [the file of numbers](numbers.json)")
        told.append((f"**{head}**: " if len(groups) > 1 else "") + "; ".join(named))
    return f"{said}{' ' if said else ''}from {'; '.join(told)}"


def _place_of(one: Row) -> tuple[str, int]:
    file, _, place = one.source.partition("#")
    return file, int(place)


COLUMNS = ("model", "seed", "way", "epoch", "measure", "x", "value", "low", "high", "n", "sd")
TEMPLATE = Path(__file__).resolve().parent / "templates" / "rows.html"


def render_rows(rows: Sequence[Row]) -> bytes:
    """The page of the cited rows, with an anchor for each: a table a file, of the columns that are used."""
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text("utf-8"))
    files = []
    for file, group in groupby(rows, key=lambda one: one.source.partition("#")[0]):
        found = [*group]
        values = {name: {getattr(one, name) for one in found} for name in COLUMNS}
        told = ("model", "seed") if len(found) > 1 else ()  # by the file's name, where all rows have one
        said = [n for n in COLUMNS if values[n] - {None, ""} and not (n in told and len(values[n]) == 1)]
        files.append((file, said, found))
    return template.render(files=files, anchor=anchor).encode()
