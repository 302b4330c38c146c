"""Figures of curves: schedules, losses, distances and errors.

A curve is one model, with the same colour and marker in all figures. Where a figure has train and test
losses, solid is train and dashed is test; elsewhere the line style is the model's too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from diffusion.figure_input import array, columns, field, filled, same_length
from diffusion.figure_style import (
    INK,
    MUTED,
    TEST_LINE,
    TRAIN_LINE,
    Entry,
    ModelStyle,
    legend,
    model_styles,
    new_figure,
    sample,
    styled,
)

FEW = 25  # up to so many points, each has a marker
WIDE = 30  # values that span more than this factor get a logarithmic axis
BAND = {"alpha": 0.2, "linewidth": 0}


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, style: ModelStyle, place: int, **kwargs: Any) -> Line2D:
    """A model's curve, with a marker on each of few points, or on about eight of many, shifted by `place`."""
    every = None if len(x) <= FEW else ((1 + 2 * place) * len(x) // 40, math.ceil(len(x) / 8))
    look = {"linestyle": style.line, "markeredgecolor": style.colour, "markeredgewidth": 0.9, **kwargs}
    (line,) = axes.plot(x, y, color=style.colour, marker=style.marker, markevery=every, **look)
    return line


def _epoch_axis(axes: Axes, epochs: np.ndarray) -> None:
    """Whole epochs, with some room at both ends, even of a single one."""
    room = max(0.03 * np.ptp(epochs), 0.3)
    axes.set(xlabel="epoch", xlim=(epochs.min() - room, epochs.max() + room))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=11, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def _log_if_wide(axes: Axes, values: np.ndarray) -> bool:
    """A logarithmic y axis, in plain numbers, if all finite values are positive and span more than `WIDE`."""
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    if low <= 0 or high / low <= WIDE:
        return False
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,), numticks=15)
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low / 1.25, high * 1.25)
    return True


def _named(styles: Mapping[str, ModelStyle], labels: Mapping[str, str] | None, **kwargs: Any) -> list[Entry]:
    """A legend's entries for models, under their labels where they have one."""
    return [((labels or {}).get(name, name), sample(style, **kwargs)) for name, style in styles.items()]


@styled
def schedules(schedules: Mapping[str, tuple[Any, Any]], labels: Mapping[str, str] | None = None) -> Figure:
    """Fig. 1: beta_t (left) and alpha_bar_t (right) against the step t, a curve for each noise schedule.

    Args:
        schedules: name -> `(beta, alpha_bar)`, (T+1,) each, index 0 the clean image; beta is drawn from 1.
        labels: name -> text of the legend, where it is not the name.
    """
    styles = model_styles(filled(schedules, "schedules"))
    figure = new_figure(62)
    left, right = figure.subplots(1, 2)
    for place, (name, pair) in enumerate(schedules.items()):
        where = f"schedules[{name!r}]"
        if len(pair) != 2:
            raise ValueError(f"{where} must be (beta, alpha_bar), got {len(pair)} arrays")
        beta, alpha_bar = (array(values, where, 1, "(T+1,)") for values in pair)
        same_length(where, beta=beta, alpha_bar=alpha_bar)
        t = np.arange(len(beta))
        _line(left, t[1:], beta[1:], styles[name], place)
        _line(right, t, alpha_bar, styles[name], place)
    left.set(xlabel="step $t$", ylabel=r"noise variance of a step, $\beta_t$", ylim=(0, None))
    right.set(xlabel="step $t$", ylabel=r"signal variance left, $\bar\alpha_t$", ylim=(-0.02, 1.02))
    for axes in (left, right):
        axes.margins(x=0.02)
    legend(figure, _named(styles, labels))
    return figure


@styled
def losses(
    histories: Mapping[str, Sequence[Mapping[str, float]]],
    labels: Mapping[str, str] | None = None,
    ylabel: str = "mean squared error",
) -> Figure:
    """Figs. 3 and 9, and the loss of any one model: train (solid) and test (dashed) loss over epochs.

    Args:
        histories: model -> one `{"epoch", "train_loss", "test_loss"}` for each epoch.
        labels: model -> text of the legend, where it is not the name.
        ylabel: what the loss is.
    """
    styles = model_styles(filled(histories, "histories"))
    figure = new_figure(70)
    axes = figure.subplots()
    epochs, values = [], []
    for place, (name, rows) in enumerate(histories.items()):
        required = ("epoch", "train_loss", "test_loss")
        epoch, train, test = columns(rows, required, (), f"histories[{name!r}]")
        _line(axes, epoch, train, styles[name], place, linestyle=TRAIN_LINE)
        _line(axes, epoch, test, styles[name], place, linestyle=TEST_LINE, markerfacecolor="white")
        epochs.append(epoch)
        values += [train, test]
    axes.set_ylabel(ylabel)
    _epoch_axis(axes, np.concatenate(epochs))
    _log_if_wide(axes, np.concatenate(values))
    alone = next(iter(styles.values())) if len(styles) == 1 else None
    entries = [] if alone else _named(styles, labels, linestyle=TRAIN_LINE)
    split = alone or ModelStyle(INK, None, "", "")
    entries.append(("train", sample(split, linestyle=TRAIN_LINE)))
    entries.append(("test", sample(split, linestyle=TEST_LINE, markerfacecolor="white")))
    legend(figure, entries)
    return figure


