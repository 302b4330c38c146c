"""The evaluator: the held-out real images, and all that is measured of samples against them."""

import os
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from diffusion import data, runtime
from diffusion.bounds import looks, whole
from diffusion.evaluation import classifier, features, frechet, samples
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import Reference, to_uint8
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.measures import (
    MEASURES,
    Value,
    by_features,
    definitions,
    measure,
    taken,
)
from diffusion.evaluation.recogniser import NEIGHBOURS, DigitRecogniser, digit
from diffusion.files import digest
from diffusion.processes.base import GREY28, check_images

NEAR, OF_KIND = 10_000, 500  # of the recogniser: training digits, and test digits of each distortion


class Space:
    """The real images in the features of one extractor, and distances of samples from them.

    Attributes:
        extractor: of the features.
        reference: of the test images.
        train: features (N, D) of the training images.
    """

    def __init__(self, of: "Evaluator", extractor: Extractor):
        self.of, self.extractor = of, extractor
        self._floors: dict[int, Interval] = {}

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.features(self.of.x_test))

    @cached_property
    def train(self) -> Tensor:
        return self.features(self.of.x_train)

    def features(self, x: Tensor) -> Tensor:
        """Features (n, D) of images (n, C, S, S) in model units."""
        return self.extractor.features(to_uint8(x))

    def distance(self, found: Tensor) -> Interval:
        """Fréchet distance of samples with the features `found`, (n, D)."""
        return frechet.distance(self.reference, found, self.of.interval_repeats, self.of.seed)

    def floor(self, n: int) -> Interval | None:
        """The real-vs-real distance at n images; None where there are not as many training images."""
        if n not in self._floors and n <= len(self.of.x_train):
            found = self.reference, n, self.of.floor_repeats, self.of.seed
            self._floors[n] = frechet.floor(self.train, *found)
        return self._floors.get(n)


