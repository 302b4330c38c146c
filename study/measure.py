"""The measuring job: the samples of one finished training, against the held-out test split.

    python -m study.measure OUT zoom-0 'n_checkpoint: 500'

writes OUT/metrics/measure_<model>-<seed>.json, and kept images (see `study.kept`). Samples are drawn with the
training's seed, or with `sample_seed`. What is measured of real images does not depend on it: all trainings
are measured against one floor, and with the same halves and resamples.

A file that is there stays if it was made with the same settings, weights, versions and code that measures.
Else all is measured again, of the samples that are kept (`study.kept.Drawn`); no training is repeated for it.
"""

import contextlib
import inspect
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field
from torch import Tensor

from diffusion import data
from diffusion.bounds import Count, Seed, checked
from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import MEASURES, Value, taken
from diffusion.evaluation.statistics import Interval
from diffusion.files import differences
from diffusion.identity import code_of
from diffusion.processes import DDPM, ColdZoom
from diffusion.processes.priors import Patches
from diffusion.runtime import Precision
from diffusion.training.folder import RunError
from diffusion.training.run import Run
from study import confidence, distances, divergence, probes, table
from study import pixels as pixels  # whose measures are taken, too
from study.environment import MEASURING, environment
from study.kept import Drawn, keep, kept_path
from study.results import LATE, trainings_in
from study.settings import opened, plain, sampling
from study.table import CHECKPOINT, PATCHES, REAL, Facts, Job
from study.ways import cost, described_sampler, other_ways

