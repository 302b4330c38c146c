"""The evaluator: held-out real images, and all measures of samples against them."""

import os
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from diffusion import data, runtime
from diffusion.arguments import check_whole, summarise
from diffusion.evaluation import classifier, features, frechet, variety
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import Reference, to_uint8
from diffusion.evaluation.measures import MEASURES, Measure, Measured, Value, take_measures
from diffusion.evaluation.recogniser import NEIGHBOURS, DigitRecogniser, digit
from diffusion.evaluation.statistics import Interval
from diffusion.names import check_known
from diffusion.pixels import GREY28, as_images, note_outside, require_images

NEAR, PER_DISTORTION = 10_000, 500  # for the recogniser: training digits, and test digits per distortion
SURE = 200  # training digits below which the recogniser may accept noise (it does with 100)
ALIKE = 2  # images count as the same if all pixels agree within this many of 255 grey values
DRAWN = 1000  # default number of samples of a run
# Share of test images in the training set, or of labels that a guess misses, above which there is a note.
MANY = 0.5


@dataclass(eq=False, repr=False)
class FeatureSpace:
    """The real images in the features of one extractor, and distances of samples from them.

    Attributes:
        evaluator (Evaluator): The evaluator.
        extractor (Extractor): Computes the features.
        ending (str): Ending of the names of measures in these features.
        floors (dict): Number of images -> floor, as far as computed.
    """

    evaluator: "Evaluator"
    extractor: Extractor
    ending: str
    floors: dict[int, Interval] = field(default_factory=dict)

    @cached_property
    def reference(self) -> Reference:
        """Reference: The test images in these features."""
        return Reference(self.features(self.evaluator.x_test))

    @cached_property
    def train(self) -> Tensor:
        """Tensor: Features (N, D) of the training images."""
        return self.features(self.evaluator.x_train)

    def features(self, x: Tensor) -> Tensor:
        """Return features (n, D) of images (n, C, S, S) in model units."""
        return self.extractor.features(to_uint8(x))

    def floor(self, n: int) -> Interval | None:
        """Return the real-vs-real distance at n >= 2 images, or None with fewer training images."""
        if n not in self.floors and n <= len(self.evaluator.x_train):
            repeats, seed = self.evaluator.floor_repeats, self.evaluator.seed
            self.floors[n] = frechet.floor(self.train, self.reference, n, repeats, seed)
        return self.floors.get(n)


