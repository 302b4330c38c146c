"""The measuring job: compare the samples of one finished training run with the held-out test split.

    python -m report.measures.measure OUT zoom-0 'n_checkpoint: 500'

Writes OUT/metrics/measure_<model>-<seed>.json and kept images (`report.results.kept`). Samples are drawn with
the seed of the run, and drawn once (`kept.Drawn`). Measures of real images do not depend on this seed, so all
runs are compared with the same floor, halves and resamples.
"""

import contextlib
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field
from torch import Tensor

from diffusion import data
from diffusion.arguments import Count, checked
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import MeasuredImages, Value, take_measures
from diffusion.evaluation.statistics import Interval
from diffusion.pixels import channels_last
from diffusion.processes import DDPM
from diffusion.runtime import Precision
from diffusion.training.run import Run
from report.measures import confidence, distances, divergence, probes
from report.measures import pixels as pixels  # registers its measures
from report.measures.photographs import photographs
from report.measures.registry import MEASURES, SLOW
from report.measures.variants import Images, Variant, cost, describe_sampler, make_variant, names_of_samples
from report.results import table
from report.results.environment import environment
from report.results.kept import Drawn, keep
from report.results.settings import open_training
from report.results.table import CHECKPOINT, REAL, Facts, Record
from report.results.views import LATE, OF_MEASURING, trainings_in

N_PROBED = 500  # test images whose latents are raised and lowered
FEW = 64  # samples of a quick look
EXAMPLES = 16  # samples with high confidence, and with low


@lru_cache(maxsize=2)  # models with equal settings share an evaluator, which spends its time on real images
def evaluator_of(*arguments: Any, more_features: tuple[str, ...] = (), **options: Any) -> Evaluator:
    """The evaluator of a data set, which takes all measures of reports."""
    extractors = [photographs()] if more_features else []
    return Evaluator.for_dataset(*arguments, **options, more_features=extractors, measures=MEASURES)


