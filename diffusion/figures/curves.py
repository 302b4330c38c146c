"""Curves, such as the loss of a run over its steps."""

from collections.abc import Sequence
from typing import Any

from diffusion.figures.style import INK, PrintFigure, new_figure, styled


@styled
def curve(names: Sequence[str], x: Any, y: Any, errors: Any = None) -> PrintFigure:
    """Draw y over x, (n,) each, as a line, or as points if there are errors.

    Args:
        names (sequence of str): Labels of the axes, x and y.
        x (sequence): Values, (n,).
        y (sequence): Values, (n,).
        errors (sequence, optional): (2, n), below and above y. Default None.
    """
    figure = new_figure(60)
    axes = figure.subplots()
    axes.errorbar(x, y, errors, fmt="-" if errors is None else "o", color=INK)
    axes.set(xlabel=names[0], ylabel=names[1])
    return figure
