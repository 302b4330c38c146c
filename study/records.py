"""Records: what a run measured, one JSON file a job. Figures and report are made from these alone.

    OUT/metrics/schedules.json                  notebook 01
    OUT/metrics/train_<model>-<seed>.json       notebooks 02, 03, 05: one training
    OUT/metrics/measure_<model>-<seed>.json     the samples of that training, measured
    OUT/metrics/analyse_<model>-<seed>.json     the finished model: other ways to sample, probes
    OUT/metrics/blind.json                      images read by eye: `study.blind`
    OUT/metrics/yardstick.json                  real images distorted: what distances and recognition mean
    OUT/metrics/files.json                      released/original: what the study's own files show
    OUT/kept/<name>.npz                         images as bytes, (..., 28, 28), for the figures of images:
        zoom                        (T + 1,): a digit at every level                notebook 01
        blind                       (n,): those that were read by eye               blind
        real                        (64,): test images                              yardstick
        samples_<model>-<seed>      (n,): the samples of the finished model         measuring
        late_<model>-<seed>         (epochs, n): those of the late checkpoints      measuring
        quality_<model>-<seed>      (2, 16): samples of high and of low quality     measuring
        trajectory_<model>-<seed>   (steps, columns): latents on the way            notebooks 03, 05
        reconstructions_<model>-<seed> (3, columns): original, degraded, restored   notebook 03
        deepest_<model>-<seed>      (3, columns): the same from the last level      notebook 03
        degradation_<model>-<seed>  (levels,): a digit on its way down              notebook 05

Each shape is one class here, which writes it and reads it.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from diffusion.data import DATASETS, DataSet
from diffusion.evaluation.interval import Interval, Part, Spread
from diffusion.evaluation.results import (
    Classes,
    CommonLoss,
    Confusion,
    DarkCentre,
    Distance,
    Features,
    Looks,
    Real,
    Reconstruction,
    Sampled,
)
from diffusion.files import read_json, write_bytes, write_json
from diffusion.parameters import OF_SAMPLING, changed

SETTLED = 0.3  # the part of training at its beginning of which distance and class mix are not compared
LABEL_FREE = "autoencoder"  # the features without labels that tables and conditions are of
LATE = 0.2  # the part of training at its end whose checkpoints speak for it, the last one among them


class Schedule(Part):
    """A noise schedule, and what it leaves: `signal_T` is sqrt(alpha_bar_T)."""

    beta: list[float]
    alpha_bar: list[float]
    clipped_steps: int
    signal_T: float


class SignalLeft(Part):
    """Signal that one schedule leaves of the images: amplitudes; correlation of latents with images."""

    alpha_bar: float
    signal: float
    noise: float
    correlation: float
    correlation_sd: float


class EarlyStep(Part):
    """Signal that both schedules leave of the images at 30 % of the way."""

    t: int
    linear: SignalLeft
    cosine: SignalLeft


class HistoryLine(Part):
    """One epoch: losses are means over pixels; `sha256` is of the weights after it."""

    epoch: int
    train_loss: float
    test_loss: float | None  # None where there were no test images
    seconds: float
    sha256: str | None  # None where only the last weights are known


class Weights(Part):
    """The last epoch's weights: a file relative to OUT, and its hash."""

    file: str
    sha256: str


class RateTrial(Part):
    """The loss over a few steps of training at one learning rate; `last_loss` is None if it is not finite."""

    learning_rate: float
    first_loss: float
    last_loss: float | None
    finite: bool


class RateCheck(Part):
    """The learning rate as the study prints it, and as it must have been meant."""

    steps: int
    printed: RateTrial
    used: RateTrial


class CentrePixels(Part):
    """The central pixels of the training images: counts of the 256 grey values, and shares of extremes."""

    counts: list[int]
    black: float
    white: float
    extreme: float


class DDPMProbes(Part):
    """Probes of a trained noise predictor, from notebook 02 (`evaluation.diagnostics`)."""

    learning_rate_check: RateCheck
    common_loss: CommonLoss


