"""Curves: the loss of a run over its steps, or a measure of several runs over a setting."""

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
    """Draw y over x, (n,) each, as a line, or as points if there are errors.

    Args:
        names (sequence of str): Labels of the axes, x and y.
        x (sequence): Values, (n,).
        y (sequence): Values, (n,).
        errors (sequence, optional): (2, n), below and above y. Default None.
        level (float, optional): Height of a dashed line. Default None.
        collapsed (sequence): Values of x without y, because all samples are one image: crosses at the upper
            edge. Default ().
        log (bool): Whether the axis of x is logarithmic. Default False.
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
