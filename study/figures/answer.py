"""The figure of the main question: samples of each training, two distances, the share taken for digits."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from diffusion.evaluation.statistics import Interval
from diffusion.figures.style import INK, SMALL, legend, new_figure
from study.figures.pictures import kept
from study.figures.styles import MODELS, figure, on_logs, place, strip, write
from study.results import Results, Training
from study.scatter import LOG, LOGIT
from study.series import mean_of
from study.table import CHECKPOINT

NEAR = "linear"  # the model about whose mean the band is drawn
FACTOR = 2.0  # of the band: two models within it are comparable
SHOWN = 8  # samples beside a training
ROW, SIDE = 0.26, 0.21  # inches: a row; a sample
LEFT, PANEL, GAP = 0.72, 0.96, 0.1  # inches: names of rows; a panel, and the room before it
KEY, TITLES, TICKS = 0.55, 0.37, 0.25  # inches: the legend, titles and ticks of the panels
PANELS = {  # measure -> title, and the scale on which trainings scatter alike
    "frechet": ("distance,\ndigit features", LOG),
    "frechet_autoencoder": ("distance,\nautoencoder", LOG),
    "digit": ("taken\nfor digits", LOGIT),
}
FLOORS = {"frechet": "floor", "frechet_autoencoder": "floor_autoencoder"}  # of real images
BAND = {"color": MODELS[NEAR].colour, "alpha": 0.1, "linewidth": 0}
LINE = {"color": MODELS[NEAR].colour, "linewidth": 0.7}
Intervals = Mapping[tuple[str, str], Interval]  # model, measure -> the mean over our trainings


class Row(NamedTuple):
    """A training, ours or the study's, or before the trainings of a model its `name` alone."""

    model: str
    name: str
    of: Results
    training: Training | None = None


@figure
def answer(results: Results, intervals: Intervals | None = None) -> Figure | None:
    """A row for each training of the study's models: first samples, two distances, the share of digits.

    Above the trainings of a model is its mean over ours with the 95 % interval, from `intervals` or else
    `student`. Weights of the study, where they are known, are hollow.
    """
    if not (rows := _rows(results)):
        return None
    intervals = student(results) if intervals is None else intervals
    high = ROW * (1 + len(rows))
    drawn = new_figure(25.4 * (KEY + TITLES + high + TICKS), layout=None)
    write(drawn, 0, TICKS + high - ROW / 2, "real digits", INK)
    _samples(drawn, results, "real", TICKS + high - ROW / 2)
    for i, row in enumerate(rows):
        middle = TICKS + high - ROW * (i + 1.5)
        write(drawn, 0, middle, row.name, MODELS[row.model].colour)
        if row.training:
            _samples(drawn, row.of, f"samples_{row.training.name}", middle)
    for i, (measure, (title, _)) in enumerate(PANELS.items()):
        left = LEFT + SHOWN * SIDE + GAP + i * (PANEL + GAP)
        axes = place(drawn, left, TICKS, PANEL, high)
        axes.set(title=title, ylim=(len(rows) + 0.5, -0.5), yticks=())
        _panel(axes, measure, rows, intervals)
    _key(drawn, rows)
    drawn.suffix = "png"
    return drawn


def _rows(results: Results) -> list[Row]:
    rows = []
    for model in (model for model in MODELS if model in results.models):
        if ones := [one for one in results.of(model) if one.measured]:
            rows.append(Row(model, ones[0].label, results))
            rows += [Row(model, f"seed {one.seed}", results, one) for one in ones]
            if results.original:
                studys = results.original.of(model)
                rows += [Row(model, "the study's", results.original, one) for one in studys]
    return rows


def _samples(drawn: Figure, of: Results, name: str, middle: float) -> None:
    for images in kept(of, {name: name}, SHOWN).values():
        strip(drawn, images, LEFT, middle, SIDE)


def settled(results: Results, measure: str) -> bool:
    """All late checkpoints of all trainings have a measure.

    Else that of the last ones is shown, of all: it is of more samples, on which a distance depends.
    """
    ones = [one for model in MODELS for one in results.of(model) if one.measured]
    return all(len(one.late) > 1 and all(measure in row for row in one.late) for one in ones)


def numbers(one: Training, measure: str, late: bool) -> list[float]:
    """A measure of each late checkpoint, or of the last one; none where all samples are one image."""
    rows = one.late if late and len(one.late) > 1 else [one.final]
    return [row[measure].value for row in rows if measure in row]


