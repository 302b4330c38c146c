"""Figures about chance, for lessons: a distance against the number of images, and runs in pairs."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from diffusion.evaluation.statistics import Interval
from report.figures.curves import PLAIN, Style, legend, line, logarithmic, styles_of
from report.figures.print_style import INK, MUTED, SMALL, new_figure, styled

REAL = "real images"
APART = 0.6  # from a pair's first number to its second; the next model's begins at 1


@styled
def floors(
    floor: Mapping[int, Interval],
    distances: Mapping[str, Mapping[int, float]],
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Distances of real images and of models from the test images, against the number of images.

    The curve of real images is the floor, the mean over several draws; the band around it is one standard
    deviation of a draw to either side. Both axes are logarithmic.

    Args:
        floor: number of images -> floor, with its standard deviation.
        distances: name of a model -> number of its samples -> their distance.
        styles: name of a model -> its style. If None, styles in order.
    """
    figure, styles = new_figure(66), styles or styles_of(distances)
    axes = figure.subplots()
    n = np.array([*floor])
    value, sd = np.array([(interval.value, interval.sd) for interval in floor.values()]).T
    lowest = 0.2 * value.min()  # a logarithmic axis has no zero
    below = np.maximum(value - sd, lowest)
    axes.fill_between(n, below, value + sd, color=MUTED, alpha=0.25, linewidth=0)
    (curve,) = axes.plot(n, value, color=INK, marker="o", markersize=3.5)
    figure.plots(REAL, n, value)
    entries = [(REAL, curve)]
    for name, by_size in distances.items():
        line(axes, [*by_size], [*by_size.values()], styles[name])
        figure.plots(name, by_size, by_size.values())
        entries.append((name, axes.lines[-1]))
    shown = [*below, *value, *(x for by_size in distances.values() for x in by_size.values())]
    axes.set(xscale="log", xlabel="number of images", ylabel="Fréchet distance")
    logarithmic(axes, shown)
    axes.xaxis.set_major_locator(FixedLocator([*floor]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(PLAIN)
    legend(figure, entries)
    return figure


@styled
def pairs(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    sides: tuple[str, str],
    log: Collection[str] = (),
) -> Figure:
    """Pairs of numbers, joined by a line: a panel for each measure, a group of pairs for each model.

    Args:
        panels: name of a measure -> name of a model -> a pair for each run, without and with a change.
        sides: names of the two sides of a pair.
        log: measures with a logarithmic axis.
    """
    figure = new_figure(62)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (measure, models) in zip(grid, panels.items(), strict=True):
        for x, (model, runs) in enumerate(models.items()):
            for side, values in zip(sides, zip(*runs, strict=True), strict=True):
                figure.plots(f"{measure}, {model}, {side}", range(len(values)), values)
            dots = _join(axes, x, runs)
        axes.set(ylabel=measure, xlim=(-0.3, len(models) - 1 + APART + 0.3))
        axes.set_xticks(np.arange(len(models)) + APART / 2, [*models])
        axes.grid(False, axis="x")
        if measure in log:
            logarithmic(axes, [value for runs in models.values() for pair in runs for value in pair], wide=1)
        else:
            axes.set_ylim(0, None)
        axes.tick_params(axis="x", length=0, labelsize=SMALL)
    legend(figure, [*zip(sides, dots, strict=True)])
    return figure


def _join(axes: Axes, x: int, runs: Sequence[tuple[float, float]]) -> list[Line2D]:
    """Draw the pairs of one model, an open and a filled dot with a thin line; return both kinds of dots."""
    look = {"color": INK, "linestyle": "", "marker": "o", "markersize": 4.5, "markeredgecolor": INK}
    for pair in runs:
        axes.plot([x, x + APART], pair, color=MUTED, linewidth=0.8, marker="", zorder=1)
    before, after = zip(*runs, strict=True)
    return [
        *axes.plot([x] * len(runs), before, fillstyle="none", **look),
        *axes.plot([x + APART] * len(runs), after, fillstyle="full", **look),
    ]
