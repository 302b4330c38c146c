"""Figures of losses and distances during training."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

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
    title_of,
)
from report.results.counterparts import Pair
from report.results.table import CHECKPOINT
from report.results.views import LATE, Results, Training

PARTS = 20  # points of a short training run, by step
WINDOW = 9  # checkpoints in a running mean, which is drawn if there are more than FEW
THIN = ("cosine",)  # models that are shown only for comparison
PALE: dict[str, Any] = {"linewidth": 0.5, "alpha": 0.4}  # checkpoints behind a running mean
SAID = {"size": SMALL, "color": MUTED, "ha": "center"}  # style of text in a figure
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
            of_training = [row["train_loss"].value for row in results.first(model).history]
            axes.plot(range(1, len(of_training) + 1), of_training, color=style.colour, linewidth=0.5)
            drawn.plots(f"{style.label}, training", range(1, len(of_training) + 1), of_training)
            axes.plot(x, y, color=style.colour)
            ends.append((y[-1], style.label, style.colour))
            last = max(last, x[-1])
    if not any(len(curve.get_xdata()) > 1 for curve in axes.lines):
        return None
    for label, model, y in others:
        x, colour = range(1, len(y) + 1), MODELS[model].colour
        axes.plot(x, y, color=colour, linestyle=(0, (1.5, 1.5)))
        drawn.plots(label, x, y)
        ends.append((y[-1], label, colour))
        last = max(last, x[-1])
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
    probes = training.probes
    known = "step_loss" in probes
    rows = [*zip(probes.places("step_loss"), probes["step_loss"], strict=True)] if known else []
    parts = [rows[len(rows) * k // PARTS : len(rows) * (k + 1) // PARTS] for k in range(PARTS)]
    passes = [part[-1][0] * training.settings["batch_size"] / 60_000 for part in parts if part]
    return passes, [fmean(loss.value for _, loss in part) for part in parts if part]


@figure
def distances(results: Results) -> Figure | None:
    """Figs. 4 and 13: distances over epochs, a curve for each training run.

    A line style is a seed. Dots are checkpoints. With many checkpoints, a curve is a running mean without
    dots, and the first training run of a model also shows all checkpoints. Models in `THIN` have thin lines.
    The late part of training is shaded.
    """
    curves = [
        (training, [row for row in training.curve if not row.one_image])
        for training in results.trainings.values()
    ]
    curves = [(training, rows) for training, rows in curves if rows]
    if all(len(rows) < 2 for _, rows in curves):
        return None
    drawn = new_figure(height_of(len({training.model for training, _ in curves}), 62))
    ends, first, lines = {}, curves[0][0], lines_of(training.seed for training, _ in curves)
    looks = {f"seed {seed}": {"color": INK, "linestyle": line} for seed, line in lines.items()}
    looks = looks if len(lines) > 1 else {}
    axes, styles = drawn.subplots(), model_styles(results)
    last = max(rows[-1].epoch for _, rows in curves)
    epochs(axes, 1, last)
    for training, rows in curves:
        values = pd.Series([row["frechet"].value for row in rows], [row.epoch for row in rows])
        look = {"color": styles[training.model].colour, "linewidth": 0.6 if training.model in THIN else 1.3}
        look |= {"linestyle": lines[training.seed], "marker": "o"}
        if len(rows) > FEW:
            if training is results.first(training.model):
                axes.plot(values, color=look["color"], **PALE)
                looks[f"pale: checkpoints, seed {training.seed}"] = {"color": INK, **PALE}
            looks[f"no dots: mean of {WINDOW}"] = {"color": INK}
            look["marker"] = ""
            values = values.rolling(WINDOW, center=True, min_periods=1).mean()  # shorter at both ends
            drawn.plots(f"{title_of(results, training)}, mean of {WINDOW}", values.index, values)
        axes.plot(values, **look, markersize=1.8 if training.model in THIN else 2.4)
        ends.setdefault(training.model, []).append(values.iloc[-1])
    axes.set_ylabel(f"Fréchet distance,\nfeatures of {literal(plural(first.train.data.noun))}")
    if not logarithmic(axes, [row["frechet"].value for _, rows in curves for row in rows]):
        axes.set_ylim(bottom=0)
    if any(len(training.late) > 1 for training, _ in curves):
        axes.axvspan((1 - LATE) * last, last, color=MUTED, alpha=0.13, linewidth=0)
        axes.text((1 - LATE / 2) * last, 0.97, "late", transform=axes.get_xaxis_transform(), **SAID, va="top")
    if len({len(rows) > FEW for _, rows in curves}) > 1:
        looks["dots: checkpoints"] = {"color": INK, "marker": "o", "markersize": 2.4, "linestyle": "none"}
    key(drawn, looks)
    if "floor" in (near := first.measured[CHECKPOINT]):
        floor = near["floor"].value
        if floor < axes.get_ylim()[0]:
            text = f"real {literal(plural(first.train.data.noun))}: {floor:.2g} (below)"
            axes.text(0, 1.02, text, transform=axes.transAxes, **SAID | {"ha": "left"}, va="bottom")
        else:
            axes.axhline(floor, color=MUTED, linewidth=0.9)
    name_ends(axes, [(fmean(y), styles[m].label, styles[m].colour) for m, y in ends.items()])
    return drawn


@figure
def losses_beside(results: Results, pairs: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Test losses against passes over the data, with equal axes: a panel for each model and its counterpart.

    Args:
        results: the run.
        pairs: first training runs with their counterparts (`report.results.counterparts.list_beside`).
    """
    if not pairs:
        return None
    across = min(len(pairs), 2 if len(pairs) <= 4 else 3)  # more would not have room for their titles
    down = math.ceil(len(pairs) / across)
    drawn, whose = new_figure(8 + 38 * down), {}
    places = drawn.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat
    highest = 0.0
    for axes, (own, other) in zip(places, pairs, strict=False):
        for side, training in ({YOURS: own} | ({RELEASED: other[1]} if other else {})).items():
            at, y = _test_losses(training)
            few = {} if len(at) <= FEW else {"marker": ""}
            axes.plot([training.passes_after(epoch) for epoch in at], y, **BESIDE[side] | few)
            if few == {} and side == YOURS:
                axes.plot(*_by_step(training), color=BESIDE[side]["color"], linewidth=0.7)
            highest, whose[side] = max([highest, *y]), BESIDE[side]
        axes.set(title=literal(own.label), xscale="log", ylim=(0, 1.12 * highest or 1))
        axes.xaxis.set_major_formatter(PLAIN)
        axes.tick_params(labelbottom=True)  # above a place without a panel, too
    for axes in places[len(pairs) :]:
        axes.remove()
    drawn.supxlabel("passes over the training images", size="medium")
    drawn.supylabel("test loss", size="medium")
    key(drawn, whose)
    return drawn
