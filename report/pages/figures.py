"""The report's figures: outputs of the cells `fig-NAME` of executed notebooks, and their numbers as CSV."""

import base64
import re
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from diffusion.figures.style import ABOUT, PNG, SVG
from diffusion.files import write_bytes
from diffusion.provenance import releases
from report.files import read_json
from report.results.table import METRICS, Record, Row

CELL = "fig-"  # a cell with such an id shows the figure of that name
SUFFIXES = {SVG: ".svg", PNG: ".png", "image/gif": ".gif"}
DRAWN = "drawn"  # the measure of a number that a figure computes of others: they have no source
SOURCE = re.compile(rf"(?:released/([^/]+)/)?{METRICS}/([^/]+)\.json#(\d+)")


class Drawing(NamedTuple):
    """A figure in the output of a cell."""

    notebook: str  # the name of the executed one
    cell: str  # its id
    suffix: str
    data: bytes
    sources: list[str]  # of the rows that it was given (`report.results.table`)
    numbers: list[tuple[str, float, float]]  # that it plots and no row has: series, x, value


def read_figures(path: Path) -> dict[str, Drawing]:
    """The figures of an executed notebook, by name of the cell and model; ValueError: two have one name."""
    found: dict[str, Drawing] = {}
    notebook = read_json(path)
    cells = [one for one in notebook["cells"] if one.get("id", "").startswith(CELL)]
    of = notebook["metadata"].get("papermill", {}).get("parameters", {}).get("released")
    shown = [(cell["id"], one.get("data", {})) for cell in cells for one in cell.get("outputs", ())]
    elsewhere = f"released/{of}/" if of and of != path.parents[1].name else ""  # it opened another run
    for cell, data in shown:
        if not (mime := next((mime for mime in SUFFIXES if mime in data), None)):
            continue
        about = data.get(ABOUT, {})
        name = "_".join(filter(None, (cell.removeprefix(CELL), about.get("of"))))
        if name in found:
            raise ValueError(f"{path}: the cell {cell} shows two pictures of one name, {name}")
        text = "".join(data[mime])  # a text, or its lines
        picture = text.encode() if mime == SVG else base64.b64decode(text)
        numbers = [tuple(one) for one in about.get("numbers", ())]
        sources = [x if x.startswith("released/") else elsewhere + x for x in about.get("sources", ())]
        found[name] = Drawing(path.stem, cell, SUFFIXES[mime], picture, sources, numbers)
    return found


def collect_figures(notebooks: Iterable[Path]) -> dict[str, Drawing]:
    """The figures of notebooks, the zoom's first, also by their model: "loss" and "loss_linear"."""
    models = {path: path.stem.partition("-")[2].partition("-")[0] for path in notebooks}
    found: dict[str, Drawing] = {}
    for path in sorted(models, key=lambda one: models[one] != "zoom"):
        for name, figure in read_figures(path).items():
            found.setdefault(name, figure)
            if models[path]:
                found.setdefault(f"{name}_{models[path]}", figure)
    return found


# --- their numbers ---


def make_csv(figure: Drawing, out: Path) -> bytes | None:
    """The rows of a figure, then what it computed of them; None of a picture of images alone."""
    if not figure.sources and not figure.numbers:
        return None
    rows = [find_row(source, out)._asdict() for source in figure.sources]
    rows += [{"way": way, "measure": DRAWN, "x": x, "value": value} for way, x, value in figure.numbers]
    table = pd.DataFrame(rows, columns=Row._fields).convert_dtypes().map(escape_formula)
    return table.to_csv(index=False, lineterminator="\n").encode()


def find_row(source: str, out: Path) -> Row:
    """The row of a source, of the run in `out` or of a release."""
    release, job, place = SOURCE.fullmatch(source).groups()
    folder, prefix = (releases() / release, f"released/{release}/") if release else (Path(out), "")
    return _job(folder, job, prefix).rows[int(place)]


_job = cache(Record)


def escape_formula(cell: Any) -> Any:
    """A cell that a spreadsheet does not execute: a text that begins like a formula gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


# --- of a run ---


def write_figures(out: Path, notebooks: Iterable[str]) -> dict[str, Drawing]:
    """Write the figures of a run's executed notebooks, with their numbers, to OUT/figures: name -> figure.

    Where none is executed, as `make verify` has it, those of the release stay.
    """
    notebooks = [*notebooks]
    if notebooks:
        shutil.rmtree(out / "figures", ignore_errors=True)
    found = collect_figures([out / "notebooks" / f"{name}.ipynb" for name in notebooks])
    for name, figure in found.items():
        write_bytes(out / "figures" / f"{name}{figure.suffix}", figure.data)
        if numbers := make_csv(figure, out):
            write_bytes(out / "figures" / f"{name}.csv", numbers)
    return found
