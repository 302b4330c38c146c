"""Figures of losses and distances during training."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from report.figures.curves import FEW, PLAIN, epochs, logarithmic
from report.figures.print_style import INK, MUTED, SMALL, new_figure
from report.figures.styles import (
    MODELS,
    figure,
    height_of,
    key,
    lines_of,
    literal,
    model_styles,
    name_ends,
    plural,
)
from report.results.counterparts import Pair
from report.results.table import CHECKPOINT
from report.results.views import LATE, Results, Training

PARTS = 20  # points of a short training run, by step
MANY = 3  # runs of a model from which on their range is drawn
BAND = 0.25  # opacity of the range
THIN = ("cosine",)  # models that are shown only for comparison
NOTE = {"size": SMALL, "color": MUTED, "ha": "center"}  # style of text in a figure
YOURS, RELEASED = "your run", "the paper's"
BESIDE = {YOURS: {"color": "#004488", "marker": "o"}, RELEASED: {"color": MUTED, "linewidth": 1.0}}


@figure
def losses(results: Results, others: Sequence[tuple[str, str, list[float]]] = ()) -> Figure | None:
    """Figs. 3, 9: test losses of the first training run of each model; training losses are thin.

    Args:
        results: the run.
        others: further curves, dotted: label, model with the same colour, and a loss for each epoch.
    """
    drawn = new_figure(height_of(len(results.models) + len(others), 40))
    axes, ends, last = drawn.subplots(), [], 1
    for model, style in model_styles(results).items():
        x, y = _test_losses(results.first(model))
        if x:
            training_losses = [row["train_loss"].value for row in results.first(model).history]
            every = range(1, len(training_losses) + 1)
            axes.plot(every, training_losses, color=style.colour, linewidth=0.5)
            drawn.plots(f"{style.label}, training", every, training_losses)
            axes.plot(x, y, color=style.colour)
            ends.append((y[-1], style.label, style.colour))
            last = max(last, x[-1])
    if last == 1:
        return None
    for label, model, y in others:
        every, colour = range(1, len(y) + 1), MODELS[model].colour
        axes.plot(every, y, color=colour, linestyle=(0, (1.5, 1.5)))
        drawn.plots(label, every, y)
        ends.append((y[-1], label, colour))
        last = max(last, len(y))
    epochs(axes, 1, last)
    axes.set_ylabel("test loss")
    logarithmic(axes, np.concatenate([curve.get_ydata() for curve in axes.lines]), wide=3)
    name_ends(axes, ends)
    return drawn


def _test_losses(training: Training) -> tuple[list[int], list[float]]:
    """Epochs, and the test loss after each."""
    rows = [row for row in training.history if "test_loss" in row]
    return [row.epoch for row in rows], [row["test_loss"].value for row in rows]


def _by_step(training: Training) -> tuple[list[float], list[float]]:
    """Passes over 60,000 images, and the mean training loss up to each; empty if no losses were recorded."""
    if "step_loss" not in training.probes:
        return [], []
    steps = np.array(training.probes.places("step_loss"))
    step_losses = np.array([loss.value for loss in training.probes["step_loss"]])
    parts = [part for part in np.array_split(np.arange(len(steps)), PARTS) if len(part)]
    passes = [steps[part[-1]] * training.settings["batch_size"] / 60_000 for part in parts]
    return passes, [fmean(step_losses[part]) for part in parts]


@figure
def distances(results: Results) -> Figure | None:
    """Figs. 4 and 13: distances over epochs, a curve for each training run.

    A line style is a seed. Dots are checkpoints, if a run has few. If a model has `MANY` or more runs, a band
    spans them, and a line shows their geometric mean. Models in `THIN` have thin lines. The late part of
    training is shaded.
    """
    curves = [
        (training, rows)
        for training in results.trainings.values()
        if (rows := [row for row in training.curve if not row.one_image])
    ]
    if all(len(rows) < 2 for _, rows in curves):
        return None
    drawn = new_figure(height_of(len({training.model for training, _ in curves}), 62))
    axes, styles, ends = drawn.subplots(), model_styles(results), {}
    by_model = {training.model: [] for training, _ in curves}
    for training, rows in curves:
        by_model[training.model].append((training, rows))
    lines = lines_of(one.seed for some in by_model.values() if len(some) < MANY for one, _ in some)
    looks = {f"seed {seed}": {"color": INK, "linestyle": line} for seed, line in lines.items()}
    if len(lines) == 1:
        looks.clear()
    last = max(rows[-1].epoch for _, rows in curves)
    epochs(axes, 1, last)
    for model, some in by_model.items():
        colour, name = styles[model].colour, styles[model].label
        courses = [pd.Series({row.epoch: row["frechet"].value for row in rows}) for _, rows in some]
        if len(some) >= MANY:
            runs = pd.concat(courses, axis=1).sort_index().interpolate("index", limit_area="inside")
            low, mean, high = runs.min(axis=1), np.exp(np.log(runs).mean(axis=1)), runs.max(axis=1)
            axes.fill_between(runs.index, low, high, color=colour, alpha=BAND, linewidth=0)
            axes.plot(mean, color=colour)
            looks[f"mean of {len(some)} runs"] = {"color": colour}
            looks["their range"] = {"color": colour, "alpha": BAND, "linewidth": 6}
            for title, values in {"lowest": low, "mean": mean, "highest": high}.items():
                drawn.plots(f"{name}, {title}", runs.index, values)
            courses = [mean]
        else:
            width, size = (0.6, 1.8) if model in THIN else (1.3, 2.4)
            for (training, rows), course in zip(some, courses, strict=True):
                look = {"linestyle": lines[training.seed], "linewidth": width, "markersize": size}
                axes.plot(course, color=colour, marker="o" if len(rows) <= FEW else "", **look)
        ends[model] = [course.iloc[-1] for course in courses]
    first = curves[0][0]
    noun = literal(first.train.data.noun)
    features = noun if first.main_features == "digits" else first.main_features
    axes.set_ylabel(f"Fréchet distance,\n{features} features")
    if not logarithmic(axes, [row["frechet"].value for _, rows in curves for row in rows]):
        axes.set_ylim(bottom=0)
    if any(len(training.late) > 1 for training, _ in curves):
        axes.axvspan((1 - LATE) * last, last, color=MUTED, alpha=0.13, linewidth=0)
        axes.text((1 - LATE / 2) * last, 0.97, "late", transform=axes.get_xaxis_transform(), **NOTE, va="top")
    if len({len(rows) > FEW for _, rows in curves}) > 1:
        looks["dots: checkpoints"] = {"color": INK, "marker": "o", "markersize": 2.4, "linestyle": "none"}
    key(drawn, looks)
    if "floor" in first.measured[CHECKPOINT]:
        floor = first.measured[CHECKPOINT]["floor"].value
        if floor < axes.get_ylim()[0]:
            text, look = f"real {plural(noun)}: {floor:.2g} (below)", NOTE | {"ha": "left", "va": "bottom"}
            axes.text(0, 1.02, text, transform=axes.transAxes, **look)
        else:
            axes.axhline(floor, color=MUTED, linewidth=0.9)
    name_ends(axes, [(fmean(y), styles[m].label, styles[m].colour) for m, y in ends.items()])
    return drawn


@figure
def losses_beside(results: Results, pairs: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Losses against passes over the data, with equal axes: a panel for each model and its counterpart.

    Dots and lines between them are test losses; a thin line is the training loss of a short run.

    Args:
        results: the run.
        pairs: first training runs with their counterparts (`report.results.counterparts.list_beside`).
    """
    if not pairs:
        return None
    across = min(len(pairs), 2 if len(pairs) <= 4 else 3)  # more would not have room for their titles
    down = math.ceil(len(pairs) / across)
    drawn, entries = new_figure(8 + 38 * down), {}
    panels = drawn.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat
    for axes, (own, other) in zip(panels, pairs, strict=False):
        for side, training in {YOURS: own, RELEASED: other and other[1]}.items():
            if not training:
                continue
            trained, y = _test_losses(training)
            look = BESIDE[side] if len(trained) <= FEW else BESIDE[side] | {"marker": ""}
            axes.plot([training.passes_after(epoch) for epoch in trained], y, **look)
            if side == YOURS and len(trained) <= FEW:
                axes.plot(*_by_step(training), color=look["color"], linewidth=0.7)
            entries[side] = BESIDE[side]
        axes.set(title=literal(own.label), xscale="log")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.tick_params(labelbottom=True)  # above an empty place, too
    for axes in panels[len(pairs) :]:
        axes.remove()
    losses = np.concatenate([line.get_ydata() for axes in drawn.axes for line in axes.lines])
    if not logarithmic(panels[0], losses, wide=3):
        panels[0].set_ylim(0, 1.12 * losses.max(initial=0) or 1)
    drawn.supxlabel("passes over the training images", size="medium")
    drawn.supylabel("mean squared error", size="medium")
    key(drawn, entries)
    return drawn
