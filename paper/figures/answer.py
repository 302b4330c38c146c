"""The figure on the main question: samples of each run, two distances, the share of digits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from diffusion.evaluation.statistics import Interval
from paper import answer as question
from paper.answer import FACTOR, Asked
from paper.figures.pictures import kept
from report.figures.curves import legend
from report.figures.print_style import INK, SMALL, new_figure
from report.figures.styles import MODELS, add_axes, figure, on_logs, strip, write
from report.results.table import CHECKPOINT
from report.results.views import Results, Training

NEAR = question.PAIR[1]  # model with a band about its mean
SHOWN = 8  # samples of each run
ROW, SIDE = 0.26, 0.21  # inches: a row; a sample
LEFT, PANEL, GAP = 0.72, 0.96, 0.1  # inches: names of rows; a panel; the gap before it
KEY, TITLES, TICKS = 0.55, 0.52, 0.25  # inches: the legend, titles and ticks of the panels
PANELS = {  # measure of the question -> title
    "digits": "distance,\nfeatures\nof digits",
    "autoencoder": "distance,\nfeatures of an\nautoencoder",
    "share": "share\nof digits",
}
FLOORS = {"digits": "floor", "autoencoder": "floor_autoencoder"}  # measures of real images
BAND = {"color": MODELS[NEAR].colour, "alpha": 0.1, "linewidth": 0}
LINE = {"color": MODELS[NEAR].colour, "linewidth": 0.7}


class Row(NamedTuple):
    """A row of the figure: a training, or without one, the heading of a model."""

    model: str
    name: str
    of: Results
    training: Training | None = None


@figure
def answer(results: Results) -> Figure | None:
    """A row for each training of the original models: first samples, two distances, the share of digits.

    The heading row of a model shows the mean of its training runs with its 95% interval (`paper.answer`).
    Marks of the published weights are hollow.
    """
    if not (rows := _rows(results)):
        return None
    high = ROW * (1 + len(rows))
    drawn = new_figure(25.4 * (KEY + TITLES + high + TICKS), layout=None)
    write(drawn, 0, TICKS + high - ROW / 2, "real digits", INK)
    _samples(drawn, results, "real", TICKS + high - ROW / 2)
    for i, row in enumerate(rows):
        middle = TICKS + high - ROW * (i + 1.5)
        write(drawn, 0, middle, row.name, MODELS[row.model].colour)
        if row.training:
            _samples(drawn, row.of, f"samples_{row.training.name}", middle)
    for i, (name, title) in enumerate(PANELS.items()):
        left = LEFT + SHOWN * SIDE + GAP + i * (PANEL + GAP)
        axes = add_axes(drawn, left, TICKS, PANEL, high)
        axes.set(title=title, ylim=(len(rows) + 0.5, -0.5), yticks=())
        _panel(axes, name, rows)
    _key(drawn, rows)
    drawn.suffix = "png"
    return drawn


def _rows(results: Results) -> list[Row]:
    rows = []
    for model in (model for model in MODELS if model in results.models):
        if trainings := [training for training in results.all_of(model) if training.measured]:
            rows.append(Row(model, trainings[0].label, results))
            rows += [Row(model, f"seed {training.seed}", results, training) for training in trainings]
            if published := results.beside.get("original"):
                rows += [Row(model, "published", published, training) for training in published.all_of(model)]
    return rows


def _samples(drawn: Figure, of: Results, name: str, middle: float) -> None:
    for images in kept(of, {name: name}, SHOWN).values():
        strip(drawn, images, LEFT, middle, SIDE)


def _late(training: Training, asked: Asked) -> list[float]:
    """The values of late checkpoints, if their mean is the number of the training; else empty."""
    late = asked.late and question.has(training, asked.number)
    return [row[asked.measure].value for row in training.late] if late else []


def _panel(axes: Axes, name: str, rows: Sequence[Row]) -> None:
    """Draw a panel with the numbers of one measure: row i is at y = i, and real digits are at 0."""
    asked, results, shown = question.ASKED[name], rows[0].of, []
    means = question.means(results, asked, [row.model for row in rows if not row.training])
    for y, row in enumerate(rows, 1):
        if not row.training or asked.measure not in row.training.final:
            continue
        colour, late = MODELS[row.model].colour, _late(row.training, asked)
        if asked.late and not late:
            continue  # distances of the last epoch are of more samples, so they do not compare with late ones
        value = asked.number(row.training) if late else row.training.final[asked.measure].value
        shown += [value, *late]
        axes.plot(late, [y] * len(late), "|", color=colour, markersize=5, markeredgewidth=0.5)
        face = "white" if row.of is not results else colour
        look = {"color": colour, "markerfacecolor": face, "markersize": 4.5, "zorder": 3}
        axes.plot(value, y, "o" if late else "s", **look)
        axes.figure.plots(f"{row.name}, {asked.measure}", [y], [value])
    if name in FLOORS:
        if near := means.get(NEAR):
            shown += [near.value / FACTOR, near.value * FACTOR]
            axes.fill_betweenx([0.5, len(rows) + 0.5], *shown[-2:], **BAND)
            axes.plot([near.value] * 2, [0.5, len(rows) + 0.5], **LINE)
        on_logs(axes.xaxis)
        if shown:
            axes.set_xlim(min(shown) / 1.2, max(shown) * 1.2)
    else:
        axes.set(xlim=(0, 1.06), xticks=(0, 0.5, 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(visible=False, axis="y")
    _real(axes, name, rows[1].training)
    for y, row in enumerate(rows, 1):
        if not row.training and (mean := means.get(row.model)):
            _mean(axes, mean, y, MODELS[row.model].colour)
            known = [end for end in mean.ends if end is not None]
            axes.figure.plots(f"{row.name}, mean and interval: {asked.measure}", range(len(known)), known)


def _mean(axes: Axes, mean: Interval, y: float, colour: str) -> None:
    """Draw a mean with its interval, and an arrow if the interval extends beyond the panel."""
    axes.plot(mean.value, y, "d", color=colour, markersize=5)
    if mean.low is not None:
        left, right = axes.get_xlim()
        axes.plot(np.clip([mean.low, mean.high], left, right), [y, y], color=colour, linewidth=1.4)
        for end, arrow, beyond in ((left, "<", mean.low < left), (right, ">", mean.high > right)):
            if beyond:
                axes.plot(end, y, arrow, color=colour, markersize=5, clip_on=False)


def _real(axes: Axes, name: str, training: Training) -> None:
    """Draw the value of real digits; as a text for distances, because it is left of the panel."""
    asked = question.ASKED[name]
    if name in FLOORS:  # with equal numbers of images
        near = training.measured[CHECKPOINT] if asked.late and training.late else training.final
        if FLOORS[name] in near:
            text = rf"$\leftarrow$ {near[FLOORS[name]].value:.2f}"
            axes.text(0.03, 0, text, transform=axes.get_yaxis_transform(), size=SMALL, color=INK, va="center")
    elif asked.measure in training.real:
        axes.plot(training.real[asked.measure].value, 0, "X", color=INK, markersize=5)


def _key(drawn: Figure, rows: Sequence[Row]) -> None:
    """Draw the legend of the marks."""
    dot = {"color": INK, "linestyle": "none", "markersize": 4.5}
    entries = {
        "mean of the late checkpoints": Line2D([], [], marker="o", **dot),
        "each of them": Line2D([], [], marker="|", **dot),
        "last checkpoint": Line2D([], [], marker="s", **dot),
        "published weights": Line2D([], [], marker="s", markerfacecolor="white", **dot),
        "mean over runs, 95% interval": Line2D([], [], marker="d", color=INK, linewidth=1.4),
        "within a factor of two of the linear DDPM": Patch(**BAND),
    }
    if not any(row.of is not rows[0].of for row in rows):
        del entries["published weights"]
    legend(drawn, [*entries.items()])
