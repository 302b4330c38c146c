"""Figures of curves: the losses of a training, and a measure of several trainings over a setting."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from diffusion.figures.style import INK, MUTED, new_figure, styled

HEIGHT = 60  # mm


@styled
def losses(pairs: Sequence[tuple[int, float]]) -> Figure:
    """The loss of a training over its steps, (step, loss) each."""
    figure = new_figure(HEIGHT)
    axes = figure.subplots()
    axes.plot(*zip(*pairs, strict=True), color=INK)
    axes.set(xlabel="step", ylabel="training loss", yscale="log")
    return figure


@styled
def sweep(names: tuple[str, str], x: Any, value: Any, low: Any, high: Any, real: float) -> Figure:
    """A measure with its interval over a setting, (n,) each; dashed, that of real images.

    Args:
        names: of the setting and of the measure.
    """
    figure = new_figure(HEIGHT)
    axes = figure.subplots()
    axes.errorbar(x, value, [value - low, high - value], fmt="o", color=INK)
    axes.axhline(real, color=MUTED, linestyle="--")
    axes.set(xlabel=names[0], ylabel=names[1])
    return figure
