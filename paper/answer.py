"""The main question of the original study: is the zoom comparable to the linear DDPM?

Three measures answer it: the distance in features of digits, as a mean over all late checkpoints; the
distance in features of an autoencoder after the last epoch; and the share of digits after the last epoch. The
published weights of the zoom count as one more run, because a zoom has no beta, the parameter in which the
published DDPMs differ from the printed description. They have only one checkpoint, and therefore no distance
over late checkpoints.

The original study names no threshold. The answer is therefore a ratio with its interval, and the smallest of
several factors that the interval stays within.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from diffusion.evaluation.statistics import Interval
from report.results.scatter import (
    LINEAR,
    LOG,
    LOGIT,
    NotMeasured,
    Number,
    Over,
    Scale,
    last,
    late,
    over,
)
from report.results.views import Results, Training

PAIR, DDPMS = ("zoom", "linear"), ("linear", "cosine")
GRADES = (1.25, 1.5, 2.0)  # factors; the smallest that the interval of a ratio stays within is told
FACTOR = GRADES[-1]
WINDOWS = (50, 60, 70, 80, 90, 95)  # first epochs of windows that the late checkpoints are compared with


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
    return [training for training in candidates if has(training, asked.number)]


def has(training: Training, number: Number) -> bool:
    """Whether a training run has a number."""
    try:
        number(training)
    except LookupError:
        return False
    return True


def means(results: Results, asked: Asked, models: Sequence[str]) -> dict[str, Interval]:
    """The mean of each model with this measure, with its interval if the scatter of runs is known."""
    intervals = {}
    for model in models:
        if group := trainings(results, model, asked):
            intervals[model] = over(results, asked.number, {model: group}, asked.scale).shown
    return intervals


def compare(results: Results, asked: Asked, pair: Sequence[str] = PAIR) -> Over:
    """Compare two models: the ratio of their numbers, or the difference for shares, with its interval."""
    groups: Mapping[str, list[Training]] = {model: trainings(results, model, asked) for model in pair}
    return over(results, asked.number, groups, asked.difference)


def apart(results: Results, asked: Asked, pair: Sequence[str] = PAIR) -> Interval:
    """The interval of `compare`."""
    return compare(results, asked, pair).interval


def met(ratio: Interval, grades: Sequence[float] = GRADES) -> float | None:
    """The smallest factor that the interval of a ratio stays within; None if it exceeds all of them."""
    far = max(abs(math.log(end)) for end in ratio.ends[1:])
    return next((grade for grade in grades if far < math.log(grade)), None)


# --- how the answer depends on choices ---


def leave_one_out(results: Results, asked: Asked, pair: Sequence[str] = PAIR) -> dict[str, Interval]:
    """The comparison without one training run, for each training run that is left out, by its name."""
    groups = {model: trainings(results, model, asked) for model in pair}
    intervals = {}
    for model, group in groups.items():
        for out in group if len(group) > 1 else ():
            rest = groups | {model: [one for one in group if one is not out]}
            intervals[out.name] = over(_without(results, out), asked.number, rest, asked.difference).interval
    return intervals


def _without(results: Results, training: Training) -> Results:
    kept = {place: one for place, one in results.trainings.items() if one is not training}
    return replace(results, trainings=kept)


def windows(
    results: Results, starts: Sequence[int] = WINDOWS, pair: Sequence[str] = PAIR
) -> dict[int, Interval]:
    """The ratio of distances in features of digits, averaged from several first epochs to the last."""
    groups = {model: results.all_of(model) for model in pair}

    def ratio(start: int) -> Interval:
        def number(training: Training) -> float:
            late = [row["frechet"].value for row in training.curve if row.epoch >= start]
            if not late:
                raise NotMeasured(f"{training.name} has no checkpoint after epoch {start}")
            return math.exp(float(np.mean(np.log(late))))

        return over(results, number, groups, LOG).interval

    return {start: ratio(start) for start in starts}


# --- the same question for other networks ---


class Network(NamedTuple):
    """A zoom and a linear DDPM with the same network and recipe: models of the run or the release `beyond`.

    Attributes:
        zoom: model and variant of the zoom.
        linear: model of the linear DDPM.
    """

    zoom: tuple[str, str]
    linear: str


# These zooms start as the original study's does, from independent pixels.
NETWORKS = {
    "original network": Network(("zoom", ""), "linear"),
    "original network, RMS norm": Network(("zoom_rms", ""), "linear_rms"),
    "original network, dilated": Network(("zoom_dilated", ""), "linear_dilated"),
    "U-Net": Network(("zoom_unet", ""), "linear_unet"),
}


def by_network(results: Results, measure: str = "frechet", way: str | None = None) -> dict[str, Over]:
    """The ratio of zoom and linear DDPM by network, from the finished models of the release `beyond`.

    All networks have the recipe of that release.

    Args:
        measure: a distance.
        way: variant of the zoom, such as "mixture" for a joint start; None: independent pixels.
    """
    beyond, ratios = results.beside.get("beyond"), {}
    for name, network in NETWORKS.items() if beyond else ():
        model, own = network.zoom
        variant = own if way is None else way

        def number(training: Training, variant: str = variant) -> float:
            samples = training.measured[variant] if training.process == "zoom" else training.final
            return samples[measure].value

        groups = {m: [t for t in beyond.all_of(m) if has(t, number)] for m in (model, network.linear)}
        if all(groups.values()):
            ratios[name] = over(results, number, groups, LOG)
    return ratios
