"""The slow start of DDPMs: blank squares, the response to an offset along training, and its correction."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from diffusion.figures.style import INK, MUTED, SMALL, new_figure
from paper import drift
from report.figures.curves import PLAIN, STYLES
from report.figures.pictures import kept
from report.figures.styles import MODELS, figure, key, on_logs, place, strip, write
from report.results.views import Results, Training

KINDS = {  # of networks
    kind: {"color": colour, "marker": marker, "linestyle": "none"}
    for kind, colour, marker in (
        (drift.STUDYS, INK, "^"),
        *((kind, *STYLES[i][::2]) for i, kind in enumerate(("dilated", "RMS norm", "U-Net"), 3)),
    )
}
HOLLOW = {"color": INK, "marker": "^", "markerfacecolor": "none", "linestyle": "none"}
HALF = 0.5  # the response at t = T above which an ancestral step makes an offset smaller
SLOW = "linear"  # the model that begins with blank squares
BLANK = 1.0  # spread of the border over samples from which most are a square of one grey: the images' range
SPREAD = "s.d. of the border"
SHOWN, SIDE, ROW = 8, 0.25, 0.28  # samples of a row; inches: a sample, a row
FEW = 5  # samples of a row of `intervention`
ADDED = {"as it is": "0", "a quarter": "¼", "a half": "½", "three quarters": "¾", "corrected": "1"}
DOTS = (  # of the first and of later epochs of `intervention`
    {"color": INK, "marker": "o"},
    {"color": STYLES[4].colour, "marker": "D", "markerfacecolor": "white"},
)
KEY, TITLE, AXIS = 0.25, 0.2, 0.4  # inches: the legend; what is above the panels and below them


# --- blank squares ---


class Shown(NamedTuple):
    """Samples: the spread of their borders, the first images, and the spread by the law where it is known."""

    spread: float
    images: np.ndarray
    law: float | None = None


def _corrected(results: Results) -> dict[tuple[str, int, str], Shown]:
    """Samples of the intervention by model, epoch and way."""
    job, found = results.jobs.get("intervention"), {}
    for images in kept(results, {"": job.name}, None).values() if job else ():
        of = {name: [row for row in job.rows if row.measure == name] for name in ("border", "predicted")}
        for row, law, few in zip(*of.values(), images, strict=True):
            found[row.model, row.epoch, row.way] = Shown(row.interval.sd, few, law.interval.value)
    return found


@figure
def blank(results: Results) -> Figure | None:
    """Samples of the linear DDPM along trainings, and the spread of the grey of their borders."""
    if not (rows := _filling(results)):
        return None
    high = max(1.3, ROW * len(rows))
    drawn = new_figure(25.4 * (AXIS + high + 0.05), layout=None)
    axes = place(drawn, 3.8, AXIS, 1.85, high)
    for _, one in slow(results):
        curve = [(row.epoch, row["border"].sd) for row in one.curve if "border" in row]
        axes.plot(*zip(*curve, strict=True), color=MODELS[SLOW].colour, linewidth=0.8, alpha=0.6)
    for i, (epoch, seed, samples) in enumerate(rows):
        letter, middle = chr(ord("a") + i), AXIS + high - ROW * (i + 0.5)
        write(drawn, 0, middle, f"{letter}   seed {seed}, epoch {epoch}")
        strip(drawn, samples.images, 1.15, middle, SIDE)
        axes.plot(epoch, samples.spread, "o", color=MODELS[SLOW].colour)
        look = {"textcoords": "offset points", "size": SMALL, "color": INK}
        axes.annotate(letter, (epoch, samples.spread), (5, 3), **look)
    axes.axhline(drift.real(results), color=MUTED, linewidth=0.8, linestyle=":")
    axes.text(1, 1.15 * drift.real(results), "real digits", size=SMALL, color=MUTED)
    axes.set(xlabel="epoch", ylabel=SPREAD, xscale="log", yscale="log", ylim=(0.004, 15))
    axes.axhspan(BLANK, 15, color=MUTED, alpha=0.15, linewidth=0)
    axes.text(110, 1.2, "blank", size=SMALL, color=MUTED, ha="right")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN)
    drawn.suffix = "png"
    return drawn


def slow(results: Results) -> list[tuple[Results, Training]]:
    """Our trainings of the slow model: the run's, and the starts."""
    runs = [results, *([results.beside["starts"]] if "starts" in results.beside else [])]
    return [(run, one) for run in runs for one in run.all_of(SLOW) if one.measured]