class ZoomProbes(Part):
    """Probes of a trained zoom model, from notebook 03 (`evaluation.diagnostics`)."""

    reconstruction: Reconstruction
    centre_pixels: CentrePixels
    confusion: Confusion
    dark_centre: DarkCentre
    five_as_zero: float | None
    seven_as_zero: float | None


class Checkpoint(Sampled):
    """`n_checkpoint` samples after one epoch.

    `response` is that of a noise predictor to an offset at t = T, see `probes.response`.
    """

    epoch: int
    response: Interval | None = None


class Final(Checkpoint):
    """The finished model's samples: distances of the first n, shares of all n_classes."""

    n: int
    n_classes: int
    floors: dict[str, Spread]  # by features, at n
    calls: int | None = None  # of the network, for an image; of earlier editions not known
    seconds: float | None = None  # of the processor for one sample
    constant: bool = False  # all samples are one image: no distance means anything


class OtherWay(Sampled):
    """The finished model's samples, drawn in another way."""

    changes: dict[str, Any]  # settings of sampling, and `average`
    n: int  # of the distances
    calls: int  # of the network, for an image
    seconds: float | None = None  # of the processor for one sample


class Gaps(Part):
    """In released records with the difference of the backgrounds, too, which is passed over."""

    model_config = ConfigDict(extra="ignore")
    frechet: Interval


class Variant(Looks):
    """Samples from the same noise with one thing changed."""

    n: int
    frechet: Distance


class Ablation(Part):
    """One thing changed, all else equal: two sets of samples from the same noise, and second minus first."""

    first: Variant
    second: Variant
    gap: Gaps


class PriorAblation(Part):
    """The late checkpoints of a zoom started from whole patches of images.

    Released records hold more, which is passed over: the finished model's samples, from both starts.
    """

    model_config = ConfigDict(extra="ignore")
    curve: list[Checkpoint]


class Ablations(Part):
    """Samples drawn again with one thing changed; None where it was not asked for or does not apply."""

    clipping: Ablation | None = None  # first: off, second: on
    float32: Ablation | None = None  # first: bf16, second: fp32
    prior: PriorAblation | None = None


class ReferenceImages(Part):
    split: str
    n: int


# --- analyses of a finished training ---


class Drawn(Part):
    """Samples of a finished model, drawn in one way."""

    sampler: str
    calls: int  # of the network, for one image
    noise: float = 0.0  # added in each step of cold diffusion
    clip_x0: bool = False
    frechet: Distance
    digit: Interval  # share accepted by the calibrated recogniser
    classes: Classes


class Memorised(Part):
    """Share of samples closer to a training image than 5 % of the test images are.

    `closer_in_class` compares each sample with the test images of the class that it is read as.
    """

    closer: Interval
    closer_in_class: Interval


class ClassMix(Part):
    """The Fréchet distance of n samples, and what is left of it without their class mix.

    `reweighted` has the samples, as the classifier reads them, weighted to the reference's class shares.
    """

    n: int
    frechet: Distance
    reweighted: Interval


# --- what measures mean ---


class Candidate(Part):
    """A measure of being a digit: share accepted of each kind, where 95 % of mildly distorted digits are."""

    name: str
    accepted: dict[str, float]
    wrongly: float  # mean over the kinds that are no digits
    refused: list[float] = []
    wrongly_curve: list[float] = []  # `wrongly` at those bounds; in the released record alone


class Distorted(Part):
    """The Fréchet distance of real training images of one kind; `distances` in other features, by name."""

    kind: str
    frechet: float
    distances: dict[str, float] = {}


class Mixed(Part):
    """The mean distance of real training images with the classes mixed otherwise, over random mixes.

    `distances` has that in other features, by name.
    """

    divergence: float
    frechet: float
    distances: dict[str, float] = {}


