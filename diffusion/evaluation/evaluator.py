"""The evaluator: the held-out real images, and all that is measured of samples against them."""

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from diffusion import data, runtime
from diffusion.bounds import looks, whole
from diffusion.evaluation import classifier, features, frechet, results, samples
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import Reference, to_uint8
from diffusion.evaluation.interval import Interval, Spread
from diffusion.evaluation.recogniser import NEIGHBOURS, DigitRecogniser
from diffusion.evaluation.statistics import share_of
from diffusion.processes.base import GREY28, check_images

NEAR, OF_KIND = 1000, 200  # of the recogniser: training digits, and test digits of each distortion


class Space:
    """The real images in the features of one extractor, and distances of samples from them.

    Attributes:
        extractor: of the features.
        reference: of the test images.
        train: features (N, D) of the training images.
    """

    def __init__(self, of: "Evaluator", extractor: Extractor):
        self.of, self.extractor = of, extractor
        self._floors: dict[int, Spread] = {}

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.features(self.of.x_test))

    @cached_property
    def train(self) -> Tensor:
        return self.features(self.of.x_train)

    def features(self, x: Tensor) -> Tensor:
        """Features (n, D) of images (n, C, S, S) in model units."""
        return self.extractor.features(to_uint8(x))

    def distance(self, found: Tensor) -> results.Distance:
        """Fréchet and kernel distance of samples with the features `found`, (n, D)."""
        return frechet.distances(self.reference, found, self.of.interval_repeats, self.of.seed)

    def floor(self, n: int) -> Spread | None:
        """The real-vs-real distance at n images; None where there are not as many training images."""
        if n not in self._floors and n <= len(self.of.x_train):
            found = self.reference, n, self.of.floor_repeats, self.of.seed
            self._floors[n] = frechet.floor(self.train, *found)
        return self._floors.get(n)


