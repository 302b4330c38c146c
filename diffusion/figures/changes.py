"""The figure of changes: how far each change brings a model, against the base of its kind."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from diffusion.evaluation.changes import Row, describe
from diffusion.figures.style import AXIS, MODELS, MUTED, SMALL, new_figure, styled

COLOURS = {"ddpm": MODELS["linear"].colour, "zoom": MODELS["zoom"].colour}
ROW = 5.2  # millimetres


@styled
def changes(rows: Sequence[Row], floor: float | None = None) -> Figure:
    """A line of dots a row, a dot a training, on a logarithmic scale; a bar at the base of each kind.

    Args:
        rows: as `evaluation.changes.table` gives them.
        floor: distance of real images, drawn as a line.
    """
    figure = new_figure(12 + ROW * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = COLOURS[row.process]
        axes.plot([min(row.distances), max(row.distances)], [place] * 2, color=colour, linewidth=0.8)
        axes.plot(row.distances, [place] * len(row.distances), "o", color=colour, markersize=3.6)
        axes.plot(row.distance.mean, place, "|", color=colour, markersize=9)
    for process in COLOURS:
        of_kind = [place for place, row in enumerate(rows) if row.process == process]
        if of_kind:
            base = rows[of_kind[0]].distance.mean
            axes.vlines(base, of_kind[0] - 0.4, of_kind[-1] + 0.4, color=AXIS, linestyles="dotted")
    if floor is not None:
        axes.axvline(floor, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [describe(row) for row in rows], fontsize=SMALL)
    axes.set(xscale="log", xlabel="Fréchet distance, digit features", ylim=(len(rows) - 0.4, -0.6))
    axes.grid(False, axis="y")
    return figure
