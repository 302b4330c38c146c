"""The scatter of trainings of one recipe, pooled over all recipes: the rule that judges few trainings.

Two trainings tell next to nothing about their own scatter. So the squared deviations of all recipes that were
trained at least twice are pooled, on a scale where they are about alike (logarithms; of shares the log odds).
Constant and decaying learning rates, which end differently, are pooled apart.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from diffusion.evaluation.statistics import TAILS
from study.results import Results, Training
from study.settings import OF_NO_EFFECT, OF_SAMPLING, STUDIED

FEWEST_FREEDOM = 3  # degrees of freedom below which constant and decaying rates are pooled
SMALLEST = 1e-9

Measured = Callable[[Training], float]  # a number of a training, on its scale; KeyError and the like: none


class Scale(NamedTuple):
    """A scale on which numbers of a kind scatter about alike: functions `to` it and `back`."""

    to: Callable[[float], float]
    back: Callable[[float], float]


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


LINEAR = Scale(float, float)
LOG = Scale(lambda x: math.log(max(x, SMALLEST)), math.exp)
LOGIT = Scale(_logit, lambda x: 1 / (1 + math.exp(-x)))
FISHER = Scale(lambda r: math.atanh(min(max(r, -0.999999), 0.999999)), math.tanh)


def gain(scale: Scale, of: Scale, value: float, step: float = 1e-4) -> float:
    """The derivative of a number on one scale by the same number on another, at a value."""
    at = of.to(value)
    above, below = (scale.to(of.back(at + change)) for change in (step, -step))
    return (above - below) / (2 * step)


class Scatter(NamedTuple):
    """The standard deviation of a training's number about its recipe's mean, and its degrees of freedom."""

    sd: float
    freedom: int

    def half(self, weight: float) -> float:
        """Half the width of the 95 % interval of a sum over trainings with these squared weights in all."""
        return float(stdtrit(self.freedom, TAILS[1])) * self.sd * math.sqrt(weight)


UNKNOWN = Scatter(math.nan, 0)


def recipes(runs: Iterable[Results]) -> list[list[Training]]:
    """The trainings of each recipe that was trained at least twice; the longer of two that begin alike."""
    trainings = (one for run in runs for one in run.trainings.values())
    ones = [(_recipe(one), one.train.unread["epochs"], one) for one in trainings]
    longest: dict[Any, int] = {}
    for recipe, epochs, one in ones:
        longest[recipe, one.seed] = max(longest.get((recipe, one.seed), 0), epochs)
    found: dict[Any, dict[int, Training]] = {}
    for recipe, epochs, one in ones:
        if not (one.constant_rate and epochs < longest[recipe, one.seed]):
            found.setdefault((recipe, epochs), {})[one.seed] = one
    return [[*of.values()] for of in found.values() if len(of) > 1]


def trained(one: Training) -> dict[str, Any]:
    """The settings of a training; one that is younger than the training is the study's."""
    return STUDIED[one.process] | one.settings.unread


def _recipe(one: Training) -> str:
    """The settings that decide what is learnt, but for how long."""
    aside = {"seed", "epochs", "steps", *OF_NO_EFFECT, *OF_SAMPLING}
    return repr(sorted((name, value) for name, value in trained(one).items() if name not in aside))


def pooled(runs: Iterable[Results], of: Measured, constant: bool) -> Scatter:
    """The scatter of a number between trainings of one recipe, at constant or at decaying rates.

    Of all of them where the group has fewer than `FEWEST_FREEDOM` degrees of freedom.
    """
    groups: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for trainings in recipes(runs):
        values = []
        for training in trainings:
            with suppress(LookupError, TypeError, ValueError, AttributeError):  # not measured of this one
                values.append(float(of(training)))
        if np.isfinite(values).sum() > 1:
            groups[trainings[0].constant_rate].append(np.array(values)[np.isfinite(values)])
    scatter = _scatter(groups[constant])
    return scatter if scatter.freedom >= FEWEST_FREEDOM else _scatter(groups[True] + groups[False])


def _scatter(groups: list[np.ndarray]) -> Scatter:
    freedom = sum(len(values) - 1 for values in groups)
    squares = sum(float(np.square(values - values.mean()).sum()) for values in groups)
    return Scatter(math.sqrt(squares / freedom), freedom) if freedom else UNKNOWN


def runs_of(results: Results) -> list[Results]:
    """A run, and those beside it whose trainings are ours."""
    return [one for one in (results, results.further, results.watched) if one]