class Evaluator:
    """The real images, their features and statistics, and the measures of samples against them.

        evaluator = Evaluator(x_train, x_test, labels)
        evaluator.measure(run.sample(1000)).frechet.value
        evaluator.digits.floor(1000).mean                  the same of 1000 real images
        evaluator.spaces["autoencoder"].floor(1000).mean   in other features

    Classes, and all that rests on a classifier, are measured where the data set has any. Else these results
    are None, and `frechet` and `variety` are in the first of the label-free features, `evaluator.main`.

    Args:
        x_train: (N, C, S, S) training images for the real-vs-real floor, S at least 8.
        x_test, labels: the reference images, (M, C, S, S), M >= 12, and (M,); None: there are no classes.
        all_labels: of the whole test split, whose class shares are the prior; None: `labels`.
        dataset, data_dir: whose networks measure: a name, a `DataSet` of your own (they are then trained
            once, and kept beside its files), or None: no network is trained, only `random` features measure.
        inception_weights: "auto" or "off".
        seed: of the draws behind floors, intervals and subsets.
        device: where features are computed.

    Attributes:
        spaces: name of features (see `features`) -> `Space`, of those that can be had.
        main: the one of `frechet` and of variety: of the classifier, if there is one.
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
        inception_weights: str = "off",
        floor_repeats: int = 10,
        interval_repeats: int = 200,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        check_images(x_train)
        check_images(x_test)
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
        self.floor_repeats = whole("floor_repeats", floor_repeats, 2)
        self.interval_repeats, self.seed = whole("interval_repeats", interval_repeats, 2), seed
        self.classifier = classifier.classifier_for(dataset, data_dir) if self.classes else None
        self.extractors = features.extractors(dataset, data_dir, inception_weights, device, shape[0])
        self.spaces = {name: Space(self, one) for name, one in self.extractors.items() if one.available}
        self.main = next(iter(self.spaces.values()))
        self.test = Seen(self, x_test, self.main.reference.features.float())
        self.threshold = None  # of the confidence
        if self.classes:
            self.threshold = float(self.test.confidence.quantile(samples.LOW_CONFIDENCE))
        self._real: dict[int, results.Real] = {}

    @property
    def digits(self) -> Space:
        """The features of the classifier; raises ValueError where there is none."""
        if "digits" not in self.spaces:
            raise ValueError("there is no classifier, as the data set has no classes; see `main`")
        return self.spaces["digits"]

    @classmethod
    def of(cls, dataset: str, data_dir: str | None, n_train: int, n_test: int | None, **options: Any) -> Self:
        """The evaluator of a data set with its networks.

        Args:
            n_train: training images, at most.
            n_test: reference images; None: the whole test split.

        Raises:
            ValueError: the data cannot be had, or have fewer test images.
        """
        return cls(
            data.load(dataset, "train", data_dir)[0][:n_train],
            *data.load(dataset, "test", data_dir, n_test),
            data.load(dataset, "test", data_dir)[1],
            dataset=dataset,
            data_dir=data_dir,
            device=runtime.device(),
            **options,
        )

    def describe(self) -> dict[str, results.Features]:
        """Identity of the feature networks, and why one is missing."""
        found = {
            name: results.Features(available=one.available, reason=one.reason, **one.info)
            for name, one in self.extractors.items()
        }
        if self.classes:
            found["digits"].test_accuracy = float((self.test.labels == self.labels).double().mean())
        return found

    @cached_property
    def recogniser(self) -> DigitRecogniser:
        """Says which images are digits."""
        few = self.x_train[:NEAR], self.x_test, self.labels
        return DigitRecogniser.fit(self.classifier, *few, min(OF_KIND, len(self.x_test) // 2))

    def digit(self, x: Tensor) -> Interval | None:
        """The share of images that are digits; None where training images are too few, are not 28 x 28 and
        grey, or have no classes.
        """
        known = self.classes and x.shape[1:] == GREY28 and len(self.x_train) >= NEIGHBOURS
        return share_of(self.recogniser.accepts(x)) if known else None

    def variety(self, found: Tensor, n: int = samples.MOST_IMAGES) -> results.Variety:
        """Precision, recall and coverage of n, or as many as there are, of images with features `found`."""
        real = self.main.reference.features
        n = min(n, samples.MOST_IMAGES, len(real), len(found))
        return samples.precision_recall_coverage(real, found, n, self.seed)

    def floors(self, n: int, every: bool = False) -> dict[str, Spread]:
        """The real-vs-real distance at n images by features, where there are as many; arguments as below."""
        found = {name: space.floor(n) for name, space in self._shown(every).items()}
        return {name: floor for name, floor in found.items() if floor}

    def _shown(self, every: bool) -> Mapping[str, Space]:
        return {name: one for name, one in self.spaces.items() if every or not one.extractor.slow}

    # --- samples ---

    def measure(self, x: Tensor, n_distance: int | None = None, every: bool = False) -> results.Sampled:
        """All measures of samples x (n, C, S, S) in model units, n at least 12.

        Distances, variety and divergence depend on the number of samples; they are taken of the
        first `n_distance` (None: all), so that models with different numbers can be compared.

        Args:
            every: distances in slow features, too.

        Raises:
            ValueError: pixels that are not finite or in another unit, too few samples, or more to take
                distances of than there are.
        """
        if x.is_floating_point() and x.numel() and x.min() >= 0 and x.max() > 0.5:  # bytes
            raise ValueError(f"pixels range from {x.min():g} to {x.max():g}; needed: about [-0.5, 0.5]")
        n_distance = whole("n_distance", len(x) if n_distance is None else n_distance, samples.FEWEST, len(x))
        seen, first = Seen(self, x), x[:n_distance]
        others = {name: one for name, one in self._shown(every).items() if one is not self.main}
        return results.Sampled(
            frechet=self.main.distance(seen.features[:n_distance]),
            distances={name: one.distance(one.features(first)) for name, one in others.items()},
            variety=self.variety(seen.features[:n_distance]),
            classes=seen.classes(n_distance),
            recognised=seen.recognised(),
            centre=samples.centre_shares(samples.grey(x)),
            digit=self.digit(x),
            **seen.looks(),
        )

    def real(self, n: int) -> results.Real:
        """The same measures for the real test images; divergence and variety are those of n images."""
        if n not in self._real:
            classes = floor = None
            if self.classes:
                shares = samples.recognised(self.all_labels, self.classes).share
                classes = results.RealClasses(share=shares)
                floor = samples.divergence_floor(self.all_labels, n, self.seed, self.classes)
            self._real[n] = results.Real(
                classes=classes,
                recognised=self.test.recognised(),
                threshold=self.threshold,
                centre=samples.centre_shares(samples.grey(self.x_test)),
                divergence_floor=floor,
                variety=self.variety(self.main.train, n),
                digit=self.digit(self.x_test[1::2]),  # the others gave the bound
                **self.test.looks(),
            )
        return self._real[n]


class Seen:
    """Images (n, C, S, S) in model units as an evaluator's networks see them.

    Args:
        found: its features, where they are known.

    Attributes:
        features: (n, 64), in the space `Evaluator.main`.
        labels, confidence: (n,), the class that is read and its probability; None without a classifier.
    """

    def __init__(self, evaluator: Evaluator, x: Tensor, found: Tensor | None = None):
        self.evaluator, self.x, self.seed = evaluator, x, evaluator.seed
        self.features = evaluator.main.features(x) if found is None else found
        self.labels = self.confidence = None
        if evaluator.classifier is not None:
            with torch.inference_mode():
                self.labels, self.confidence = samples.read(evaluator.classifier.head(self.features))

    def classes(self, n: int | None = None) -> results.Classes | None:
        """Class shares of all, and the divergence of the first n."""
        if self.labels is None:
            return None
        known = self.evaluator
        return samples.class_shares(self.labels, known.all_labels, n, self.seed, known.classes)

    def recognised(self) -> results.Recognised | None:
        if self.labels is None:
            return None
        sure = self.confidence >= self.evaluator.threshold
        return samples.recognised(self.labels[sure], self.evaluator.classes)

    def looks(self) -> dict[str, Interval | Spread]:
        """The fields of `Looks`."""
        images = to_uint8(samples.grey(self.x))
        unsure = None if self.labels is None else share_of(self.confidence < self.evaluator.threshold)
        return {
            "low_confidence": unsure,
            "background": samples.border_grey(images, self.seed),
            "border": samples.border_before_clamping(samples.grey(self.x)),
            **samples.drawn(images),
        }

    def examples(self, n: int = 16, seed: int = 0) -> Tensor:
        """n high-quality, n low-quality ones, see `samples.rank_by_quality`: (2, n, S, S)."""
        high, low = samples.rank_by_quality(self.confidence, min(n, len(self.x) // 2), seed)
        return torch.stack([self.x[high, 0], self.x[low, 0]])
