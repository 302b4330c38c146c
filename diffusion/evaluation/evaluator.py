"""What generated images are measured against: the held-out test split, passed through each extractor once."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from diffusion import centres, classifier, metrics, quality
from diffusion.metrics import Extractor, Reference


@dataclass
class Yardstick:
    """The real images, their features and statistics, and the distances of samples to them.

    Args:
        x_train: (N, 1, 28, 28) training images for the real-vs-real floor.
        x_test, labels: the reference images, (M, 1, 28, 28) and (M,).
        all_labels: of the whole test split, whose class shares are the prior.
        inception_weights: "auto", "off" or a path.
        classifier_weights: as `readers.weights` gives them for the data set; None: those shipped.
        device: where features are computed.
    """

    x_train: Tensor
    x_test: Tensor
    labels: Tensor
    all_labels: Tensor
    inception_weights: str = "auto"
    seed: int = 0
    floor_repeats: int = 10
    interval_repeats: int = 100
    classifier_weights: Path | None = None
    device: torch.device | str = "cpu"
    extractors: dict[str, Extractor] = field(init=False)
    references: dict[str, Reference] = field(init=False)

    def __post_init__(self) -> None:
        self.images = metrics.to_uint8(self.x_test)
        self.reader = classifier.load(self.classifier_weights)
        every = (
            metrics.digits(self.device, self.classifier_weights),
            metrics.inception(self.inception_weights, self.device),
        )
        self.extractors = {extractor.name: extractor for extractor in every}
        self.references = {
            name: Reference(extractor.features(self.images))
            for name, extractor in self.extractors.items()
            if extractor.available
        }
        self.read, self.confidence = quality.predict(self.images, self.reader)
        self.threshold = quality.not_digit_threshold(self.confidence)
        self._train_features: dict[str, Tensor] = {}
        self._floors: dict[tuple[str, int], dict] = {}

    def describe(self) -> dict[str, dict]:
        """Each extractor's identity, and why it is missing where it is."""
        about = {
            name: {"available": e.available, "reason": e.reason} | e.info
            for name, e in self.extractors.items()
        }
        correct = (self.read == self.labels).double().mean()
        about["digits"]["test_accuracy"] = float(correct)
        return about

    def floor(self, name: str, n: int) -> dict | None:
        """The real-vs-real distance at n images, or None where the extractor is missing or n is too large."""
        if name not in self.references or n > len(self.x_train):
            return None
        if (name, n) not in self._floors:
            features, reference = self.train_features(name), self.references[name]
            self._floors[name, n] = metrics.floor(features, reference, n, self.floor_repeats, self.seed)
        return self._floors[name, n]

    def train_features(self, name: str) -> Tensor:
        """Features of the training images, (N, D), extracted when first asked for."""
        if name not in self._train_features:
            self._train_features[name] = self.extractors[name].features(metrics.to_uint8(self.x_train))
        return self._train_features[name]

    def features(self, samples: Tensor, extractor: str = "digits") -> Tensor:
        """Features (n, D) of samples (n, 1, 28, 28) in model units."""
        return self.extractors[extractor].features(metrics.to_uint8(samples))

    def distances(self, samples: Tensor) -> tuple[dict[str, dict | None], dict[str, Tensor]]:
        """Fréchet and kernel distance of samples (n, 1, 28, 28) for each extractor, and their features."""
        out: dict[str, dict | None] = dict.fromkeys(self.extractors)
        features = {}
        for name, reference in self.references.items():
            found = features[name] = self.features(samples, name)
            spread = metrics.frechet_interval(reference, found, self.interval_repeats, self.seed)
            fid = {key: spread[key] for key in ("fid", "low", "high", "bias")}
            kid, kid_sd = metrics.kernel(reference, found, seed=self.seed)
            out[name] = fid | {"kid": kid, "kid_sd": kid_sd}
        return out, features

    def variety(self, features: Tensor, n: int) -> dict:
        """Precision, recall and coverage of n samples, from their `digits` features."""
        return quality.variety(self.references["digits"].features, features, n, self.seed)

    def qualities(self, samples: Tensor, n_divergence: int | None = None) -> dict:
        """What samples (n, 1, 28, 28) look like: their classes and backgrounds, what is not recognised.

        Divergence and entropy of the classes depend on the number of samples; they are taken from the first
        `n_divergence` (None: all), so that models with different numbers can be compared.
        """
        images = metrics.to_uint8(samples)
        labels, confidence = quality.predict(images, self.reader)
        balance = quality.class_balance(labels, self.all_labels, seed=self.seed)
        first = quality.class_balance(labels[:n_divergence], self.all_labels, seed=self.seed)
        balance |= {key: first[key] for key in first if key.startswith("divergence") or key == "entropy"}
        return {
            "classes": balance,
            "recognised": quality.shares(labels[confidence >= self.threshold]),
            "not_digit": quality.not_digit(confidence, self.threshold),
            "background": quality.background(images, seed=self.seed),
            "border": quality.border(samples),
            "centre": centres.extreme(samples),
        } | quality.value_range(samples)

    def real(self, n: int) -> dict:
        """The same measures for the real images."""
        balance = quality.class_balance(self.all_labels, self.all_labels, seed=self.seed)
        return {
            "classes": {"share": balance["share"]},
            "recognised": quality.shares(self.read[self.confidence >= self.threshold]),
            "entropy": balance["entropy"],
            "not_digit": quality.not_digit(self.confidence, self.threshold),
            "background": quality.background(self.images, seed=self.seed),
            "border": quality.border(self.x_test),
            "centre": centres.extreme(self.x_test),
            "divergence_floor": quality.divergence_floor(self.all_labels, n, seed=self.seed),
        }


def best_and_worst(
    samples: Tensor, n: int, seed: int, reader: classifier.DigitClassifier | None = None
) -> tuple[Tensor, Tensor]:
    """n high-quality and n low-quality samples, (n, 28, 28) each, by `quality.QUALITY_RULE`.

    `reader` is a yardstick's, the classifier whose confidence counts; None: the shipped one.
    """
    _, confidence = quality.predict(metrics.to_uint8(samples), reader)
    high, low = quality.rank_by_quality(confidence, min(n, len(samples) // 2), seed)
    return samples[high, 0], samples[low, 0]


def real_variety(yardstick: Yardstick, n: int) -> dict:
    """Precision, recall and coverage of n training images: the most that samples can be expected to reach."""
    return yardstick.variety(yardstick.train_features("digits"), n)
