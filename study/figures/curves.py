"""Curves: their styles, legends and axes, and the losses of trainings.

Colours are from Paul Tol's schemes (SRON/EPS/TN/09-002), the bright ones darkened: each has a contrast of at
least 3:1 on white, and they are apart for colour-blind readers; dash and marker say the same again. Of train
and test losses, solid is train and dashed is test.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from diffusion.figures.style import INK, new_figure, styled

FEW = 25  # up to so many points, each has a marker
LATER = 20  # losses of trainings of so many epochs are drawn from epoch `BEGIN` on
BEGIN = 5
WIDE = 5  # values that span more than this factor get a logarithmic axis
TEST_LINE = (0, (2.6, 1.4))
LEGEND_WIDTH = 88  # characters of a row of a legend, a line and its spaces counted as ten
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # no powers of ten

Rows = Sequence[Mapping[str, Any]]  # one an epoch

# --- styles and legends ---


class Style(NamedTuple):
    """Colour, dash and marker of one curve, and what the legend calls it: its name, if empty."""

    colour: str
    line: Any
    marker: str
    label: str = ""


STYLES = (
    Style("#004488", "-", "o"),
    Style("#BB5566", (0, (6, 1.6)), "s"),
    Style("#B07D12", (0, (5, 1.3, 1.2, 1.3)), "^"),
    Style("#0099BB", (0, (3, 1, 1, 1, 1, 1)), "v"),
    Style("#228833", (0, (1.2, 1.2)), "D"),
    Style("#882255", (0, (8, 1.2, 3, 1.2)), "P"),
)
FURTHER_MARKERS = "X*hpd<>8"
Styles = Mapping[str, Style]


def styles_of(names: Iterable[str], among: Sequence[Style] = STYLES) -> dict[str, Style]:
    """A style for each name, in order; once all are taken, they come again with other markers."""
    found = {}
    for place, name in enumerate(names):
        again, i = divmod(place, len(among))
        marker = FURTHER_MARKERS[(again - 1) % len(FURTHER_MARKERS)] if again else among[i].marker
        found[name] = among[i]._replace(marker=marker)
    return found


def handles(styles: Styles, **look: Any) -> list[tuple[str, Any]]:
    """Entries of a legend: label, and a line with its marker."""
    looks = {
        n: {"color": s.colour, "marker": s.marker, "linestyle": s.line} | look for n, s in styles.items()
    }
    return [(style.label or name, Line2D([], [], **looks[name])) for name, style in styles.items()]


def legend(figure: Figure, entries: Sequence[tuple[str, Any]]) -> None:
    """One legend above all axes, in as many rows as its labels need."""
    rows = math.ceil(sum(len(label) + 10 for label, _ in entries) / LEGEND_WIDTH)
    labels, lines = zip(*entries, strict=True)
    columns = math.ceil(len(entries) / rows)
    figure.legend(lines, labels, loc="outside upper center", ncols=columns)


# --- lines and axes ---


def line(axes: Axes, x: Any, y: Any, style: Style, place: int = 0, **look: Any) -> None:
    """Draw a curve, with a marker on each of few points, or on about eight of many, shifted by `place`."""
    n = len(x)
    every = None if n <= FEW else ((1 + 2 * place) * n // 40, math.ceil(n / 8))
    look = {"linestyle": style.line, "marker": style.marker, "markevery": every, "markeredgewidth": 0} | look
    axes.plot(x, y, color=style.colour, **look)


def epochs(axes: Axes, first: float, last: float) -> None:
    """Set an x axis of whole epochs, with some room at both ends, even of a single one."""
    room = max(0.03 * (last - first), 0.3)
    axes.set(xlabel="epoch", xlim=(first - room, last + room))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def logarithmic(axes: Axes, values: Iterable[float], wide: float = WIDE) -> bool:
    """Set a logarithmic y axis in plain numbers if values are positive and span more than a factor `wide`."""
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


def _losses_of(rows: Rows, steps: Sequence[tuple[int, float]]) -> dict[str, pd.Series]:
    """Losses in training and on the test images by epoch, which steps become fractions of."""
    table = pd.DataFrame(rows).astype(float, errors="ignore")  # None is NaN
    train, test = (pd.Series(table[f"{kind}_loss"].to_numpy(), table.epoch) for kind in ("train", "test"))
    if steps:
        ends = table.get("step", table.epoch * steps[-1][0] / table.epoch.iloc[-1])
        step, means = np.transpose(steps)
        train, test.index = pd.Series(means, step / ends[0]), pd.Index(ends / ends[0])
    return {"train": train, "test": test}


@styled
def losses(histories: Mapping[str, Rows], by_step: Mapping[str, Any] | None = None) -> Figure:
    """Loss over epochs, in training (solid) and on the test images (dashed).

    Long trainings are drawn without their first epochs, which would fill the axis.

    Args:
        histories: model -> lines with `epoch`, `train_loss` and `test_loss`; and with `step`, the number of
            steps done by then, where `by_step` is given and the last epoch is shorter than the others.
        by_step: model -> pairs of a step and the mean loss up to it, drawn in place of the means over epochs.
    """
    styles, by_step = styles_of(histories), by_step or {}
    last = max(row["epoch"] for rows in histories.values() for row in rows)
    begin = BEGIN if last >= LATER else 0 if any(by_step.values()) else 1
    figure, shown = new_figure(48), {}
    axes = figure.subplots()
    for place, (name, rows) in enumerate(histories.items()):
        steps = by_step.get(name, ())
        for kind, loss in _losses_of(rows, steps).items():
            loss = loss[loss.index >= begin]
            solid, marked = kind == "train", (kind == "train") != bool(steps)
            look = {"linestyle": "-" if solid else TEST_LINE} | ({} if marked else {"marker": ""})
            line(axes, loss.index, loss, styles[name], place if solid else 0, label=kind, **look)
            figure.plots(f"{name}, {kind}", loss.index, loss)
            shown[name, kind] = loss
    epochs(axes, begin, max(loss.index.max() for loss in shown.values()))
    axes.set_ylabel("mean squared error")
    axes.margins(y=0.06)
    logarithmic(axes, pd.concat(shown), wide=3)
    split = [Line2D([], [], color=INK, linestyle=dash) for dash in ("-", TEST_LINE)]
    entries = handles(styles, linestyle="-") if len(histories) > 1 else []
    legend(figure, [*entries, *zip(("train", "test"), split, strict=True)])
    return figure
