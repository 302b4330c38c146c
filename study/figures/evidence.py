"""Figures of the analyses: quality and cost, noise in sampling, the response to an offset, the yardstick."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from diffusion.evaluation.interval import Interval
from diffusion.figures.curves import PLAIN
from diffusion.figures.style import AXIS, INK, MUTED, SMALL, Styles, handles, legend, new_figure, styled
from study.figures.styles import MODELS
from study.records import Candidate, Distorted, Drawn, Response, YardstickRecord

DASHES = ("-", (0, (2, 1.2)), (0, (5, 1.2)))  # of a model's samplers
REAL_DOT = "#8C8C8C"
OLD = {"color": MUTED, "marker": "o", "linestyle": "none", "markerfacecolor": "white"}  # of two bounds
NEW = {"color": MODELS["linear"].colour, "marker": "o", "linestyle": "none"}
OF_PROCESS = {"ddpm": MODELS["linear"].colour, "zoom": MODELS["zoom"].colour}
ROW = 4.1  # millimetres of a row of dots


# --- cost and quality ---

# Label of an axis -> a measure of samples.
MEASURES: dict[str, Callable[[Drawn], Interval]] = {
    "class divergence (nats)": lambda row: row.classes.divergence,
    "Fréchet distance": lambda row: row.frechet,
    "accepted as digits": lambda row: row.digit,
}


def _line(axes: Axes, rows: Sequence[Drawn], along: str, label: str, look: Mapping[str, Any]) -> None:
    """A measure with its intervals in order of another field of the rows, "calls" or "noise"."""
    rows = sorted(rows, key=lambda row: getattr(row, along))
    x = [getattr(row, along) for row in rows]
    values, low, high = zip(*(MEASURES[label](row).ends for row in rows), strict=True)
    axes.set_ylabel(label)
    axes.plot(x, values, **look)
    axes.vlines(x, low, high, colors=look["color"], linewidth=0.8)


@styled
def quality_against_calls(drawn: Mapping[str, Sequence[Sequence[Drawn]]], styles: Styles) -> Figure:
    """Distance and share of digits against network calls a sample, a line for each model and sampler.

    Args:
        drawn: model -> for each training, its ways to sample without added noise; the first is drawn strong.
    """
    figure = new_figure(72)
    axes = figure.subplots(1, 2)
    entries, shown = {}, ("Fréchet distance", "accepted as digits")
    for model, trainings in drawn.items():
        for seed, rows in enumerate(trainings):
            for place, sampler in enumerate(dict.fromkeys(row.sampler for row in rows)):
                look = {"color": styles[model].colour, "marker": styles[model].marker}
                look |= {"linestyle": DASHES[place], "alpha": 1 if seed == 0 else 0.4}
                look["markerfacecolor"] = "white" if place else look["color"]
                found = [row for row in rows if row.sampler == sampler]
                for one, label in zip(axes, shown, strict=True):
                    _line(one, found, "calls", label, look)
                entries.setdefault(f"{styles[model].label}, {sampler}", Line2D([], [], **look))
    for one in axes:
        one.set(xscale="log", xlabel="network calls a sample")
        one.xaxis.set_major_formatter(PLAIN)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter(PLAIN)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].set_ylim(bottom=0)
    legend(figure, list(entries.items()))
    return figure


@styled
def noise(drawn: Mapping[str, Sequence[Drawn]]) -> Figure:
    """Class divergence, distance and share of digits against the noise added in each step of sampling.

    Args:
        drawn: a training of the zoom, such as "seed 0" -> rows of one sampler and number of calls.
    """
    figure, colour = new_figure(60), MODELS["zoom"].colour
    looks = [
        {
            "color": colour,
            "marker": "^vD<>phX"[i % 8],
            "markerfacecolor": "white" if i else colour,
            "linestyle": (0, (2 + i, 1.2)) if i else "-",
        }
        for i in range(len(drawn))
    ]
    all_axes = figure.subplots(1, 3)
    for axes, label in zip(all_axes, MEASURES, strict=True):
        for rows, look in zip(drawn.values(), looks, strict=True):
            _line(axes, rows, "noise", label, look)
        axes.set_xlabel("noise (s.d.)")
        axes.set_ylim(bottom=0)
    all_axes[2].yaxis.set_major_formatter(PercentFormatter(1))
    legend(figure, [(name, Line2D([], [], **look)) for name, look in zip(drawn, looks, strict=True)])
    return figure


# --- what a network is blind to ---


@styled
def response(found: Mapping[str, Response], styles: Styles) -> Figure:
    """The share of a uniform offset that the predicted noise answers, by time step."""
    figure = new_figure(62)
    axes = figure.subplots()
    styles = {model: styles[model] for model in found}
    for model, style in styles.items():
        one = found[model]
        values, low, high = zip(*(each.ends for each in one.response), strict=True)
        axes.plot(one.t, values, color=style.colour, marker=style.marker, linestyle=style.line)
        axes.fill_between(one.t, low, high, color=style.colour, alpha=0.15, linewidth=0)
    axes.axhline(1, color=MUTED, linewidth=1)
    axes.annotate(
        "all of it", (0, 1), (4, -3), textcoords="offset points", color=MUTED, va="top", fontsize=SMALL
    )
    axes.set(xlabel="time step $t$", ylabel="answered / ideal", ylim=(0, 1.08))
    axes.set_xlim(left=0)
    legend(figure, handles(styles))
    return figure


# --- what measures mean ---


@styled
def recogniser(found: YardstickRecord) -> Figure:
    """Share of images accepted as digits by kind, by the calibrated measure and by the old bound."""
    new = next(one for one in found.candidates if one.name == found.used)
    kinds = [*found.mild, *found.no_digits]
    figure = new_figure(14 + ROW * len(kinds))
    axes = figure.subplots()
    y = np.arange(len(kinds))[::-1] + np.where(np.arange(len(kinds)) < len(found.mild), 0.6, 0.0)
    a, b = ([100 * accepted[kind] for kind in kinds] for accepted in (found.old, new.accepted))
    axes.hlines(y, a, b, color="#CCCCCC", linewidth=1.2, zorder=1)
    axes.plot(a, y, **OLD)
    axes.plot(b, y, **NEW)
    axes.set(xlabel="accepted as digits (%)", xlim=(-2, 102))
    axes.set_yticks(y, kinds)
    axes.axhline((y[len(found.mild) - 1] + y[len(found.mild)]) / 2, color=MUTED, linewidth=0.7)
    entries = {"confidence, old bound": OLD, "calibrated measure": NEW}
    legend(figure, [(label, Line2D([], [], **look)) for label, look in entries.items()])
    return figure


@styled
def recogniser_curves(candidates: Sequence[Candidate]) -> Figure:
    """Share of non-digits accepted against the share of real digits refused, a line a measure."""
    figure = new_figure(70)
    axes, entries = figure.subplots(), []
    colours = ["#767676", "#0099BB", "#BB5566", "#228833", "#B07D12", "#004488", "#882255"]
    for place, one in enumerate(candidates):
        look = {"color": colours[place % 7], "linestyle": ["-", (0, (6, 1.6)), (0, (2, 1.2))][place % 3]}
        axes.plot([100 * r for r in one.refused], [100 * w for w in one.wrongly_curve], **look)
        entries.append((one.name, Line2D([], [], **look)))
    axes.axvline(5, color=MUTED, linewidth=0.7)
    axes.set(xlabel="real digits under mild distortions refused (%)", ylabel="non-digits accepted (%)")
    axes.set_xlim(0, 30)
    axes.set_ylim(bottom=0)
    legend(figure, entries)
    return figure


@styled
def yardstick(
    distorted: Sequence[Distorted], finals: Mapping[tuple[str, int], float], styles: Styles
) -> Figure:
    """Distances of real digits distorted, in order, with those of the models among them.

    Args:
        finals: (model, seed) -> distance of the finished model.
    """
    bars = [(one.kind, one.frechet, REAL_DOT) for one in distorted]
    for (model, seed), fid in finals.items():
        bars.append((f"{styles[model].label}, seed {seed}", fid, styles[model].colour))
    bars.sort(key=lambda bar: bar[1])
    figure = new_figure(16 + ROW * len(bars))
    axes = figure.subplots()
    place = np.arange(len(bars))
    axes.scatter([fid for _, fid, _ in bars], place, c=[colour for *_, colour in bars], s=22, zorder=3)
    for y, (_, fid, colour) in zip(place, bars, strict=True):
        look = {"color": INK if colour == REAL_DOT else colour, "va": "center", "fontsize": SMALL}
        text = f"{fid:.2g}" if fid < 1 else f"{fid:.1f}"
        axes.annotate(text, (fid, y), (6, 0), textcoords="offset points", **look)
    axes.set_yticks(place, [name for name, *_ in bars])
    for tick, (*_, colour) in zip(axes.get_yticklabels(), bars, strict=True):
        tick.set_color(INK if colour == REAL_DOT else colour)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PLAIN)
    axes.margins(x=0.1, y=0.02)
    axes.set_xlabel("Fréchet distance")
    return figure


@styled
def changes(
    rows: Sequence[tuple[str, str, Sequence[float], float | None]], floor: float | None = None
) -> Figure:
    """A row a change: distances, a dot a training, on a logarithmic scale, and the mean share of digits.

    A dotted bar is at the base of each kind.

    Args:
        rows: label, process ("ddpm" or "zoom"), a distance a training, and the share of digits if it is
            known; a process's first is its base.
        floor: distance of real images, written into the figure.
    """
    figure = new_figure(12 + ROW * len(rows))
    axes, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    for place, (_, process, distances, digit) in enumerate(rows):
        colour = OF_PROCESS[process]
        axes.plot([min(distances), max(distances)], [place] * 2, color=colour, linewidth=0.8)
        axes.plot(distances, [place] * len(distances), "o", color=colour, markersize=3.6)
        if digit is not None:
            right.barh(place, digit, height=0.55, color=colour)
    for process in OF_PROCESS:
        of_kind = [place for place, row in enumerate(rows) if row[1] == process]
        if of_kind:
            base = fmean(rows[of_kind[0]][2])
            axes.vlines(base, of_kind[0] - 0.4, of_kind[-1] + 0.4, color=AXIS, linestyles="dotted")
    if floor is not None:
        axes.set_title(f"as many real images: {floor:.2g}", size=SMALL, color=MUTED, loc="left")
    axes.set_yticks(range(len(rows)), [label for label, *_ in rows], fontsize=SMALL)
    axes.set(xscale="log", xlabel="Fréchet distance, digit features", ylim=(len(rows) - 0.4, -0.6))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(PLAIN)
    right.set(xlabel="accepted as digits", xlim=(0, 1))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    for each in (axes, right):
        each.grid(False, axis="y")
    return figure
