"""Figures of models of one's own: all in one, by every measure; and their noise schedules."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from diffusion.evaluation.interval import Interval
from diffusion.figures.curves import PLAIN
from diffusion.figures.style import INK, MUTED, legend, new_figure, styled

ROW, AROUND, WIDE = (
    5.5,
    22,
    8,
)  # mm: a row; the axis and the legend. Values so far apart are on a logarithmic axis


@styled
def compared(
    panels: Mapping[str, tuple[Sequence[Interval | None], float | None]], rows: Sequence[str]
) -> Figure:
    """A row for each set of samples, a panel for each measure: the number, with its 95 % interval.

    Args:
        panels: measure -> its number of each row, if there is one, and that of real images.
        rows: what the sets of samples are called, from above.
    """
    figure = new_figure(AROUND + ROW * len(rows))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, (found, real)) in zip(grid, panels.items(), strict=True):
        for place, one in enumerate(found):
            if one is not None:
                axes.plot([one.low, one.high], [place, place], color=INK, linewidth=1.1)
                axes.plot(one.value, place, "o", color=INK, markersize=4)
        if real is not None:
            axes.axvline(real, color=MUTED, linewidth=1.1, linestyle=(0, (3, 2)))
        known = [x for one in found if one for x in one.ends] + [real] * (real is not None)
        if min(known) > 0 and max(known) / min(known) > WIDE and max(known) > 1:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_xlim(0, 1.04 * max(*known, 1e-9) if max(known) > 1 else 1.02)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(PLAIN)
        axes.set_xlabel(name)
        axes.grid(visible=False, axis="y")
    grid[0].set_yticks(range(len(rows)), rows)
    grid[0].set_ylim(len(rows) - 0.5, -0.5)
    line = grid[0].plot([], [], color=MUTED, linestyle=(0, (3, 2)))[0]
    legend(figure, [("real images", line)])
    return figure