N_PROBED = 500  # test images whose latents are raised and lowered
SLOW = "_inception"  # features too slow for every set of samples
OF_WAY = {"frechet", "kid", "class_share", "divergence", "digit"}  # measures of other ways to sample
FEW = 64  # samples of a quick look
EXAMPLES = 16  # of good and of bad samples
# Of an environment, what changes numbers.
COMPUTES = ("torch", "numpy", *MEASURING, "device", "precision")
# Models measured alike share an evaluator: real images take its time.
evaluator_of = lru_cache(maxsize=2)(Evaluator.of)
Images = Annotated[int, Field(ge=12, le=60_000)]


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
    n_kind: Images = 500,
    n_real: Annotated[int, Field(ge=100, le=60_000)] = 10_000,
    ablations: bool = True,
    ways: dict[str, dict[str, Any]] | None = None,
    n_way: Images | None = None,
    calls: list[Annotated[int, Field(ge=2)]] = [10, 24, 50, 100, 250],  # noqa: B006 - only read
    levels: list[Count] = [1, 2, 3, 4, 6, 8, 12],  # noqa: B006
    noise: list[Annotated[float, Field(gt=0, le=10)]] = [0.02, 0.05, 0.1, 0.2],  # noqa: B006
    n_probe: Images = 1000,
    sample_seed: Seed | None = None,
    inception_weights: Literal["auto", "off"] = "off",
    precision: Precision = "auto",
) -> Job:
    """Measure one finished training of `out`, such as "zoom-0"; its file and kept images are then on disk.

    Args:
        n_test: test images; None: all.
        n_checkpoint, distance_every: images of each measured checkpoint, and epochs between two of these.
        n_final, n_distance: images of the finished model; of these, the first that distances are taken of,
            None: 2000, or all where these are fewer.
        floor_repeats, interval_repeats: draws behind a real-vs-real floor, and behind an interval.
        n_kind, n_real: of the recogniser, see `Evaluator`.
        ablations: draw again with one thing changed: precision, prior.
        ways: name -> another way to sample: sampler, prior, their options; average: over so many last epochs.
        n_way: images of each way of an analysis; None: it is not analysed. Of a DDPM the ways are numbers of
            `calls`, with two samplers; of cold diffusion numbers of `levels`, and `noise` in each step.
        n_probe: test images of the probes of a DDPM, at most.
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
    train = Job(out, f"train_{name}").facts
    if train.settings["dataset"] != dataset:
        raise ValueError(
            f"{name} was trained on {train.settings['dataset']}, not on {dataset}; measure it there"
        )
    run, seed = opened(out, train, data_dir, precision), train.seed if sample_seed is None else sample_seed
    n_test = n_test and len(data.load(dataset, "test", data_dir, at_most=n_test)[0])
    n_train = max(n_checkpoint, n_distance) * floor_repeats
    how = {"n_test": n_test, "n_digits": n_real, "n_kind": n_kind, "inception_weights": inception_weights}
    how |= {"interval_repeats": interval_repeats, "floor_repeats": floor_repeats}
    evaluator = evaluator_of(dataset, str(data.folder(data_dir)), n_train, **how)
    settings |= {"n_test": n_test, "n_distance": n_distance, "seed": train.seed}
    if fewer := {key: n for key, n in most_of(evaluator).items() if n < settings[key]}:
        capped = ", ".join(f"{key} is {n}" for key, n in fewer.items())
        print(f"note: {name}: the data set has fewer images than asked for, so {capped}", flush=True)
    settings |= fewer
    n_checkpoint, n_distance = settings["n_checkpoint"], settings["n_distance"]
    others = other_ways(run, calls, levels, noise) if n_way else {}
    # Made before measures are listed: the module of one may register measures of its own.
    made = {way: sampling(plain(train.settings), changes) for way, changes in (ways or {}).items()}
    facts = {
        "job": "measure",
        "settings": settings,
        "environment": environment(run.precision, run.device),
        "model": train.model,
        "seed": train.seed,
        "weights_sha256": train.weights.sha256,
        "reference": {"split": "test", "n": len(evaluator.x_test)},
        **described(evaluator),
        "ways": {way: described_sampler(of) for way, of in others.items()},
        "code": measuring_code(),
    }
    images = [kept_path(out, f"{kind}_{name}") for kind in ("samples", "quality")]
    if not other(out, f"measure_{name}", facts) and all(path.is_file() for path in images):
        return Job(out, f"measure_{name}")

    draw = Drawn(out / "samples" / name, run, seed)
    samples = draw(n_final)
    seen = Seen(evaluator, samples)
    if seen.one_image:
        print(f"{name}: all samples are one image, so they have no distance and are no digits", flush=True)
    epochs = checkpoints(train, distance_every)
    late = [epoch for epoch in epochs if epoch >= (1 - LATE) * train.epochs]
    grey = to_uint8(samples)[:, 0].numpy()
    chosen = confidence.rank_by_quality(seen.confidence, min(EXAMPLES, len(samples) // 2), seed)
    keep(out, f"samples_{name}", grey)
    keep(out, f"quality_{name}", [grey[of] for of in chosen])  # (2, 16, 28, 28)

    job = Measuring(name, evaluator, run, draw, n_checkpoint, n_final, n_distance)
    job.training(epochs, seed)
    if ablations and not seen.one_image:
        job.ablations(late)
    for way, (sampler, prior) in made.items():
        job.finished(way, replace(run, sampler=sampler, prior=prior), ways[way].get("average", 1))
    if n_way:
        job.analysis(others, samples[:n_way], n_way)
        job.network(n_probe, train.seed)
    table.write(out, f"measure_{name}", facts, job.rows)
    return Job(out, f"measure_{name}")


def measured(out: Path, models: Sequence[str] | None, *, n: int | None, **how: Any) -> None:
    """Measure those trainings of `out` that are not measured yet: n samples of each, None: 64."""
    for model, seed in trainings_in(out, models):
        name = f"{model}-{seed}"
        train, path = Job(out, f"train_{name}").facts, table.path_of(out, f"measure_{name}")
        known = Job(out, path.stem).facts if path.is_file() else None
        if known is None or known.weights_sha256 != train.weights.sha256:
            number = {"n_checkpoint": n or FEW, "n_final": n or FEW}
            measure(out, name, **number, interval_repeats=50, ablations=False, **how)
        elif n not in (None, known.settings.n_final):
            print(
                f"note: {name} has been measured with {known.settings.n_final} images, not {n}; to measure "
                f"it again, remove {path}",
                flush=True,
            )


# --- what is measured ---


@dataclass
class Measuring:
    """The rows of a training, as they are measured."""

    name: str
    evaluator: Evaluator
    run: Run
    draw: Drawn
    n_checkpoint: int
    n_final: int
    n_distance: int
    rows: list[list[Any]] = field(default_factory=list)

    def add(self, found: Mapping[str, Value], way: str = "", epoch: int | None = None) -> None:
        """Add what was measured of one thing."""
        self.rows += table.lines(found, way, epoch)

    def taken(self, x: Tensor, only: Collection[str], n: int = 0) -> dict[str, Value]:
        return taken(Seen(self.evaluator, x, n=n, only=only), only)

    def samples(
        self, n: int, way: str = "", epoch: int | None = None, of: Run | None = None, average: int = 1
    ) -> None:
        """Add the measures of n samples; those that are slow only of the finished model."""
        only = {m for m, one in MEASURES.items() if one.of and not (way and m.endswith(SLOW))}
        x = self.draw(n, of, "" if way == CHECKPOINT else way, epoch, average)
        found = self.taken(x, only, self.n_distance if n == self.n_final else n)
        self.add(found, way, epoch or self.run.epochs)
        if distance := found.get("frechet"):
            at = " ".join(f"{self.name} {way} {epoch or ''}".split())
            print(f"{at}: Fréchet distance {distance.value:.2f}", flush=True)

    def training(self, epochs: list[int], seed: int) -> None:
        """Checkpoints, the finished model, its cost, and real images."""
        run, evaluator, T = self.run, self.evaluator, self.run.process.T
        quick = {f"floor{one.ending}" for one in evaluator.spaces.values() if one.ending != SLOW}
        self.add(evaluator.floors(self.n_checkpoint, quick), CHECKPOINT)
        for epoch in epochs:
            self.samples(self.n_checkpoint, CHECKPOINT, epoch)
            if isinstance(run.process, DDPM):
                x = evaluator.x_test[:N_PROBED]
                answer = probes.response(run, x, epoch, seed=seed, steps=[T])
                self.add({"response": answer[T]}, CHECKPOINT, epoch)
        self.add(evaluator.floors(self.n_distance))
        self.finished("", run)
        self.add(evaluator.real(self.n_distance), REAL)
        if evaluator.classes:
            of = evaluator.all_labels, self.n_distance, evaluator.classes, evaluator.seed
            self.add({"threshold": confidence.threshold(evaluator)}, REAL)
            self.add({"divergence_floor": divergence.divergence_floor(*of)}, REAL)
            shares = divergence.shares(evaluator.all_labels, evaluator.classes, 0).tolist()
            self.add({"class_share": [Interval(share) for share in shares]}, REAL)

    def finished(self, way: str, of: Run, average: int = 1) -> None:
        """The finished model sampled in a way, and what that costs."""
        self.samples(self.n_final, way, of=of, average=average)
        self.add(cost(of), way, of.epochs)

    def ablations(self, late: list[int]) -> None:
        """The finished model in another precision, from the same noise, and late checkpoints of a zoom that
        starts from whole patches.
        """
        run = self.run
        if type(run.process) is ColdZoom:
            for epoch in late:
                self.samples(self.n_checkpoint, PATCHES, epoch, replace(run, prior=Patches()))
        if run.precision != "bf16":
            return
        ways = {"fp32": replace(run, precision="fp32"), "bf16": run}
        for way, of in ways.items():
            self.samples(self.n_checkpoint, way, of=of)
        x = (self.draw(self.n_checkpoint, of, way) for way, of in ways.items())
        features = (Seen(self.evaluator, images).features for images in x)
        how = self.evaluator.interval_repeats, self.evaluator.seed
        gap = distances.frechet_gap(self.evaluator.main.reference, *features, *how)
        self.add({"frechet_gap": gap}, "float32", run.epochs)

    def analysis(self, others: Mapping[str, Run], x: Tensor, n: int) -> None:
        """Other ways to sample, the first of which is the training's own, of which x are samples."""
        evaluator, own = self.evaluator, next(iter(others))
        for way, of in others.items():
            images = x if way == own and len(x) == n else self.draw(n, of, way)
            self.add(self.taken(images, OF_WAY), way)
        seen, read = Seen(evaluator, x), evaluator.test.labels
        if not seen.one_image:  # which has no distance
            with contextlib.suppress(ValueError):  # too few images of the classes that there are
                of = seen.features, seen.labels, read, evaluator.interval_repeats
                self.add(distances.split(evaluator.main.reference, *of))
        images = to_uint8(self.run.images)
        near, of_test = (probes.nearest(to_uint8(each), images) for each in (x, evaluator.x_test[: len(x)]))
        self.add(probes.memorised((near, seen.labels), (of_test, read[: len(x)])))

    def network(self, n: int, seed: int) -> None:
        """Measures of the network of a DDPM; none of another one's."""
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


def most_of(evaluator: Evaluator) -> dict[str, int]:
    """The largest numbers of images that a data set allows, by argument of `measure`."""
    train, digits = len(evaluator.x_train), len(evaluator.x_digits)
    half = len(evaluator.x_test) // 2
    return {"n_checkpoint": train, "n_distance": train, "n_kind": half, "n_real": digits}


def described(evaluator: Evaluator) -> dict[str, Any]:
    """Identity of what measures, as JSON: features by name."""
    features = {name: dict(one.info) for name, one in evaluator.extractors.items()}
    if evaluator.classes:
        right = evaluator.test.labels == evaluator.labels
        features["digits"]["test_accuracy"] = float(right.double().mean())
    return {"features": features}


# --- the file ---


def other(out: Path, name: str, facts: Mapping[str, Any]) -> str:
    """In what the file of a job that is there was made otherwise than `facts` say; empty: in nothing."""
    if not table.path_of(out, name).is_file():
        return "it is not there"
    try:
        known = Job(out, name).facts
        why = next(differences(_deciding(plain(known)), _deciding(json.loads(json.dumps(facts)))), "")
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
