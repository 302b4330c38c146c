"""Figures along training: distances, losses beside released ones and at common noise levels, class mix."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from diffusion.figures.curves import BAND, FEW, Rows, epochs, line, logarithmic, name_classes, table_of
from diffusion.figures.style import INK, MUTED, SMALL, Style, Styles, handles, legend, new_figure, styled
from study.figures.styles import MODELS

WINDOW = 9  # checkpoints of a running mean, where there are more than FEW
SEEDS, RAW = "further seeds", "each checkpoint"
FLOOR = r"real against real, $\pm$ 1 s.d."
EXPLAINED = {  # what a legend says beside the models, where it is drawn
    SEEDS: {"color": INK, "linewidth": 0.7},
    RAW: {"color": INK, "linewidth": 0.5, "alpha": 0.45},
    FLOOR: {"color": MUTED, "linewidth": 0.9},
}
YOURS, RELEASED = "your run", "the paper's"
BESIDE = {YOURS: {"color": "#004488", "marker": "o"}, RELEASED: {"color": MUTED, "linewidth": 1.0}}
DOUBLINGS = {"cmap": "RdBu_r", "vmin": -2, "vmax": 2}  # colours of a share over the real one


@styled
def distance_curves(
    curves: Mapping[str, Sequence[Rows]], floor: tuple[float, float] | None, noun: str, styles: Styles
) -> Figure:
    """Figs. 4 and 13: distances to real images over epochs, of all seeds of a model.

    Where there are many checkpoints, each is a point of a thin line, and the running mean a thick one; of
    further seeds the mean is thinner. Of few, the first seed has its intervals. A floor far below all curves
    is written into the panel instead.

    Args:
        curves: model -> one list a seed of rows with `epoch`, `value` and, where there is an interval, `low`
            and `high`.
        floor: mean and standard deviation of the distance of as many real images, or None.
        noun: what a class of the data is called.
    """
    figure = new_figure(60)
    axes = figure.subplots()
    tables = {name: [table_of(rows) for rows in seeds] for name, seeds in curves.items()}
    for place, (name, seeds) in enumerate(tables.items()):
        for seed, table in enumerate(seeds):
            _distance(axes, table, styles[name], place, seed)
    every = pd.concat([table for seeds in tables.values() for table in seeds])
    epochs(axes, every.epoch.min(), every.epoch.max())
    axes.set_ylabel(f"Fréchet distance, {noun} features")
    low, high = every.value.min(), every.value.max()
    on_logs = logarithmic(axes, every.value)
    if not on_logs and 0 <= low < high / 3:
        axes.set_ylim(bottom=0)
    if floor:
        _floor(axes, *floor, outside=on_logs and floor[0] < low / 2)
    drawn = {one.get_label() for one in axes.lines}
    entries = handles({name: styles[name] for name in curves})
    entries += [(label, Line2D([], [], **look)) for label, look in EXPLAINED.items() if label in drawn]
    legend(figure, entries)
    return figure


def _distance(axes: Axes, table: pd.DataFrame, style: Style, place: int, seed: int) -> None:
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
    line(axes, table.epoch, value, style, place, **look)


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
def mix(panels: Mapping[str, tuple[Mapping[str, Sequence[Any]], Sequence[Any]]]) -> Figure:
    """The zoom's distance against the divergence of its classes: a point a checkpoint, a marker a training.

    Args:
        panels: title -> points of each training, by its label, and those of real images whose classes are
            mixed otherwise, if any: (divergence, distance) each.
    """
    figure, entries, colour = new_figure(50), {}, MODELS["zoom"].colour
    for axes, (title, (points, real)) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for i, (label, found) in enumerate(points.items()):
            look = {"marker": "^osDv"[i % 5], "facecolor": colour if i == 0 else "none", "edgecolor": colour}
            entries[label] = axes.scatter(*zip(*found, strict=True), s=13, linewidth=0.8, **look)
        if real:
            (curve,) = axes.plot(*zip(*real, strict=True), color=INK, linewidth=0.9, marker=".", zorder=1)
            entries["real images, mixed otherwise"] = curve
        axes.set(title=title, xlabel="divergence of the classes (nats)", xlim=(0, None))
        axes.set_ylim(bottom=0)
    figure.axes[0].set_ylabel("Fréchet distance")
    legend(figure, list(entries.items()))
    return figure


@styled
def common_loss(levels: Any, ratio: Any) -> Figure:
    """The loss of one network over another's at common noise levels, alpha_bar."""
    figure = new_figure(44)
    axes = figure.subplots()
    axes.axhline(1, color=INK, linewidth=0.7)
    line(axes, levels, ratio, MODELS["cosine"], linestyle="-")
    axes.set(xlabel=r"signal variance left, $\bar\alpha_t$", ylabel="loss, cosine over linear", xlim=(0, 1))
    return figure


def _doublings(ratio: np.ndarray) -> np.ndarray:
    return np.log2(np.clip(ratio, 1 / 4, 4))


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
        at = np.array([entry["epoch"] for entry in rows])
        share = np.array([entry["share"] for entry in rows]).T  # (classes, epochs)
        with np.errstate(divide="ignore", invalid="ignore"):  # a class that is not among the real images
            ratio = _doublings(share / np.asarray(prior)[:, None])
        inner = (at[1:] + at[:-1]) / 2  # a column reaches halfway to those beside it
        edges = np.concatenate([[at[0] - 0.5], inner, [at[-1] + 0.5]])
        cells = axes.pcolormesh(edges, np.arange(len(share) + 1), ratio, rasterized=True, **DOUBLINGS)
        axes.set(xlabel="epoch", title=title if len(curves) > 1 else "")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.grid(visible=False)
        axes.tick_params(length=0, pad=4)
    name_classes(row[0].yaxis, classes)
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
    name_classes(axes.xaxis, classes)
    axes.set_yticks(np.arange(len(table)) + 0.5, list(ratios), rotation=0)
    axes.set_xlabel(f"{noun} that the classifier reads")
    axes.tick_params(length=0, pad=4)
    return figure


@styled
def losses_beside(panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]]) -> Figure:
    """Test losses against passes over the data, a panel for each model.

    Args:
        panels: the model's label -> `YOURS` and, where there is one, `RELEASED` -> passes, and losses.
    """
    across = min(len(panels), 2 if len(panels) <= 4 else 4)
    figure = new_figure(8 + 38 * math.ceil(len(panels) / across))
    grid = figure.subplots(math.ceil(len(panels) / across), across, squeeze=False)
    places = list(grid.flat)
    for axes, (label, curves) in zip(places, panels.items(), strict=False):
        for whose, (passes, losses) in curves.items():
            few = {} if len(passes) <= FEW else {"marker": ""}
            axes.plot(passes, losses, **BESIDE[whose] | few)
        highest = max(max(losses) for _, losses in curves.values())
        axes.set(title=label, xscale="log", ylim=(0, 1.12 * highest))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axes in places[len(panels) :]:
        axes.remove()
    figure.supxlabel("passes over the training images", size="medium")
    figure.supylabel("test loss", size="medium")
    drawn = dict.fromkeys(whose for curves in panels.values() for whose in curves)
    legend(figure, [(whose, places[0].plot([], [], **BESIDE[whose])[0]) for whose in drawn])
    return figure
