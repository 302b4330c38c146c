"""The main question of the original study: is the zoom comparable to the linear DDPM?

Three measures answer it: the distance in digit features, as a mean over all late checkpoints; the distance in
features of an autoencoder after the last epoch; and the share of samples taken for digits after the last
epoch. The published weights of the zoom count as one more training, because a zoom has no beta, the parameter
in which the published DDPMs differ from the printed description. They have only one checkpoint, and therefore
no distance over late checkpoints.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.results.scatter import (
    LINEAR,
    LOG,
    LOGIT,
    Number,
    Scale,
    Scatter,
    combined,
    last,
    late,
    over,
    pooled,
)
from report.results.views import Results, Training

PAIR, DDPMS = ("zoom", "linear"), ("linear", "cosine")
FACTOR = 2.0  # distances within this factor of each other are comparable


class Asked(NamedTuple):
    """A measure that answers the question.

    Attributes:
        measure: name of the measure.
        late: if True, the mean over late checkpoints; else the value of the finished model.
        scale: scale of means.
        difference: scale of differences.
    """

    measure: str
    late: bool
    scale: Scale
    difference: Scale

    @property
    def number(self) -> Number:
        """Function that computes the number of a training."""
        return late(self.measure, self.scale) if self.late else last(self.measure)


ASKED = {
    "digits": Asked("frechet", True, LOG, LOG),
    "autoencoder": Asked("frechet_autoencoder", False, LOG, LOG),
    "share": Asked("digit", False, LOGIT, LINEAR),
}


def trainings(results: Results, model: str, asked: Asked) -> list[Training]:
    """The training runs of a model that have the measure, for the zoom including the published weights."""
    published = (
        results.beside["original"].all_of(model) if "original" in results.beside and model == "zoom" else []
    )
    candidates = [*results.all_of(model), *published]
    return [training for training in candidates if value(training, asked) is not None]


def value(training: Training, asked: Asked) -> float | None:
    """The number of a training, or None if it is not measured."""
    try:
        return asked.number(training)
    except LookupError:
        return None


def means(results: Results, asked: Asked, models: Sequence[str]) -> dict[str, Interval]:
    """The mean of each model with this measure, with its interval if the scatter of runs is known."""
    intervals = {}
    for model in models:
        if group := trainings(results, model, asked):
            mean, _, unknown = over(results, asked.number, {model: group}, asked.scale)
            intervals[model] = Interval(mean.value) if unknown else mean
    return intervals


def enough(results: Results, asked: Asked, most: int = 20) -> int | None:
    """The number of zoom training runs that would decide the question, if mean and scatter stay the same.

    Returns:
        The number, or None if `most` training runs would not be enough.
    """

    def scaled(group: Sequence[Training]) -> list[float]:
        return [asked.scale.to(asked.number(training)) for training in group]

    groups = [scaled(trainings(results, model, asked)) for model in PAIR]
    ddpms = [scaled(results.all_of(model)) for model in DDPMS]
    zooms, linears = (float(np.mean(values)) for values in groups)
    for n in range(len(groups[0]), most):
        scatter = {"zoom": Scatter(pooled(groups[:1]).sd, n - 1), "ddpm": pooled(ddpms)}
        means = [(1.0, "zoom", [zooms] * n), (-1.0, "ddpm", [linears] * len(groups[1]))]
        if max(map(abs, combined(means, scatter).ends)) < math.log(FACTOR):
            return n
    return None


def apart(results: Results, asked: Asked, pair: Sequence[str] = PAIR) -> Interval:
    """Compare two models: the ratio of their numbers, or the difference for shares, with its interval."""
    groups: Mapping[str, list[Training]] = {model: trainings(results, model, asked) for model in pair}
    return over(results, asked.number, groups, asked.difference).interval
