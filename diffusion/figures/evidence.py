"""Figures of the analyses: quality and cost, noise in sampling, the response to an offset, the yardstick."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

from diffusion.figures.style import (
    AXIS,
    INK,
    MODELS,
    MUTED,
    SMALL,
    handles,
    legend,
    model_styles,
    new_figure,
    styled,
)
from diffusion.records import Candidate, Distorted, Drawn, Floor, Response, YardstickRecord

SEED_MARKERS = "^vD<>phX"
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # no powers of ten
PLAIN_DOT = "#8C8C8C"
OF_PROCESS = {"ddpm": MODELS["linear"].colour, "zoom": MODELS["zoom"].colour}
ROW = 4.4  # millimetres of a row of dots


# --- cost and quality ---


@styled
def quality_against_calls(
    drawn: Mapping[str, Sequence[Sequence[Drawn]]],
    labels: Mapping[str, str] | None = None,
    floor: Floor | None = None,
) -> Figure:
    """Distance and share of digits against network calls a sample, a line for each model and sampler.

    Args:
        drawn: model -> for each training, its ways to sample without added noise; the first is drawn strong.
        floor: of real images, at as many images.
    """
    figure = new_figure(72)
    axes = figure.subplots(1, 2)
    styles, known, entries = model_styles(drawn), labels or {}, {}
    for model, trainings in drawn.items():
        for seed, rows in enumerate(trainings):
            for place, sampler in enumerate(dict.fromkeys(row.sampler for row in rows)):
                look = {"color": styles[model].colour, "marker": styles[model].marker}
                look |= {"linestyle": ("-", (0, (2, 1.2)))[place], "alpha": 1 if seed == 0 else 0.4}
                look["markerfacecolor"] = "white" if place else look["color"]
                found = sorted((row for row in rows if row.sampler == sampler), key=lambda row: row.calls)
                _line(axes[0], found, lambda r: (r.digits.fid, r.digits.low, r.digits.high), look)
                _line(axes[1], found, lambda r: (r.digit.share, r.digit.low, r.digit.high), look)
                entries.setdefault(f"{known.get(model, model)}, {sampler}", Line2D([], [], **look))
    if floor:
        axes[0].axhline(floor.fid_mean, color=MUTED, linewidth=1)
        entries["real images"] = Line2D([], [], color=MUTED, linewidth=1)
    for one, label in zip(axes, ("Fréchet distance", "accepted as digits"), strict=True):
        one.set(xscale="log", xlabel="network calls a sample", ylabel=label)
        one.xaxis.set_major_formatter(PLAIN)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter(PLAIN)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].set_ylim(bottom=0)
    legend(figure, list(entries.items()))
    return figure


def _line(axes: Axes, rows: Sequence[Drawn], of: Callable[[Drawn], tuple], look: dict) -> None:
    calls, values = [row.calls for row in rows], [of(row) for row in rows]
    axes.plot(calls, [value for value, _, _ in values], **look)
    _errors(axes, calls, [(low, high) for _, low, high in values], look["color"])


def _errors(axes: Axes, x: Sequence[float], spans: Sequence[tuple[float, float]], colour: str) -> None:
    axes.vlines(x, [low for low, _ in spans], [high for _, high in spans], colors=colour, linewidth=0.8)


@styled
def noise(drawn: Mapping[str, Sequence[Drawn]], reference: float | None = None) -> Figure:
    """Class divergence, distance and share of digits against the noise added in each step of sampling.

    Args:
        drawn: "seed 0" -> rows of one sampler and number of calls.
        reference: divergence of as many real labels.
    """
    figure = new_figure(60)
    panels = {
        "class divergence (nats)": lambda r: (
            r.classes.divergence,
            r.classes.divergence_low,
            r.classes.divergence_high,
        ),
        "Fréchet distance": lambda r: (r.digits.fid, r.digits.low, r.digits.high),
        "accepted as digits": lambda r: (r.digit.share, r.digit.low, r.digit.high),
    }
    all_axes, looks = figure.subplots(1, 3), _seed_looks(drawn)
    for axes, (label, of) in zip(all_axes, panels.items(), strict=True):
        for name, rows in drawn.items():
            found = sorted(rows, key=lambda row: row.noise)
            sizes, values = [row.noise for row in found], [of(row) for row in found]
            axes.plot(sizes, [v for v, _, _ in values], **looks[name])
            _errors(axes, sizes, [(low, high) for _, low, high in values], looks[name]["color"])
        axes.set(xlabel="noise (s.d.)", ylabel=label)
        axes.set_ylim(bottom=0)
    all_axes[2].yaxis.set_major_formatter(PercentFormatter(1))
    if reference is not None:
        all_axes[0].axhline(reference, color=MUTED, linewidth=1)
    legend(figure, [(name, Line2D([], [], **look)) for name, look in looks.items()])
    return figure


def _seed_looks(names: Mapping[str, object]) -> dict[str, dict]:
    """The looks of the zoom's trainings: its colour, the first filled."""
    colour = model_styles(["zoom"])["zoom"].colour
    return {
        name: {
            "color": colour,
            "marker": SEED_MARKERS[i % len(SEED_MARKERS)],
            "markerfacecolor": "white" if i else colour,
            "linestyle": (0, (2 + i, 1.2)) if i else "-",
        }
        for i, name in enumerate(names)
    }


# --- what a network is blind to ---


