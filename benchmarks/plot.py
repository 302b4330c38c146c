"""Two pictures of a run: the figures against their targets, and how cost grows."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.figures import AT_LEAST
from benchmarks.results import figures
from benchmarks.table import number
from diffusion.figure_style import FURTHER, MODELS, MUTED, SMALL, legend, new_figure, sample, styled

MET, MISSED = MODELS["linear"].colour, MODELS["cosine"].colour


def against_target(line: dict[str, Any]) -> float:
    """How far beyond its target a figure is: above 1 is better than asked."""
    value = line["value"]["median"]
    return value / line["target"] if line["sign"] == AT_LEAST else line["target"] / value


@styled
def bench(result: dict[str, Any]) -> Figure:
    """One bar a figure, from its target (1) to what was measured; to the right is better."""
    lines = figures(result)[::-1]
    figure = new_figure(14 + 8 * len(lines))
    axes = figure.subplots()
    for place, line in enumerate(lines):
        factor = against_target(line)
        colour = MET if line["met"] else MISSED
        axes.barh(place, factor - 1, left=1, height=0.6, color=colour, hatch="" if line["met"] else "////")
        text = f"{number(line['value']['median'])} {line['unit']}"
        end = max(factor, 1.0)
        axes.annotate(text, (end, place), (3, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.axvline(1, color=MUTED, linewidth=1)
    axes.set_yticks(
        range(len(lines)), [f"{n['what']}\n{n['sign']} {n['target']:g} {n['unit']}" for n in lines]
    )
    axes.tick_params(axis="y", labelsize=SMALL - 1)
    axes.set_xscale("log")
    factors = [against_target(line) for line in lines] or [1.0]
    axes.set_xlim(min(0.7, *factors) * 0.95, max(1.5, *factors) * 2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("measured, as a multiple of the target (right of 1: better)")
    axes.grid(visible=False, axis="y")
    return figure


@styled
def growth(result: dict[str, Any]) -> Figure:
    """Time and memory, each as a multiple of its smallest size's; the grey line is linear."""
    lines = result["groups"]["growth"]["growth"]
    styles = dict(zip((line["quantity"] for line in lines), (*MODELS.values(), *FURTHER), strict=False))
    figure = new_figure(75)
    for axes, cost, label in zip(figure.subplots(1, 2), ("seconds", "mib"), ("time", "memory"), strict=True):
        widest = 1.0
        for line in lines:
            size = np.array(line["sizes"]) / line["sizes"][0]
            style = styles[line["quantity"]]
            axes.plot(
                size,
                np.array(line[cost]) / line[cost][0],
                color=style.colour,
                marker=style.marker,
                ls=style.line,
            )
            widest = max(widest, size[-1])
        axes.plot([1, widest], [1, widest], color=MUTED, linewidth=0.8, zorder=0)
        axes.set(xlabel="size, smallest = 1", ylabel=f"{label}, smallest = 1")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
            axis.set_minor_formatter(NullFormatter())
    legend(figure, [(line["what"], sample(styles[line["quantity"]])) for line in lines])
    return figure
