"""The slow start of DDPMs: blank samples, the response to an offset during training, and its correction."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from paper import drift
from paper.figures.pictures import kept
from report.figures.curves import PLAIN, STYLES
from report.figures.print_style import INK, MUTED, SMALL, new_figure
from report.figures.styles import MODELS, add_axes, figure, key, lines_of, name_ends, on_logs, strip, write
from report.results.views import Results

KINDS = {  # kind of network -> look
    kind: {"color": colour, "marker": marker, "linestyle": "none"}
    for kind, colour, marker in (
        (drift.ORIGINAL, INK, "^"),
        *((kind, *STYLES[i][::2]) for i, kind in enumerate(("dilated", "RMS norm", "U-Net"), 3)),
    )
}
HOLLOW = {"color": INK, "marker": "^", "markerfacecolor": "none", "linestyle": "none"}
SPREAD = "s.d. of the border"
FEW, SIDE, ROW = 5, 0.25, 0.28  # samples in a row; inches: a sample, a row
ADDED = {"as it is": "0", "a quarter": "¼", "corrected": "1"}  # shown doses
DOTS = (  # looks of the first and of later epochs in `intervention`
    {"color": INK, "marker": "o", "linestyle": "none"},
    {"color": STYLES[4].colour, "marker": "D", "markerfacecolor": "white", "linestyle": "none"},
)
LAWS = tuple(
    {"color": dot["color"], "linewidth": 1, "linestyle": line, "marker": "|", "markersize": 9}
    for dot, line in zip(DOTS, ("-", "--"), strict=True)
)
EQUAL = {"color": MUTED, "linewidth": 0.8}
KEY, TITLE, AXIS = 0.25, 0.2, 0.4  # inches: the legend; the room above the panels, and below them


# --- blank samples ---


@figure
def blank(results: Results) -> Figure | None:
    """The spread of the grey of samples' borders along training, a line for each linear DDPM."""
    if not (runs := drift.spreads(results)):
        return None
    drawn, lines = new_figure(44), lines_of(runs)
    axes, look = drawn.subplots(), {"color": MODELS["linear"].colour}
    for seed, spreads in runs.items():
        axes.plot(*zip(*sorted(spreads.items()), strict=True), **look, linestyle=lines[seed])
    key(drawn, {f"seed {seed}": look | {"linestyle": line} for seed, line in lines.items()})
    axes.axhline(drift.real(results), color=MUTED, linewidth=0.8, linestyle=":")
    axes.text(1, 1.15 * drift.real(results), "real digits", size=SMALL, color=MUTED)
    axes.set(xlabel="epoch", ylabel=SPREAD, xscale="log", yscale="log", ylim=(0.004, 15))
    axes.axhspan(drift.BLANK, 15, color=MUTED, alpha=0.15, linewidth=0)
    axes.text(100, 1.2, "blank", size=SMALL, color=MUTED, ha="right")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN)
    return drawn


# --- the response, and the law ---


@figure
def starts(results: Results) -> Figure | None:
    """The response at t = T by epoch, and the predicted against the measured spread of the border."""
    if not (drifts := drift.list_drifts(results)):
        return None
    courses, real = drift.courses(results), drift.real(results)
    drawn = new_figure(58)
    along, law = drawn.subplots(1, 2)
    ends = []
    for schedule, trainings in courses.items():
        colour, line = MODELS[schedule].colour, MODELS[schedule].line
        for course in trainings:
            along.plot(*zip(*course.points, strict=True), color=colour, linestyle=line)
            ends.append((course.points[-1][1], f"{schedule}, seed {course.seed}", colour))
    along.axhline(drift.HALF, color=MUTED, linewidth=0.8, linestyle=":")
    along.set(xlabel="epoch", ylabel="response at $t = T$", ylim=(-0.03, 1.03))
    by_law = np.hypot([one.predicted for one in drifts], real)  # samples differ as real images do, too
    for one, x in zip(drifts, by_law, strict=True):
        law.plot(x, one.border, **KINDS[one.kind] | ({"markerfacecolor": "none"} if one.ddim else {}))
    drawn.plots("predicted spread (x), measured spread", by_law, [one.border for one in drifts])
    law.axline((1, 1), slope=1, **EQUAL)
    law.set(xlabel="predicted s.d. of the border", ylabel="measured s.d.", xscale="log", yscale="log")
    for axis in (law.xaxis, law.yaxis):
        axis.set_major_formatter(PLAIN)
    there = {one.kind for one in drifts}
    looks = {kind: look for kind, look in KINDS.items() if kind in there}
    key(drawn, looks | {"hollow: DDIM": HOLLOW, "as predicted": EQUAL})
    name_ends(along, ends)
    return drawn


# --- the intervention ---


class Shown(NamedTuple):
    """Samples: measured spread of their borders, first images, and predicted spread if it is known."""

    spread: float
    images: np.ndarray
    law: float | None = None


def _corrected(results: Results) -> dict[tuple[str, int, str], Shown]:
    """Samples of the intervention by model, epoch and way."""
    job, samples = results.jobs.get("intervention"), {}
    for images in kept(results, {"": job.name}, None).values() if job else ():
        rows = {name: [row for row in job.rows if row.measure == name] for name in ("border", "predicted")}
        for row, law, few in zip(*rows.values(), images, strict=True):
            samples[row.model, row.epoch, row.way] = Shown(row.interval.sd, few, law.interval.value)
    return samples


@figure
def intervention(results: Results) -> Figure | None:
    """Samples for several amounts of the correction, and the spread of their borders.

    A row is the part of the missed offset that is added to predictions. Images and filled dots show the first
    epoch, hollow dots a later one, and lines the prediction of the law.
    """
    if not (samples := _corrected(results)):
        return None
    high, places = ROW * len(ADDED), range(len(ADDED))
    drawn, looks = new_figure(25.4 * (KEY + TITLE + high + AXIS), layout=None), {}
    for i, model in enumerate(dict.fromkeys(model for model, *_ in samples)):
        left, epochs = 0.42 + 2.62 * i, sorted({epoch for name, epoch, _ in samples if name == model})
        write(drawn, left, AXIS + high + TITLE / 2, f"{model}, epoch {epochs[0]}")
        axes = add_axes(drawn, left + FEW * SIDE + 0.1, AXIS, 1.15, high)
        for dot, line, epoch in zip(DOTS, LAWS, epochs, strict=False):
            sets = [samples[model, epoch, way] for way in ADDED]
            axes.plot([shown.law for shown in sets], places, **line)
            axes.plot([shown.spread for shown in sets], places, **dot, clip_on=False)
            looks |= {f"epoch {epoch}": dot, f"epoch {epoch}, the law": line}
        for y, way in enumerate(ADDED):
            few, middle = samples[model, epochs[0], way].images[:FEW], AXIS + high - ROW * (y + 0.5)
            strip(drawn, few, left, middle, SIDE)
        on_logs(axes.xaxis)
        axes.set(
            xlabel=SPREAD,
            xlim=(0.004, 12),
            xticks=(0.01, 0.1, 1, 10),
            yticks=(),
            ylim=(len(ADDED) - 0.5, -0.5),
        )
        axes.grid(visible=False, axis="y")
    for y, part in enumerate(ADDED.values()):
        write(drawn, 0.15, AXIS + high - ROW * (y + 0.5), part)
    write(drawn, 0, AXIS + high + TITLE / 2, "added")
    key(drawn, looks)
    drawn.suffix = "png"
    return drawn