@styled
def distances(
    curves: Mapping[str, Sequence[Mapping[str, float | None]]],
    floor: tuple[float, float] | None = None,
    ylabel: str = "Fréchet distance",
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Figs. 4 and 13: a distance to the real images over epochs, with its interval, and the floor below it.

    The y axis is logarithmic if the values and the floor are positive and span more than a factor of 30.

    Args:
        curves: model -> one `{"epoch", "value", "low", "high"}` a checkpoint; low and high may be None.
        floor: mean and standard deviation of the distance of as many real images; None for none.
        ylabel: which distance.
        labels: model -> text of the legend, where it is not the name.
    """
    return distance_panels({ylabel: (curves, floor)}, labels)


@styled
def distance_panels(
    panels: Mapping[str, tuple[Mapping[str, Sequence[Mapping]], tuple[float, float] | None]],
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Several `distances` side by side, such as one for each extractor.

    Args:
        panels: label of the y axis -> (curves, floor), as `distances` takes them.
    """
    figure = new_figure(72)
    entries: list[Entry] = []
    row = figure.subplots(1, len(filled(panels, "panels")), squeeze=False)[0]
    for axes, (ylabel, (curves, floor)) in zip(row, panels.items(), strict=True):
        entries = max(entries, _distance_panel(axes, curves, floor, ylabel, labels), key=len)
    legend(figure, entries)
    return figure


def _distance_panel(
    axes: Axes, curves: Mapping, floor: tuple[float, float] | None, ylabel: str, labels: Mapping | None
) -> list[Entry]:
    """Draw one panel; returns its entries of the legend."""
    styles = model_styles(filled(curves, "curves"))
    epochs, values = [], []
    for place, (name, rows) in enumerate(curves.items()):
        where = f"curves[{name!r}]"
        epoch, value, low, high = columns(rows, ("epoch", "value"), ("low", "high"), where)
        known = np.isfinite(low) & np.isfinite(high)
        if known.sum() > 1:
            axes.fill_between(epoch, low, high, where=known, color=styles[name].colour, **BAND)
        else:  # a band over one point would not be seen
            axes.vlines(epoch[known], low[known], high[known], color=styles[name].colour, linewidth=1)
        _line(axes, epoch, value, styles[name], place)
        epochs.append(epoch)
        values.append(value)
    entries = _named(styles, labels)
    if floor is not None:
        pair = array(floor, "floor", 1, "(mean, sd)")
        if len(pair) != 2 or not np.isfinite(pair).all():
            raise ValueError(f"floor must be (mean, sd), two numbers, or None; got {floor}")
        axes.axhspan(pair[0] - pair[1], pair[0] + pair[1], color=MUTED, **BAND)
        line = axes.axhline(pair[0], color=MUTED, linewidth=0.9)
        entries.append(("real against real, ± 1 s.d.", (Patch(color=MUTED, **BAND), line)))
        values.append(np.array([max(pair[0] - pair[1], pair[0] / 2)]))  # room for the band, of any width
    axes.set_ylabel(ylabel)
    _epoch_axis(axes, np.concatenate(epochs))
    if not _log_if_wide(axes, np.concatenate(values)) and not (np.concatenate(values) < 0).any():
        axes.set_ylim(bottom=0)
    return entries


@styled
def reconstruction_error(levels: Any, mse: Any, sd: Any | None = None, side: int = 28) -> Figure:
    """Mean squared error of the reconstructions against zoom level; above, the side of the crop.

    Args:
        levels: (T,), the zoom levels t.
        mse: (T,), mean over images.
        sd: (T,), standard deviation over images, drawn as a band; None for none.
        side: pixels of an image's side.
    """
    levels, mse = array(levels, "levels", 1, "(T,)"), array(mse, "mse", 1, "(T,)")
    spread = np.zeros_like(mse) if sd is None else array(sd, "sd", 1, "(T,)")
    same_length("reconstruction_error", levels=levels, mse=mse, sd=spread)
    style = model_styles(["zoom"])["zoom"]
    figure = new_figure(66)
    axes = figure.subplots()
    entries = [("mean over images", sample(style, linestyle="-"))]
    if sd is not None:
        axes.fill_between(levels, np.maximum(mse - spread, 0), mse + spread, color=style.colour, **BAND)
        entries.append(("± 1 s.d. over images", Patch(color=style.colour, **BAND)))
    _line(axes, levels, mse, style, 0, linestyle="-")
    top = axes.get_ylim()[1]
    axes.set(xlabel="zoom level $t$", ylabel="mean squared error", ylim=(-0.025 * top, top))
    upper = axes.secondary_xaxis("top", functions=(lambda t: side - t, lambda s: side - s))
    upper.set_xlabel("side of the crop (pixels)")
    for axis in (axes.xaxis, upper.xaxis):
        axis.set_major_locator(MaxNLocator(nbins=13, integer=True, min_n_ticks=1))
    axes.legend([handle for _, handle in entries], [label for label, _ in entries], loc="upper left")
    return figure


@styled
def timestep_loss(curves: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str] | None = None) -> Figure:
    """Test loss of the noise prediction against alpha_bar: where on its schedule a model errs.

    Args:
        curves: model -> `{"alpha_bar", "test_loss"}`, (buckets,) each.
        labels: model -> text of the legend, where it is not the name.
    """
    styles = model_styles(filled(curves, "curves"))
    figure = new_figure(66)
    axes = figure.subplots()
    values = []
    for place, (name, curve) in enumerate(curves.items()):
        where = f"curves[{name!r}]"
        x, y = (array(field(curve, key, where), where, 1, "(buckets,)") for key in ("alpha_bar", "test_loss"))
        same_length(where, alpha_bar=x, test_loss=y)
        order = np.argsort(x)
        _line(axes, x[order], y[order], styles[name], place)
        values.append(y)
    axes.set(xlabel=r"signal variance left, $\bar\alpha_t$", ylabel="mean squared error", xlim=(-0.02, 1.02))
    _log_if_wide(axes, np.concatenate(values))
    legend(figure, _named(styles, labels))
    return figure
