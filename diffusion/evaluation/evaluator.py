"""The evaluator: the held-out real images, and all that is measured of samples against them."""

import os
from collections.abc import Collection
from dataclasses import KW_ONLY, InitVar, dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from diffusion import data, runtime
from diffusion.bounds import check_known, refuse_old_names, summarise, whole, write, write_arguments
from diffusion.evaluation import classifier, features, frechet, samples
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import Reference, to_uint8
from diffusion.evaluation.measures import MEASURES, Measured, Value, by_features, register, take_measures
from diffusion.evaluation.recogniser import NEIGHBOURS, DigitRecogniser, digit
from diffusion.evaluation.statistics import Interval
from diffusion.processes.base import GREY28, require_images
from diffusion.training.sampling import note_outside

NEAR, PER_DISTORTION = 10_000, 500  # of the recogniser: training digits, and test digits of each distortion
SURE = 200  # training digits; with 100 the recogniser already accepts some noise
ALIKE = 2  # grey values of 255 within which images count as one and the same
DRAWN = 1000  # samples of a run, where nothing is said
MANY = 0.5  # share of test images, or of the labels that a guess reads wrongly, about which there is a note


@dataclass(eq=False, repr=False)
class Space:
    """The real images in the features of one extractor, and distances of samples from them.

    Attributes:
        extractor: of the features.
        ending: of the names of measures in these features.
        reference: of the test images.
        train: features (N, D) of the training images.
    """

    evaluator: "Evaluator"
    extractor: Extractor
    ending: str
    floors: dict[int, Interval] = field(default_factory=dict)

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.features(self.evaluator.x_test))

    @cached_property
    def train(self) -> Tensor:
        return self.features(self.evaluator.x_train)

    def features(self, x: Tensor) -> Tensor:
        """Features (n, D) of images (n, C, S, S) in model units."""
        return self.extractor.features(to_uint8(x))

    def floor(self, n: int) -> Interval | None:
        """The real-vs-real distance at n >= 2 images; None where there are not as many training images."""
        if n not in self.floors and n <= len(self.evaluator.x_train):
            repeats, seed = self.evaluator.floor_repeats, self.evaluator.seed
            self.floors[n] = frechet.floor(self.train, self.reference, n, repeats, seed)
        return self.floors.get(n)


