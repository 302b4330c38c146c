"""The measuring job: the samples of one finished training, against the held-out test split.

    python -m report.measures.measure OUT zoom-0 'n_checkpoint: 500'

writes OUT/metrics/measure_<model>-<seed>.json, and kept images (see `report.results.kept`). Samples are drawn
with the training's seed, or with `sample_seed`. What is measured of real images does not depend on it: all
trainings are measured against one floor, and with the same halves and resamples.

A file that is there stays if it was made with the same settings, weights, versions and code that measures.
Else all is measured again, of the samples that are kept (`kept.Drawn`); no training is repeated.
"""

import contextlib
import inspect
import json
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
from diffusion.bounds import Count, Seed, checked, refuse_old_names
from diffusion.code import code_of
from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import MEASURES, Value, take_measures
from diffusion.evaluation.statistics import Interval
from diffusion.files import differences
from diffusion.processes import DDPM
from diffusion.runtime import Precision
from diffusion.training.folder import RunError
from diffusion.training.run import Run
from report.measures import confidence, distances, divergence, probes
from report.measures import pixels as pixels  # whose measures are taken, too
from report.measures.variants import (
    Images,
    Variant,
    check_variant,
    cost,
    describe_sampler,
    is_own_precision,
    make_variant,
    names_of_samples,
)
from report.results import table
from report.results.environment import MEASURING, environment
from report.results.kept import Drawn, keep, kept_path
from report.results.settings import open_training
from report.results.table import CHECKPOINT, REAL, Facts, Record
from report.results.views import LATE, OF_MEASURING, read_training, trainings_in

N_PROBED = 500  # test images whose latents are raised and lowered
FEW = 64  # samples of a quick look
EXAMPLES = 16  # of good and of bad samples
# Of an environment, what changes numbers.
COMPUTES = ("torch", "numpy", *MEASURING, "device", "precision")
# Models measured alike share an evaluator: real images take its time.
evaluator_of = lru_cache(maxsize=2)(Evaluator.for_dataset)


