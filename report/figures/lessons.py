"""Figures for notebooks: schedules, degraded images, restorations, errors, counts, losses.

They take arrays, tensors or results, and return a matplotlib Figure.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from diffusion.pixels import grey_values
from diffusion.progress import live
from report.figures.curves import PLAIN, Styles, curve, legend, line, styles_of
from report.figures.images import HIGHEST, Panel, as_bytes, page, rows
from report.figures.print_style import INK, SMALL, new_figure, styled

SECONDS = 1.0  # between two updates of the loss curve
LONG = 3  # if a class name has more characters, names along an axis are slanted


def steps_of(T: int, n: int, first: int = 0) -> list[int]:
    """n evenly spaced integer steps from `first` to T.

    Args:
        T: last step.
        n: number of steps.
        first: first step. Default 0.
    """
    return torch.linspace(first, T, n).round().long().tolist()


@styled
def schedules(schedules: Mapping[str, Any], styles: Styles | None = None) -> Figure:
    """Fig. 1: beta_t (left) and alpha_bar_t (right) of noise schedules.

    A bar marks the step from which beta_t is clipped and stays at its largest value.

    Args:
        schedules: noise schedules by name, with `beta` and `alpha_bar` of shape (T + 1,).
        styles: style of each. Default None: in order.
    """
    styles = styles or styles_of(schedules)
    figure = new_figure(57)
    left, right = figure.subplots(1, 2)
    for number, (name, schedule) in enumerate(schedules.items()):
        beta, alpha_bar = np.asarray(schedule.beta), np.asarray(schedule.alpha_bar)
        t = np.arange(len(beta))
        line(left, t[1:], beta[1:], styles[name], number)
        line(right, t, alpha_bar, styles[name], number)
        figure.plots(f"{name}, beta", t[1:], beta[1:])
        figure.plots(f"{name}, alpha_bar", t, alpha_bar)
        if len(clipped := np.flatnonzero(beta == beta.max())) > 1:
            look = {"textcoords": "offset points", "ha": "right", "color": styles[name].colour, "size": SMALL}
            begin = (clipped[0], beta[-1])
            left.plot(*begin, "|", color=styles[name].colour, markersize=10, markeredgewidth=1.2)
            left.annotate(f"clipped from $t = {begin[0]}$", begin, (-3, 5), **look)
    left.set(xlabel="step $t$", ylabel=r"noise variance of a step, $\beta_t$", ylim=(0, None))
    left.margins(y=0.12)
    right.set(xlabel="step $t$", ylabel=r"signal variance left, $\bar\alpha_t$", ylim=(-0.02, 1.02))
    for axes in (left, right):
        axes.margins(x=0.02)
    legend(figure, [*zip(schedules, right.lines, strict=True)])
    return figure


def noised(image: Any, alpha_bar: Iterable[float]) -> np.ndarray:
    """Degrade an image by noise, with the same noise at each level.

    The greys of a latent are scaled: two standard deviations about its mean fill the range. At alpha_bar = 1
    the image is unchanged.

    Args:
        image: one image, as in `report.figures.images`.
        alpha_bar: share of the image's variance at each level.

    Returns:
        Bytes (levels, S, S), or (levels, S, S, 3) in colour.
    """
    x0 = as_bytes(image)[0]
    noise = np.random.default_rng(3).standard_normal(x0.shape)
    rows = []
    for a in map(float, alpha_bar):
        x = np.sqrt(a) * (x0 / 255 - 0.5) + np.sqrt(1 - a) * noise
        scaled = torch.from_numpy((x - x.mean()) / (4 * x.std()))
        rows.append(x0 if a >= 1 else grey_values(scaled).numpy())
    return np.stack(rows)


@styled
def zoom_progression(images: Any) -> Figure:
    """Fig. 7: an image at up to 13 of the zoom levels t = 0..T, with the size of the crop.

    Args:
        images: the image at each level, 0 to T.
    """
    every = slice(None, None, math.ceil(len(images) / 13))
    images, levels = as_bytes(images)[every], range(len(images))[every]
    side = images.shape[1]
    labels = [rf"$t = {t}$" + "\n" + rf"${side - t} \times {side - t}$" for t in levels]
    return page([Panel(images, len(images), under=labels)], highest=60)


def reconstructions(
    original: Any, degraded: Any, restored: Any, levels: Sequence[Any] | None = None
) -> Figure:
    """Figs. 10 and 11: images, their degraded and their restored versions in three rows.

    Args:
        original, degraded, restored: n images each.
        levels: labels under the columns; integers are shown as t = level.
    """
    named = {"original": original, "degraded": degraded, "restored": restored}
    return rows(named, [f"$t = {x}$" if isinstance(x, int) else str(x) for x in levels or ()])


@styled
def trajectory(latents: Any, steps: Sequence[int]) -> Figure:
    """Fig. 12: samples on their way from the prior to images, a row for each step.

    Args:
        latents: (steps, columns, C, S, S), or kept bytes.
        steps: t of each row.
    """
    beside = [f"$t = {t}$" for t in steps]
    beside[0], beside[-1] = f"prior, {beside[0]}", f"sample, {beside[-1]}"
    return page([Panel(as_bytes(latents), np.shape(latents)[1], beside)], highest=66)


@styled
def centre_pixels(counts: Any) -> Figure:
    """Fig. 8: the density of pixel values, on a logarithmic scale.

    Args:
        counts: (256,), the number of pixels with value k / 255 - 0.5.
    """
    counts = np.asarray(counts)
    share = counts / counts.sum()
    edges = (np.arange(257) - 0.5) / 255 - 0.5
    figure = new_figure(44)
    axes = figure.subplots()
    axes.stairs(255 * share, edges, fill=True, color=INK, linewidth=0)
    figure.plots("density", np.arange(256) / 255 - 0.5, 255 * share)
    axes.set(xlabel="pixel value", ylabel="density", yscale="log")
    axes.set_ylim(255 * share[share > 0].min() / 2, 2 * 255 * share.max())
    axes.yaxis.set_major_formatter(PLAIN)
    axes.margins(x=0.02)
    return figure


@styled
def confusion(matrix: Any, classes: Sequence[str], noun: str) -> Figure:
    """Classes that the classifier reads (columns) in images of each true class (rows), in per cent of a row.

    Args:
        matrix: counts (K, K).
        classes: names of the classes.
        noun: word for a class, such as "digit".
    """
    import seaborn as sns  # takes two seconds

    matrix = np.asarray(matrix)
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)  # blank for a missing class
    text = np.where(share >= 0.5, np.char.mod("%.0f", share), "")
    figure = new_figure(58)
    axes = figure.subplots()
    for true, row in zip(classes, share, strict=True):
        figure.plots(f"true {true}", range(len(classes)), row)
    look = {"cmap": "Blues", "vmin": 0, "vmax": 100, "cbar": False, "square": True, "linewidths": 0.8}
    sns.heatmap(share, annot=text, fmt="", annot_kws={"size": SMALL}, ax=axes, **look)
    axes.set(xlabel=f"read as (% of the true {noun})", ylabel=f"true {noun}")
    for axis in (axes.xaxis, axes.yaxis):
        name_classes(axis, classes)
    axes.tick_params(length=0, pad=4)
    return figure


def name_classes(axis: Axis, classes: Sequence[str]) -> None:
    """Write the names of classes along an axis of cells, slanted if they would overlap."""
    axis.set_ticks(np.arange(len(classes)) + 0.5, classes)
    slanted = axis.axis_name == "x" and max(map(len, classes)) > LONG
    for label in axis.get_ticklabels():
        label.set(rotation=60, ha="right", rotation_mode="anchor") if slanted else label.set(rotation=0)


@styled
def grids(titled: Mapping[str, Any], columns: int = 8, across: int = 1, highest: float = HIGHEST) -> Figure:
    """Grids of images with titles.

    Args:
        titled: images by title.
        columns: number of images in a row of a grid. Default 8.
        across: number of grids next to each other. Default 1.
        highest: maximum height of the figure in mm.
    """
    panels = [Panel(as_bytes(x), columns, title=title) for title, x in titled.items()]
    return page(panels, across, highest)


def loss_curve() -> Callable[[int, float], None] | None:
    """Make a callback for `diffusion.fit` that draws the loss about once a second.

    Returns:
        The callback in a notebook with a person at it, else None.
    """
    if not live():
        return None
    from IPython.display import display

    losses, drawn = [], [-SECONDS]  # when the curve was drawn

    def show(step: int, loss: float) -> None:
        losses.append((step, loss))
        if time.monotonic() - drawn[-1] > SECONDS:
            shown = curve(("step", "training loss"), *zip(*losses, strict=True))
            display(shown, display_id=f"loss {id(losses)}", update=len(drawn) > 1)
            drawn.append(time.monotonic())

    return show
