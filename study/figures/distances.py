"""Figures along training: losses, distances, the classes that are drawn."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from diffusion.evaluation.statistics import mean_of_late, share
from diffusion.figures import curves
from diffusion.figures.curves import BAND, FEW, epochs, line, logarithmic, name_classes
from diffusion.figures.style import INK, MUTED, SMALL, legend, new_figure, styled
from diffusion.files import read_json
from study.figures.styles import MODELS, figure, model_styles, name_ends, plain, shade, titled
from study.original import LOSSES
from study.records import Checkpoint, Results, Trained

WINDOW = 9  # checkpoints of a running mean, where there are more than FEW
BLANK = 1.0  # spread of the border over samples from which most are a square of one grey: the images' range
RAW, SQUARES = "each checkpoint", "blank squares"
EXPLAINED = {  # what the legend says, where it is drawn
    RAW: {"color": INK, "linewidth": 0.5, "alpha": 0.45},
    f"mean of {WINDOW}": {"color": INK, "linewidth": 1.8},
    SQUARES: {"color": INK, "marker": "s", "markerfacecolor": "white", "linestyle": "none"},
}
YOURS, RELEASED = "your run", "the paper's"
BESIDE = {YOURS: {"color": "#004488", "marker": "o"}, RELEASED: {"color": MUTED, "linewidth": 1.0}}
THEIRS = "the study's zoom"  # its weights, which have one checkpoint
DOUBLINGS = {"cmap": "RdBu_r", "norm": LogNorm(1 / 4, 4, clip=True)}  # colours of a share over the real one


@figure("losses.svg")
def losses(results: Results) -> Figure | None:
    """Figs. 3 and 9: the test loss of the first training of each model; dashed, the study's."""
    drawn = new_figure(52)
    axes, styles, ends, every = drawn.subplots(), model_styles(results), [], []
    for model in results.models:
        history = [row for row in results.first(model).train.history if row.test_loss is not None]
        if history:
            x, y = [row.epoch for row in history], [row.test_loss for row in history]
            axes.plot(x, y, color=styles[model].colour, marker="o" if len(x) == 1 else "")
            ends.append((x[-1], y[-1], styles[model].label, styles[model].colour))
            every += y
    if not ends:
        return None
    files = results.original.out / "files" if results.original else Path()
    for model, name in LOSSES.items():
        if (path := files / f"losses_{name}.json").is_file():
            y, colour = read_json(path)["test_avg_losses"], MODELS[model].colour
            axes.plot(range(1, len(y) + 1), y, color=colour, linestyle=(0, (1.5, 1.5)))
            ends.append((len(y), y[-1], f"the study's “{model}”", colour))
            every += y
    epochs(axes, 1, max(x for x, *_ in ends))
    axes.set_ylabel("test loss")
    logarithmic(axes, every, wide=3)
    name_ends(axes, ends)
    return drawn


@figure("loss_{}.svg")
def loss(results: Results, model: str) -> Figure:
    """Training loss and test loss of one model."""
    return curves.losses({model: results.first(model).train.history}, model_styles(results))


@figure("distances.svg")
def distances(results: Results) -> Figure | None:
    """Figs. 4 and 13: distances over epochs, a curve a training; left what predicts noise, right the others.

    Where there are many checkpoints, each is a point of a thin line, and the running mean a thick one; few
    have their intervals. A floor far below all curves is written into the panel instead.
    """
    ones = [one for one in results.trainings.values() if one.measure]
    sides = [[one for one in ones if (one.train.process == "ddpm") == noise] for noise in (True, False)]
    sides = [side for side in sides if side]
    if not sides:
        return None
    drawn = new_figure(50)
    styles, panels = model_styles(results), drawn.subplots(1, len(sides), sharey=True, squeeze=False)[0]
    values = [row.frechet.value for one in ones for row in one.measure.curve]
    for axes, side in zip(panels, sides, strict=True):
        epochs(axes, 1, max(one.measure.curve[-1].epoch for one in side))
        for one in side:
            seed = results.seeds(one.model).index(one.seed)
            _distance(axes, one, shade(styles[one.model].colour, seed), seed == 0)
    axes, noun = panels[0], plain(ones[0].train.data.noun)
    axes.set_ylabel(f"Fréchet distance, {noun} features")
    on_logs = logarithmic(axes, values)
    if not on_logs:
        axes.set_ylim(bottom=0)
    if floor := ones[0].measure.floors.get("digits"):
        if floor.mean < axes.get_ylim()[0]:
            text = f"real against real: {floor.mean:.2g} (below)"
            axes.text(0.02, 0.02, text, transform=axes.transAxes, size=SMALL, color=MUTED, va="bottom")
        else:
            for each in panels:
                each.axhline(floor.mean, color=MUTED, linewidth=0.9)
    shown = {line.get_label() for axes in panels for line in axes.lines}
    entries = [(name, Line2D([], [], **look)) for name, look in EXPLAINED.items() if name in shown]
    if entries:
        legend(drawn, entries)
    for axes, side in zip(panels, sides, strict=True):
        alone = len({one.model for one in side}) == 1 < len(side)
        axes.set_title(plain(side[0].train.label) if alone else "", size=SMALL)
        name_ends(axes, [_end(results, one, alone) for one in side])
    return drawn


