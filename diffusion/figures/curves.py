"""A curve: the loss of a training over its steps, or a measure of several trainings over a setting."""

from collections.abc import Sequence
from typing import Any

from diffusion.figures.style import INK, MUTED, PrintFigure, new_figure, styled


@styled
def curve(
    names: Sequence[str],
    x: Any,
    y: Any,
    errors: Any = None,
    level: float | None = None,
    collapsed: Sequence[Any] = (),
    log: bool = False,
) -> PrintFigure:
    """y over x, (n,) each: a line, or with `errors`, (2, n) below and above, points; dashed, a level.

    Args:
        names: of x and of y.
        collapsed: places x that have no y, as all samples are one image: crosses at the upper edge.
        log: whether the axis of x is logarithmic.
    """
    figure = new_figure(60)
    axes = figure.subplots()
    axes.errorbar(x, y, errors, fmt="-" if errors is None else "o", color=INK)
    if level is not None:
        axes.axhline(level, color=MUTED, linestyle="--")
    if len(collapsed):
        edge = {"transform": axes.get_xaxis_transform(), "clip_on": False, "label": "collapsed: one image"}
        axes.plot(collapsed, [1] * len(collapsed), "x", color=INK, **edge)
        figure.legend(loc="outside upper right")
    axes.set(xlabel=names[0], ylabel=names[1], xscale="log" if log else axes.get_xscale())
    return figure