def student(results: Results) -> dict[tuple[str, str], Interval]:
    """The mean of each measure over a model's trainings, with Student's interval on the measure's scale."""
    found = {}
    for model in MODELS:
        for measure, (_, scale) in PANELS.items():
            late = settled(results, measure)
            each = [numbers(one, measure, late) for one in results.of(model) if one.measured]
            values = [scale.to(float(np.mean(of))) for of in each if of]
            if values:
                one = mean_of(values) if len(values) > 1 else Interval(values[0])
                ends = (None if end is None else scale.back(end) for end in one.ends)
                found[model, measure] = Interval(*ends, n=len(values))
    return found


def _panel(axes: Axes, measure: str, rows: Sequence[Row], intervals: Intervals) -> None:
    """The numbers of one measure, a row at each whole y from 1; real digits are at 0."""
    near, late, shown = intervals.get((NEAR, measure)), settled(rows[0].of, measure), []
    for y, row in enumerate(rows, 1):
        colour = MODELS[row.model].colour
        if row.training and (values := numbers(row.training, measure, late)):
            shown += values
            if len(values) > 1:
                axes.plot(values, [y] * len(values), "|", color=colour, markersize=5, markeredgewidth=0.5)
            face = "white" if row.of is not rows[0].of else colour
            look = {"color": colour, "markerfacecolor": face, "markersize": 4.5, "zorder": 3}
            axes.plot(np.mean(values), y, "o" if len(values) > 1 else "s", **look)
            axes.figure.plots(f"{row.name}, {measure}", [y], [np.mean(values)])
    if measure in FLOORS:
        if near:
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
    _real(axes, measure, rows[1].training, late)
    for y, row in enumerate(rows, 1):
        if not row.training and (mean := intervals.get((row.model, measure))):
            _mean(axes, mean, y, MODELS[row.model].colour)
            known = [end for end in mean.ends if end is not None]
            axes.figure.plots(f"{row.name}, mean and interval: {measure}", range(len(known)), known)


def _mean(axes: Axes, mean: Interval, y: float, colour: str) -> None:
    """A mean with its interval; an arrow where this goes on beyond the panel."""
    axes.plot(mean.value, y, "d", color=colour, markersize=5)
    if mean.low is not None:
        left, right = axes.get_xlim()
        axes.plot(np.clip([mean.low, mean.high], left, right), [y, y], color=colour, linewidth=1.4)
        for end, arrow, beyond in ((left, "<", mean.low < left), (right, ">", mean.high > right)):
            if beyond:
                axes.plot(end, y, arrow, color=colour, markersize=5, clip_on=False)


def _real(axes: Axes, measure: str, one: Training, late: bool) -> None:
    """Real digits under a measure; their distance, which is left of the panel, as a text."""
    if measure in FLOORS:  # of as many images
        near = one.measured[CHECKPOINT] if late else one.final
        if FLOORS[measure] in near:
            text = rf"$\leftarrow$ {near[FLOORS[measure]].value:.2f}"
            axes.text(0.03, 0, text, transform=axes.get_yaxis_transform(), size=SMALL, color=INK, va="center")
    elif measure in one.real:
        axes.plot(one.real[measure].value, 0, "o", color=INK, markersize=4.5)


def _key(drawn: Figure, rows: Sequence[Row]) -> None:
    """What the marks mean, of those that there are."""
    late = [settled(rows[0].of, measure) for measure in PANELS]
    studys = any(row.of is not rows[0].of for row in rows)
    dot = {"color": INK, "linestyle": "none", "markersize": 4.5}
    entries = {
        "mean of the late checkpoints": any(late) and Line2D([], [], marker="o", **dot),
        "each of them": any(late) and Line2D([], [], marker="|", **dot),
        "last checkpoint": (studys or not all(late)) and Line2D([], [], marker="s", **dot),
        "the study's weights": studys and Line2D([], [], marker="s", markerfacecolor="white", **dot),
        "mean of trainings, 95 % interval": Line2D([], [], marker="d", color=INK, linewidth=1.4),
        "within a factor of two of the linear DDPM": any(row.model == NEAR for row in rows) and Patch(**BAND),
    }
    legend(drawn, [(name, mark) for name, mark in entries.items() if mark])
