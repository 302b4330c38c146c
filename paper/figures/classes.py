"""Figures of the classes that samples have, and of what their mix costs."""

from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from diffusion.figures.style import INK, SMALL, new_figure
from report.figures.curves import legend
from report.figures.lessons import name_classes
from report.figures.styles import MODELS, figure, literal, title_of
from report.results.definitions import SETTLED
from report.results.table import Samples
from report.results.views import Results, Training

THEIRS = "the study's zoom"  # its weights, which have one checkpoint
DOUBLINGS = {"cmap": "RdBu_r", "norm": LogNorm(1 / 4, 4, clip=True)}  # colours of a share over the real one


@figure
def mix(results: Results) -> Figure | None:
    """The zoom's distance against the divergence of its classes, once training has settled.

    A point is a checkpoint, a marker a training; the line is of real images with classes mixed otherwise.
    """
    zooms = [one for one in results.all_of("zoom") if one.measured]
    points = [_points(one) for one in zooms]
    if not zooms or not all(points):
        return None
    drawn, entries, colour = new_figure(58), {}, MODELS["zoom"].colour
    axes = drawn.subplots(subplot_kw={"box_aspect": 1})
    for i, (one, at) in enumerate(zip(zooms, points, strict=True)):
        look = {"marker": "^osDv"[i % 5], "facecolor": "none" if i else colour, "edgecolor": colour}
        entries[title_of(results, one)] = axes.scatter(*zip(*at, strict=True), s=13, linewidth=0.8, **look)
    real = results.jobs["yardstick"]["mixed"] if "yardstick" in results.jobs else {}
    if "frechet" in real:
        x, y = real.places("frechet"), [one.value for one in real["frechet"]]
        (curve,) = axes.plot(x, y, color=INK, linewidth=0.9, marker=".", zorder=1)
        entries["real images, mixed otherwise"] = curve
    axes.set(xlabel="divergence of the classes (nats)", ylabel="Fréchet distance", xlim=(0, None))
    axes.set_ylim(bottom=0)
    legend(drawn, list(entries.items()))
    return drawn


def _points(one: Training) -> list[tuple[float, float]]:
    """Divergence and distance of the settled checkpoints, or of the finished model."""
    rows = [row for row in one.curve if row.epoch > SETTLED * one.train.epochs and "frechet" in row]
    rows = rows or [one.final] * ("frechet" in one.final)
    return [(row["divergence"].value, row["frechet"].value) for row in rows]


@figure
def class_map(results: Results) -> Figure | None:
    """Mean class shares of late checkpoints over those of real images: a row a training, a column a class.

    A star stands where the 95 % interval excludes 1; beside a name, the share that is read with confidence.
    """
    import seaborn as sns  # takes two seconds

    rows, said = {}, []
    studys = results.beside["original"].all_of("zoom") if "original" in results.beside else []
    for one in [*results.trainings.values(), *studys]:
        late = [row for row in one.late if "recognised_share" in row and row["recognised_share"][0].n]
        if late and (real := _shares(one.real)).all():
            sure = 1 - np.mean([row["low_confidence"].value for row in late])
            name = f"{THEIRS if one in studys else title_of(results, one)} ({100 * sure:.0f} %)"
            rows[name] = np.mean([_shares(row) for row in late], axis=0) / real
            said.append([f"{x:.2f}" for x in rows[name]])
    if not rows:
        return None
    drawn = new_figure(18 + 6.2 * len(rows))
    axes = drawn.subplots()
    look = {"cbar": False, "linewidths": 0.8, "annot_kws": {"size": SMALL}, **DOUBLINGS}
    sns.heatmap(np.array([*rows.values()]), annot=np.array(said), fmt="", ax=axes, **look)
    for name, ratios in rows.items():
        drawn.plots(f"{name}, over real", range(len(ratios)), ratios)
    _along(axes.xaxis, results.first(results.models[0]).train.data)
    axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows), rotation=0)
    axes.tick_params(length=0, pad=4)
    return drawn


def _shares(one: Samples) -> np.ndarray:
    """Class shares (K,) of what is read with confidence."""
    return np.array([each.value for each in one["recognised_share"]])


def _along(axis: Axis, data: Any) -> None:
    """Name the classes of a data set along an axis."""
    name_classes(axis, [*map(literal, data.classes)])
    axis.set_label_text(f"{literal(data.noun)} that the classifier reads")
