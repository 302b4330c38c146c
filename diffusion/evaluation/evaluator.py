"""The evaluator: held-out real images, and all measures of samples against them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from diffusion import data, runtime
from diffusion.arguments import check_whole, summarise
from diffusion.evaluation.classifier import CLASSIFIER, ENOUGH_IMAGES, ENOUGH_READ
from diffusion.evaluation.features import Extractor, FeatureSpace, small, untrained
from diffusion.evaluation.measured import Measured
from diffusion.evaluation.measures import (
    FEATURES,
    MEASURES,
    Measure,
    MeasuredImages,
    Value,
    distances_in,
    take_measures,
)
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.small_networks import AUTOENCODER, FeatureNetwork
from diffusion.evaluation.statistics import Interval, share_of
from diffusion.evaluation.variety import FEWEST_IMAGES, precision_recall_coverage
from diffusion.names import check_known
from diffusion.pixels import GREY28, as_images, check_scale, copy_distance, note_outside, require_images

NEAR, PER_DISTORTION = 10_000, 500  # for the recogniser: training digits, and test digits per distortion
DRAWN = 1000  # default number of samples of a run
MANY = 0.5  # share of test images in the training set above which there is a note


@dataclass(eq=False, repr=False)
class Evaluator:
    """Real images, their features and statistics, and all measures of samples against them.

    `Evaluator.for_dataset` makes the evaluator of a data set. If the data set has classes, a classifier of
    these provides the main features, and the share of digits comes from a recogniser, calibrated on the test
    images. It reads 28 x 28 grey images; for other shapes the share is left out, with a note. If the
    classifier was trained on fewer than 1000 images or reads less than 90% of the test images, the features
    of the autoencoder are the main ones, and the share is left out, with a note.

    `Evaluator(x_train, x_test)` takes any images. It trains no network and uses the features of a random one.

    `frechet`, `kid`, precision, recall and coverage use the first features, in `default_space`. A note is
    printed if test images are also training images.

    Args:
        x_train (Tensor or array): Training images (N, C, S, S) for the real-vs-real floor, N at least 12 and
            S at least 8. All images are in [-0.5, 0.5], or arrays or bytes as in `fit`.
        x_test (Tensor or array): Test images (M, C, S, S), M at least 12: the reference.
        more_features (sequence of Extractor): Further kinds of features. Default ().
        floor_repeats (int): Draws of real images behind a floor. Default 10.
        interval_repeats (int): Random halves behind an interval of a distance. Default 200.
        seed (int): Seeds the draws behind floors, intervals and subsets. Default 0.
        measures (Mapping): Name -> `Measure`: what `measure` takes, together with distances in all features.
            Default: the table of this package.
        device (str or device, optional): Device for features. If None, uses $COLD_ZOOM_DEVICE, else a GPU,
            else the CPU. Default None.
        n_per_distortion (int): Test digits per distortion, from which the recogniser's threshold is computed.
            If half of the test images are fewer, uses that half. Default 500.
        networks (Mapping): "digits" -> classifier, "autoencoder" -> encoder, as far as there are any;
            `for_dataset` passes this and the next four. Default {}.
        labels (Tensor, optional): Labels (M,) of the test images, with a classifier. Default None.
        all_labels (Tensor, optional): Labels of the whole test split, whose class shares are the reference.
            Default None.
        x_digits (Tensor, optional): Training images of the recogniser, with a classifier. Default None.
        noun (str): The noun for a class, by which tables call the share of digits. Default "class".

    Attributes:
        spaces (dict): Name of features -> `FeatureSpace`.
        default_space (FeatureSpace): The main features, of `frechet` and coverage.
        classifier (DigitClassifier): The classifier, or None.
        classes (int): Number of classes, 0 without a classifier.
        accuracy (float): Share of the test images that the classifier reads correctly, 0 without one.
        sees_classes (bool): Whether the classifier reads enough of them for its features to be the main ones.
        test (MeasuredImages): The test images.
        measure_names (dict): Names of measures in tables, if they differ: "digit" is named by the data set's
            noun.

    Raises:
        ValueError: If images are not (N, C, S, S) in [-0.5, 0.5] of one shape, or fewer than 12.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=60)
        >>> d.Evaluator(x[:30], x[30:])
        <Evaluator of 30 training and 30 test images>
    """

    x_train: Any
    x_test: Any
    _: KW_ONLY
    more_features: Sequence[Extractor] = ()
    floor_repeats: int = 10
    interval_repeats: int = 200
    seed: int = 0
    measures: Mapping[str, Measure] = field(default_factory=lambda: MEASURES)
    device: torch.device | str | None = None
    n_per_distortion: int = PER_DISTORTION
    networks: Mapping[str, FeatureNetwork] = field(default_factory=dict)
    labels: Any = None
    all_labels: Any = None
    x_digits: Any = None
    noun: str = "class"

    def __post_init__(self) -> None:
        self.x_train = require_images("x_train", self.x_train)
        self.x_test = require_images("x_test", self.x_test)
        self._check_images()
        self.classifier: Any = self.networks.get("digits")
        self.classes: int = self.classifier.head.out_features if self.classifier else 0
        self.measure_names = {"digit": self.noun} if self.classes else {}
        self.accuracy, self.sees_classes = 0.0, False
        self.spaces = self._make_spaces()
        self.default_space = next(iter(self.spaces.values()))
        self.default_space.ending = ""
        self.test = MeasuredImages(self, self.x_test, self.default_space.reference.features.float())
        self._real: dict[int, dict[str, Value]] = {}
        for note in self._notes():
            print(f"note: {note}", flush=True)

    @classmethod
    def for_dataset(
        cls,
        dataset: str | data.DataSet = "mnist",
        n_train: int = NEAR,
        n_test: int | None = None,
        n_digits: int = NEAR,
        network_seed: int = 0,
        **options: Any,
    ) -> Self:
        """Make the evaluator of a data set, with its networks.

        For your own `DataSet` the networks are trained once and saved with its files. Without classes, the
        autoencoder provides the main features.

        Args:
            dataset (str or DataSet): The data set, see `load`. Default "mnist".
            n_train (int): Largest number of training images. Default 10,000.
            n_test (int, optional): Number of test images. If None, all. Default None.
            n_digits (int): Largest number of training images of the recogniser. With 10,000 it is the
                recogniser of the reports; with fewer than 200 it may accept noise. Default 10,000.
            network_seed (int): Seeds the classifier and the autoencoder, which other seeds than 0 train
                once. Distances with different networks are not comparable. Default 0.
            **options: Further arguments of the class.

        Returns:
            Evaluator: The evaluator.

        Raises:
            ValueError: If the data cannot be loaded, or there are fewer test images.

        Example:
            >>> import diffusion as d
            >>> evaluator = d.Evaluator.for_dataset("mnist", n_train=200, n_test=1000, n_digits=200)
            >>> evaluator
            <Evaluator of 200 training and 1000 test images>
        """
        known = data.get(dataset)
        x_train, _ = data.load(dataset, "train")
        x_test, labels = data.load(dataset, "test", n_test)
        networks: dict[str, FeatureNetwork] = {}
        if known.classes:
            networks["digits"] = CLASSIFIER.load_for(dataset, network_seed)
            options |= {"labels": labels, "all_labels": data.load(dataset, "test")[1]}
            options |= {"x_digits": x_train[:n_digits], "noun": known.noun}
        networks["autoencoder"] = AUTOENCODER.load_for(dataset, network_seed)
        return cls(x_train[:n_train], x_test, networks=networks, **options)

    def __repr__(self) -> str:
        return f"<Evaluator of {len(self.x_train)} training and {len(self.x_test)} test images>"

    # --- real images ---

    def _check_images(self) -> None:
        train, test = tuple(self.x_train.shape), tuple(self.x_test.shape)
        if train[1:] != test[1:]:
            raise ValueError(f"x_train has images {train[1:]}, x_test {test[1:]}; expected: one shape")
        for name, n in {"x_train": train[0], "x_test": test[0]}.items():
            if n < FEWEST_IMAGES:
                raise ValueError(f"{name} has {n} images; expected: at least {FEWEST_IMAGES}")

    def _make_spaces(self) -> dict[str, FeatureSpace]:
        device = runtime.device(self.device)
        extractors = [small(name, network, device) for name, network in self.networks.items()]
        extractors += [untrained(device, self.x_test.shape[1]), *self.more_features]
        spaces: dict[str, FeatureSpace] = {}
        for extractor in extractors:
            name, images = extractor.name, (self.x_train, self.x_test)
            spaces[name] = FeatureSpace(extractor, f"_{name}", *images, self.floor_repeats, self.seed)
        if self.classes:
            self._test_classifier(spaces["digits"])
            if not self.sees_classes:
                spaces["digits"] = spaces.pop("digits")  # the last, so that others are the main features
        return spaces

    @torch.inference_mode()
    def _test_classifier(self, space: FeatureSpace) -> None:
        """Set `accuracy` and `sees_classes`."""
        labels = self.classifier.head(space.reference.features.float()).argmax(1)
        self.accuracy = float((labels == self.labels).double().mean())
        enough = self.classifier.n_train >= ENOUGH_IMAGES
        self.sees_classes = enough and self.accuracy >= ENOUGH_READ

    def list_measures(self) -> dict[str, Measure]:
        """Return the table of measures by name, with distances in all features."""
        measures = dict(self.measures)
        for name, space in self.spaces.items():
            measures |= distances_in(space.ending, FEATURES.get(name, f"features of {name}"))
        return measures

    def _notes(self) -> Iterator[str]:
        """Yield what makes measures uncertain."""
        n, shape = len(self.x_test), tuple(self.x_test.shape[1:])
        if self.sees_classes and shape != GREY28:
            yield f"the recogniser reads 28 x 28 grey images, not {shape}, so it is not used"
        if self.classes and not self.sees_classes:
            n_train = self.classifier.n_train
            cause = "it needs more images" if n_train < ENOUGH_IMAGES else "check the labels"
            yield (
                f"the classifier trained on {n_train} images reads {self.accuracy:.0%} of the test images; "
                f"expected: at least {ENOUGH_IMAGES} images and {ENOUGH_READ:.0%}; {cause}. Distances are in "
                f"features of the {self.default_space.extractor.name}, and no recogniser is used"
            )
        train = {hash(image.tobytes()) for image in self.x_train.cpu().numpy()}
        known = sum(hash(image.tobytes()) in train for image in self.x_test.cpu().numpy())
        if known > MANY * n:
            yield f"{known} of {n} test images are training images, so distances are too small"

    @cached_property
    def copy_distance(self) -> float:
        """float: Distance within which two images are near-copies, see `pixels.copy_distance`."""
        return copy_distance(self.x_train)

    @cached_property
    def recogniser(self) -> DigitRecogniser:
        """DigitRecogniser: Decides which images are digits. Requires classes."""
        n = min(self.n_per_distortion, len(self.x_test) // 2)
        return DigitRecogniser.fit(self.classifier, self.x_digits, self.x_test, self.labels, n)

    def floors(self, n: int, only: Collection[str] | None = None) -> dict[str, Interval]:
        """Return floors: distances of n random training images from the test images.

        Args:
            n (int): Number of images, at least 2.
            only (collection of str, optional): Names of floors. If None, all. Default None.

        Returns:
            dict: `floor`, `floor_autoencoder`, ... -> Interval. Floors that need more training images are
            left out.
        """
        floors, n = {}, check_whole("n", n, 2)
        for space in self.spaces.values():
            name = f"floor{space.ending}"
            floor = space.floor(n) if only is None or name in only else None
            if floor is not None:
                floors[name] = floor
        return floors

    def real(self, n: int) -> dict[str, Value]:
        """Measure the real test images.

        Precision, recall and coverage compare n training images, n at least 12, with the test images. The
        share of digits uses the test images from which the recogniser's threshold was not computed.

        Args:
            n (int): Number of images.

        Returns:
            dict: Name -> Interval.
        """
        if n not in self._real:
            space = self.default_space
            values = take_measures(self.test, real=True)
            values |= precision_recall_coverage(space.reference.features, space.train, n, self.seed)
            values["different"] = MeasuredImages(self, self.x_train[:n], space.train[:n]).different
            if self.test.recognisable:
                values["digit"] = share_of(self.recogniser.accepted)
            self._real[n] = values
        return self._real[n]

    # --- samples ---

    def measure(self, x: Any, n: int | None = None, only: str | Collection[str] | None = None) -> Measured:
        """Measure samples, or a run, against the test images.

        Distances, precision, recall, coverage and divergence depend on the number of samples. They use the
        first `n` samples, which makes models with different numbers comparable. `different` counts the
        different images among at most 2000 samples, of which near-copies count once. If it is 1, the
        distances and the share of digits are left out.

        Args:
            x (Tensor, array or Run): Samples (N, C, S, S), N at least 12, in about [-0.5, 0.5]; or a run,
                from which n samples are drawn and clamped.
            n (int, optional): Number of samples. If None, all samples, or 1000 of a run, but at most as many
                as there are training images. Default None.
            only (str or collection of str, optional): Names of measures to take. If None, all. Default None.

        Returns:
            Measured: A dictionary, name -> Interval, that prints as a table; `["frechet"].value` is a number.

        Raises:
            ValueError: If samples do not have the shape of the test images, are not finite, on another scale,
                or too few; or `only` contains an unknown name.

        Example:
            >>> import diffusion as d
            >>> x, _ = d.load("mnist", n=60)
            >>> evaluator = d.Evaluator(x[:20], x[20:40])
            >>> measured = evaluator.measure(x[40:], only="frechet")
            >>> measured["frechet"].value > 0
            True
        """
        names = {only} if isinstance(only, str) else only
        known = [name for name, measure in self.list_measures().items() if measure.function]
        for name in names or ():
            check_known("only", name, known)
        if callable(getattr(x, "sample", None)):
            x = draw_samples(x, choose_n(self) if n is None else check_whole("n", n, FEWEST_IMAGES))
        samples = self._convert_samples(x)
        n = check_whole("n", len(samples) if n is None else n, FEWEST_IMAGES, len(samples))
        images = MeasuredImages(self, samples, n=n, only=names)
        return Measured(take_measures(images, names), images)

    def _convert_samples(self, given: Any) -> Tensor:
        """Convert samples to a tensor in model units, with the errors of `measure`."""
        x, shape = as_images(given), self.x_test.shape[1:]
        if not isinstance(x, Tensor) or x.shape[1:] != shape or len(x) < FEWEST_IMAGES:
            raise ValueError(
                f"samples are {summarise(given)}; expected: a tensor or array of at least "
                f"{FEWEST_IMAGES} images (n, {', '.join(map(str, shape))}), such as run.sample(1000)"
            )
        check_scale(x, "samples")
        note_outside(x, "the samples")
        return x


def choose_n(evaluator: Evaluator, *sizes: int) -> int:
    """Return the default number of samples: `DRAWN`, or fewer if training images or samples are fewer."""
    return min(DRAWN, len(evaluator.x_train), *sizes)


def draw_samples(run: Any, n: int, seed: int | None = None) -> Tensor:
    """Draw n samples of a run, (n, C, S, S), clamped to [-0.5, 0.5].

    After short training, some samples exceed this range.
    """
    x = run.sample(n, seed)
    note_outside(x, f"samples of {run.name}, which are clamped,")
    return x.clamp(-0.5, 0.5)