class Record(Part):
    """Base of all records: the notebook or job, its settings, and where it ran."""

    job: str
    settings: dict[str, Any]
    environment: dict[str, Any]

    @classmethod
    def path(cls, out: Path, *training: str | int) -> Path:
        """Its file under OUT: one a run, or one a training, whose model and seed are named."""
        kind = cls.__name__.removesuffix("Record").lower()
        one = f"_{training[0]}-{training[1]}" if training else ""
        return out / "metrics" / f"{kind}{one}.json"

    @classmethod
    def load_if_there(cls, out: Path, *training: str | int) -> Self | None:
        """The record of that file; None where there is none."""
        path = cls.path(out, *training)
        return cls.load(path) if path.is_file() else None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check a record.

        Raises:
            ValueError: missing, no JSON, or not of this shape; one line that names the file and the key.
        """
        content = read_json(path)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(map(str, found["loc"])) or "it"
            raise ValueError(
                f"{path} is no {cls.__name__} of this edition ({where}: {found['msg']}); make it again with "
                "`make report` or `make retrain`"
            ) from None

    def save(self, path: Path) -> Path:
        """Write the record atomically; returns its path."""
        return write_json(path, self.model_dump())


class SchedulesRecord(Record):
    """Facts about the degradations, from notebook 01."""

    T: int
    linear: Schedule
    cosine: Schedule
    early: EarlyStep
    mean_step: dict[str, float]
    informative_steps: dict[str, int]
    misprint_eq9: dict[str, float]


class DataNames(Part):
    """Names of a data set and of its classes."""

    title: str
    classes: tuple[str, ...]
    noun: str

    @classmethod
    def of(cls, dataset: str | DataSet) -> Self:
        """Of a data set, or of the name of a known one; no module is imported for another name."""
        known = DATASETS.get(dataset) if isinstance(dataset, str) else dataset
        known = known or DataSet(str(dataset), lambda *_: None)
        return cls(title=known.title, classes=known.classes, noun=known.noun)


class TrainRecord(Record):
    """One training of one model."""

    model: str
    seed: int
    process: Literal["ddpm", "zoom", "own"]
    label: str
    about: str = ""  # where it comes from, if not from this code
    docs: dict[str, str] = {}  # degradation, schedule, prior, sampler, network -> docstring
    run: str  # folder of the run, relative to OUT
    epochs: int
    steps: int
    history: list[HistoryLine]
    weights: Weights
    seconds_per_step: float
    parameters_count: int
    data: DataNames
    ddpm: DDPMProbes | None = None
    zoom: ZoomProbes | None = None

    @property
    def passes(self) -> float:
        """Passes over the full training split of 60,000 images."""
        return self.passes_after(self.epochs)

    def passes_after(self, epoch: int) -> float:
        """The same after an epoch, the last of which may be cut short."""
        n = min(self.settings.get("n_train") or 60_000, 60_000)
        return min(epoch * n, self.steps * self.settings["batch_size"]) / 60_000


class OfWeights(Record):
    """Base of what is said of a finished training, `weights_sha256` being that of its weights."""

    model: str
    seed: int
    weights_sha256: str


class MeasureRecord(OfWeights):
    """The samples of one training, measured against the test split."""

    reference: ReferenceImages
    features: dict[str, Features]
    floors: dict[str, Spread]  # by features, at n_checkpoint
    curve: list[Checkpoint]
    final: Final
    real: Real
    ablations: Ablations = Field(default_factory=Ablations)
    ways: dict[str, OtherWay] = {}
    code: str = ""  # hash of the code that measured; of earlier editions not known

    def late(self) -> list[Checkpoint]:
        """The checkpoints of the last fifth of training."""
        begin = (1 - LATE) * self.final.epoch
        return [row for row in self.curve if row.epoch >= begin]


class Response(Part):
    """The rise of the predicted noise when a latent is raised uniformly, over the ideal rise, by time step.

    Ideally the whole rise is taken for noise: right where the image's own level is known, as with MNIST's
    black ground, and at t = T anyway. 1: all of it is seen. `size`: of the shift, see `probes.response`.
    """

    t: list[int]
    response: list[Interval]
    size: float = 1.0


class Recoverable(Part):
    """Share of test digits read right in the image that the network predicts in one step from x_t."""

    t: list[int]
    right: list[Interval]


class AnalyseRecord(OfWeights):
    """Analyses of one finished training, beside its measures."""

    drawn: list[Drawn]
    mix: ClassMix
    memorised: Memorised
    ways: dict[str, Drawn] = {}  # those of measuring
    response: Response | None = None
    larger: list[Response] = []  # to larger shifts
    recoverable: Recoverable | None = None


class YardstickRecord(Record):
    """Real images under distortions: what a recogniser accepts, and what a distance amounts to."""

    candidates: list[Candidate]  # the one in use; in the released record those that it was chosen from, too
    old: dict[str, float]  # share accepted of each kind by the bound on confidence that measuring uses
    used: str  # the candidate that analyses use
    mild: list[str]
    no_digits: list[str]
    distorted: list[Distorted]
    mixed: list[Mixed]


class BlindRecord(Record):
    """Images of several sources read by eye, in the order in which they were shown (`study.blind`).

    `classes` has those of real digits, and -1; `labels` of each reader the digit or `n`; `accepted` what the
    recogniser says. The images are kept as `blind`.
    """

    sources: list[str]
    classes: list[int]
    labels: dict[str, list[str]]
    accepted: list[bool]


class Tried(Part):
    """A training sampled in one way of those that were tried; Fréchet distances by features."""

    model: str
    seed: int
    changes: dict[str, Any]
    calls: int
    distances: dict[str, float]


class TuningRecord(Record):
    """Samplers tried on samples that are not reported (`study.tuning`)."""

    tried: list[Tried]


class Scored(Part):
    """Fréchet distances of images of one source, as the study's code takes them and as its text says."""

    source: str
    done: Spread  # over random draws, from the first training images, through bytes that wrap
    described: float  # from the test split, through bytes that do not