def _filling(results: Results) -> list[tuple[int, int, Shown]]:
    """Epoch, seed and samples: after early epochs, and of finished trainings whose starts are measured."""
    found, seeds = {}, results.beside["starts"].seeds(SLOW) if "starts" in results.beside else ()
    for run, one in slow(results):
        for images in kept(run, {"": f"samples_{one.name}"}, SHOWN).values():
            if one.seed in seeds:
                found[one.train.epochs, one.seed] = Shown(one.final["border"].sd, images)
    for (model, epoch, way), samples in _corrected(results).items():
        if seeds and (model, way) == (SLOW, "as it is"):
            found[epoch, results.jobs["intervention"].facts.settings.seed] = samples
    return sorted(((*at, samples) for at, samples in found.items()), key=lambda row: (row[0], -row[2].spread))


# --- the response, and the law ---


@figure
def starts(results: Results) -> Figure | None:
    """Response at t = T by epoch; the spread of the border, as it is predicted from it and as measured."""
    if not (drifts := drift.ways(results)):
        return None
    courses, real = drift.courses(results), drift.real(results)
    drawn = new_figure(58)
    along, law = drawn.subplots(1, 2)
    lines = {model: {"color": MODELS[model].colour, "linestyle": MODELS[model].line} for model in courses}
    for schedule, trainings in courses.items():
        for i, course in enumerate(trainings):
            along.plot(*zip(*course, strict=True), **lines[schedule], alpha=1 - 0.25 * i)
    along.axhline(HALF, color=MUTED, linewidth=0.8, linestyle=":")
    along.set(xlabel="epoch", ylabel="response at $t = T$", ylim=(-0.03, 1.03))
    by_law = np.hypot([one.predicted for one in drifts], real)  # samples differ as real images do, too
    for one, x in zip(drifts, by_law, strict=True):
        law.plot(x, one.border, **KINDS[one.kind] | ({"markerfacecolor": "none"} if one.ddim else {}))
    drawn.plots("predicted spread (x), measured spread", by_law, [one.border for one in drifts])
    law.axline((1, 1), slope=1, color=MUTED, linewidth=0.8)
    law.set(xlabel="predicted s.d. of the border", ylabel="measured s.d.", xscale="log", yscale="log")
    for axis in (law.xaxis, law.yaxis):
        axis.set_major_formatter(PLAIN)
    there = {one.kind for one in drifts}
    key(
        drawn,
        lines | {kind: look for kind, look in KINDS.items() if kind in there} | {"hollow: DDIM": HOLLOW},
    )
    return drawn


# --- the intervention ---


@figure
def intervention(results: Results) -> Figure | None:
    """Samples, the more of a missed offset is added to predictions, and the spread of their borders.

    A row is a part of the correction. Images are of the first epoch, dots of it and, hollow, of a later one;
    lines are the law's.
    """
    if not (found := _corrected(results)):
        return None
    high, places = ROW * len(ADDED), range(len(ADDED))
    drawn, looks = new_figure(25.4 * (KEY + TITLE + high + AXIS), layout=None), {}
    for i, model in enumerate(dict.fromkeys(model for model, *_ in found)):
        left, epochs = 0.42 + 2.62 * i, sorted({epoch for of, epoch, _ in found if of == model})
        write(drawn, left, AXIS + high + TITLE / 2, f"{model}, epoch {epochs[0]}")
        axes = place(drawn, left + FEW * SIDE + 0.1, AXIS, 1.15, high)
        for dot, epoch in zip(DOTS, epochs, strict=False):
            each = [found[model, epoch, way] for way in ADDED]
            axes.plot([one.law for one in each], places, color=dot["color"], linewidth=0.8)
            axes.plot([one.spread for one in each], places, **dot, linestyle="none", clip_on=False)
            looks[f"epoch {epoch}, measured"] = dot | {"linestyle": "none"}
        for y, way in enumerate(ADDED):
            strip(drawn, found[model, epochs[0], way].images[:FEW], left, AXIS + high - ROW * (y + 0.5), SIDE)
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
    key(drawn, looks | {"the law": {"color": INK, "linewidth": 0.8}})
    drawn.suffix = "png"
    return drawn
