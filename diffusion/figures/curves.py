"""A curve: the loss of a training over its steps, or a measure of several trainings over a setting."""

from collections.abc import Sequence
from typing import Any

from diffusion.figures.style import INK, MUTED, PrintFigure, new_figure, styled


@styled
def curve(
    names: Sequence[str], x: Any, y: Any, errors: Any = None, level: float | None = None
) -> PrintFigure:
    """y over x, (n,) each: a line, or with `errors`, (2, n) below and above, points; dashed, a level.

    Args:
        names: of x and of y.
    """
    figure = new_figure(60)
    axes = figure.subplots()
    axes.errorbar(x, y, errors, fmt="-" if errors is None else "o", color=INK)
    if level is not None:
        axes.axhline(level, color=MUTED, linestyle="--")
    axes.set(xlabel=names[0], ylabel=names[1])
    return figure
