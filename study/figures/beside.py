"""A run's losses beside those of released trainings."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from diffusion.figures.style import MUTED, legend, new_figure, styled

FEW = 25  # up to so many points, each has a marker
YOURS, RELEASED = "your run", "the paper's"
LOOK = {YOURS: {"color": "#004488", "marker": "o"}, RELEASED: {"color": MUTED, "linewidth": 1.0}}
Curve = tuple[Sequence[float], Sequence[float]]


@styled
def losses_beside(panels: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """Test losses against passes over the data, a panel for each model.

    Args:
        panels: the model's label -> `YOURS` and, where there is one, `RELEASED` -> passes, and losses.
    """
    across = min(len(panels), 2 if len(panels) <= 4 else 4)
    figure = new_figure(8 + 38 * math.ceil(len(panels) / across))
    grid = figure.subplots(math.ceil(len(panels) / across), across, squeeze=False)
    places = list(grid.flat)
    for axes, (label, curves) in zip(places, panels.items(), strict=False):
        for whose, (passes, losses) in curves.items():
            few = {} if len(passes) <= FEW else {"marker": ""}
            axes.plot(passes, losses, **LOOK[whose] | few)
        highest = max(max(losses) for _, losses in curves.values())
        axes.set(title=label, xscale="log", ylim=(0, 1.12 * highest))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axes in places[len(panels) :]:
        axes.remove()
    figure.supxlabel("passes over the training images", size="medium")
    figure.supylabel("test loss", size="medium")
    drawn = dict.fromkeys(whose for curves in panels.values() for whose in curves)
    legend(figure, [(whose, places[0].plot([], [], **LOOK[whose])[0]) for whose in drawn])
    return figure