def _distance(axes: Axes, one: Trained, colour: str, first: bool) -> None:
    """Draw the curve of a training."""
    x = np.array([row.epoch for row in one.measure.curve])
    value = np.array([row.frechet.value for row in one.measure.curve])
    many = len(x) > FEW
    if many:
        axes.plot(x, value, color=colour, linewidth=0.5, alpha=0.45, label=RAW)
        axes.plot(x, _running(value), color=colour, linewidth=1.8, label=f"mean of {WINDOW}")
    else:
        if first:
            low, high = ([getattr(row.frechet, end) for row in one.measure.curve] for end in ("low", "high"))
            axes.fill_between(x, low, high, color=colour, **BAND)
        axes.plot(x, value, color=colour, marker="o", markersize=2.4)
    blank = np.array([row.border.sd > BLANK for row in one.measure.curve])
    if blank.any():
        axes.plot(x[blank], value[blank], label=SQUARES, **EXPLAINED[SQUARES] | {"color": colour})


def _running(value: np.ndarray) -> np.ndarray:
    """The mean of each value and its neighbours, `WINDOW` in all, fewer at both ends."""
    half = WINDOW // 2
    return np.array([value[max(0, i - half) : i + half + 1].mean() for i in range(len(value))])


def _end(results: Results, one: Trained, alone: bool) -> tuple[float, float, str, str]:
    """The end of the curve of a training, and its name there."""
    seed, curve = results.seeds(one.model).index(one.seed), one.measure.curve
    value = np.array([row.frechet.value for row in curve])
    y = _running(value)[-1] if len(curve) > FEW else value[-1]
    colour = shade(model_styles(results)[one.model].colour, seed)
    return curve[-1].epoch, y, f"seed {one.seed}" if alone else titled(results, one), colour


@styled
def mix(panels: Mapping[str, tuple[Mapping[str, Sequence[Any]], Sequence[Any]]]) -> Figure:
    """The zoom's distance against the divergence of its classes: a point a checkpoint, a marker a training.

    Args:
        panels: title -> points of each training, by its label, and those of real images whose classes are
            mixed otherwise, if any: (divergence, distance) each.
    """
    figure, entries, colour = new_figure(54), {}, MODELS["zoom"].colour
    for axes, (title, (points, real)) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for i, (label, found) in enumerate(points.items()):
            look = {"marker": "^osDv"[i % 5], "facecolor": colour if i == 0 else "none", "edgecolor": colour}
            entries[label] = axes.scatter(*zip(*found, strict=True), s=13, linewidth=0.8, **look)
        if real:
            (curve,) = axes.plot(*zip(*real, strict=True), color=INK, linewidth=0.9, marker=".", zorder=1)
            entries["real images, mixed otherwise"] = curve
        axes.set(title=title, xlabel="divergence of the classes (nats)", xlim=(0, None))
        axes.set_ylim(bottom=0)
    figure.axes[0].set_ylabel("Fréchet distance")
    legend(figure, list(entries.items()))
    return figure


@figure("common_loss.svg")
def common_loss(results: Results) -> Figure | None:
    """The loss of the cosine network over the linear one's at common noise levels, alpha_bar."""
    probes = [results.first(m).train.ddpm for m in ("linear", "cosine") if m in results.models]
    if len(probes) < 2 or not all(probes):
        return None
    levels, linear, cosine = (*probes[0].common_loss.levels,), *(one.common_loss.by_level for one in probes)
    drawn = new_figure(44)
    axes = drawn.subplots()
    axes.axhline(1, color=INK, linewidth=0.7)
    line(axes, levels, np.divide(cosine, linear), MODELS["cosine"], linestyle="-")
    axes.set(xlabel=r"signal variance left, $\bar\alpha_t$", ylabel="loss, cosine over linear", xlim=(0, 1))
    return drawn


# --- classes ---


