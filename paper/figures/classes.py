"""The figure of the effect of the class mix on the distance."""

from matplotlib.figure import Figure

from report.figures.print_style import FONT_SIZE, INK, new_figure
from report.figures.styles import MODELS, figure, key
from report.results.definitions import SETTLED
from report.results.views import Results, Training

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
    drawn, looks = new_figure(54), {"a checkpoint of the zoom": DOTS}
    panels = drawn.subplots(1, len(zooms), sharex=True, sharey=True, squeeze=False).ravel()
    for axes, training, at in zip(panels, zooms, points, strict=True):
        axes.plot(*zip(*at, strict=True), **DOTS)
        if "frechet" in real:
            axes.plot(real.places("frechet"), [distance.value for distance in real["frechet"]], **REAL)
            looks["real digits with other class shares"] = REAL
        axes.set_title(f"seed {training.seed}")
    panels[0].set(xlim=(0, None), ylim=(0, None))
    drawn.supxlabel("divergence of the classes (nats)", size=FONT_SIZE)
    drawn.supylabel("Fréchet distance", size=FONT_SIZE)
    key(drawn, looks)
    return drawn


def _points(training: Training) -> list[tuple[float, float]]:
    """Divergence and distance of checkpoints after the first part of training, or of the finished model."""
    begin = SETTLED * training.train.epochs
    rows = [row for row in training.curve if row.epoch > begin and "frechet" in row]
    if not rows and "frechet" in training.final:
        rows = [training.final]
    return [(row["divergence"].value, row["frechet"].value) for row in rows]
