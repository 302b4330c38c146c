"""Shared by the claims: thresholds, means over training runs, and effects."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from paper.claims.effects import BELOW, Effect
from paper.claims.judge import SHARED
from report.pages.text_format import percent, points
from report.results.definitions import define
from report.results.scatter import LINEAR, LOG, NotMeasured, Number, Over, Scale, late, over, paired
from report.results.views import Results, Training

GRADES = (1.25, 1.5, 2.0)  # factors; the smallest that the interval of a ratio lies within is told
LEVEL = define("level_ratio", GRADES[0])  # distances within this factor count as equal
DISTANCE = late("frechet", LOG)  # of a run: the mean over its late checkpoints
EPOCHS = 100  # of the original study
POINTS = 0.1  # a smaller difference of shares does not matter
NATS = 0.1  # a smaller difference of divergences does not matter
IN_WORDS = f"{', '.join(f'{grade:g}' for grade in GRADES[:-1])} or {GRADES[-1]:g}"
SHARED.update(LEVEL=LEVEL, NATS=NATS, IN_POINTS=f"{100 * POINTS:.0f}", GRADES_IN_WORDS=IN_WORDS)

percent1, points1 = partial(percent, decimals=1), partial(points, decimals=1)


def beyond(results: Results, model: str) -> list[Training]:
    """The training runs of a model in the release `beyond`."""
    if not (trainings := results.beside["beyond"].all_of(model) if "beyond" in results.beside else []):
        raise NotMeasured(f"the runs beyond the original study contain no {model}")
    return trainings


def mean(results: Results, number: Number, *models: str, scale: Scale = LINEAR) -> Over:
    """The mean over the training runs of one model, or the difference of two (`scatter.over`)."""
    return over(results, number, {model: results.all_of(model) for model in models}, scale)


Pairs = Sequence[tuple[Training, Training]]


def seed_pairs(firsts: Sequence[Training], seconds: Sequence[Training]) -> Pairs:
    """Pairs of training runs with the same seed."""
    pairs = [(first, second) for first in firsts for second in seconds if first.seed == second.seed]
    if not pairs:
        raise NotMeasured("no two runs share a seed")
    return pairs


def paired_ddpms(results: Results, number: Number, scale: Scale = LINEAR) -> Over:
    """The cosine DDPM's number minus the linear DDPM's, in seed-matched pairs; on LOG the ratio."""
    return paired(number, seed_pairs(results.all_of("cosine"), results.all_of("linear")), scale)


def ratio(
    name: str, found: Over, side: str | None, margins: tuple[float, ...] = (), bound: float = 1.0
) -> Effect:
    """The effect of a ratio."""
    return Effect(name, found, side, bound, margins, ratio=True)


def slope(
    results: Results, name: str, model: str, points: Callable[[Training], tuple[list[int], list[float]]]
) -> Effect:
    """The effect of the relative change over the second half of training, from a fitted line.

    The claim holds if the change is below 0.

    Args:
        points: function of a training that returns epochs and a number for each.
    """

    def change(training: Training) -> float:
        if training.passes < EPOCHS:
            raise NotMeasured(f"it needs all {EPOCHS} epochs")
        epochs, values = (series[len(series) // 2 :] for series in points(training))
        return float(np.polyfit(epochs, values, 1)[0] * (epochs[-1] - epochs[0]) / np.mean(values))

    name = f"{name}, change over the second half"
    return Effect(name, mean(results, change, model), BELOW, show=percent1)
