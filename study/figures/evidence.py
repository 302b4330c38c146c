"""Figures of the analyses: quality and cost, noise in sampling, the response to an offset, the yardstick."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from diffusion.evaluation.interval import Interval
from diffusion.figures import curves
from diffusion.figures.curves import PLAIN
from diffusion.figures.style import INK, MUTED, SMALL, STYLES, Style, legend, new_figure
from study.figures.styles import MODELS, figure, model_styles, name_ends, on_logs, plain, shade, titled
from study.records import Drawn, Results, Trained

SAMPLERS = {"ancestral": "ancestral", "ddim": "DDIM", "naive": "naive"}  # that are drawn, with their names
REAL_DOT = "#8C8C8C"
OLD = {"color": MUTED, "marker": "o", "linestyle": "none", "markerfacecolor": "white"}  # of two bounds
NEW = {"color": MODELS["linear"].colour, "marker": "o", "linestyle": "none"}
ROW = 4.1  # millimetres of a row of dots
SCALE = ("unchanged", "shifted by 2 pixels", "on 10 % grey", "shifted by 3 pixels", "blurred by 1 pixel")
SCALE += ("two digits stitched", "on 20 % grey", "random pen strokes", "strokes deleted")  # of `yardstick`
# Networks beyond the study whose response is drawn, those of the linear DDPM.
NETWORKS = {
    "linear_rms": STYLES[3]._replace(label="RMS norm, 10 epochs"),
    "linear_unet": STYLES[4]._replace(label="U-Net, 10 epochs"),
}


# --- cost and quality ---

# Label of an axis -> a measure of samples.
MEASURES: dict[str, Callable[[Drawn], Interval]] = {
    "class divergence (nats)": lambda row: row.classes.divergence,
    "Fréchet distance": lambda row: row.frechet,
    "accepted as digits": lambda row: row.digit,
}


def _line(axes: Axes, rows: Iterable[Drawn], along: str, label: str, look: Mapping[str, Any]) -> None:
    """A measure with its intervals in order of another field of the rows, "calls" or "noise"."""
    rows = sorted(rows, key=lambda row: getattr(row, along))
    x = [getattr(row, along) for row in rows]
    values, low, high = zip(*(MEASURES[label](row).ends for row in rows), strict=True)
    axes.set_ylabel(label)
    axes.plot(x, values, **look)
    axes.vlines(x, low, high, colors=look["color"], linewidth=0.8)


def _analysed(results: Results) -> list[Trained]:
    return [one for one in results.trainings.values() if one.analysis]


@figure("quality_calls.svg")
def quality_calls(results: Results) -> Figure | None:
    """Distance and share of digits against network calls a sample, a line for each training and sampler."""
    if not _analysed(results):
        return None
    drawn, styles, entries = new_figure(44), model_styles(results), {}
    axes = drawn.subplots(1, 2)
    for one in _analysed(results):
        style, seed = styles[one.model], results.seeds(one.model).index(one.seed)
        found = [row for row in one.analysis.drawn if not row.noise and row.sampler in SAMPLERS]
        for place, sampler in enumerate(dict.fromkeys(row.sampler for row in found)):
            look = {"color": shade(style.colour, seed), "marker": style.marker}
            look |= {"linestyle": (0, (2, 1.2)) if place else "-"}
            look["markerfacecolor"] = "white" if place else look["color"]
            rows = [row for row in found if row.sampler == sampler]
            for one_axes, measure in zip(axes, ("Fréchet distance", "accepted as digits"), strict=True):
                _line(one_axes, rows, "calls", measure, look)
            if len(rows) > 1:
                several = len({row.sampler for row in found}) > 1
                name = style.label + (f", {SAMPLERS[sampler]}" if several else "")
                entries.setdefault(name, Line2D([], [], **look))
    if not entries:
        return None
    for one_axes in axes:
        one_axes.set(xscale="log", xlabel="network calls a sample")
        one_axes.xaxis.set_major_formatter(PLAIN)
    on_logs(axes[0].yaxis)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].set_ylim(bottom=0)
    legend(drawn, list(entries.items()))
    return drawn


@figure("sampling_noise.svg")
def sampling_noise(results: Results) -> Figure | None:
    """Class divergence, distance and share of digits of the zoom against the noise added in each step."""
    rows = {}
    for one in (one for one in _analysed(results) if one.model == "zoom"):
        own, *others = one.analysis.drawn
        alike = [row for row in others if (row.sampler, row.calls) == (own.sampler, own.calls)]
        if alike:
            rows[one.seed] = [own, *alike]
    if not rows:
        return None
    drawn, entries = new_figure(56), []
    all_axes = drawn.subplots(1, 3)
    for i, (seed, found) in enumerate(rows.items()):
        look = {"color": shade(MODELS["zoom"].colour, i), "marker": "^vD<>phX"[i % 8]}
        look |= {"linestyle": (0, (2 + i, 1.2)) if i else "-"}
        entries.append((f"seed {seed}", Line2D([], [], **look)))
        for axes, measure in zip(all_axes, MEASURES, strict=True):
            _line(axes, found, "noise", measure, look)
    for axes in all_axes:
        axes.set_xlabel("noise (s.d.)")
        axes.set_ylim(bottom=0)
    all_axes[2].yaxis.set_major_formatter(PercentFormatter(1))
    legend(drawn, entries)
    return drawn


# --- restorations ---


@figure("confusion.svg")
def confusion(results: Results) -> Figure | None:
    """Classes read in the zoom's restorations from the last level."""
    zoom = results.first("zoom").train if "zoom" in results.models else None
    if not zoom or not zoom.zoom:
        return None
    return curves.confusion(
        zoom.zoom.confusion.matrix, tuple(map(plain, zoom.data.classes)), plain(zoom.data.noun)
    )


