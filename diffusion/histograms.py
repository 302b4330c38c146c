"""Figures of counts: pixel values, classes, and what is taken for what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from diffusion.figure_input import array, columns, field, filled, same_length, texts
from diffusion.figure_style import INK, SMALL, Entry, legend, model_styles, new_figure, styled, text_width

WIDEST = 20  # points that the name of a class may take along the x axis


@styled
def pixel_histogram(counts: Any) -> Figure:
    """Fig. 8: density of pixel values over [-0.5, 0.5], on a linear axis and on a logarithmic one.

    Args:
        counts: (256,), how many pixels have the value k/255 - 0.5.

    Raises:
        ValueError: another shape, a negative count, or no pixel at all.
    """
    counts = array(counts, "counts", 1, "(256,)")
    if len(counts) != 256 or not (counts >= 0).all() or not counts.sum():
        raise ValueError(f"counts must be 256 numbers of at least 0 and not all 0, got {len(counts)} numbers")
    edges = (np.arange(257) - 0.5) / 255 - 0.5
    density = counts / counts.sum() * 255
    figure = new_figure(58)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.stairs(density, edges, fill=True, color=INK, linewidth=0)
        axes.margins(x=0.02)
        axes.set_xlabel("pixel value")
    left.set(ylabel="density", ylim=(0, 1.05 * density.max()))
    right.set(ylabel="density, logarithmic", yscale="log")
    right.set_ylim(density[density > 0].min() / 2, 2 * density.max())
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def _shares(values: Any, name: str) -> np.ndarray:
    """Shares (classes,), each in [0, 1]."""
    shares = array(values, name, 1, "(10,)")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"{name} must be shares from 0 to 1, got {shares.min():g} to {shares.max():g}")
    return shares


def _name(axis: Axis, places: np.ndarray, classes: Sequence[str] | None) -> None:
    """Write the names of classes along an axis, slanted where they would run into one another."""
    names = texts(classes or range(len(places)), len(places), "classes")
    axis.set_ticks(places, names)
    if axis.axis_name == "x" and max(map(text_width, names)) > WIDEST:
        for label in axis.get_ticklabels():
            label.set(rotation=35, ha="right", rotation_mode="anchor")


@styled
def class_histogram(
    shares: Mapping[str, Mapping[str, Any]],
    prior: Any,
    labels: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
    noun: str = "digit",
) -> Figure:
    """How often each model draws each class: bars with intervals, and the share in real images as a step.

    Args:
        shares: model -> `{"share", "low", "high"}`, (10,) each, in [0, 1]; low and high may be absent.
        prior: (10,), the same for real images.
        labels: model -> text of the legend, where it is not the name.
        classes: names of the classes; None: 0 to 9.
        noun: what one of them is called.
    """
    styles = model_styles(filled(shares, "shares"))
    prior = _shares(prior, "prior")
    figure = new_figure(66)
    axes = figure.subplots()
    places, width = np.arange(len(prior)), 0.8 / len(styles)
    outlined = [withStroke(linewidth=1.7, foreground="white")]  # seen on bars of any colour
    entries: list[Entry] = []
    for place, (name, style) in enumerate(styles.items()):
        where = f"shares[{name!r}]"
        share = _shares(field(shares[name], "share", where), where)
        same_length(where, share=share, prior=prior)
        x = places + (place - (len(styles) - 1) / 2) * width
        look = {"facecolor": style.colour, "hatch": style.hatch, "edgecolor": "white", "linewidth": 0.5}
        axes.bar(x, 100 * share, width, **look)
        if shares[name].get("low") is not None and shares[name].get("high") is not None:
            low, high = (array(shares[name][key], f"{where}: {key}", 1, "(10,)") for key in ("low", "high"))
            same_length(where, share=share, low=low, high=high)
            axes.vlines(x, 100 * low, 100 * high, color=INK, linewidth=0.9, path_effects=outlined)
        entries.append(((labels or {}).get(name, name), Patch(**look)))
    step = axes.hlines(
        100 * prior, places - 0.45, places + 0.45, color=INK, linewidth=1.4, path_effects=outlined
    )
    entries.append(("real images", step))
    axes.set(xlabel=f"{noun} that the classifier reads", ylabel="share of images (%)", ylim=(0, None))
    _name(axes.xaxis, places, classes)
    axes.set_xlim(-0.6, len(prior) - 0.4)
    axes.grid(visible=False, axis="x")
    legend(figure, entries)
    return figure


@styled
def classes_along(
    rows: Sequence[Mapping[str, Any]], prior: Any, classes: Sequence[str] | None = None, noun: str = "digit"
) -> Figure:
    """Which classes a model draws after each checkpoint, as a map: epochs across, classes down.

    A column reaches halfway to the checkpoints beside it; the last one, apart, has the shares in real images.

    Args:
        rows: one `{"epoch", "share"}` a checkpoint, in order; shares (10,) in [0, 1].
        prior: (10,), the same for real images.
        classes: names of the classes; None: 0 to 9.
        noun: what one of them is called.

    Raises:
        ValueError: no checkpoint, epochs that do not grow, or shares that are none.
    """
    (epochs,) = columns(rows, ["epoch"], [], "rows")
    if (np.diff(epochs) <= 0).any():
        raise ValueError(f"rows must have growing epochs, got {epochs.tolist()}")
    prior = _shares(prior, "prior")
    shares = [_shares(field(row, "share", "rows"), "rows: share") for row in rows]
    same_length(
        "classes_along", **{f"epoch {e:g}": s for e, s in zip(epochs, shares, strict=True)}, prior=prior
    )
    inner = (epochs[1:] + epochs[:-1]) / 2
    edges = np.concatenate([[epochs[0] - 0.5], inner, [epochs[-1] + 0.5]])
    figure = new_figure(58)
    axes, aside = figure.subplots(1, 2, sharey=True, width_ratios=(24, 1))
    look = {"cmap": "Blues", "vmin": 0, "vmax": 100 * max(prior.max(), *(s.max() for s in shares))}
    places = np.arange(len(prior) + 1)
    cells = axes.pcolormesh(edges, places, 100 * np.stack(shares, axis=1), **look)
    aside.pcolormesh([0, 1], places, 100 * prior[:, None], **look)
    aside.set_xticks([0.5], ["real"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel=f"{noun} that the classifier reads")
    _name(axes.yaxis, places[:-1] + 0.5, classes)
    axes.invert_yaxis()
    for part in (axes, aside):
        part.grid(visible=False)
        part.tick_params(length=0, pad=4)
    bar = figure.colorbar(cells, ax=[axes, aside], label="share (%)", fraction=0.04, aspect=24, pad=0.03)
    bar.outline.set_visible(False)
    return figure


@styled
def confusion(matrix: Any, classes: Sequence[str] | None = None, noun: str = "digit") -> Figure:
    """What reconstructions of each class are read as, in per cent of the row; blank below half of one.

    Args:
        matrix: (10, 10), counts by true class (rows) and class read (columns).
        classes: names of the classes; None: 0 to 9.
        noun: what one of them is called.

    Raises:
        ValueError: not square, or a negative count.
    """
    matrix = array(matrix, "matrix", 2, "(10, 10)")
    if len(matrix) != len(matrix.T) or not (matrix >= 0).all():
        raise ValueError(f"matrix must be square with counts of at least 0, got shape {matrix.shape}")
    share = (
        100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-9)
    )  # a class that never occurs: all blank
    figure = new_figure(86)
    axes = figure.subplots()
    axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=0.8)
    for (row, column), value in np.ndenumerate(share):
        if value >= 0.5:
            colour = "white" if value > 65 else INK
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{value:.0f}",
                color=colour,
                size=SMALL,
                ha="center",
                va="center_baseline",
            )
    axes.set(xlabel=f"read as (% of the true {noun})", ylabel=f"true {noun}", aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        _name(axis, np.arange(len(matrix)) + 0.5, classes)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=4)
    return figure
