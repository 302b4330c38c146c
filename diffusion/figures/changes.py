"""The figure of changes: how far each change brings a model, against the base of its kind."""

from collections.abc import Sequence
from statistics import fmean

from matplotlib.figure import Figure

from diffusion.figures.style import AXIS, MODELS, MUTED, SMALL, new_figure, styled

COLOURS = {"ddpm": MODELS["linear"].colour, "zoom": MODELS["zoom"].colour}
ROW = 4.4  # millimetres


@styled
def changes(rows: Sequence[tuple[str, str, Sequence[float]]], floor: float | None = None) -> Figure:
    """A line of dots a row, a dot a training, on a logarithmic scale; a bar at the base of each kind.

    Args:
        rows: label, process ("ddpm" or "zoom"), and a distance a training; a process's first is its base.
        floor: distance of real images, drawn as a line.
    """
    figure = new_figure(12 + ROW * len(rows))
    axes = figure.subplots()
    for place, (_, process, distances) in enumerate(rows):
        colour = COLOURS[process]
        axes.plot([min(distances), max(distances)], [place] * 2, color=colour, linewidth=0.8)
        axes.plot(distances, [place] * len(distances), "o", color=colour, markersize=3.6)
    for process in COLOURS:
        of_kind = [place for place, row in enumerate(rows) if row[1] == process]
        if of_kind:
            base = fmean(rows[of_kind[0]][2])
            axes.vlines(base, of_kind[0] - 0.4, of_kind[-1] + 0.4, color=AXIS, linestyles="dotted")
    if floor is not None:
        axes.axvline(floor, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=SMALL)
    axes.set(xscale="log", xlabel="Fréchet distance, digit features", ylim=(len(rows) - 0.4, -0.6))
    axes.grid(False, axis="y")
    return figure
