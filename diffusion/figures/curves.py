"""Figures of curves: schedules, losses, distances and errors.

A model has the same colour and marker in all figures. Of train and test losses, solid is train and dashed is
test; elsewhere the line style is the model's too.
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

from diffusion.evaluation.results import CommonLoss
from diffusion.figures.style import (
    INK,
    MODELS,
    MUTED,
    ModelStyle,
    handles,
    legend,
    model_styles,
    new_figure,
    styled,
)

FEW = 25  # up to so many points, each has a marker
LATER = 20  # losses of trainings of so many epochs are drawn from epoch `BEGIN` on
BEGIN = 5
WIDE = 5  # values that span more than this factor get a logarithmic axis
WINDOW = 9  # checkpoints of a running mean, where there are more than FEW
BAND = {"alpha": 0.2, "linewidth": 0}
TEST_LINE = (0, (2.6, 1.4))
SEEDS, RAW = "further seeds", "each checkpoint"
FLOOR = r"real against real, $\pm$ 1 s.d."
EXPLAINED = {  # what a legend says beside the models, where it is drawn
    SEEDS: {"color": INK, "linewidth": 0.7},
    RAW: {"color": INK, "linewidth": 0.5, "alpha": 0.45},
    FLOOR: {"color": MUTED, "linewidth": 0.9},
}

Labels = Mapping[str, str] | None
Rows = Sequence[Any]  # mappings or records, one an epoch


def _table(rows: Rows) -> pd.DataFrame:
    """Mappings or pydantic models as a table; None becomes NaN."""
    return pd.DataFrame([dict(row) for row in rows]).astype(float, errors="ignore")


def _line(axes: Axes, x: Any, y: Any, style: ModelStyle, place: int = 0, **look: Any) -> None:
    """A model's curve, with a marker on each of few points, or on about eight of many, shifted by `place`."""
    n = len(x)
    every = None if n <= FEW else ((1 + 2 * place) * n // 40, math.ceil(n / 8))
    look = {"linestyle": style.line, "marker": style.marker, "markevery": every, "markeredgewidth": 0} | look
    axes.plot(x, y, color=style.colour, **look)


def _rounded(values: pd.Series) -> tuple[float, float]:
    """Limits of an axis with some room about values."""
    values = values[np.isfinite(values)]
    if values.empty:
        return 0.0, 1.0
    room = 0.06 * (values.max() - values.min()) or 0.1 * abs(values.max()) or 1.0
    return values.min() - room, values.max() + room


def _epochs(axes: Axes, first: float, last: float) -> None:
    """Whole epochs, with some room at both ends, even of a single one."""
    room = max(0.03 * (last - first), 0.3)
    axes.set(xlabel="epoch", xlim=(first - room, last + room))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def _log(axes: Axes, values: Iterable[float], wide: float = WIDE) -> bool:
    """Set a logarithmic y axis in plain numbers if values are positive and span more than a factor `wide`."""
    values = np.array([v for v in values if np.isfinite(v)])
    if len(values) == 0 or values.min() <= 0 or values.max() / values.min() <= wide:
        return False
    axes.set_yscale("log")
    span = values.max() / values.min()
    subs = (1, 2, 3, 5) if span < 30 else (1, 2, 5) if span < 1e3 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=15))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(values.min() / 1.15, values.max() * 1.15)
    return True


@styled
def schedules(schedules: Mapping[str, Any]) -> Figure:
    """Fig. 1: beta_t (left) and alpha_bar_t (right) against the step t, a curve for each noise schedule.

    Args:
        schedules: name -> what has `beta` and `alpha_bar`, (T + 1,) each; index 0 is the clean image.
    """
    styles = model_styles(schedules)
    figure = new_figure(57)
    left, right = figure.subplots(1, 2)
    for place, (name, schedule) in enumerate(schedules.items()):
        t = np.arange(len(schedule.beta))
        _line(left, t[1:], np.asarray(schedule.beta)[1:], styles[name], place)
        _line(right, t, np.asarray(schedule.alpha_bar), styles[name], place)
    left.set(xlabel="step $t$", ylabel=r"noise variance of a step, $\beta_t$", ylim=(0, None))
    right.set(xlabel="step $t$", ylabel=r"signal variance left, $\bar\alpha_t$", ylim=(-0.02, 1.02))
    for axes in (left, right):
        axes.margins(x=0.02)
    legend(figure, handles(styles))
    return figure