class FilesRecord(Record):
    """Facts of the study's public files. Models are named as the text of the study names them.

    Attributes:
        same_file: the losses that Figure 3 labels linear are those of a file of the cosine schedule.
        labelled: the last test loss that its figures show under a model's name.
        losses: model -> noise schedule -> test loss of the model's weights.
        learnt: variance of the noise at t = 1 that linear networks were trained on: `study` and `ours`.
        published: its Fréchet distances, by epoch.
    """

    same_file: bool
    labelled: dict[str, float]
    losses: dict[str, dict[str, Interval]]
    learnt: dict[str, Interval]
    published: dict[str, list[float]]
    scores: list[Scored]


@dataclass(frozen=True)
class Trained:
    """One (model, seed) of a run: its training, and its measures and its analysis where there are any."""

    train: TrainRecord
    measure: MeasureRecord | None = None
    analysis: AnalyseRecord | None = None

    @property
    def model(self) -> str:
        return self.train.model

    @property
    def seed(self) -> int:
        return self.train.seed


@dataclass(frozen=True)
class Results:
    """All records of a run.

    Attributes:
        trainings: (model, seed) -> its records; the first seed of a model is the one that text names.
        further, original, watched: those of other runs, of which figures show some beside this one's: beyond
            the study, of its own weights, and of trainings whose every early epoch is measured.
    """

    out: Path
    schedules: SchedulesRecord | None
    trainings: dict[tuple[str, int], Trained] = field(default_factory=dict)
    yardstick: YardstickRecord | None = None
    blind: BlindRecord | None = None
    tuning: TuningRecord | None = None
    further: "Results | None" = None
    original: "Results | None" = None
    watched: "Results | None" = None

    @property
    def models(self) -> list[str]:
        """The models' names, in order."""
        return list(dict.fromkeys(model for model, _ in self.trainings))

    def seeds(self, model: str) -> list[int]:
        return [seed for m, seed in self.trainings if m == model]

    def first(self, model: str) -> Trained:
        """The training of a model that text and figures name."""
        return self.trainings[model, self.seeds(model)[0]]

    def kept(self, name: str) -> np.ndarray:
        """Kept images by name (see the module's docstring), uint8; raises ValueError if there are none."""
        return read_kept(self.out, name)


