"""Curves: styles, legends, axes, and the losses of a training run.

Colours come from Paul Tol's schemes (SRON/EPS/TN/09-002), with the bright ones darkened. Each has a contrast
of at least 4.5:1 on white, and colour-blind readers can tell them apart; dash and marker repeat what the
colour says. Training losses are solid, test losses dashed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from report.figures.print_style import INK, PrintFigure, new_figure, styled

FEW = 25  # up to this number of points, each has a marker
LATER = 20  # runs with at least this number of epochs are drawn from epoch `BEGIN` on
BEGIN = 5
WIDE = 5  # values that span more than this factor get a logarithmic axis
TEST_LINE = (0, (2.6, 1.4))
LEGEND_WIDTH = 88  # characters in a row of a legend; a line with its spaces counts as ten
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # no powers of ten

# --- styles and legends ---


class Style(NamedTuple):
    """Colour, dash and marker of a curve, and its label in the legend; if empty, the curve's name."""

    colour: str
    line: Any
    marker: str
    label: str = ""


STYLES = (
    Style("#004488", "-", "o"),
    Style("#BB5566", (0, (6, 1.6)), "s"),
    Style("#8A5F00", (0, (5, 1.3, 1.2, 1.3)), "^"),
    Style("#007799", (0, (3, 1, 1, 1, 1, 1)), "v"),
    Style("#228833", (0, (1.2, 1.2)), "D"),
    Style("#882255", (0, (8, 1.2, 3, 1.2)), "P"),
)
FURTHER_MARKERS = "X*hpd<>8"
Styles = Mapping[str, Style]


def styles_of(names: Iterable[str], among: Sequence[Style] = STYLES) -> dict[str, Style]:
    """A style for each name, in order; when all styles are used, they repeat with other markers."""
    styles = {}
    for number, name in enumerate(names):
        repeats, i = divmod(number, len(among))
        markers = among[i].marker + FURTHER_MARKERS
        styles[name] = among[i]._replace(marker=markers[repeats % len(markers)])
    return styles


def legend(figure: Figure, entries: Sequence[tuple[str, Any]]) -> None:
    """Draw a legend above all axes, with as many rows as its labels need."""
    rows = math.ceil(sum(len(label) + 10 for label, _ in entries) / LEGEND_WIDTH)
    labels, lines = zip(*entries, strict=True)
    columns = math.ceil(len(entries) / rows)
    figure.legend(lines, labels, loc="outside upper center", ncols=columns)


# --- lines and axes ---


def line(axes: Axes, x: Any, y: Any, style: Style, shift: int = 0, **look: Any) -> None:
    """Draw a curve with a marker on each point, or on about eight of many points, shifted by `shift`."""
    n = len(x)
    every = None if n <= FEW else ((1 + 2 * shift) * n // 40, math.ceil(n / 8))
    look = {"linestyle": style.line, "marker": style.marker, "markevery": every, "markeredgewidth": 0} | look
    axes.plot(x, y, color=style.colour, **look)


def epochs(axes: Axes, first: float, last: float) -> None:
    """Set an x axis of whole epochs, which ends with the data; around a single epoch there is room."""
    room = 0.03 * (last - first) or 0.3
    axes.set(xlabel="epoch", xlim=(first - room, last + room))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def logarithmic(axes: Axes, values: Iterable[float], wide: float = WIDE) -> bool:
    """Set a logarithmic y axis with plain numbers if all values are positive and span a factor of `wide`.

    Returns:
        True if the axis is now logarithmic.
    """
    values = np.array([v for v in values if np.isfinite(v)])
    if len(values) == 0 or values.min() <= 0 or values.max() / values.min() <= wide:
        return False
    axes.set_yscale("log")
    span = values.max() / values.min()
    subs = (1, 2, 3, 5) if span < 30 else (1, 2, 5) if span < 1e3 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=15))
    axes.yaxis.set_major_formatter(PLAIN)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(values.min() / 1.15, values.max() * 1.15)
    return True


# --- figures ---


@styled
def curve(names: Sequence[str], x: Any, y: Any, errors: Any = None) -> PrintFigure:
    """Draw y over x, (n,) each, as a line, or as points if there are errors.

    Args:
        names: labels of the axes, x and y.
        x: values, (n,).
        y: values, (n,).
        errors: (2, n), below and above y. Default None.
    """
    figure = new_figure(60)
    axes = figure.subplots()
    axes.errorbar(x, y, errors, fmt="-" if errors is None else "o", color=INK)
    axes.set(xlabel=names[0], ylabel=names[1])
    return figure


@styled
def losses(name: str, history: Sequence[Mapping[str, Any]], by_step: Sequence[tuple[int, float]]) -> Figure:
    """Losses of a training run: on training images by step, and on test images by epoch (dashed).

    For a long training run, the first epochs are left out, because they would fill the axis.

    Args:
        name: name of the model.
        history: lines with `epoch`, `step` (steps so far) and `test_loss`, which may be None.
        by_step: pairs of a step and the mean loss up to it.
    """
    begin = BEGIN if history[-1]["epoch"] >= LATER else 0
    figure, shown = new_figure(48), {}
    axes, per_epoch = figure.subplots(), history[0]["step"]
    step, means = np.transpose(by_step)
    test = [np.nan if row["test_loss"] is None else row["test_loss"] for row in history]
    every = {"train": pd.Series(means, step / per_epoch)}
    every["test"] = pd.Series(test, [row["step"] / per_epoch for row in history])
    looks = {"train": {"linestyle": "-", "marker": ""}, "test": {"linestyle": TEST_LINE}}
    for kind, loss in every.items():
        shown[kind] = loss = loss[loss.index >= begin]
        line(axes, loss.index, loss, STYLES[0], **looks[kind])
        figure.plots(f"{name}, {kind}", loss.index, loss)
    epochs(axes, begin, max(loss.index.max() for loss in shown.values()))
    axes.set_ylabel("mean squared error")
    axes.margins(y=0.06)
    logarithmic(axes, pd.concat(shown), wide=3)
    legend(figure, [*zip(shown, axes.lines, strict=True)])
    return figure