@styled
def losses(histories: Mapping[str, Rows], labels: Labels = None) -> Figure:
    """Figs. 3 and 9, and the loss of any one model: train (solid) and test (dashed), and test minus train.

    Long trainings are drawn without their first epochs, which would fill the axis.

    Args:
        histories: model -> lines with `epoch`, `train_loss` and `test_loss`: dicts or records.
        labels: model -> text of the legend, where it is not the name.
    """
    styles = model_styles(histories, labels or ())
    tables = {name: _table(rows) for name, rows in histories.items()}
    last = max(table.epoch.max() for table in tables.values())
    begin = BEGIN if last >= LATER else 1
    shown = {name: table[table.epoch >= begin] for name, table in tables.items()}
    figure = new_figure(48)
    left, right = figure.subplots(1, 2)
    for place, (name, table) in enumerate(shown.items()):
        _line(left, table.epoch, table.train_loss, styles[name], place, linestyle="-")
        _line(left, table.epoch, table.test_loss, styles[name], linestyle=TEST_LINE, marker="")
        gap = table.test_loss - table.train_loss
        _line(right, table.epoch, gap, styles[name], place, linestyle="-", linewidth=0.9)
    for axes in (left, right):
        _epochs(axes, begin, last)
    left.set_ylabel("mean squared error")
    values = pd.concat([loss for t in shown.values() for loss in (t.train_loss, t.test_loss)])
    if not _log(left, values, wide=3):
        left.set_ylim(*_rounded(values))
    right.axhline(0, color=INK, linewidth=0.7)
    right.set_ylabel("test $-$ training")
    split = [Line2D([], [], color=INK, linestyle=line) for line in ("-", TEST_LINE)]
    entries = handles(styles, labels, linestyle="-") if len(styles) > 1 else []
    legend(figure, [*entries, *zip(("train", "test"), split, strict=True)])
    return figure


@styled
def distance_curves(
    panels: Mapping[str, Mapping[str, Sequence[Rows]]],
    floors: Mapping[str, tuple[float, float] | None],
    labels: Labels = None,
) -> Figure:
    """Figs. 4 and 13: distances to real images over epochs, of all seeds of a model; a panel a measure.

    Where there are many checkpoints, each is a point of a thin line, and the running mean a thick one; of
    further seeds the mean is thinner. Of few, the first seed has its intervals. A floor far below all curves
    is written into the panel instead.

    Args:
        panels: label of the y axis -> model -> one list a seed of rows with `epoch`, `value` and, where there
            is an interval, `low` and `high`.
        floors: label of the y axis -> mean and standard deviation of the distance of as many real images,
            or None.
        labels: model -> text of the legend, where it is not the name.
    """
    styles = model_styles(dict.fromkeys(name for curves in panels.values() for name in curves), labels or ())
    figure = new_figure(60)
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (ylabel, curves) in zip(row, panels.items(), strict=True):
        tables = {name: [_table(rows) for rows in seeds] for name, seeds in curves.items()}
        for place, (name, seeds) in enumerate(tables.items()):
            for seed, table in enumerate(seeds):
                _distance(axes, table, styles[name], place, seed)
        every = pd.concat([table for seeds in tables.values() for table in seeds])
        _epochs(axes, every.epoch.min(), every.epoch.max())
        axes.set_ylabel(ylabel)
        low, high = every.value.min(), every.value.max()
        logarithmic = _log(axes, every.value)
        if not logarithmic and 0 <= low < high / 3:
            axes.set_ylim(bottom=0)
        if floor := floors[ylabel]:
            _floor(axes, *floor, outside=logarithmic and floor[0] < low / 2)
    drawn = {line.get_label() for axes in row for line in axes.lines}
    entries = handles(styles, labels)
    for label, look in EXPLAINED.items():
        entries += [(label, Line2D([], [], **look))] if label in drawn else []
    legend(figure, entries)
    return figure


def _distance(axes: Axes, table: pd.DataFrame, style: ModelStyle, place: int, seed: int) -> None:
    """Draw the curve of a model's seed; 0 is its first."""
    many = len(table) > FEW
    value = table.value.rolling(WINDOW, center=True, min_periods=1).mean() if many else table.value
    if many:
        axes.plot(table.epoch, table.value, color=style.colour, linewidth=0.5, alpha=0.45, label=RAW)
    elif seed == 0 and "low" in table and table.low.notna().all():
        axes.fill_between(table.epoch, table.low, table.high, color=style.colour, **BAND)
    look = {"linestyle": "-", "marker": "", "linewidth": 0.9, "label": SEEDS} if seed else {}
    if many:
        look |= {"linestyle": "-", "linewidth": 1.3 if seed else 2.0}
    _line(axes, table.epoch, value, style, place, **look)


