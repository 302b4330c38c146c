"""The figure of the effect of the class mix on the distance."""

import math

from matplotlib.figure import Figure

from report.figures.print_style import FONT_SIZE, INK, new_figure
from report.figures.styles import MODELS, figure, key
from report.results.definitions import SETTLED
from report.results.views import Results, Training

PANELS = 4  # of `mix` in a row, at most
DOTS = {"color": MODELS["zoom"].colour, "marker": "o", "markersize": 2.4, "linestyle": "none"}
REAL = {"color": INK, "linewidth": 0.9, "marker": "."}


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