@figure("centre_pixels.svg")
def centre_pixels(results: Results) -> Figure | None:
    """Fig. 8: grey values of the centres of the training images."""
    zoom = results.first("zoom").train.zoom if "zoom" in results.models else None
    return curves.centre_pixels(zoom.centre_pixels.counts) if zoom else None


# --- what a network is blind to ---


@figure("offset_response.svg")
def offset_response(results: Results) -> Figure | None:
    """The share of a uniform offset that the predicted noise answers, by time step, of several networks."""
    found: list[tuple[Style, Trained]] = []
    for of, styles in ((results, model_styles(results)), (results.further, NETWORKS)):
        for model, style in styles.items():
            one = of.first(model) if of and model in of.models else None
            if one and one.analysis and one.analysis.response:
                found.append((style, one))
    if not found:
        return None
    drawn, ends = new_figure(56), []
    axes = drawn.subplots()
    for style, one in found:
        answered = one.analysis.response
        values, low, high = zip(*(each.ends for each in answered.response), strict=True)
        axes.plot(answered.t, values, color=style.colour, marker=style.marker, markersize=3)
        axes.fill_between(answered.t, low, high, color=style.colour, alpha=0.15, linewidth=0)
        ends.append((answered.t[-1], values[-1], style.label, style.colour))
    axes.axhline(1, color=MUTED, linewidth=0.7)
    axes.set(xlabel="time step $t$", ylabel="reported, of all", ylim=(0, 1.08))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(left=0)
    name_ends(axes, ends)
    return drawn


# --- what measures mean ---


@figure("recognised_kinds.svg")
def recognised_kinds(results: Results) -> Figure | None:
    """Share of images accepted as digits by kind, by the calibrated recogniser and by confidence."""
    if not (found := results.yardstick):
        return None
    new = next(one for one in found.candidates if one.name == found.used)
    kinds = [*found.mild, *found.no_digits]
    drawn = new_figure(14 + ROW * len(kinds))
    axes = drawn.subplots()
    y = np.arange(len(kinds))[::-1] + np.where(np.arange(len(kinds)) < len(found.mild), 0.6, 0.0)
    a, b = ([100 * accepted[kind] for kind in kinds] for accepted in (found.old, new.accepted))
    axes.hlines(y, a, b, color="#CCCCCC", linewidth=1.2, zorder=1)
    axes.plot(a, y, **OLD)
    axes.plot(b, y, **NEW)
    axes.set(xlabel="accepted as digits (%)", xlim=(-2, 102))
    axes.set_yticks(y, kinds)
    axes.axhline((y[len(found.mild) - 1] + y[len(found.mild)]) / 2, color=MUTED, linewidth=0.7)
    entries = {"confidence": OLD, "calibrated recogniser": NEW}
    legend(drawn, [(name, Line2D([], [], **look)) for name, look in entries.items()])
    return drawn


@figure("yardstick.svg")
def yardstick(results: Results) -> Figure | None:
    """Distances of real digits under some distortions, in order, with those of the models among them."""
    if not results.yardstick:
        return None
    styles = model_styles(results)
    dots = [(one.kind, one.frechet, REAL_DOT) for one in results.yardstick.distorted if one.kind in SCALE]
    for one in (one for one in results.trainings.values() if one.measure):
        dots.append((titled(results, one), one.measure.final.frechet.value, styles[one.model].colour))
    dots.sort(key=lambda dot: dot[1])
    drawn = new_figure(12 + ROW * len(dots))
    axes = drawn.subplots()
    place = np.arange(len(dots))
    axes.scatter([fid for _, fid, _ in dots], place, c=[colour for *_, colour in dots], s=22, zorder=3)
    for y, (_, fid, colour) in zip(place, dots, strict=True):
        look = {"color": INK if colour == REAL_DOT else colour, "va": "center", "fontsize": SMALL}
        text = f"{fid:.2g}" if fid < 1 else f"{fid:.1f}"
        axes.annotate(text, (fid, y), (6, 0), textcoords="offset points", **look)
    axes.set_yticks(place, [name for name, *_ in dots])
    for tick, (*_, colour) in zip(axes.get_yticklabels(), dots, strict=True):
        tick.set_color(INK if colour == REAL_DOT else colour)
    on_logs(axes.xaxis)
    axes.margins(x=0.1, y=0.03)
    axes.set_xlabel("Fréchet distance")
    return drawn
