"""Figures of the classes of samples, and of the effect of the class mix on the distance."""

import math
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from report.figures.lessons import name_classes
from report.figures.print_style import FONT_SIZE, INK, SMALL, new_figure
from report.figures.styles import MODELS, figure, key, literal, title_of
from report.results.definitions import SETTLED
from report.results.table import Samples
from report.results.views import Results, Training

PANELS = 4  # of `mix` in a row, at most
DOTS = {"color": MODELS["zoom"].colour, "marker": "o", "markersize": 2.4, "linestyle": "none"}
REAL = {"color": INK, "linewidth": 0.9, "marker": "."}
DOUBLINGS = {"cmap": "RdBu_r", "norm": LogNorm(1 / 4, 4, clip=True)}  # colours of ratios to the real shares


@figure
def mix(results: Results) -> Figure | None:
    """The zoom's distance against the divergence of its classes, after the first part of training.

    There is a panel for each seed, with a point for each checkpoint. The line shows real images with changed
    class shares.
    """
    zooms = [training for training in results.all_of("zoom") if training.measured]
    points = [_points(training) for training in zooms]
    if not zooms or not all(points):
        return None
    real = results.jobs["yardstick"]["mixed"] if "yardstick" in results.jobs else {}
    rows = math.ceil(len(zooms) / PANELS)
    columns = math.ceil(len(zooms) / rows)
    drawn, looks = new_figure(20 + 34 * rows), {"a checkpoint of the zoom": DOTS}
    panels = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, training, at in zip(panels, zooms, points, strict=False):
        axes.plot(*zip(*at, strict=True), **DOTS)
        if "frechet" in real:
            axes.plot(real.places("frechet"), [distance.value for distance in real["frechet"]], **REAL)
            looks["real digits with other class shares"] = REAL
        axes.set_title(f"seed {training.seed}")
    for axes in panels[len(zooms) :]:
        axes.set_axis_off()
    panels[0].set(xlim=(0, None), ylim=(0, None))
    drawn.supxlabel("divergence of the classes (nats)", size=FONT_SIZE)
    drawn.supylabel("Fréchet distance", size=FONT_SIZE)
    key(drawn, looks)
    return drawn


def _points(training: Training) -> list[tuple[float, float]]:
    """Divergence and distance of checkpoints after the first part of training, or of the finished model."""
    begin = SETTLED * training.train.epochs
    rows = [row for row in training.curve if row.epoch > begin and "frechet" in row]
    rows = rows or [training.final] * ("frechet" in training.final)
    return [(row["divergence"].value, row["frechet"].value) for row in rows]


@figure
def class_map(results: Results) -> Figure | None:
    """Mean class shares of late checkpoints, divided by the shares of real images.

    There is a row for each training and a column for each class. The name of a row contains the share of
    samples that are read with confidence.
    """
    import seaborn as sns  # takes two seconds

    rows, cells = {}, []
    published = results.beside["original"].all_of("zoom") if "original" in results.beside else []
    for training in [*results.trainings.values(), *published]:
        late = [row for row in training.late if "recognised_share" in row and row["recognised_share"][0].n]
        if late and (real := _shares(training.real)).all():
            sure = 1 - np.mean([row["low_confidence"].value for row in late])
            published_title = f"{literal(results.first('zoom').label)}, published"
            title = published_title if training in published else title_of(results, training)
            name = f"{title} ({100 * sure:.0f}%)"
            rows[name] = np.mean([_shares(row) for row in late], axis=0) / real
            cells.append([f"{x:.2f}" for x in rows[name]])
    if not rows:
        return None
    drawn = new_figure(18 + 6.2 * len(rows))
    axes = drawn.subplots()
    look = {"cbar": False, "linewidths": 0.8, "annot_kws": {"size": SMALL}, **DOUBLINGS}
    sns.heatmap(np.array([*rows.values()]), annot=np.array(cells), fmt="", ax=axes, **look)
    for name, ratios in rows.items():
        drawn.plots(f"{name}, over real", range(len(ratios)), ratios)
    _along(axes.xaxis, results.first(results.models[0]).train.data)
    axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows), rotation=0)
    axes.tick_params(length=0, pad=4)
    return drawn


def _shares(samples: Samples) -> np.ndarray:
    """Class shares (K,) among the images that are read with confidence."""
    return np.array([share.value for share in samples["recognised_share"]])


def _along(axis: Axis, data: Any) -> None:
    """Write the classes of a data set along an axis."""
    name_classes(axis, [*map(literal, data.classes)])
    axis.set_label_text(f"{literal(data.noun)} that the classifier reads")
