"""The study's main question: is the zoom comparable to the linear DDPM?

Three measures are compared: the distance in digit features, over all late checkpoints; the distance in an
autoencoder's, and the share of samples taken for digits, after the last epoch. The study's own weights count
as one more training of the zoom where these have the measure: a zoom has no beta, in which its DDPMs differ
from what is printed. They have one checkpoint, and so no distance over late ones.
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
    """A measure of the question: its row, whether late checkpoints speak, scales of means and differences."""

    measure: str
    late: bool
    scale: Scale
    difference: Scale

    @property
    def number(self) -> Number:
        """Of a training: its mean over late checkpoints, or its last one."""
        return late(self.measure, self.scale) if self.late else last(self.measure)


ASKED = {
    "digits": Asked("frechet", True, LOG, LOG),
    "autoencoder": Asked("frechet_autoencoder", False, LOG, LOG),
    "share": Asked("digit", False, LOGIT, LINEAR),
}


def trainings(results: Results, model: str, asked: Asked) -> list[Training]:
    """The trainings of a model that have the measure; of the zoom the study's weights, too."""
    theirs = (
        results.beside["original"].all_of(model) if "original" in results.beside and model == "zoom" else []
    )
    return [one for one in [*results.all_of(model), *theirs] if value(one, asked) is not None]


def value(training: Training, asked: Asked) -> float | None:
    """The number of a training, if it has one."""
    try:
        return asked.number(training)
    except LookupError:
        return None


def means(results: Results, asked: Asked, models: Sequence[str]) -> dict[str, Interval]:
    """The mean of each model that has the measure, with its interval over trainings where that is known."""
    found = {}
    for model in models:
        if group := trainings(results, model, asked):
            mean, _, unknown = over(results, asked.number, {model: group}, asked.scale)
            found[model] = Interval(mean.value) if unknown else mean
    return found


def enough(results: Results, asked: Asked, most: int = 20) -> int | None:
    """The number of zooms that would be comparable, if their mean and scatter stayed; None: not so few."""
    groups = [[asked.scale.to(asked.number(one)) for one in trainings(results, m, asked)] for m in PAIR]
    ddpms = [[asked.scale.to(asked.number(one)) for one in results.all_of(m)] for m in DDPMS]
    zooms, linears = (float(np.mean(values)) for values in groups)
    for n in range(len(groups[0]), most):
        scatter = {"zoom": Scatter(pooled(groups[:1]).sd, n - 1), "ddpm": pooled(ddpms)}
        means = [(1.0, "zoom", [zooms] * n), (-1.0, "ddpm", [linears] * len(groups[1]))]
        if max(map(abs, combined(means, scatter).ends)) < math.log(FACTOR):
            return n
    return None


def apart(results: Results, asked: Asked, pair: Sequence[str] = PAIR) -> Interval:
    """The first model's number over the second's, of shares minus it, with its interval over trainings."""
    groups: Mapping[str, list[Training]] = {model: trainings(results, model, asked) for model in pair}
    return over(results, asked.number, groups, asked.difference).interval
