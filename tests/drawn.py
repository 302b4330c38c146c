"""What a reader sees in a figure or a notebook, found by its words, and the rows that it should show.

Nothing here calls the code that draws: labels lead to marks by their look or place, as a reader's eye does.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from helpers import NOTEBOOKS, PAPER, ROOT
from paper import figures as paper_figures
from report import profile as profiles
from report.results import counterparts, views

Points = list[tuple[float, float]]

# --- rows of a release ---

STUDY = {"linear": (0, 1), "cosine": (0, 1), "zoom": (0, 1, 2, 3)}  # model -> seeds of the paper's release
LABELS = {"linear": "Linear DDPM", "cosine": "Cosine DDPM", "zoom": "Zoom"}
TRAININGS = [(model, seed) for model, seeds in STUDY.items() for seed in seeds]


@cache
def released() -> views.Results:
    """The released paper with all that it shows beside itself."""
    paper = views.load(PAPER).labelled(profiles.read("paper").labels)
    return replace(paper, beside=counterparts.open_releases(["beyond", "original", "starts"]))


@cache
def figure(name: str) -> Figure:
    """A figure of the released paper, drawn once; to be left as it is."""
    return getattr(paper_figures, name)(released())


def titled(model: str, seed: int) -> str:
    return f"{LABELS[model]}, seed {seed}"


def measured(model: str, seed: int, release: str = "paper") -> str:
    return f"{release}/measure_{model}-{seed}"


def near(expected: Any) -> Any:
    """The same but for rounding, which another processor does otherwise."""
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


class Number(NamedTuple):
    """A row of a job's file, as it stands there."""

    way: str
    epoch: int | None
    measure: str
    x: float | None
    value: float
    low: float | None
    high: float | None
    n: int | None
    sd: float | None
    model: str = ""


@cache
def file(name: str) -> dict[str, Any]:
    """A job's file of a release, such as "paper/measure_zoom-0"."""
    release, _, job = name.partition("/")
    return json.loads((ROOT / "released" / release / "metrics" / f"{job}.json").read_text("utf-8"))


def rows(name: str, **where: Any) -> list[Number]:
    """Its rows that have these values, in the order of the file."""
    found = [Number(*line) for line in file(name)["rows"]]
    return [row for row in found if all(getattr(row, key) == value for key, value in where.items())]


def number(name: str, measure: str, way: str = "", **where: Any) -> Number:
    """The only row of this measure and way."""
    (found,) = rows(name, measure=measure, way=way, **where)
    return found


# --- words ---


def words(text: str) -> str:
    """A text in one line."""
    return " ".join(text.replace(r"\$", "$").split())


class Heads(NamedTuple):
    """What stands around a panel."""

    title: str
    x: str
    y: str


def heads(axes: Axes) -> Heads:
    return Heads(*map(words, (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())))


def tick_pairs(axes: Axes, along: str) -> list[tuple[str, float]]:
    """Labels and places of the ticks of an axis, "x" or "y", in order."""
    axis = getattr(axes, f"{along}axis")
    labels = [words(one.get_text()) for one in axis.get_ticklabels()]
    return [*zip(labels, map(float, axis.get_ticklocs()), strict=True)]


def ticks(axes: Axes, along: str) -> dict[str, float]:
    """Label -> place of ticks, each of which has a label of its own."""
    found = tick_pairs(axes, along)
    assert len({label for label, _ in found}) == len(found)
    return dict(found)


def row_names(axes: Axes) -> dict[str, float]:
    """Text of the figure -> place on the panel's y axis, where a figure names rows outside of its panels."""
    figure = axes.get_figure()
    places = [
        (words(one.get_text()), figure.transFigure.transform((0, one.get_position()[1])))
        for one in figure.texts
    ]
    return {text: float(axes.transData.inverted().transform(at)[1]) for text, at in places}


# --- marks ---


def look(mark: Line2D) -> tuple[Any, ...]:
    """Colour, marker, its face, and the dashes of a line: by these a reader tells marks apart."""
    marker = mark.get_marker() if mark.get_marker() not in ("", " ", None) else "None"
    face = "" if marker == "None" else _hex(mark.get_markerfacecolor())
    return _hex(mark.get_color()), marker, face, mark.get_linestyle()


