"""The numbers behind a figure, read off what it draws."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.ticker import FixedLocator

from diffusion.figures.style import save
from diffusion.files import write_bytes

HEAD = ("panel", "series", "x", "y", "value")  # value: of a cell of a table


def keep(figure: Figure, path: Path) -> Path:
    """Write a figure and, beside one of curves (.svg), its numbers as CSV; returns the figure's path."""
    if path.suffix == ".svg":
        text = io.StringIO()
        rows = [row for axes in figure.axes if not hasattr(axes, "_colorbar") for row in _rows(figure, axes)]
        csv.writer(text, lineterminator="\n").writerows([HEAD, *(map(harmless, row) for row in rows)])
        write_bytes(path.with_suffix(".csv"), text.getvalue().encode())
    return save(figure, path)


def harmless(cell: str) -> str:
    """A cell that a spreadsheet does not execute: a text that begins like a formula gets an apostrophe."""
    try:
        float(cell)
    except ValueError:
        return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
    return cell


def _rows(figure: Figure, axes: Axes) -> Iterator[tuple[str, ...]]:
    """The points of one panel in the units of its axes; a tick's text in place of a number that has one."""
    panel = axes.get_title() or " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
    across, along = _said(axes.xaxis), _said(axes.yaxis)
    legends = [pair for one in figure.legends for pair in zip(one.legend_handles, one.texts, strict=True)]
    names = {_colour(handle): text.get_text() for handle, text in legends}
    names |= {to_hex(text.get_color()): text.get_text() for text in axes.texts}
    for one in (*axes.lines, *axes.collections, *axes.patches):
        label = str(one.get_label()) or "_"
        said = ["" if isinstance(one, QuadMesh) else names.get(_colour(one)), label * (label[0] != "_")]
        series = ", ".join(dict.fromkeys(filter(None, said)))
        for x, y, *value in _points(axes, one):
            yield panel, series, across(x), along(y), *(f"{v:.6g}" for v in value)


def _points(axes: Axes, one: Artist) -> Iterator[tuple[float, ...]]:
    if isinstance(one, Line2D):
        x, y = (np.asarray(v, float) for v in one.get_data())
        if one.get_transform() != axes.transData:  # from side to side of the panel: one number counts
            across = len(set(y)) == 1
            x, y = ([np.nan], y[:1]) if across else (x[:1], [np.nan])
        yield from zip(x, y, strict=True)
    elif isinstance(one, LineCollection):
        yield from (point for segment in one.get_segments() for point in segment)
    elif isinstance(one, PathCollection):
        yield from one.get_offsets()
    elif isinstance(one, PolyCollection):  # a band: both of its ends
        yield from (point for path in one.get_paths() for point in np.unique(path.vertices, axis=0))
    elif isinstance(one, QuadMesh):
        corners, cells = one.get_coordinates(), one.get_array()
        centres = (corners[:-1, :-1] + corners[1:, 1:]) / 2  # (rows, columns, 2)
        yield from ((*centres[place], value) for place, value in np.ndenumerate(cells))
    elif isinstance(one, StepPatch):
        values, edges, _ = one.get_data()
        yield from zip((edges[:-1] + edges[1:]) / 2, values, strict=True)


def _colour(one: Artist) -> str | None:
    found = getattr(one, "get_color", getattr(one, "get_edgecolor", lambda: None))()
    if isinstance(found, np.ndarray) and found.ndim == 2:  # of a collection: a row each
        found = found[0] if len(found) else None
    return None if found is None else to_hex(found)


def _said(axis: Axis) -> Callable[[float], str]:
    """A number of an axis, or the text that stands there, as text."""
    fixed = isinstance(axis.get_major_locator(), FixedLocator)
    texts = dict(zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)) if fixed else {}
    return lambda x: texts[x].get_text() if x in texts else "" if np.isnan(x) else f"{x:.6g}"
