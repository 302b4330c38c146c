"""Figures of curves and counts: losses, and what is shared by other curves.

Of train and test losses, solid is train and dashed is test. Styles that are not given are those of
`style.STYLES`, in order.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from diffusion.figures.style import INK, Style, handles, legend, new_figure, styled, styles_of

FEW = 25  # up to so many points, each has a marker
LATER = 20  # losses of trainings of so many epochs are drawn from epoch `BEGIN` on
BEGIN = 5
WIDE = 5  # values that span more than this factor get a logarithmic axis
TEST_LINE = (0, (2.6, 1.4))
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # no powers of ten

Rows = Sequence[Mapping[str, Any]]  # one an epoch


# --- what figures of curves share, here and in studies ---


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