def _floor(axes: Axes, mean: float, sd: float, outside: bool) -> None:
    """The distance of real images: a line in a band, or a note where it lies outside the axis."""
    if outside:
        text = f"real against real: {mean:.2g} $\\pm$ {sd:.2g} (below)"
        axes.text(0.02, 0.02, text, transform=axes.transAxes, size="small", color=MUTED, va="bottom")
        return
    axes.axhspan(mean - sd, mean + sd, color=MUTED, **BAND)
    axes.axhline(mean, color=MUTED, linewidth=0.9, label=FLOOR)
    axes.set_ylim(bottom=min(axes.get_ylim()[0], max(mean - 2 * sd, mean / 2)))


@styled
def mix(points: Mapping[str, tuple[Any, Any]], real: tuple[Any, Any] | None = None) -> Figure:
    """The zoom's distance against the divergence of its classes: a point a checkpoint, a marker a training.

    Args:
        points: label of a training -> divergences and distances of its checkpoints.
        real: the same of real images whose classes are mixed otherwise.
    """
    figure = new_figure(50)
    axes = figure.subplots()
    entries, colour = [], MODELS["zoom"].colour
    for i, (label, (x, y)) in enumerate(points.items()):
        look = {"marker": "^osDv"[i % 5], "facecolor": colour if i == 0 else "none", "edgecolor": colour}
        entries.append((label, axes.scatter(x, y, s=13, linewidth=0.8, **look)))
    if real:
        (line,) = axes.plot(*real, color=INK, linewidth=0.9, marker=".", zorder=1)
        entries.append(("real images, mixed otherwise", line))
    axes.set(xlabel="divergence of the classes (nats)", ylabel="Fréchet distance", xlim=(0, None))
    axes.set_ylim(bottom=0)
    legend(figure, entries)
    return figure


@styled
def common_loss(levels: Any, ratio: Any) -> Figure:
    """The loss of one network over another's at common noise levels, alpha_bar."""
    figure = new_figure(44)
    axes = figure.subplots()
    axes.axhline(1, color=INK, linewidth=0.7)
    _line(axes, levels, ratio, MODELS["cosine"], linestyle="-")
    axes.set(xlabel=r"signal variance left, $\bar\alpha_t$", ylabel="loss, cosine over linear", xlim=(0, 1))
    return figure


@styled
def reconstruction_error(levels: Any, mse: Any, sd: Any) -> Figure:
    """Mean squared error of restorations against zoom level, in a band of 1 s.d.; above, the crop's side."""
    mse, style = np.asarray(mse), MODELS["zoom"]
    figure = new_figure(54)
    axes = figure.subplots()
    low, high = np.maximum(mse - sd, 0), mse + sd
    axes.fill_between(levels, low, high, color=style.colour, label=r"$\pm$ 1 s.d. over images", **BAND)
    _line(axes, levels, mse, style, linestyle="-", label="mean over images")
    axes.set(xlabel="zoom level $t$", ylabel="mean squared error", ylim=(0, None))
    upper = axes.secondary_xaxis("top", functions=(lambda t: 28 - t, lambda side: 28 - side))
    upper.set_xlabel("side of the crop (pixels)")
    for axis in (axes.xaxis, upper.xaxis):
        axis.set_major_locator(MaxNLocator(nbins=13, integer=True, min_n_ticks=1))
    axes.legend(loc="upper left")
    return figure


@styled
def loss_by_level(found: Mapping[str, CommonLoss], labels: Labels = None) -> Figure:
    """Test loss of the noise prediction against alpha_bar: at how much noise a model errs."""
    styles = model_styles(found, labels or ())
    figure = new_figure(62)
    axes = figure.subplots()
    for place, (name, one) in enumerate(found.items()):
        _line(axes, one.levels, one.by_level, styles[name], place)
    axes.set(xlabel=r"signal variance left, $\bar\alpha_t$", ylabel="mean squared error", xlim=(-0.02, 1.02))
    _log(axes, np.concatenate([one.by_level for one in found.values()]))
    legend(figure, handles(styles, labels))
    return figure