@refuse_old_names
@dataclass(eq=False, repr=False)
class Evaluator:
    """The real images, their features and statistics, and the measures of samples against them.

        evaluator = Evaluator.for_dataset("mnist")          or of images: Evaluator(x_train, x_test, labels)
        print(evaluator.measure(run, 1000))                 a table of as many samples of a run
        evaluator.measure(run.sample(1000))["frechet"].value
        evaluator.floors(1000)["floor"].value               the same of 1000 real images

    Classes, and all that rests on a classifier, are measured where the data set has any. Else they are left
    out, and `frechet`, `kid`, precision, recall and coverage are in the first of the label-free features,
    `evaluator.default_space`.

    The share of digits is that of a recogniser, calibrated on `x_digits` and on the test images. With 10,000
    training digits it is the one of the reports. It reads 28 x 28 grey images; for others the share is left
    out, with a note.

    Args:
        x_train: (N, C, S, S) training images for the real-vs-real floor, S at least 8; here and below a
            tensor in [-0.5, 0.5], or an array or bytes as `diffusion.fit` takes them.
        x_test, labels: the reference images, (M, C, S, S), M >= 12, and (M,); None: there are no classes.
        all_labels: of the whole test split, whose class shares are the prior; None: `labels`.
        dataset, data_dir: whose networks measure: a name, a `DataSet` of your own (they are then trained
            once, and kept beside its files), or None: no network is trained, only `random` features measure.
        x_digits: training images of the recogniser; None: the first 10,000 of `x_train`.
        n_per_distortion: test digits of each distortion from which the recogniser's threshold comes. If half
            of the test images are fewer, all of that half are used, with a note.
        inception_weights: "auto" or "off".
        seed: of the draws behind floors, intervals and subsets.
        device: where features are computed; None: $COLD_ZOOM_DEVICE, else a GPU, else the CPU.

    Attributes:
        spaces: name of features (see `features`) -> `Space`, of those that can be had.
        default_space: the one of `frechet` and of coverage: of the classifier, if there is one.
        classes: how many there are.
        measure_names: what a table calls a measure: the share of "digit" is named by the data set's noun.

    ValueError: real images that are not (N, C, S, S) in [-0.5, 0.5] of the data set's shape, fewer than 12,
    or labels that are not theirs, a number each. A note is printed where test images are training images,
    where a class has no test images, where labels are given without classes, and where the classifier reads
    more than half as many labels wrongly as a guess does.
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
    inception_weights: str = "off"
    floor_repeats: int = 10
    interval_repeats: int = 200
    seed: int = 0
    device: torch.device | str | None = None

    def __post_init__(self) -> None:
        self.call = ""  # of `for_dataset`
        dataset, data_dir = self.dataset, self.data_dir
        self.class_names = data.get(dataset).classes if dataset is not None else ()
        self.measure_names = {"digit": data.get(dataset).noun} if dataset is not None else {}
        self.classes, n = len(self.class_names), len(self.x_test)
        self.x_train = require_images("x_train", self.x_train)
        self.x_test = require_images("x_test", self.x_test)
        shape = self.x_test.shape[1:]
        known = shape if dataset is None else data.load(dataset, "test", data_dir, 1)[0].shape[1:]
        if not self.x_train.shape[1:] == shape == known:
            shapes = [*map(tuple, (self.x_train.shape[1:], shape, known))]
            raise ValueError(f"x_train, x_test and dataset are {shapes}; needed: one shape, or dataset=None")
        if (few := min(n, len(self.x_train))) < samples.FEWEST:
            raise ValueError(f"x_train or x_test has {few} images; needed: at least {samples.FEWEST}")
        labels = [] if self.labels is None else self.labels
        right = self.classes and np.shape(labels) == (n,) and {*map(int, labels)} <= {*range(self.classes)}
        if self.classes and not right:
            needed = f"one number for each of {n} test images, 0 to {self.classes - 1}"
            raise ValueError(f"labels are {summarise(self.labels)}; needed: {needed}")
        if self.labels is not None and not self.classes:
            print("note: labels are not used, as there are no classes", flush=True)
        self.labels = torch.as_tensor(self.labels).long() if self.classes else None
        seen = set() if self.labels is None else {*self.labels.tolist()}
        if absent := [name for i, name in enumerate(self.class_names) if i not in seen]:
            print(f"note: no test images of class {', '.join(absent)}", flush=True)
        if len(seen) == 1:
            print("note: test images are of one class, so measures of classes mean nothing", flush=True)
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
        self.extractors = features.extractors(dataset, data_dir, self.inception_weights, device, shape[0])
        endings = {name: f"_{name}" if i else "" for i, name in enumerate(self.extractors)}
        self.spaces = {name: Space(self, self.extractors[name], ending) for name, ending in endings.items()}
        self.default_space = next(iter(self.spaces.values()))
        self.test = Seen(self, self.x_test, self.default_space.reference.features.float())
        self._real: dict[int, dict[str, Value]] = {}
        train = {hash(image.tobytes()) for image in self.x_train.cpu().numpy()}
        if (same := sum(hash(image.tobytes()) in train for image in self.x_test.cpu().numpy())) > MANY * n:
            print(f"note: {same} of {n} test images are training images, so distances flatter", flush=True)
        wrong = int((self.test.labels != self.labels).sum()) if self.classes else 0
        if self.classes and wrong * self.classes > MANY * n * (self.classes - 1):
            print(f"note: the classifier reads {wrong} of {n} test images as another label", flush=True)

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
        """The evaluator of a data set with its networks; further options are those of the class.

        It has at most `n_train` training images and `n_digits` of `x_digits`, and `n_test` test images, None:
        all. ValueError: the data cannot be had, or have fewer test images.
        """
        given = {"data_dir": data_dir, "n_train": n_train, "n_test": n_test, "n_digits": n_digits}
        texts = write(dataset), *write_arguments(cls.for_dataset, given), *write_arguments(cls, options)
        x_train = data.load(dataset, "train", data_dir)[0]
        test, every = (data.load(dataset, "test", data_dir, n) for n in (n_test, None))
        options |= {"dataset": dataset, "data_dir": data_dir}
        made = cls(x_train[:n_train], *test, every[1], x_digits=x_train[:n_digits], **options)
        made.call = f"{cls.__name__}.for_dataset({', '.join(texts)})"
        return made

    def __repr__(self) -> str:
        """The call of `for_dataset` that made it; of other images, how many there are."""
        counts = f"{len(self.x_train)} training and {len(self.x_test)} test images"
        return self.call or f"<{type(self).__name__} of {counts}>"

    @cached_property
    def recogniser(self) -> DigitRecogniser:
        """Says which images are digits; there must be classes."""
        assert self.classifier is not None
        return DigitRecogniser.fit(
            self.classifier, self.x_digits, self.x_test, self.labels, self.n_per_distortion
        )

    def floors(self, n: int, only: Collection[str] | None = None) -> dict[str, Interval]:
        """The real-vs-real distance at n images, if there are as many: `floor`, `floor_autoencoder`, ..."""
        spaces = {f"floor{space.ending}": space for space in self.spaces.values()}
        wanted = [name for name in spaces if only is None or name in only]
        return {name: floor for name in wanted if (floor := spaces[name].floor(n))}

    # --- samples ---

    def measure(self, x: Any, n: int | None = None, only: str | Collection[str] | None = None) -> Measured:
        """All measures of samples by name (see `measures`); prints as a table.

        Distances, precision, recall, coverage and divergence depend on the number of samples; they are taken
        of the first n, so that models with different numbers can be compared. Samples that are one image
        have no distance and are no digits: these measures are left out.

        Args:
            x: samples (N, C, S, S), N at least 12, about [-0.5, 0.5]; a tensor, or an array or bytes as
                `diffusion.fit` takes them. Or a run, of which n samples are drawn, and clamped.
            n: If None, uses all samples; of a run 1000, or as many as there are training images.
            only: names of the measures that are taken, or one name.

        ValueError: they are no images of the shape of the test images, not finite or in another unit, too
        few, or fewer than n; or `only` has a name that is no measure.
        """
        only = {only} if isinstance(only, str) else only
        if only is not None and not len(only):
            raise ValueError("only is empty; expected: names of measures, or None for all of them")
        for name in only or ():
            check_known("only", name, [key for key, entry in MEASURES.items() if entry.arguments])
        if callable(getattr(x, "sample", None)):
            x = draw_samples(x, choose_n(self) if n is None else whole("n", n, samples.FEWEST))
        x = self._samples(x)
        n = whole("n", len(x) if n is None else n, samples.FEWEST, len(x))
        seen = Seen(self, x, n=n, only=only)
        return Measured(take_measures(seen, only), seen)

    def _samples(self, given: Any) -> Tensor:
        """Samples as a tensor in model units; raises ValueError as `measure` says."""
        x, shape = data.as_images(given), self.x_test.shape[1:]
        if not isinstance(x, Tensor) or x.shape[1:] != shape or len(x) < samples.FEWEST:
            raise ValueError(
                f"samples are {summarise(given)}; needed: images, such as run.sample(1000), a tensor or "
                f"an array (n, {', '.join(map(str, shape))}), n at least {samples.FEWEST}"
            )
        low, high = float(x.min()), float(x.max())  # samples that drift do not end at 0 or -1
        if low >= 0 and high > 0.5 or low < -0.97 and high > 0.97 and max(-low, high) <= 1:
            raise ValueError(
                f"pixels of samples range from {low:g} to {high:g}; needed: about [-0.5, 0.5], so x - 0.5 of "
                "[0, 1], x / 2 of [-1, 1], x / 255 - 0.5 of [0, 255]"
            )
        note_outside(x, "the samples")
        return x

    def real(self, n: int) -> dict[str, Value]:
        """The measures of the real test images, by name.

        Precision, recall and coverage are those of n training images, n at least 12; the share of digits is
        that of the test images which gave no bound.
        """
        if n not in self._real:
            features = self.default_space.reference.features
            values = take_measures(self.test, real=True)
            values |= samples.precision_recall_coverage(features, self.default_space.train, n, self.seed)
            if self.test.recognisable:
                values["digit"] = digit(self.recogniser, self.x_test[1::2])
            self._real[n] = values
        return self._real[n]


def choose_n(evaluator: Evaluator, *sizes: int) -> int:
    """The default number of samples: `DRAWN`, or as many as training images and all sets of samples have."""
    if (n := min(DRAWN, len(evaluator.x_train), *sizes)) < DRAWN:
        which = "samples" if n in sizes else "training images"
        print(f"note: n is {n} instead of {DRAWN}, as there are {n} {which}", flush=True)
    return n


def draw_samples(run: Any, n: int, seed: int | None = None) -> Tensor:
    """n samples of a run, (n, C, S, S) in [-0.5, 0.5]: after a short training some leave that range."""
    x = run.sample(n, seed)
    note_outside(x, f"samples of {run.name}, which are clamped,")
    return x.clamp(-0.5, 0.5)


@dataclass(eq=False, repr=False)
class Seen:
    """Images (n, C, S, S) in model units as an evaluator's networks see them.

    Args:
        known: its features, where they are.
        n: the first images, of which distances are taken; 0: all.
        only: names of the measures that will be taken; None: all.

    Attributes:
        features: (n, 64), in the space `Evaluator.default_space`.
        labels, confidence: (n,), the class that is read and its probability; None without a classifier.
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
                self.labels, self.confidence = samples.read(self.evaluator.classifier.head(self.features))

    @cached_property
    def images(self) -> Tensor:
        """The images as grey bytes, (n, 1, S, S)."""
        return to_uint8(samples.grey(self.x))

    @cached_property
    def one_image(self) -> bool:
        """All of them are one image, but for rounding: they have no distance and are no digits."""
        grey = to_uint8(self.x).short()
        return bool((grey - grey[:1]).abs().max() <= ALIKE)

    @property
    def recognisable(self) -> bool:
        """True where they may be digits: several, 28 x 28 and grey, of a data set with classes and images."""
        known = self.evaluator.classes and len(self.evaluator.x_digits) >= NEIGHBOURS
        return bool(known and self.x.shape[1:] == GREY28) and not self.one_image


@register(
    lambda seen: not seen.one_image and (seen,),
    False,
    **by_features("frechet", "squared distance", "Fréchet distance of the samples from the test images"),
    **by_features("kid", "squared distance", "kernel distance of the samples from the test images"),
)
def distances(seen: Seen) -> dict[str, Interval]:
    """Fréchet and kernel distances of the first n samples, in each kind of features that is asked for."""
    values, evaluator = {}, seen.evaluator
    for space in evaluator.spaces.values():
        names = f"frechet{space.ending}", f"kid{space.ending}"
        if seen.only is None or {*names}.intersection(seen.only):
            main = space is evaluator.default_space
            x = seen.features[: seen.n] if main else space.features(seen.x[: seen.n])
            values[names[0]] = frechet.distance(space.reference, x, evaluator.interval_repeats, seen.seed)
            values[names[1]] = frechet.kid(space.reference, x, seen.seed)
    return values