@checked
def measure(
    out: Path,
    name: str,
    *,
    dataset: str = "mnist",
    n_test: Images | None = None,
    n_checkpoint: Images = 500,
    n_final: Images = 2000,
    n_distance: Images = 2000,
    distance_every: Count | None = 5,
    floor_repeats: Annotated[int, Field(ge=2)] = 20,
    interval_repeats: Annotated[int, Field(ge=2)] = 1000,
    n_per_distortion: Images = 500,
    n_real: Annotated[int, Field(ge=100, le=60_000)] = 10_000,
    variants: dict[str, Variant] | None = None,
    n_probe: Images | None = None,
    more_features: list[Literal["photographs"]] | None = None,
    precision: Precision = "auto",
) -> Record:
    """Measure one finished training run, and write its record and kept images.

    Numbers of images that the data set does not allow are reduced, with a note. `n_checkpoint` and
    `n_distance` are at most the number of training images, because a floor needs as many of these.

    Args:
        out: results folder.
        name: the training run, such as "zoom-0".
        dataset: name of the data set.
        n_test: number of test images. If None, uses all.
        n_checkpoint: number of images of each measured checkpoint. Default 500.
        n_final: number of images of the finished model. Default 2000.
        n_distance: number of images behind each distance of the finished model; at most `n_final`. Default
            2000.
        distance_every: number of epochs between two measured checkpoints. If None, measures only the finished
            model. Default 5.
        floor_repeats: number of draws behind a real-vs-real floor. Default 20.
        interval_repeats: number of draws behind an interval. Default 1000.
        n_per_distortion, n_real: sizes for the recogniser, see `Evaluator`.
        variants: further ways to sample the training run by name, see `Variant`.
        n_probe: number of test images and samples, at most, with which the finished model is probed: for
            copies, for the distance without the class mix, and for a DDPM's response. If None, no probes.
        more_features: further kinds of features: "photographs" (`photographs`).
        precision: precision of sampling: "auto", "bf16" or "fp32".

    Returns:
        The record of the measures.

    Raises:
        ValueError: the file of the run is missing, its data set is different, or its samples are not finite.
        RunError: its weights are missing or have changed.
    """
    settings = {k: v for k, v in locals().items() if k not in ("out", "name")}
    n_distance = min(n_distance, n_final)
    train = Record(out, f"train_{name}").facts
    if train.data.name != dataset:
        raise ValueError(f"dataset is {dataset!r}, but {name} was trained on {train.data.name!r}; use that")
    run = open_training(out, train, precision)
    n_test = n_test and len(data.load(dataset, "test", n=n_test)[0])
    evaluator = evaluator_of(
        dataset,
        max(n_checkpoint, n_distance) * floor_repeats,
        n_test=n_test,
        n_digits=n_real,
        n_per_distortion=n_per_distortion,
        more_features=tuple(more_features or ()),
        interval_repeats=interval_repeats,
        floor_repeats=floor_repeats,
    )
    settings |= {"n_test": n_test, "n_distance": n_distance, "seed": train.seed}
    if fewer := {key: n for key, n in most_of(evaluator).items() if n < settings[key]}:
        reduced = ", ".join(f"{key} = {n}" for key, n in fewer.items())
        print(f"note: the data set has too few images; {name} is measured with {reduced}", flush=True)
    settings |= fewer
    n_checkpoint, n_distance = settings["n_checkpoint"], settings["n_distance"]
    variants = variants or {}
    runs = {key: make_variant(run, train.unread, variant) for key, variant in variants.items()}
    facts = {
        "job": "measure",
        "settings": settings,
        "environment": environment(run.precision, run.device),
        "model": train.model,
        "seed": train.seed,
        "weights_sha256": train.weights.sha256,
        "reference": {"split": "test", "n": len(evaluator.x_test)},
        **describe_evaluator(evaluator),
        "ways": {variant: describe_sampler(varied) for variant, varied in runs.items()},
    }
    draw = Drawn(out / "samples" / name, run, train.seed)
    samples = draw(n_final)
    seen = MeasuredImages(evaluator, samples)
    pictures = channels_last(to_uint8(samples)).numpy()
    high, low = confidence.rank_by_quality(seen.confidence, min(EXAMPLES, len(samples) // 2), train.seed)
    keep(out, f"samples_{name}", pictures)
    keep(out, f"quality_{name}", [pictures[high], pictures[low]])

    epochs = measured_epochs(train, distance_every)
    late = [epoch for epoch in epochs if epoch >= (1 - LATE) * train.epochs]
    job = Measuring(name, evaluator, run, draw, samples, n_checkpoint, n_distance)
    job.measure_training(epochs, train.seed)
    for key, variant in variants.items():
        job.measure_variant(key, runs[key], variant, late)
    if n_probe:
        job.probe_samples(n_probe)
        job.probe_network(n_probe, train.seed)
    table.write(out, f"measure_{name}", facts, job.rows)
    return Record(out, f"measure_{name}")


def measure_missing(out: Path, models: Sequence[str] | None, *, n: int | None, **options: Any) -> None:
    """Measure all training runs in `out` that are not measured yet.

    Args:
        out: results folder.
        models: names of models; None: all.
        n: number of samples of each; None: 64.
        options: further arguments of `measure`.
    """
    for model, seed in trainings_in(out, models):
        name = f"{model}-{seed}"
        train, path = Record(out, f"train_{name}").facts, table.path_of(out, f"measure_{name}")
        known = Record(out, path.stem).facts if path.is_file() else None
        if known is None or known.weights_sha256 != train.weights.sha256:
            measure(out, name, n_checkpoint=n or FEW, n_final=n or FEW, interval_repeats=50, **options)
        elif n not in (None, known.settings.n_final):
            number = known.settings.n_final
            print(f"note: {name} was measured with {number} images, not {n}; to repeat it, delete {path}")


# --- taking measures ---


@dataclass
class Measuring:
    """Measures a training run, and collects the rows.

    Attributes:
        samples: samples of the finished model.
        n_checkpoint, n_distance: arguments of `measure`.
        rows: rows so far.
    """

    name: str
    evaluator: Evaluator
    run: Run
    draw: Drawn
    samples: Tensor
    n_checkpoint: int
    n_distance: int
    rows: list[list[Any]] = field(default_factory=list)

    def add(self, values: Mapping[str, Value], variant: str = "", epoch: int | None = None) -> None:
        """Add rows for several measures."""
        self.rows += table.lines(values, variant, epoch)

    def measure_samples(
        self, x: Tensor, variant: str, epoch: int, n: int, measures: Collection[str] | None = None
    ) -> None:
        """Add measures of samples.

        Args:
            x: the samples.
            variant: its name, `CHECKPOINT`, or "" for the finished model.
            epoch: epoch of the weights.
            n: number of first images for distances.
            measures: names of measures. If None, all for the finished model, and all quick ones for variants.
        """
        quick = {name for name in names_of_samples() if not (variant and name.endswith(SLOW))}
        names = quick if measures is None else measures
        values = take_measures(MeasuredImages(self.evaluator, x, n=n, only=names), names)
        self.add(values, variant, epoch)
        if distance := values.get("frechet"):
            label = " ".join(f"{self.name} {variant} {epoch}".split())
            print(f"{label}: Fréchet distance {distance.value:.2f}", flush=True)

    def measure_training(self, epochs: list[int], seed: int) -> None:
        """Add measures of checkpoints, of the finished model with its cost, and of real images."""
        run, evaluator, T = self.run, self.evaluator, self.run.process.T
        floors = (f"floor{space.ending}" for space in evaluator.spaces.values())
        quick = {name for name in floors if not name.endswith(SLOW)}
        self.add(evaluator.floors(self.n_checkpoint, quick), CHECKPOINT)
        for epoch in epochs:
            x = self.draw(self.n_checkpoint, epoch=epoch)
            self.measure_samples(x, CHECKPOINT, epoch, self.n_checkpoint)
            if isinstance(run.process, DDPM):
                x = evaluator.x_test[:N_PROBED]
                response = probes.response(run, x, epoch, seed=seed, steps=[T])
                self.add({"response": response[T]}, CHECKPOINT, epoch)
        self.add(evaluator.floors(self.n_distance))
        self.measure_samples(self.samples, "", run.epochs, self.n_distance)
        self.add(cost(run), "", run.epochs)
        self.add(evaluator.real(self.n_distance), REAL)
        if evaluator.classes:
            labels, classes = evaluator.all_labels, evaluator.classes
            floor = divergence.divergence_floor(labels, self.n_distance, classes, evaluator.seed)
            shares = [Interval(share) for share in divergence.shares(labels, classes, 0).tolist()]
            values = {"threshold": confidence.threshold(evaluator), "divergence_floor": floor}
            self.add(values | {"class_share": shares}, REAL)

    def measure_variant(self, name: str, run: Run, variant: Variant, late: list[int]) -> None:
        """Add measures of a variant: of its late checkpoints, or of the finished model and its cost.

        Args:
            name: name of the variant.
            run: the training run as the variant samples it.
            variant: its description.
            late: epochs of the late checkpoints.
        """
        measures, changes = variant.get("measures"), variant.keys() - OF_MEASURING
        if "checkpoints" in variant:
            n = variant.get("n", self.n_checkpoint)
            for epoch in late:
                self.measure_samples(self.draw(n, run, name, epoch), name, epoch, n, measures)
            return
        n = variant.get("n", len(self.samples))
        x = self.draw(n, run, name) if changes or n > len(self.samples) else self.samples[:n]
        self.measure_samples(x, name, run.epochs, min(n, self.n_distance), measures)
        if measures is None:
            self.add(cost(run), name, run.epochs)
        if measures is None and changes == {"precision"}:
            self.measure_gap(name, x)

    def measure_gap(self, name: str, x: Tensor) -> None:
        """Add the change of the distance from another precision, in which x are drawn, with the same noise.

        The run draws the same number of samples, because the noise of sampling depends on it.
        """
        evaluator, own = self.evaluator, self.draw(len(x), epoch=self.run.epochs)
        pair = [MeasuredImages(evaluator, images) for images in (x, own)]
        if not any(seen.one_image for seen in pair):
            reference, features = evaluator.default_space.reference, [seen.features for seen in pair]
            repeats, seed = evaluator.interval_repeats, evaluator.seed
            gap = distances.frechet_gap(reference, *features, repeats, seed)
            self.add({"frechet_gap": gap}, name, self.run.epochs)

    def probe_samples(self, n: int) -> None:
        """Add the distance without the class mix, and the share of copies, for the first n samples."""
        evaluator, x = self.evaluator, self.samples[:n]
        seen, read = MeasuredImages(evaluator, x), evaluator.test.labels
        if not seen.one_image:  # their distance is undefined
            with contextlib.suppress(ValueError):  # too few images in the classes that occur
                reference, repeats = evaluator.default_space.reference, evaluator.interval_repeats
                self.add(distances.split(reference, seen.features, seen.labels, read, repeats))
        images, x_test = to_uint8(self.run.images), evaluator.x_test[: len(x)]
        near, test_near = (probes.nearest(to_uint8(each), images) for each in (x, x_test))
        self.add(probes.memorised((near, seen.labels), (test_near, read[: len(x)])))

    def probe_network(self, n: int, seed: int) -> None:
        """Add measures of a DDPM's network; does nothing for other processes."""
        run, x, labels = self.run, self.evaluator.x_test[:n], self.evaluator.labels[:n]
        if not isinstance(run.process, DDPM):
            return
        for size in (1.0, *probes.LARGER):
            response = probes.response(run, x if size == 1 else x[: n // 5], seed=seed, size=size)
            self.add({"response": response}, f"shift {size:g}")
        self.add({"recovered": probes.recovered(run, self.evaluator.classifier, x, labels, seed)})


def measured_epochs(train: Facts, every: int | None) -> list[int]:
    """The first epoch, each multiple of `every`, and the last one, if their weights exist."""
    last = train.epochs
    epochs = sorted({1, *range(every, last + 1, every), last}) if every else [last]
    return [epoch for epoch in epochs if str(epoch) in train.sha256]


def most_of(evaluator: Evaluator) -> dict[str, int]:
    """The largest number of images that the data set allows, for each argument of `measure`."""
    train, digits = len(evaluator.x_train), len(evaluator.x_digits)
    half = len(evaluator.x_test) // 2
    return {"n_checkpoint": train, "n_distance": train, "n_per_distortion": half, "n_real": digits}


def describe_evaluator(evaluator: Evaluator) -> dict[str, Any]:
    """Describe the features of an evaluator as JSON, by name; the first ones are the main ones."""
    features = {name: dict(space.extractor.info) for name, space in evaluator.spaces.items()}
    if evaluator.classes:
        features["digits"] |= {"test_accuracy": evaluator.accuracy, "n_train": evaluator.classifier.n_train}
    return {"features": features}


if __name__ == "__main__":
    out, name, options = sys.argv[1:]
    measure(Path(out), name, **yaml.safe_load(options))