@dataclass(eq=False, repr=False)
class Evaluator:
    """Real images, their features and statistics, and all measures of samples against them.

    If the data set has classes, a classifier of these provides the main features and the measures of classes.
    Otherwise `frechet`, `kid`, precision, recall and coverage use the first label-free features, in
    `default_space`, and measures of classes are left out.

    The share of digits comes from a recogniser, calibrated on `x_digits` and the test images. With 10,000
    training digits it is the recogniser of the reports. It reads 28 x 28 grey images; for other shapes the
    share is left out, with a note.

    Notes are printed if test images are also training images, or the classifier misreads more than half as
    many labels as a random guess.

    Args:
        x_train (Tensor or array): Training images (N, C, S, S) for the real-vs-real floor, N at least 12 and
            S at least 8. All images are in [-0.5, 0.5], or arrays or bytes as in `fit`.
        x_test (Tensor or array): Test images (M, C, S, S), M at least 12: the reference.
        labels (Tensor or array, optional): Labels (M,) of the test images, required with classes. Default
            None.
        all_labels (Tensor or array, optional): Labels of the whole test split, whose class shares are the
            reference. If None, uses `labels`. Default None.
        dataset (str, DataSet or None): The data set whose networks measure. For your own `DataSet` they are
            trained once and saved with its files. If None, trains no network and uses only the features of a
            random one. Default "mnist".
        data_dir (path, optional): Data folder, see `load`. Default None.
        x_digits (Tensor or array, optional): Training images of the recogniser. If None, uses the first
            10,000 of `x_train`. Default None.
        n_per_distortion (int): Test digits per distortion, from which the recogniser's threshold is computed.
            If half of the test images are fewer, uses that half and prints a note. Default 500.
        more_features (collection of str): Further kinds of features, which take longer: "photographs"
            (EfficientNet-Lite0, ten seconds per 1000 images on one core; needs the extra `photographs`) or
            "inception" (InceptionV3, left out with a note if its weights cannot be had). Default ().
        floor_repeats (int): Draws of real images behind a floor. Default 10.
        interval_repeats (int): Random halves behind an interval of a distance. Default 200.
        seed (int): Seeds the draws behind floors, intervals and subsets. Default 0.
        measures (Mapping): Name -> `Measure`: what `measure` takes. Default: the table of this package.
        device (str or device, optional): Device for features. If None, uses $COLD_ZOOM_DEVICE, else a GPU,
            else the CPU. Default None.

    Attributes:
        spaces (dict): Name of features -> `FeatureSpace`.
        default_space (FeatureSpace): Features of `frechet` and coverage: of the classifier, if there is one.
        classes (int): Number of classes.
        measure_names (dict): Names of measures in tables, if they differ: "digit" is named by the data set's
            noun.

    Raises:
        ValueError: If images are not (N, C, S, S) in [-0.5, 0.5] of the data set's shape, fewer than 12, or
            the labels do not match them.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=60)
        >>> d.Evaluator(x[:30], x[30:], dataset=None)
        <Evaluator of 30 training and 30 test images>
    """

    x_train: Any
    x_test: Any
    labels: Any = None
    all_labels: Any = None
    _: KW_ONLY
    dataset: str | data.DataSet | None = "mnist"
    data_dir: str | os.PathLike | None = None
    x_digits: Any = None
    n_per_distortion: int = PER_DISTORTION
    more_features: Collection[str] = ()
    floor_repeats: int = 10
    interval_repeats: int = 200
    seed: int = 0
    measures: Mapping[str, Measure] = field(default_factory=lambda: MEASURES)
    device: torch.device | str | None = None

    def __post_init__(self) -> None:
        dataset, data_dir = self.dataset, self.data_dir
        self.measure_names = {"digit": data.get(dataset).noun} if dataset is not None else {}
        self.classes = len(data.get(dataset).classes) if dataset is not None else 0
        n = len(self.x_test)
        self.x_train = require_images("x_train", self.x_train)
        self.x_test = require_images("x_test", self.x_test)
        shape = self.x_test.shape[1:]
        known = shape if dataset is None else data.load(dataset, "test", data_dir, 1)[0].shape[1:]
        if not self.x_train.shape[1:] == shape == known:
            shapes = [*map(tuple, (self.x_train.shape[1:], shape, known))]
            raise ValueError(
                f"x_train, x_test and dataset have shapes {shapes}; expected: one, or dataset=None"
            )
        if (few := min(n, len(self.x_train))) < variety.FEWEST:
            raise ValueError(f"x_train or x_test has {few} images; expected: at least {variety.FEWEST}")
        labels = [] if self.labels is None else self.labels
        right = self.classes and np.shape(labels) == (n,) and {*map(int, labels)} <= {*range(self.classes)}
        if self.classes and not right:
            needed = f"one number for each of {n} test images, 0 to {self.classes - 1}"
            raise ValueError(f"labels are {summarise(self.labels)}; expected: {needed}")
        self.labels = torch.as_tensor(self.labels).long() if self.classes else None
        self.all_labels = self.labels if self.all_labels is None else torch.as_tensor(self.all_labels)
        digits = self.x_train[:NEAR] if self.x_digits is None else self.x_digits
        self.x_digits = require_images("x_digits", digits)
        note, near = "", len(self.x_digits)
        if shape != GREY28:
            note = f"reads 28 x 28 grey images: of these, {(*shape,)}, no share of accepted ones is measured"
        elif near < SURE:
            note = f"knows {near} training images; with fewer than {SURE} it may accept noise"
        elif self.n_per_distortion > n // 2:
            note = f"is calibrated on {n // 2} images of each distortion instead of {self.n_per_distortion}"
        if self.classes and note:
            print(f"note: the recogniser {note}", flush=True)
        self.n_per_distortion = min(self.n_per_distortion, n // 2)
        self.classifier = None
        if dataset is not None and self.classes:
            self.classifier = classifier.classifier_for(dataset, data_dir)
        device = runtime.device(self.device)
        self.extractors = features.extractors(dataset, data_dir, self.more_features, device, shape[0])
        endings = {name: f"_{name}" if i else "" for i, name in enumerate(self.extractors)}
        self.spaces = {
            name: FeatureSpace(self, self.extractors[name], ending) for name, ending in endings.items()
        }
        self.default_space = next(iter(self.spaces.values()))
        self.test = MeasuredImages(self, self.x_test, self.default_space.reference.features.float())
        self._real: dict[int, dict[str, Value]] = {}
        train = {hash(image.tobytes()) for image in self.x_train.cpu().numpy()}
        if (same := sum(hash(image.tobytes()) in train for image in self.x_test.cpu().numpy())) > MANY * n:
            print(
                f"note: {same} of {n} test images are training images, so distances are too small", flush=True
            )
        wrong = int((self.test.labels != self.labels).sum()) if self.classes else 0
        if self.classes and wrong * self.classes > MANY * n * (self.classes - 1):
            print(f"note: the classifier misreads {wrong} of {n} test images; check the labels", flush=True)

    @classmethod
    def for_dataset(
        cls,
        dataset: str | data.DataSet = "mnist",
        data_dir: str | os.PathLike | None = None,
        n_train: int = NEAR,
        n_test: int | None = None,
        n_digits: int = NEAR,
        **options: Any,
    ) -> Self:
        """Make the evaluator of a data set, with its networks.

        Args:
            dataset (str or DataSet): The data set, see `load`. Default "mnist".
            data_dir (path, optional): Data folder, see `load`. Default None.
            n_train (int): Largest number of training images. Default 10,000.
            n_test (int, optional): Number of test images. If None, all. Default None.
            n_digits (int): Largest number of training images of the recogniser. Default 10,000.
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
        x_train = data.load(dataset, "train", data_dir)[0]
        test, every = (data.load(dataset, "test", data_dir, n) for n in (n_test, None))
        options |= {"dataset": dataset, "data_dir": data_dir}
        return cls(x_train[:n_train], *test, every[1], x_digits=x_train[:n_digits], **options)

    def __repr__(self) -> str:
        return f"<Evaluator of {len(self.x_train)} training and {len(self.x_test)} test images>"

    @cached_property
    def recogniser(self) -> DigitRecogniser:
        """DigitRecogniser: Decides which images are digits. Requires classes."""
        assert self.classifier is not None
        return DigitRecogniser.fit(
            self.classifier, self.x_digits, self.x_test, self.labels, self.n_per_distortion
        )

    def floors(self, n: int, only: Collection[str] | None = None) -> dict[str, Interval]:
        """Return floors: distances of n random training images from the test images.

        Args:
            n (int): Number of images, at least 2.
            only (collection of str, optional): Names of floors. If None, all. Default None.

        Returns:
            dict: `floor`, `floor_autoencoder`, ... -> Interval. Floors that need more training images are
            left out.
        """
        spaces = {f"floor{space.ending}": space for space in self.spaces.values()}
        wanted = [name for name in spaces if only is None or name in only]
        return {name: floor for name in wanted if (floor := spaces[name].floor(n))}

    # --- samples ---

    def measure(self, x: Any, n: int | None = None, only: str | Collection[str] | None = None) -> Measured:
        """Measure samples, or a run, against the test images.

        Distances, precision, recall, coverage and divergence depend on the number of samples. They use the
        first `n` samples, which makes models with different numbers comparable. If all samples are one image,
        the distances and the share of digits are left out.

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
            >>> evaluator = d.Evaluator(x[:20], x[20:40], dataset=None)
            >>> measured = evaluator.measure(x[40:], only="frechet")
            >>> measured["frechet"].value > 0
            True
        """
        only = {only} if isinstance(only, str) else only
        if only is not None and not len(only):
            raise ValueError("only is empty; expected: names of measures, or None for all of them")
        for name in only or ():
            check_known("only", name, [key for key, entry in self.measures.items() if entry.arguments])
        if callable(getattr(x, "sample", None)):
            x = draw_samples(x, choose_n(self) if n is None else check_whole("n", n, variety.FEWEST))
        x = self._samples(x)
        n = check_whole("n", len(x) if n is None else n, variety.FEWEST, len(x))
        seen = MeasuredImages(self, x, n=n, only=only)
        return Measured(take_measures(seen, only), seen)

    def _samples(self, given: Any) -> Tensor:
        """Convert samples to a tensor in model units, with the errors of `measure`."""
        x, shape = as_images(given), self.x_test.shape[1:]
        if not isinstance(x, Tensor) or x.shape[1:] != shape or len(x) < variety.FEWEST:
            raise ValueError(
                f"samples are {summarise(given)}; expected: a tensor or array of at least "
                f"{variety.FEWEST} images (n, {', '.join(map(str, shape))}), such as run.sample(1000)"
            )
        low, high = float(x.min()), float(x.max())  # samples that have drifted do not end exactly at 0 or -1
        if low >= 0 and high > 0.5 or low < -0.97 and high > 0.97 and max(-low, high) <= 1:
            raise ValueError(
                f"pixels of samples range from {low:g} to {high:g}; expected: about [-0.5, 0.5]; use x - 0.5 "
                "for [0, 1], x / 2 for [-1, 1] or x / 255 - 0.5 for [0, 255]"
            )
        note_outside(x, "the samples")
        return x

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
            features = self.default_space.reference.features
            values = take_measures(self.test, real=True)
            values |= variety.precision_recall_coverage(features, self.default_space.train, n, self.seed)
            if self.test.recognisable:
                values["digit"] = digit(self.recogniser, self.x_test[1::2])
            self._real[n] = values
        return self._real[n]


def choose_n(evaluator: Evaluator, *sizes: int) -> int:
    """Return the default number of samples: `DRAWN`, or fewer if training images or samples are fewer."""
    if (n := min(DRAWN, len(evaluator.x_train), *sizes)) < DRAWN:
        which = "samples" if n in sizes else "training images"
        print(f"note: n is {n} instead of {DRAWN}, because there are {n} {which}", flush=True)
    return n


def draw_samples(run: Any, n: int, seed: int | None = None) -> Tensor:
    """Draw n samples of a run, (n, C, S, S), clamped to [-0.5, 0.5].

    After short training, some samples exceed this range.
    """
    x = run.sample(n, seed)
    note_outside(x, f"samples of {run.name}, which are clamped,")
    return x.clamp(-0.5, 0.5)


@dataclass(eq=False, repr=False)
class MeasuredImages:
    """Images (n, C, S, S) in model units with the outputs of an evaluator's networks.

    Attributes:
        evaluator (Evaluator): The evaluator.
        x (Tensor): The images.
        n (int): Number of images, from the start, that enter distances. If 0, all. Default 0.
        only (collection of str, optional): Names of the measures that will be taken. If None, all. Default
            None.
        features (Tensor): (n, 64) in `Evaluator.default_space`; pass `known` if they exist already.
        labels (Tensor): (n,), the predicted classes, or None without a classifier.
        confidence (Tensor): (n,), the probabilities of these classes, or None without a classifier.
    """

    evaluator: Evaluator
    x: Tensor
    known: InitVar[Tensor | None] = None
    n: int = 0
    only: Collection[str] | None = None

    def __post_init__(self, known: Tensor | None) -> None:
        self.n, self.seed = self.n or len(self.x), self.evaluator.seed
        self.features = self.evaluator.default_space.features(self.x) if known is None else known
        self.labels = self.confidence = None
        if self.evaluator.classifier is not None:
            with torch.inference_mode():
                self.labels, self.confidence = variety.read(self.evaluator.classifier.head(self.features))

    @cached_property
    def images(self) -> Tensor:
        """Tensor: The images as grey bytes, (n, 1, S, S)."""
        return to_uint8(variety.grey(self.x))

    @cached_property
    def one_image(self) -> bool:
        """bool: Whether all images are the same, up to rounding, so distances are undefined."""
        grey = to_uint8(self.x).short()
        return bool((grey - grey[:1]).abs().max() <= ALIKE)

    @property
    def recognisable(self) -> bool:
        """bool: Whether the recogniser applies, which needs classes and 28 x 28 grey images that differ."""
        known = self.evaluator.classes and len(self.evaluator.x_digits) >= NEIGHBOURS
        return bool(known and self.x.shape[1:] == GREY28) and not self.one_image