@refuse_old_names
@checked
def measure(
    out: Path,
    name: str,
    *,
    dataset: str = "mnist",
    data_dir: str | None = None,
    n_test: Images | None = None,
    n_checkpoint: Images = 500,
    n_final: Images = 2000,
    n_distance: Images | None = None,
    distance_every: Count = 5,
    floor_repeats: Annotated[int, Field(ge=2)] = 20,
    interval_repeats: Annotated[int, Field(ge=2)] = 1000,
    n_per_distortion: Images = 500,
    n_real: Annotated[int, Field(ge=100, le=60_000)] = 10_000,
    variants: dict[str, Variant] | None = None,
    n_probe: Images | None = None,
    sample_seed: Seed | None = None,
    inception_weights: Literal["auto", "off"] = "off",
    precision: Precision = "auto",
) -> Record:
    """Measure one finished training of `out`, such as "zoom-0"; its file and kept images are then on disk.

    Args:
        n_test: test images; None: all.
        n_checkpoint, distance_every: images of each measured checkpoint, and epochs between two of these.
        n_final, n_distance: images of the finished model; of these, the first that distances are taken of,
            None: 2000, or all where these are fewer.
        floor_repeats, interval_repeats: draws behind a real-vs-real floor, and behind an interval.
        n_per_distortion, n_real: of the recogniser, see `Evaluator`.
        variants: name -> another way to sample the training, see `Variant`.
        n_probe: test images and samples with which the finished model is probed, at most: for copies, for
            the distance without the mix of classes, and for what a DDPM's network sees. None: no probe.
        sample_seed: of the samples; None: that of the training.
        inception_weights: InceptionV3's, from torch's cache or a download; or "off".

    A number above what the data set allows is lowered to that, with a note. n_checkpoint and n_distance are
    at most the number of training images, from which a floor of as many images is drawn.

    ValueError: it has no file, is of another data set, or its samples are not finite. RunError: its weights
    are missing or changed.
    """
    settings = {k: v for k, v in locals().items() if k not in ("out", "name", "data_dir")}
    n_distance = min(n_final, 2000) if n_distance is None else n_distance
    if n_distance > n_final:
        raise ValueError(f"n_distance = {n_distance} exceeds n_final = {n_final}")
    train = read_training(out, name).facts
    if train.data.name != dataset:
        raise ValueError(f"{name} was trained on {train.data.name}, not on {dataset}; measure it there")
    run = open_training(out, train, data_dir, precision)
    seed = train.seed if sample_seed is None else sample_seed
    n_test = n_test and len(data.load(dataset, "test", data_dir, at_most=n_test)[0])
    n_train = max(n_checkpoint, n_distance) * floor_repeats
    how = {
        "n_test": n_test,
        "n_digits": n_real,
        "n_per_distortion": n_per_distortion,
        "inception_weights": inception_weights,
    }
    how |= {"interval_repeats": interval_repeats, "floor_repeats": floor_repeats}
    evaluator = evaluator_of(dataset, str(data.folder(data_dir)), n_train, **how)
    settings |= {"n_test": n_test, "n_distance": n_distance, "seed": train.seed}
    if fewer := {key: n for key, n in most_of(evaluator).items() if n < settings[key]}:
        capped = ", ".join(f"{key} is {n}" for key, n in fewer.items())
        print(f"note: {name}: the data set has fewer images than asked for, so {capped}", flush=True)
    settings |= fewer
    n_checkpoint, n_distance = settings["n_checkpoint"], settings["n_distance"]
    variants, sampled = variants or {}, {}
    for variant, asked in variants.items():  # a module of one may register measures
        made = make_variant(run, train.unread, asked)
        check_variant(variant, asked)
        if is_own_precision(run, asked):
            print(f"note: {name} is sampled in {run.precision}, so variant {variant} is left out", flush=True)
        else:
            sampled[variant] = made
    facts = {
        "job": "measure",
        "settings": settings,
        "environment": environment(run.precision, run.device),
        "model": train.model,
        "seed": train.seed,
        "weights_sha256": train.weights.sha256,
        "reference": {"split": "test", "n": len(evaluator.x_test)},
        **describe_evaluator(evaluator),
        "ways": {variant: describe_sampler(of) for variant, of in sampled.items()},
        "code": measuring_code(),
    }
    images = [kept_path(out, f"{kind}_{name}") for kind in ("samples", "quality")]
    if not describe_difference(out, f"measure_{name}", facts) and all(path.is_file() for path in images):
        return Record(out, f"measure_{name}")

    draw = Drawn(out / "samples" / name, run, seed)
    samples = draw(n_final)
    seen = Seen(evaluator, samples)
    if seen.one_image:
        print(f"{name}: all samples are one image, so they have no distance and are no digits", flush=True)
    epochs = checkpoints(train, distance_every)
    late = late_epochs(epochs, train.epochs)
    grey = to_uint8(samples)[:, 0].numpy()
    chosen = confidence.rank_by_quality(seen.confidence, min(EXAMPLES, len(samples) // 2), seed)
    keep(out, f"samples_{name}", grey)
    keep(out, f"quality_{name}", [grey[of] for of in chosen])  # (2, 16, 28, 28)

    job = Measuring(name, evaluator, run, draw, samples, n_checkpoint, n_distance)
    job.measure_training(epochs, seed)
    for variant, of in sampled.items():
        job.measure_variant(variant, of, variants[variant], late)
    if n_probe:
        job.probe_samples(n_probe)
        job.probe_network(n_probe, train.seed)
    table.write(out, f"measure_{name}", facts, job.rows)
    return Record(out, f"measure_{name}")


def measure_missing(out: Path, models: Sequence[str] | None, *, n: int | None, **how: Any) -> None:
    """Measure those trainings of `out` that are not measured yet: n samples of each, None: 64."""
    for model, seed in trainings_in(out, models):
        name = f"{model}-{seed}"
        train, path = read_training(out, name).facts, table.path_of(out, f"measure_{name}")
        known = Record(out, path.stem).facts if path.is_file() else None
        if known is None or known.weights_sha256 != train.weights.sha256:
            number = {"n_checkpoint": n or FEW, "n_final": n or FEW}
            measure(out, name, **number, interval_repeats=50, **how)
        elif n not in (None, known.settings.n_final):
            print(
                f"note: {name} has been measured with {known.settings.n_final} images, not {n}; to measure "
                f"it again, remove {path}",
                flush=True,
            )


# --- what is measured ---


@dataclass
class Measuring:
    """The rows of a training, as they are measured.

    Attributes:
        samples: of the finished model.
        n_checkpoint, n_distance: as `measure` takes them.
    """

    name: str
    evaluator: Evaluator
    run: Run
    draw: Drawn
    samples: Tensor
    n_checkpoint: int
    n_distance: int
    rows: list[list[Any]] = field(default_factory=list)

    def add(self, found: Mapping[str, Value], way: str = "", epoch: int | None = None) -> None:
        """Add what was measured of one thing."""
        self.rows += table.lines(found, way, epoch)

    def measure_samples(
        self, x: Tensor, way: str, epoch: int, n: int, measures: Collection[str] | None = None
    ) -> None:
        """Add measures of samples; slow ones only of the finished model, or where they are named.

        n: images of which distances are taken, the first ones.
        """
        quick = (name for name in names_of_samples() if not (way and MEASURES[name].slow))
        wanted = {*quick} if measures is None else measures
        found = take_measures(Seen(self.evaluator, x, n=n, only=wanted), wanted)
        self.add(found, way, epoch)
        if distance := found.get("frechet"):
            place = " ".join(f"{self.name} {way} {epoch}".split())
            print(f"{place}: Fréchet distance {distance.value:.2f}", flush=True)

    def measure_training(self, epochs: list[int], seed: int) -> None:
        """Add measures of checkpoints, of the finished model with its cost, and of real images."""
        run, evaluator, T = self.run, self.evaluator, self.run.process.T
        floors = (f"floor{space.ending}" for space in evaluator.spaces.values())
        quick = {name for name in floors if not MEASURES[name].slow}
        self.add(evaluator.floors(self.n_checkpoint, quick), CHECKPOINT)
        for epoch in epochs:
            x = self.draw(self.n_checkpoint, epoch=epoch)
            self.measure_samples(x, CHECKPOINT, epoch, self.n_checkpoint)
            if isinstance(run.process, DDPM):
                x = evaluator.x_test[:N_PROBED]
                answer = probes.response(run, x, epoch, seed=seed, steps=[T])
                self.add({"response": answer[T]}, CHECKPOINT, epoch)
        self.add(evaluator.floors(self.n_distance))
        self.measure_samples(self.samples, "", run.epochs, self.n_distance)
        self.add(cost(run), "", run.epochs)
        self.add(evaluator.real(self.n_distance), REAL)
        if evaluator.classes:
            of = evaluator.all_labels, self.n_distance, evaluator.classes, evaluator.seed
            self.add({"threshold": confidence.threshold(evaluator)}, REAL)
            self.add({"divergence_floor": divergence.divergence_floor(*of)}, REAL)
            shares = divergence.shares(evaluator.all_labels, evaluator.classes, 0).tolist()
            self.add({"class_share": [Interval(share) for share in shares]}, REAL)

    def measure_variant(self, name: str, run: Run, variant: Variant, late: list[int]) -> None:
        """Add measures of a variant: of its late checkpoints, or of the finished model and its cost.

        run: the training as the variant samples it.
        """
        measures, changes = variant.get("measures"), variant.keys() - OF_MEASURING
        if "checkpoints" in variant:
            n = variant.get("n", self.n_checkpoint)
            for epoch in late:
                self.measure_samples(self.draw(n, run, name, epoch), name, epoch, n, measures)
            return
        n = variant.get("n", len(self.samples))
        if changes or n > len(self.samples):
            x = self.draw(n, run, name, average=variant.get("average", 1))
        else:
            x = self.samples[:n]
        self.measure_samples(x, name, run.epochs, min(n, self.n_distance), measures)
        if measures is None:
            self.add(cost(run), name, run.epochs)
        if measures is None and changes == {"precision"}:
            self.measure_gap(name, x)

    def measure_gap(self, name: str, x: Tensor) -> None:
        """Add what another precision, in which x are drawn, changes in the distance, from the same noise.

        The training draws as many samples, since the noise on the way depends on their number.
        """
        evaluator, own = self.evaluator, self.draw(len(x), epoch=self.run.epochs)
        pair = [Seen(evaluator, images) for images in (x, own)]
        if not any(seen.one_image for seen in pair):
            features, how = [seen.features for seen in pair], (evaluator.interval_repeats, evaluator.seed)
            gap = distances.frechet_gap(evaluator.default_space.reference, *features, *how)
            self.add({"frechet_gap": gap}, name, self.run.epochs)

    def probe_samples(self, n: int) -> None:
        """Add the distance without the mix of classes, and the share of copies, of the first n samples."""
        evaluator, x = self.evaluator, self.samples[:n]
        seen, read = Seen(evaluator, x), evaluator.test.labels
        if not seen.one_image:  # which has no distance
            with contextlib.suppress(ValueError):  # too few images of the classes that there are
                of = seen.features, seen.labels, read, evaluator.interval_repeats
                self.add(distances.split(evaluator.default_space.reference, *of))
        images = to_uint8(self.run.images)
        near, of_test = (probes.nearest(to_uint8(each), images) for each in (x, evaluator.x_test[: len(x)]))
        self.add(probes.memorised((near, seen.labels), (of_test, read[: len(x)])))

    def probe_network(self, n: int, seed: int) -> None:
        """Add measures of the network of a DDPM; none of another one's."""
        run, x, labels = self.run, self.evaluator.x_test[:n], self.evaluator.labels[:n]
        if not isinstance(run.process, DDPM):
            return
        for size in (1.0, *probes.LARGER):
            answer = probes.response(run, x if size == 1 else x[: n // 5], seed=seed, size=size)
            self.add({"response": answer}, f"shift {size:g}")
        self.add({"recovered": probes.recovered(run, self.evaluator.classifier, x, labels, seed)})


def checkpoints(train: Facts, every: int) -> list[int]:
    """The measured epochs whose weights are there."""
    return [epoch for epoch in checkpoint_epochs(train.epochs, every) if str(epoch) in train.sha256]


def checkpoint_epochs(last: int, every: int) -> list[int]:
    """The measured epochs: the first, every so many and the last."""
    return sorted({1, *range(every, last + 1, every), last})


def late_epochs(epochs: Sequence[int], last: int) -> list[int]:
    """Those of the epochs that are in the last fifth of training."""
    return [epoch for epoch in epochs if epoch >= (1 - LATE) * last]


def most_of(evaluator: Evaluator) -> dict[str, int]:
    """The largest numbers of images that a data set allows, by argument of `measure`."""
    train, digits = len(evaluator.x_train), len(evaluator.x_digits)
    half = len(evaluator.x_test) // 2
    return {"n_checkpoint": train, "n_distance": train, "n_per_distortion": half, "n_real": digits}


def describe_evaluator(evaluator: Evaluator) -> dict[str, Any]:
    """Identity of what measures, as JSON: features by name."""
    features = {name: dict(one.info) for name, one in evaluator.extractors.items()}
    if evaluator.classes:
        right = evaluator.test.labels == evaluator.labels
        features["digits"]["test_accuracy"] = float(right.double().mean())
    return {"features": features}


# --- the file ---


def describe_difference(out: Path, name: str, facts: Mapping[str, Any]) -> str:
    """In what the file of a job that is there was made otherwise than `facts` say; empty: in nothing."""
    if not table.path_of(out, name).is_file():
        return "it is not there"
    try:
        known = Record(out, name).facts
        why = next(differences(_deciding(known.unread), _deciding(json.loads(json.dumps(facts)))), "")
    except ValueError as error:
        why = str(error)
    if why:
        print(f"{name} is measured again: {why}", flush=True)
    return why


def measuring_code() -> str:
    """Hash of the files that measure: this one, and those of all measures."""
    functions = (one.function for one in MEASURES.values() if one.function)
    return code_of(map(Path, sorted({__file__, *map(inspect.getfile, functions)})))


def _deciding(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of a file's facts those that decide its numbers; of the environment what changes numbers."""
    return {**facts, "environment": {name: facts.get("environment", {}).get(name) for name in COMPUTES}}


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    out, name, options = sys.argv[1:]
    try:
        measure(Path(out), name, **(yaml.safe_load(options) or {}))
    except (ValueError, RunError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