def _hex(colour: Any) -> str:
    return "none" if isinstance(colour, str) and colour == "none" else to_hex(colour)


def legend(figure: Figure) -> dict[str, Any]:
    """Label -> handle of the legend, in order."""
    (one,) = figure.legends
    labels = [words(text.get_text()) for text in one.get_texts()]
    return dict(zip(labels, one.legend_handles, strict=True))


def points(mark: Line2D) -> Points:
    return [(float(x), float(y)) for x, y in zip(mark.get_xdata(), mark.get_ydata(), strict=True)]


def alike(axes: Axes, handle: Line2D, but_colour: bool = False) -> list[Line2D]:
    """The marks of a panel that look as a handle of the legend does."""
    begin = 1 if but_colour else 0
    return [mark for mark in axes.lines if look(mark)[begin:] == look(handle)[begin:]]


def marked(axes: Axes, marker: str) -> Points:
    """All marks of a kind."""
    return [at for mark in axes.lines if mark.get_marker() == marker for at in points(mark)]


def at_row(axes: Axes, y: float, marker: str) -> list[float]:
    """The x of marks of a kind in a row."""
    return sorted(x for x, place in marked(axes, marker) if abs(place - y) < 1e-6)


def bars(axes: Axes) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of error bars: of lines of two points without marks, and of collections of lines."""
    for mark in axes.lines:
        plain = mark.get_marker() in ("None", "", None) and mark.get_transform() == axes.transData
        if plain and len(mark.get_xdata()) == 2 and type(mark) is Line2D:
            yield tuple(points(mark))
    for one in axes.collections:
        if isinstance(one, LineCollection):
            yield from (tuple(map(tuple, segment.tolist())) for segment in one.get_segments())


def named_ends(axes: Axes) -> dict[str, tuple[Any, float, float]]:
    """Name at a curve's end -> its colour, and the place that it names."""
    return {
        words(one.get_text()): (_hex(one.get_color()), *map(float, one.xy))
        for one in axes.texts
        if hasattr(one, "xy")
    }


def named_curves(axes: Axes) -> dict[str, Points]:
    """Name at a curve's end -> its points: the only curve of its colour that ends at this height."""
    found = {}
    for name, (colour, _, y) in named_ends(axes).items():
        ends = [
            mark
            for mark in axes.lines
            if _hex(mark.get_color()) == colour
            and len(mark.get_xdata()) > 1
            and np.isclose(points(mark)[-1][1], y, rtol=1e-9)
        ]
        assert len(ends) == 1, f"{name}: {len(ends)} curves end where it stands"
        found[name] = points(ends[0])
    return found


def reference_lines(axes: Axes) -> list[tuple[str, float]]:
    """Lines across a whole panel: "y" of a horizontal, "x" of a vertical one, and their place."""
    found = []
    for mark in axes.lines:
        x, y = map(np.unique, (mark.get_xdata(), mark.get_ydata()))
        if mark.get_transform() == axes.get_yaxis_transform(which="grid") and len(y) == 1:
            found.append(("y", float(y[0])))
        if mark.get_transform() == axes.get_xaxis_transform(which="grid") and len(x) == 1:
            found.append(("x", float(x[0])))
    return found


def spans(axes: Axes) -> list[tuple[float, ...]]:
    """Shaded ranges across a whole panel, of x or of y."""
    found = []
    for one in axes.patches:
        if one.get_transform() != axes.transData and hasattr(one, "get_width"):
            across = (one.get_x(), one.get_width()) == (0, 1)
            begin, size = (one.get_y(), one.get_height()) if across else (one.get_x(), one.get_width())
            found.append((float(begin), float(begin + size)))
    return found