@styled
def response(found: Mapping[str, Response], labels: Mapping[str, str] | None = None) -> Figure:
    """The share of a uniform offset that the predicted noise answers, by time step."""
    figure = new_figure(62)
    axes = figure.subplots()
    for model, style in (styles := model_styles(found)).items():
        one = found[model]
        axes.plot(one.t, one.response, color=style.colour, marker=style.marker, linestyle=style.line)
        axes.fill_between(one.t, one.low, one.high, color=style.colour, alpha=0.15, linewidth=0)
    axes.axhline(1, color=MUTED, linewidth=1)
    axes.annotate(
        "all of it", (0, 1), (4, -3), textcoords="offset points", color=MUTED, va="top", fontsize=SMALL
    )
    axes.set(xlabel="time step $t$", ylabel="answered / ideal", ylim=(0, 1.08))
    axes.set_xlim(left=0)
    legend(figure, handles(styles, labels))
    return figure


# --- what measures mean ---


@styled
def recogniser(found: YardstickRecord, samples: Mapping[str, float] | None = None) -> Figure:
    """Share of images accepted as digits by kind, by the calibrated measure and by the old bound.

    Args:
        samples: label -> share of a model's samples accepted by the calibrated measure.
    """
    new = next(one for one in found.candidates if one.name == found.used)
    kinds = [*found.mild, *found.no_digits]
    figure = new_figure(14 + 5.2 * len(kinds))
    axes = figure.subplots()
    y = np.arange(len(kinds))[::-1] + np.where(np.arange(len(kinds)) < len(found.mild), 0.6, 0.0)
    _pairs(axes, y, kinds, found.old, new)
    axes.set(xlabel="accepted as digits (%)", xlim=(-2, 102))
    axes.set_yticks(y, kinds)
    axes.axhline((y[len(found.mild) - 1] + y[len(found.mild)]) / 2, color=MUTED, linewidth=0.7)
    legend(
        figure,
        [
            (
                "confidence, old bound",
                Line2D([], [], color=MUTED, marker="o", linestyle="none", markerfacecolor="white"),
            ),
            ("calibrated measure", Line2D([], [], color="#004488", marker="o", linestyle="none")),
        ],
    )
    return figure


def _pairs(axes: Axes, y: np.ndarray, kinds: Sequence[str], old: Candidate, new: Candidate) -> None:
    a, b = ([100 * one.accepted[kind] for kind in kinds] for one in (old, new))
    axes.hlines(y, a, b, color="#CCCCCC", linewidth=1.2, zorder=1)
    axes.plot(a, y, linestyle="none", marker="o", color=MUTED, markerfacecolor="white")
    axes.plot(b, y, linestyle="none", marker="o", color="#004488")


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
    distorted: Sequence[Distorted], finals: Mapping[str, float], labels: Mapping[str, str] | None = None
) -> Figure:
    """Distances of real digits distorted, in order, with those of the models among them.

    Args:
        finals: model -> distance of the finished model.
    """
    styles, known = (
        model_styles(dict.fromkeys(name.rpartition("-")[0] or name for name in finals)),
        labels or {},
    )
    bars = [(one.kind, one.digits.fid, PLAIN_DOT) for one in distorted]
    for name, fid in finals.items():
        model, _, seed = name.rpartition("-")
        bars.append((f"{known.get(model, model)}, seed {seed}", fid, styles[model or name].colour))
    bars.sort(key=lambda bar: bar[1])
    figure = new_figure(16 + ROW * len(bars))
    axes = figure.subplots()
    place = np.arange(len(bars))
    axes.scatter([fid for _, fid, _ in bars], place, c=[colour for *_, colour in bars], s=22, zorder=3)
    for y, (_, fid, colour) in zip(place, bars, strict=True):
        look = {"color": INK if colour == PLAIN_DOT else colour, "va": "center", "fontsize": SMALL}
        axes.annotate(
            f"{fid:.2g}" if fid < 1 else f"{fid:.1f}", (fid, y), (6, 0), textcoords="offset points", **look
        )
    axes.set_yticks(place, [name for name, *_ in bars])
    for tick, (*_, colour) in zip(axes.get_yticklabels(), bars, strict=True):
        tick.set_color(INK if colour == PLAIN_DOT else colour)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PLAIN)
    axes.margins(x=0.1, y=0.02)
    axes.set_xlabel("Fréchet distance")
    return figure


@styled
def changes(rows: Sequence[tuple[str, str, Sequence[float]]], floor: float | None = None) -> Figure:
    """A line of dots a row, a dot a training, on a logarithmic scale; a bar at the base of each kind.

    Args:
        rows: label, process ("ddpm" or "zoom"), and a distance a training; a process's first is its base.
        floor: distance of real images, drawn as a line.
    """
    figure = new_figure(12 + ROW * len(rows))
    axes = figure.subplots()
    for place, (_, process, distances) in enumerate(rows):
        colour = OF_PROCESS[process]
        axes.plot([min(distances), max(distances)], [place] * 2, color=colour, linewidth=0.8)
        axes.plot(distances, [place] * len(distances), "o", color=colour, markersize=3.6)
    for process in OF_PROCESS:
        of_kind = [place for place, row in enumerate(rows) if row[1] == process]
        if of_kind:
            base = fmean(rows[of_kind[0]][2])
            axes.vlines(base, of_kind[0] - 0.4, of_kind[-1] + 0.4, color=AXIS, linestyles="dotted")
    if floor is not None:
        axes.axvline(floor, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=SMALL)
    axes.set(xscale="log", xlabel="Fréchet distance, digit features", ylim=(len(rows) - 0.4, -0.6))
    axes.grid(False, axis="y")
    return figure
