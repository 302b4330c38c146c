"""The measures of a set of images: a table of their units, meanings and functions.

A function maps a set of images, as an evaluator's networks read it, to measures by name. An evaluator takes
the measures of this table, unless you pass another, such as `MEASURES | {"mine": Measure(...)}`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from diffusion.evaluation import frechet
from diffusion.evaluation.classifier import read
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.recogniser import NEIGHBOURS, digit
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.variety import precision_recall_coverage
from diffusion.pixels import COMPARED, GREY28, count_different, grey
from diffusion.progress import progress

# A number with its interval; for some measures a plain number, a list of numbers, or one number per place x.
Value = Interval | Any


@dataclass(eq=False, repr=False)
class MeasuredImages:
    """Images (N, C, S, S) in model units with the outputs of an evaluator's networks.

    Attributes:
        evaluator (Evaluator): The evaluator.
        x (Tensor): The images.
        features (Tensor): (N, D) in `Evaluator.default_space`; pass them if they exist already.
        n (int): Number of images, from the start, that enter distances. If 0, all. Default 0.
        only (collection of str): Names of the measures that will be taken. If None, all. Default None.
        labels (Tensor): (N,), the predicted classes, or None without a classifier.
        confidence (Tensor): (N,), the probabilities of these classes, or None without a classifier.
    """

    evaluator: Any
    x: Tensor
    features: Any = None
    n: int = 0
    only: Collection[str] | None = None

    def __post_init__(self) -> None:
        self.n, self.seed = self.n or len(self.x), self.evaluator.seed
        if self.features is None:
            self.features = self.evaluator.default_space.features(self.x)
        self.labels = self.confidence = None
        if self.evaluator.classes:
            digits = self.evaluator.spaces["digits"]
            is_default = digits is self.evaluator.default_space
            features = self.features if is_default else digits.features(self.x)
            with torch.inference_mode():
                self.labels, self.confidence = read(self.evaluator.classifier.head(features))

    @cached_property
    def images(self) -> Tensor:
        """Tensor: The images as grey bytes, (N, 1, S, S)."""
        return to_uint8(grey(self.x))

    @cached_property
    def different(self) -> Interval:
        """Interval: Number of different images (`count_different`), and the number of images compared."""
        count = count_different(self.x, self.evaluator.copy_distance)
        return Interval(count, n=min(len(self.x), COMPARED))

    @property
    def one_image(self) -> bool:
        """bool: Whether all images are near-copies of one image, so distances are undefined."""
        return self.different.value == 1

    @property
    def recognisable(self) -> bool:
        """bool: Whether the recogniser applies; it needs 28 x 28 grey images that differ and a classifier."""
        if not self.evaluator.sees_classes or len(self.evaluator.x_digits) < NEIGHBOURS:
            return False
        return self.x.shape[1:] == GREY28 and not self.one_image


@dataclass(frozen=True)
class Measure:
    """A measure: its unit and meaning, and the function that computes it.

    Attributes:
        unit (str): The unit.
        meaning (str): The meaning, for tables.
        function (Callable): Maps `MeasuredImages` to measures by name; empty where they are undefined. If
            None, the measure is only described here. Default None.
        real (bool): Whether it is also taken of test images. Default False.
    """

    unit: str
    meaning: str
    function: Callable[[MeasuredImages], Mapping[str, Value]] | None = None
    real: bool = False


def measure_distances(images: MeasuredImages) -> dict[str, Value]:
    """Return Fréchet and kernel distances of the first n images, in each requested kind of features."""
    values: dict[str, Value] = {}
    evaluator, n = images.evaluator, images.n
    if images.one_image:
        return values
    for space in evaluator.spaces.values():
        frechet_name, kid_name = f"frechet{space.ending}", f"kid{space.ending}"
        if images.only is None or frechet_name in images.only or kid_name in images.only:
            is_default = space is evaluator.default_space
            features = images.features[:n] if is_default else space.features(images.x[:n])
            repeats, seed = evaluator.interval_repeats, images.seed
            values[frechet_name] = frechet.distance(space.reference, features, repeats, seed)
            values[kid_name] = frechet.kid(space.reference, features, seed)
    return values


def measure_variety(images: MeasuredImages) -> dict[str, Interval]:
    """Return precision, recall and coverage of the first n images."""
    if images.one_image:
        return {}
    real, n = images.evaluator.default_space.reference.features, images.n
    return precision_recall_coverage(real, images.features[:n], n, images.seed)


def measure_different(images: MeasuredImages) -> dict[str, Value]:
    """Return the number of different images."""
    return {"different": images.different}


def measure_digits(images: MeasuredImages) -> dict[str, Value]:
    """Return the share of images that the recogniser accepts."""
    return {"digit": digit(images.evaluator.recogniser, images.x)} if images.recognisable else {}


FEATURES = {  # name of an extractor -> its features in words
    "digits": "features of the classifier",
    "autoencoder": "features of an autoencoder, which never saw a label",
    "random": "features of an untrained network",
}


def distances_in(ending: str, features: str) -> dict[str, Measure]:
    """Return the entries of distances in one kind of features.

    Args:
        ending (str): Ending of their names.
        features (str): The features in words.
    """
    text = f"distance of the samples from the test images, in {features}"
    return {
        f"frechet{ending}": Measure("squared distance", f"Fréchet {text}", measure_distances),
        f"kid{ending}": Measure("squared distance", f"kernel {text}", measure_distances),
    }


MEASURES: dict[str, Measure] = {
    "precision": Measure("share", "samples within reach of real images", measure_variety),
    "recall": Measure("share", "real images within reach of samples", measure_variety),
    "coverage": Measure(
        "share", "real images with a sample nearer than their fifth real neighbour", measure_variety
    ),
    "digit": Measure("share", "images that the calibrated recogniser takes for digits", measure_digits),
    "different": Measure("images", "different images, of which near-copies count once", measure_different),
}


def take_measures(
    images: MeasuredImages, only: Collection[str] | None = None, real: bool = False
) -> dict[str, Value]:
    """Take measures of a set of images: all, only the names in `only`, or only measures of `real` images."""
    table = images.evaluator.list_measures()
    chosen = [measure for name, measure in table.items() if only is None or name in only]
    functions = dict.fromkeys(
        measure.function for measure in chosen if measure.function and (measure.real or not real)
    )
    values: dict[str, Value] = {}
    for function in progress(functions, "measuring"):
        values |= function(images)
    return {name: value for name, value in values.items() if only is None or name in only}