def hidden(axes: Axes) -> Points:
    """Points of marks and bars that lie outside of the panel, where nobody sees them."""
    (left, right), (bottom, top) = (sorted(ends) for ends in (axes.get_xlim(), axes.get_ylim()))
    seen = [at for ends in bars(axes) for at in ends]
    for mark in axes.lines:
        seen += points(mark) if mark.get_transform() == axes.transData and type(mark) is Line2D else []
    for one in axes.collections:
        scattered = len(one.get_offsets()) > 1 and one.get_offset_transform() == axes.transData
        seen += map(tuple, one.get_offsets().tolist()) if scattered else []
    rim = 1e-9 * max(map(abs, (left, right, bottom, top)))
    return [
        (x, y)
        for x, y in seen
        if np.isfinite(x + y) and not (left - rim <= x <= right + rim and bottom - rim <= y <= top + rim)
    ]


def texts_at(axes: Axes, y: float) -> list[str]:
    """Texts inside a panel in a row, from left to right."""
    found = [one for one in axes.texts if abs(_place(one)[1] - y) < 1e-6]
    return [words(one.get_text()) for one in sorted(found, key=lambda one: _place(one)[0])]


def _place(text: Any) -> tuple[float, float]:
    return tuple(map(float, text.xy if hasattr(text, "xy") else text.get_position()))


# --- pictures ---

FRAME = 2  # pixels around an image of a page


def tiles(axes: Axes, columns: int, side: int = 28) -> np.ndarray:
    """Images of a grid in reading order, bytes (n, side, side) of grey; the empty places at its end, too."""
    canvas = axes.images[0].get_array()
    cell = (canvas.shape[1] - FRAME) // columns
    scale = (cell - FRAME) // side
    down = (canvas.shape[0] - FRAME) // cell
    for along, n in (("x", columns), ("y", down)):  # words stand at the middle of what they name
        places = [place for _, place in tick_pairs(axes, along)]
        assert not places or np.allclose(places, (np.arange(n) + 0.5) * cell + FRAME / 2, atol=FRAME)
    first = FRAME + scale // 2
    rows = [
        canvas[first + i * cell :, first + j * cell :, 0][: side * scale : scale, : side * scale : scale]
        for i in range(down)
        for j in range(columns)
    ]
    return np.asarray(np.stack(rows))


def strip(axes: Axes) -> np.ndarray:
    """Images of a row that are framed by a pixel each, bytes (n, 28, 28)."""
    row = np.asarray(axes.images[0].get_array())
    return np.stack([one[1:-1, 1:-1] for one in np.hsplit(row, row.shape[1] // 30)])


def strips(figure: Figure) -> dict[float, np.ndarray]:
    """Height in the figure -> the images of the strip whose middle is there, from above."""
    found = {
        one.get_position().y0 + one.get_position().height / 2: strip(one) for one in figure.axes if one.images
    }
    return dict(sorted(found.items(), reverse=True))


def pictures(figure: Figure, columns: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Name of a row -> its images, bytes; and what is written under the columns."""
    (axes,) = figure.axes
    names, under = ([label for label, _ in tick_pairs(axes, along)] for along in ("y", "x"))
    images = tiles(axes, columns).reshape(len(names), columns, 28, 28)
    return dict(zip(names, images, strict=True)), under


def as_bytes(x: Any) -> np.ndarray:
    """Images in [-0.5, 0.5], cut to that, as bytes (n, 28, 28)."""
    x = torch.as_tensor(x).reshape(-1, 28, 28).clamp(-0.5, 0.5).double().numpy()
    return np.round(255 * (x + 0.5)).astype(int)


def same(found: np.ndarray, expected: Any) -> bool:
    """Whether pictures show these images, to a grey level."""
    return np.abs(found.astype(int) - as_bytes(expected)).max() <= 1


# --- cells of notebooks ---


def shown(found: dict[str, Any], cell: str) -> Any:
    """What a cell shows, of what `helpers.defined` returns."""
    (one,) = (one for name, one in found["shown"] if name == cell)
    return one


def visible(notebook: str) -> list[str]:
    """The ids of a notebook's cells of code but for those that are folded as plumbing."""
    cells = json.loads(NOTEBOOKS[notebook].read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return [cell["id"] for cell in code if "hide-input" not in cell["metadata"].get("tags", ())]
