"""The figures of a report: outputs of cells `fig-NAME` of executed notebooks, and their numbers as CSV."""

import base64
import re
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from diffusion.files import write_bytes
from diffusion.places import releases
from report.figures.print_style import ABOUT, PNG, SVG
from report.files import read_json
from report.results.table import METRICS, Record, Row

CELL = "fig-"  # prefix of the id of a cell that shows a figure
SUFFIXES = {SVG: ".svg", PNG: ".png", "image/gif": ".gif"}
DRAWN = "drawn"  # measure of numbers that a figure computes from others; they are without a source
SOURCE = re.compile(rf"(?:released/([^/]+)/)?{METRICS}/([^/]+)\.json#(\d+)")


class Drawing(NamedTuple):
    """A figure in the output of a cell."""

    notebook: str  # name of the executed notebook
    cell: str  # id of the cell
    suffix: str
    data: bytes
    sources: list[str]  # sources of the rows that it shows (`report.results.table`)
    numbers: list[tuple[str, float, float]]  # series, x and value of numbers that it computes


def read_figures(path: Path) -> dict[str, Drawing]:
    """The figures of an executed notebook, by name of the cell and model; ValueError: a name occurs twice."""
    drawings: dict[str, Drawing] = {}
    notebook = read_json(path)
    cells = [cell for cell in notebook["cells"] if cell.get("id", "").startswith(CELL)]
    release = notebook["metadata"].get("papermill", {}).get("parameters", {}).get("released")
    outputs = [(cell["id"], output.get("data", {})) for cell in cells for output in cell.get("outputs", ())]
    prefix = f"released/{release}/" if release and release != path.parents[1].name else ""  # of another run
    for cell, data in outputs:
        mime = next((mime for mime in SUFFIXES if mime in data), None)
        if not mime:
            continue
        about = data.get(ABOUT, {})
        name = "_".join(filter(None, (cell.removeprefix(CELL), about.get("model"))))
        if name in drawings:
            raise ValueError(f"{path}: cell {cell} shows two pictures with the name {name}; expected one")
        text = "".join(data[mime])  # a string, or a list of lines
        picture = text.encode() if mime == SVG else base64.b64decode(text)
        numbers = [tuple(number) for number in about.get("numbers", ())]
        sources = [x if x.startswith("released/") else prefix + x for x in about.get("sources", ())]
        drawings[name] = Drawing(path.stem, cell, SUFFIXES[mime], picture, sources, numbers)
    return drawings


def collect_figures(notebooks: Iterable[Path]) -> dict[str, Drawing]:
    """The figures of several notebooks, by name and by name and model: "loss" and "loss_linear".

    A name without a model is the figure of the zoom, if the zoom has one.
    """
    models = {path: path.stem.partition("-")[2].partition("-")[0] for path in notebooks}
    drawings: dict[str, Drawing] = {}
    for path in sorted(models, key=lambda notebook: models[notebook] != "zoom"):
        for name, figure in read_figures(path).items():
            drawings.setdefault(name, figure)
            if models[path]:
                drawings.setdefault(f"{name}_{models[path]}", figure)
    return drawings


# --- numbers of figures ---


def make_csv(figure: Drawing, out: Path) -> bytes | None:
    """The rows that a figure shows, then numbers that it computes, as CSV; None if it shows only images."""
    if not figure.sources and not figure.numbers:
        return None
    rows = [find_row(source, out)._asdict() for source in figure.sources]
    rows += [{"way": series, "measure": DRAWN, "x": x, "value": value} for series, x, value in figure.numbers]
    table = pd.DataFrame(rows, columns=Row._fields).convert_dtypes()
    return table.to_csv(index=False, lineterminator="\n").encode()


def find_row(source: str, out: Path) -> Row:
    """The row of a source, from the run in `out` or from a release."""
    return find_record(source, out).rows[int(source.rpartition("#")[2])]


def find_record(source: str, out: Path) -> Record:
    """The record that contains the row of a source."""
    release, job, _ = SOURCE.fullmatch(source).groups()
    folder, prefix = (releases() / release, f"released/{release}/") if release else (out, "")
    return _record(folder, job, prefix)


_record = cache(Record)


# --- figures of a run ---


def write_figures(out: Path, notebooks: Iterable[str]) -> dict[str, Drawing]:
    """Write the figures of executed notebooks and their numbers to OUT/figures, and return them by name.

    Without notebooks, as in `make verify`, the files in OUT/figures stay.
    """
    paths = [out / "notebooks" / f"{name}.ipynb" for name in notebooks]
    if paths:
        shutil.rmtree(out / "figures", ignore_errors=True)
    drawings = collect_figures(paths)
    for name, figure in drawings.items():
        write_bytes(out / "figures" / f"{name}{figure.suffix}", figure.data)
        if numbers := make_csv(figure, out):
            write_bytes(out / "figures" / f"{name}.csv", numbers)
    return drawings