class Evaluator:
    """The real images, their features and statistics, and the measures of samples against them.

        evaluator = Evaluator(x_train, x_test, labels)
        evaluator.measure(run.sample(1000))["frechet"].value
        evaluator.digits.floor(1000).value                  the same of 1000 real images
        evaluator.spaces["autoencoder"].floor(1000).value   in other features

    Classes, and all that rests on a classifier, are measured where the data set has any. Else they are left
    out, and `frechet`, `kid`, precision, recall and coverage are in the first of the label-free features,
    `evaluator.main`.

    The share of digits is that of a recogniser, calibrated on `x_digits` and on the test images; `describe`
    says on how many. With 10,000 training digits it is the one of the reports.

    Args:
        x_train: (N, C, S, S) training images for the real-vs-real floor, S at least 8.
        x_test, labels: the reference images, (M, C, S, S), M >= 12, and (M,); None: there are no classes.
        all_labels: of the whole test split, whose class shares are the prior; None: `labels`.
        dataset, data_dir: whose networks measure: a name, a `DataSet` of your own (they are then trained
            once, and kept beside its files), or None: no network is trained, only `random` features measure.
        x_digits: training images near to which digits lie; None: the first 10,000 of `x_train`.
        n_kind: test digits of each distortion from which the recogniser's bound comes, at most half of all.
        inception_weights: "auto" or "off".
        seed: of the draws behind floors, intervals and subsets.
        device: where features are computed.

    Attributes:
        spaces: name of features (see `features`) -> `Space`, of those that can be had.
        main: the one of `frechet` and of coverage: of the classifier, if there is one.
        digits: the one of the classifier.
        classes: how many there are.

    Raises:
        ValueError: real images that are not (N, C, S, S) in [-0.5, 0.5] or not of the data set's shape, or
            labels that are not theirs.
    """

    def __init__(
        self,
        x_train: Tensor,
        x_test: Tensor,
        labels: Tensor | None = None,
        all_labels: Tensor | None = None,
        *,
        dataset: str | data.DataSet | None = "mnist",
        data_dir: str | os.PathLike | None = None,
        x_digits: Tensor | None = None,
        n_kind: int = OF_KIND,
        inception_weights: str = "off",
        floor_repeats: int = 10,
        interval_repeats: int = 200,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        for images in (x_train, x_test, x_test if x_digits is None else x_digits):
            check_images(images)
        shape, self.classes = x_test.shape[1:], 0 if dataset is None else len(data.get(dataset).classes)
        of_data = shape if dataset is None else data.load(dataset, "test", data_dir, 1)[0].shape[1:]
        if not x_train.shape[1:] == shape == of_data or shape[1] < 8:
            raise ValueError(
                f"images are {tuple(x_train[0].shape)} and {tuple(shape)}, those of dataset {dataset!r} "
                f"{tuple(of_data)}; needed: one shape, at least 8 x 8, and your DataSet as dataset=, or None"
            )
        if getattr(labels, "shape", None) != ((len(x_test),) if self.classes else None):
            needed = f"one for each of {len(x_test)} test images" if self.classes else "None without classes"
            raise ValueError(f"labels are {looks(labels)}; needed: {needed}")
        self.x_train, self.x_test, self.labels = x_train, x_test, labels
        self.all_labels = labels if all_labels is None else all_labels
        self.x_digits = x_train[:NEAR] if x_digits is None else x_digits
        self.n_kind = min(whole("n_kind", n_kind, 1), len(x_test) // 2)
        self.floor_repeats = whole("floor_repeats", floor_repeats, 2)
        self.interval_repeats, self.seed = whole("interval_repeats", interval_repeats, 2), seed
        self.classifier = classifier.classifier_for(dataset, data_dir) if self.classes else None
        self.extractors = features.extractors(dataset, data_dir, inception_weights, device, shape[0])
        self.spaces = {name: Space(self, one) for name, one in self.extractors.items() if one.available}
        self.main = next(iter(self.spaces.values()))
        self.test = Seen(self, x_test, self.main.reference.features.float())
        self.threshold = samples.threshold(self.test.confidence) if self.classes else None
        self._real: dict[tuple, dict[str, Value]] = {}

    @property
    def digits(self) -> Space:
        """The features of the classifier; raises ValueError where there is none."""
        if "digits" not in self.spaces:
            raise ValueError("there is no classifier, as the data set has no classes; see `main`")
        return self.spaces["digits"]

    @classmethod
    def of(
        cls,
        dataset: str,
        data_dir: str | None,
        n_train: int,
        n_test: int | None,
        n_digits: int = NEAR,
        **options: Any,
    ) -> Self:
        """The evaluator of a data set with its networks.

        Args:
            n_train: training images, at most.
            n_digits: of `x_digits`, at most.
            n_test: reference images; None: the whole test split.

        Raises:
            ValueError: the data cannot be had, or have fewer test images.
        """
        x_train = data.load(dataset, "train", data_dir)[0]
        return cls(
            x_train[:n_train],
            *data.load(dataset, "test", data_dir, n_test),
            data.load(dataset, "test", data_dir)[1],
            dataset=dataset,
            data_dir=data_dir,
            x_digits=x_train[:n_digits],
            device=runtime.device(),
            **options,
        )

    def describe(self) -> dict[str, Any]:
        """Identity of what measures, as JSON.

        Returns:
            "features": by name, whether they are `available`, else the `reason`; `sha256` and others of their
            network. "recogniser": `n_digits` and `n_kind` of its calibration; None where there is none.
        """
        unknown = {"dimension": None, "sha256": None, "test_accuracy": None}
        found = {
            name: {"available": one.available, "reason": one.reason, **unknown, **one.info}
            for name, one in self.extractors.items()
        }
        if self.classes:
            right = self.test.labels == self.labels
            found["digits"]["test_accuracy"] = float(right.double().mean())
        calibrated = {"n_digits": len(self.x_digits), "n_kind": self.n_kind}
        return {"features": found, "recogniser": calibrated if self.test.recognisable else None}

    @cached_property
    def recogniser(self) -> DigitRecogniser:
        """Says which images are digits."""
        return DigitRecogniser.fit(self.classifier, self.x_digits, self.x_test, self.labels, self.n_kind)

    def floors(self, n: int, every: bool = False) -> dict[str, Interval]:
        """The real-vs-real distance at n images, if there are as many: `floor`, `floor_autoencoder`, ..."""
        found = {self.named("floor", name): space.floor(n) for name, space in self.shown(every).items()}
        return {name: floor for name, floor in found.items() if floor}

    def compared(self, found: Tensor, n: int) -> tuple[Tensor, Tensor, int, int]:
        """The arguments of `samples.precision_recall_coverage` of n images with features `found`."""
        real = self.main.reference.features
        return real, found, min(n, samples.MOST_IMAGES, len(real), len(found)), self.seed

    def shown(self, every: bool = False) -> Mapping[str, Space]:
        """The features that are quick, or all that there are."""
        return {name: one for name, one in self.spaces.items() if every or not one.extractor.slow}

    def named(self, measure: str, features: str) -> str:
        """The name of a measure in such features: those of `main` are meant where none are named."""
        return measure if self.spaces[features] is self.main else f"{measure}_{features}"

    # --- samples ---

    def measure(
        self,
        x: Tensor,
        n_distance: int | None = None,
        every: bool = False,
        only: Collection[str] | None = None,
    ) -> dict[str, Value]:
        """All measures of samples x (n, C, S, S) in model units, n at least 12, by name (see `measures`).

        Distances, precision, recall, coverage and divergence depend on the number of samples; they are taken
        of the first `n_distance` (None: all), so that models with different numbers can be compared.

        Args:
            every: distances in slow features, too.
            only: names of the measures that are taken.

        Raises:
            ValueError: pixels that are not finite or in another unit, too few samples, or more to take
                distances of than there are.
        """
        if x.is_floating_point() and x.numel() and x.min() >= 0 and x.max() > 0.5:  # bytes
            raise ValueError(f"pixels range from {x.min():g} to {x.max():g}; needed: about [-0.5, 0.5]")
        n_distance = whole("n_distance", len(x) if n_distance is None else n_distance, samples.FEWEST, len(x))
        return taken(Seen(self, x, n=n_distance, every=every), only)

    def real(self, n: int, only: Collection[str] | None = None) -> dict[str, Value]:
        """The same of the real test images.

        Precision, recall and coverage are those of n training images; the share of digits is that of the test
        images which gave no bound. `threshold` and `divergence_floor`, of n images, stand beside.
        """
        key = n, None if only is None else frozenset(only)
        if key in self._real:
            return self._real[key]
        found = taken(self.test, only, real=True)
        if only is None or {"precision", "recall", "coverage"}.intersection(only):
            found |= samples.precision_recall_coverage(*self.compared(self.main.train, n))
        if self.classes:
            prior = samples.recognised(self.all_labels, self.classes)
            found["class_share"] = [Interval(one.value) for one in prior]
            found["threshold"] = self.threshold
            found["divergence_floor"] = samples.divergence_floor(self.all_labels, n, self.seed, self.classes)
        if self.test.recognisable:
            found["digit"] = digit(self.recogniser, self.x_test[1::2])
        self._real[key] = {name: one for name, one in found.items() if only is None or name in only}
        return self._real[key]


class Seen:
    """Images (n, C, S, S) in model units as an evaluator's networks see them.

    Args:
        found: its features, where they are known.
        n: the first images, of which distances are taken; None: all.
        every: distances in slow features, too.

    Attributes:
        features: (n, 64), in the space `Evaluator.main`.
        labels, confidence: (n,), the class that is read and its probability; None without a classifier.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        x: Tensor,
        found: Tensor | None = None,
        n: int | None = None,
        every: bool = False,
    ):
        self.evaluator, self.x, self.every, self.seed = evaluator, x, every, evaluator.seed
        self.n = len(x) if n is None else n
        self.features = evaluator.main.features(x) if found is None else found
        self.labels = self.confidence = None
        if evaluator.classifier is not None:
            with torch.inference_mode():
                self.labels, self.confidence = samples.read(evaluator.classifier.head(self.features))

    @cached_property
    def images(self) -> Tensor:
        """The images as grey bytes, (n, 1, S, S)."""
        return to_uint8(samples.grey(self.x))

    @property
    def sure(self) -> Tensor:
        """Mask (n,) of the images that are read surely enough."""
        return self.confidence >= self.evaluator.threshold

    @property
    def recognisable(self) -> bool:
        """They may be digits: they are 28 x 28, grey, and of a data set with classes and images enough."""
        known = self.evaluator.classes and len(self.evaluator.x_digits) >= NEIGHBOURS
        return bool(known and self.x.shape[1:] == GREY28)

    def first(self) -> Iterator[tuple[str, Space, Tensor]]:
        """The first n in each kind of features: the features' name, their space, (n, D)."""
        for name, space in self.evaluator.shown(self.every).items():
            main = space is self.evaluator.main
            yield name, space, (self.features[: self.n] if main else space.features(self.x[: self.n]))

    def examples(self, n: int = 16, seed: int = 0) -> Tensor:
        """n high-quality, n low-quality ones, see `samples.rank_by_quality`: (2, n, S, S)."""
        high, low = samples.rank_by_quality(self.confidence, min(n, len(self.x) // 2), seed)
        return torch.stack([self.x[high, 0], self.x[low, 0]])


@measure(
    lambda seen: (seen,),
    False,
    **by_features("frechet", "squared distance", "Fréchet distance of the samples from the test images"),
)
def frechet_distances(seen: "Seen") -> dict[str, Interval]:
    """Fréchet distances of samples in each kind of features, by name."""
    named = seen.evaluator.named
    return {named("frechet", name): space.distance(found) for name, space, found in seen.first()}


@measure(
    lambda seen: (seen,),
    False,
    **by_features("kid", "squared distance", "kernel distance of the samples from the test images"),
)
def kernel_distances(seen: "Seen") -> dict[str, Interval]:
    """Kernel distances of samples in each kind of features, mean and deviation over subsets, by name."""
    named, seed = seen.evaluator.named, seen.seed
    return {named("kid", name): frechet.kid(one.reference, found, seed) for name, one, found in seen.first()}


# Through these images come to a measure; of networks that are not `untrained`, the hashes of weights tell.
READING = (to_uint8, samples.grey, samples.read, features.small, features.untrained, features.inception)


def codes(measures: Collection[str]) -> dict[str, str]:
    """Measure -> the hash of its code and of how images come to it: a change of these changes the number."""
    ways = definitions(Space, Evaluator, Seen, Extractor, *READING)
    return {name: digest([MEASURES[name].code, ways], 16) for name in MEASURES if name in measures}
