"""Figures of counts: pixel values, classes, and what is read as what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from diffusion.figures.style import INK, SMALL, new_figure, styled

LONG = 3  # characters of a class's name from which names along an axis are slanted
DOUBLINGS = {"cmap": "RdBu_r", "vmin": -2, "vmax": 2}  # colours of a share over the real one


def _doublings(ratio: np.ndarray) -> np.ndarray:
    return np.log2(np.clip(ratio, 1 / 4, 4))


@styled
def centre_pixels(counts: Any) -> Figure:
    """Fig. 8: the density of pixel values in [-0.5, 0.5], on a logarithmic scale.

    Args:
        counts: (256,), how many pixels have the value k / 255 - 0.5.
    """
    share = np.asarray(counts) / np.sum(counts)
    edges = (np.arange(257) - 0.5) / 255 - 0.5
    figure = new_figure(44)
    axes = figure.subplots()
    axes.stairs(255 * share, edges, fill=True, color=INK, linewidth=0)
    axes.set(xlabel="pixel value", ylabel="density", yscale="log")
    axes.set_ylim(255 * share[share > 0].min() / 2, 2 * 255 * share.max())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.02)
    return figure


def _name(axis: Axis, places: np.ndarray, classes: Sequence[str]) -> None:
    """Write the names of classes along an axis, slanted where they would run into one another."""
    axis.set_ticks(places, classes)
    slanted = axis.axis_name == "x" and max(map(len, classes)) > LONG
    for label in axis.get_ticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor") if slanted else label.set(rotation=0)


@styled
def classes_along(
    curves: Mapping[str, Sequence[Any]], prior: Any, classes: Sequence[str], noun: str
) -> Figure:
    """Class shares over the real ones, checkpoint by checkpoint: a map for each training.

    Colour is the share of a class over its share in real images, from a quarter or less to fourfold or more.

    Args:
        curves: title -> rows with `epoch` and `share`, (10,), a column of the map each.
        prior: (10,), the shares in real images.
        classes, noun: names of the classes, and what one is called.
    """
    figure = new_figure(62)
    row = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (title, rows) in zip(row, curves.items(), strict=True):
        tables = [dict(entry) for entry in rows]
        epochs = np.array([table["epoch"] for table in tables])
        share = np.array([table["share"] for table in tables]).T  # (classes, epochs)
        with np.errstate(divide="ignore", invalid="ignore"):  # a class that is not among the real images
            ratio = _doublings(share / np.asarray(prior)[:, None])
        inner = (epochs[1:] + epochs[:-1]) / 2  # a column reaches halfway to those beside it
        edges = np.concatenate([[epochs[0] - 0.5], inner, [epochs[-1] + 0.5]])
        cells = axes.pcolormesh(edges, np.arange(len(share) + 1), ratio, rasterized=True, **DOUBLINGS)
        axes.set(xlabel="epoch", title=title if len(curves) > 1 else "")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.grid(visible=False)
        axes.tick_params(length=0, pad=4)
    _name(row[0].yaxis, np.arange(len(classes)) + 0.5, classes)
    row[0].set_ylabel(f"{noun} that the classifier reads")
    row[0].invert_yaxis()
    bar = figure.colorbar(cells, ax=row, label="share, over that in real images", aspect=24, pad=0.02)
    bar.set_ticks([-2, -1, 0, 1, 2], labels=["≤ ¼", "½", "1", "2", "≥ 4"])
    bar.outline.set_visible(False)
    return figure


@styled
def class_map(ratios: Mapping[str, Any], classes: Sequence[str], noun: str) -> Figure:
    """Shares of classes over those of real images: a row for each training, a column for each class.

    Colour is the ratio, from a quarter or less to fourfold or more; the number is written into the cell.

    Args:
        ratios: label of a training -> (10,).
        classes, noun: names of the classes, and what one is called.
    """
    table = np.array([np.asarray(row, dtype=float) for row in ratios.values()])
    figure = new_figure(18 + 6.2 * len(table))
    axes = figure.subplots()
    look = {"cbar": False, "linewidths": 0.8, **DOUBLINGS}
    sns.heatmap(_doublings(table), annot=table, fmt=".2f", annot_kws={"size": SMALL}, ax=axes, **look)
    _name(axes.xaxis, np.arange(len(classes)) + 0.5, classes)
    axes.set_yticks(np.arange(len(table)) + 0.5, list(ratios), rotation=0)
    axes.set_xlabel(f"{noun} that the classifier reads")
    axes.tick_params(length=0, pad=4)
    return figure


@styled
def confusion(matrix: Any, classes: Sequence[str], noun: str) -> Figure:
    """Classes read in the restorations of each class, in per cent of the row; blank below half of one.

    Args:
        matrix: (10, 10), counts by true class (rows) and class read (columns).
        classes, noun: names of the classes, and what one is called.
    """
    matrix = np.asarray(matrix)
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)  # none of a class: blank
    text = np.where(share >= 0.5, np.char.mod("%.0f", share), "")
    figure = new_figure(76)
    axes = figure.subplots()
    look = {"cmap": "Blues", "vmin": 0, "vmax": 100, "cbar": False, "square": True, "linewidths": 0.8}
    sns.heatmap(share, annot=text, fmt="", annot_kws={"size": SMALL}, ax=axes, **look)
    axes.set(xlabel=f"read as (% of the true {noun})", ylabel=f"true {noun}")
    for axis in (axes.xaxis, axes.yaxis):
        _name(axis, np.arange(len(matrix)) + 0.5, classes)
    axes.tick_params(length=0, pad=4)
    return figure