# What a sampler does where an option is not named.
UNSAID = {"steps": None, "clip_x0": False, "spacing": "uniform"}
UNSAID |= {"levels": None, "noise": 0.0, "grey_noise": 0.0}


def sampling_of(settings: dict[str, Any], changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Sampler, prior and all their options of a training, by its settings or with changes."""
    found = changed({name: settings[name] for name in OF_SAMPLING if name in settings}, changes or {})
    options = found.pop("sampler_options", {}) | found.pop("prior_options", {})
    return UNSAID | options | found


_TRAIN = re.compile(r"train_([A-Za-z0-9]\w*)-(\d+)\.json", re.ASCII)


def trainings_in(out: Path, models: Sequence[str] | None = None) -> list[tuple[str, int]]:
    """(model, seed) of all training records under OUT, or of those of some models, the study's models first.

    Raises:
        ValueError: there is none of one of these models.
    """
    study = ["linear", "cosine", "zoom"]
    found = [m for p in Path(out).glob("metrics/train_*.json") if (m := _TRAIN.fullmatch(p.name))]
    pairs = [(m[1], int(m[2])) for m in found if models is None or m[1] in models]
    if missing := set(models or ()) - {model for model, _ in pairs}:
        known = ", ".join(dict.fromkeys(m[1] for m in found)) or "none"
        raise ValueError(f"no trained model {min(missing)!r} in {out}; there are: {known}")
    return sorted(pairs, key=lambda p: (study.index(p[0]) if p[0] in study else 9, p))


def load_results(out: Path, trainings: Iterable[tuple[str, int]] | None = None) -> Results:
    """Read the records under OUT.

    Args:
        trainings: (model, seed) that must be there, in this order; None: all that are, the study's first.

    Raises:
        ValueError: a record is missing, malformed, or not that of its file's name; or measures are of other
            weights than the training's.
    """
    out = Path(out)
    loaded = {}
    for model, seed in trainings_in(out) if trainings is None else trainings:
        train = TrainRecord.load(TrainRecord.path(out, model, seed))
        measure, analysis = (cls.load_if_there(out, model, seed) for cls in (MeasureRecord, AnalyseRecord))
        for record in (r for r in (train, measure, analysis) if r):
            if (record.model, record.seed) != (model, seed):
                raise ValueError(f"a record of {model}-{seed} in {out} is of {record.model}-{record.seed}")
        for record in (r for r in (measure, analysis) if r):
            if record.weights_sha256 != train.weights.sha256:
                path = record.path(out, model, seed)
                raise ValueError(
                    f"{path} measured other weights than {model}-{seed} has; run `make report` again"
                )
        loaded[model, seed] = Trained(train, measure, analysis)
    of_run = (cls.load_if_there(out) for cls in (YardstickRecord, BlindRecord, TuningRecord))
    return Results(out, SchedulesRecord.load_if_there(out), loaded, *of_run)


def kept_path(out: Path, name: str) -> Path:
    return out / "kept" / f"{name}.npz"


def keep(out: Path, name: str, images: np.ndarray) -> Path:
    """Keep images, uint8 (..., 28, 28), for the figures; returns the path. Equal images give equal files."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=np.ascontiguousarray(images, dtype=np.uint8))
    return write_bytes(kept_path(out, name), buffer.getvalue())


def read_kept(out: Path, name: str) -> np.ndarray:
    """Kept images, uint8 (..., 28, 28).

    Raises:
        ValueError: missing, or not such an array.
    """
    path = kept_path(out, name)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = file["images"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} holds no images ({error}); `make report` makes it again") from None
    if found.dtype != np.uint8 or found.ndim < 3 or found.shape[-2:] != (28, 28):
        raise ValueError(f"{path} is not (..., 28, 28) bytes; `make report` makes it again")
    return found
