"""The figure of models of one's own: all of them, by every measure."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from diffusion.evaluation.interval import Interval
from diffusion.figures.curves import PLAIN
from diffusion.figures.style import INK, MUTED, legend, new_figure, styled
from study.figures.styles import on_logs

ROW, AROUND = 5.5, 22  # mm: a row; the axis and the legend
REAL = {"color": MUTED, "linewidth": 1.1, "linestyle": (0, (3, 2))}


@styled
def compared(panels: Mapping[str, tuple[Sequence[Interval | None], float]], rows: Sequence[str]) -> Figure:
    """A row for each set of samples, a panel for each measure: the number, with its 95 % interval.

    Args:
        panels: measure -> its number of each row, if there is one, and that of real images. Numbers that may
            exceed 1 are on a logarithmic axis.
        rows: what the sets of samples are called, from above.
    """
    figure = new_figure(AROUND + ROW * len(rows))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, (found, real)) in zip(grid, panels.items(), strict=True):
        line = axes.axvline(real, **REAL)
        for place, one in enumerate(found):
            if one is not None:
                axes.plot([one.low, one.high], [place, place], color=INK, linewidth=1.1)
                axes.plot(one.value, place, "o", color=INK, markersize=4)
        if max(one.high for one in found if one) > 1:
            on_logs(axes.xaxis)
        else:
            axes.set(xlim=(0, 1.02), xticks=(0, 0.5, 1))
            axes.xaxis.set_major_formatter(PLAIN)
        axes.set_xlabel(name)
        axes.grid(visible=False, axis="y")
    grid[0].set_yticks(range(len(rows)), rows)
    grid[0].set_ylim(len(rows) - 0.5, -0.5)
    legend(figure, [("real images", line)])
    return figure