@figure("classes_along_{}.svg")
def classes_along(results: Results, model: str) -> Figure | None:
    """Class shares over the real ones, checkpoint by checkpoint: a map for each of up to two trainings.

    Colour is the share of a class over its share in real images, from a quarter or less to fourfold or more.
    """
    ones = [results.trainings[model, seed] for seed in results.seeds(model)]
    ones = [one for one in ones if one.measure][:2]
    if not ones:
        return None
    drawn = new_figure(62)
    row = drawn.subplots(1, len(ones), sharey=True, squeeze=False)[0]
    for axes, one in zip(row, ones, strict=True):
        at = np.array([found.epoch for found in one.measure.curve])
        share = np.array([found.recognised.share for found in one.measure.curve]).T  # (classes, epochs)
        with np.errstate(divide="ignore", invalid="ignore"):  # a class that is not among the real images
            ratio = share / np.array(one.measure.real.recognised.share)[:, None]
        inner = (at[1:] + at[:-1]) / 2  # a column reaches halfway to those beside it
        edges = np.concatenate([[at[0] - 0.5], inner, [at[-1] + 0.5]])
        cells = axes.pcolormesh(edges, np.arange(len(share) + 1), ratio, rasterized=True, **DOUBLINGS)
        axes.set(xlabel="epoch", title=f"seed {one.seed}" if len(ones) > 1 else "")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.grid(visible=False)
        axes.tick_params(length=0, pad=4)
    known = ones[0].train.data
    name_classes(row[0].yaxis, tuple(map(plain, known.classes)))
    row[0].set_ylabel(f"{plain(known.noun)} that the classifier reads")
    row[0].invert_yaxis()
    bar = drawn.colorbar(cells, ax=row, label="share, over that in real images", aspect=24, pad=0.02)
    bar.set_ticks([1 / 4, 1 / 2, 1, 2, 4], labels=["≤ ¼", "½", "1", "2", "≥ 4"])
    bar.minorticks_off()
    bar.outline.set_visible(False)
    return drawn


def _star(late: Sequence[Checkpoint], c: int, real: float) -> str:
    """A star where the share of class c in late checkpoints is beyond chance not that of real images."""
    end = mean_of_late(share(row.recognised.share[c], row.recognised.n) for row in late)
    return "*" if end and not end.low <= real <= end.high else ""


@figure("class_map.svg")
def class_map(results: Results) -> Figure | None:
    """Mean class shares of late checkpoints over those of real images: a row a training, a column a class.

    Colour is the ratio, from a quarter or less to fourfold or more; the number is written into the cell, with
    a star where its 95 % interval excludes 1. Beside a training's name, the share of its samples that are
    read with confidence, which alone count.
    """
    rows, said = {}, []
    beside = results.original.trainings.values() if results.original else ()
    studys = [one for one in beside if one.model == "zoom"]
    for one in [*results.trainings.values(), *studys]:
        late = [row for row in one.measure.late() if row.recognised.n] if one.measure else []
        real = np.array(one.measure.real.recognised.share) if one.measure else np.zeros(10)
        if late and (real > 0).all():
            sure = 1 - np.mean([row.low_confidence.value for row in late])
            name = f"{THEIRS if one in studys else titled(results, one)} ({100 * sure:.0f} %)"
            rows[name] = np.mean([row.recognised.share for row in late], axis=0) / real
            said.append([f"{x:.2f}{_star(late, c, real[c])}" for c, x in enumerate(rows[name])])
    if not rows:
        return None
    table, known = np.array(list(rows.values())), results.first(results.models[0]).train.data
    drawn = new_figure(18 + 6.2 * len(table))
    axes = drawn.subplots()
    look = {"cbar": False, "linewidths": 0.8, **DOUBLINGS}
    sns.heatmap(table, annot=np.array(said), fmt="", annot_kws={"size": SMALL}, ax=axes, **look)
    name_classes(axes.xaxis, tuple(map(plain, known.classes)))
    axes.set_yticks(np.arange(len(table)) + 0.5, list(rows), rotation=0)
    axes.set_xlabel(f"{plain(known.noun)} that the classifier reads")
    axes.tick_params(length=0, pad=4)
    return drawn


# --- a run of one's own ---


@styled
def losses_beside(panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]]) -> Figure:
    """Test losses against passes over the data, a panel for each model.

    Args:
        panels: the model's label -> `YOURS` and, where there is one, `RELEASED` -> passes, and losses.
    """
    across = min(len(panels), 2 if len(panels) <= 4 else 4)
    figure = new_figure(8 + 38 * math.ceil(len(panels) / across))
    grid = figure.subplots(math.ceil(len(panels) / across), across, squeeze=False)
    places = list(grid.flat)
    for axes, (name, sides) in zip(places, panels.items(), strict=False):
        for whose, (passes, losses) in sides.items():
            few = {} if len(passes) <= FEW else {"marker": ""}
            axes.plot(passes, losses, **BESIDE[whose] | few)
        highest = max(max(losses) for _, losses in sides.values())
        axes.set(title=name, xscale="log", ylim=(0, 1.12 * highest))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axes in places[len(panels) :]:
        axes.remove()
    figure.supxlabel("passes over the training images", size="medium")
    figure.supylabel("test loss", size="medium")
    drawn = dict.fromkeys(whose for sides in panels.values() for whose in sides)
    legend(figure, [(whose, places[0].plot([], [], **BESIDE[whose])[0]) for whose in drawn])
    return figure
