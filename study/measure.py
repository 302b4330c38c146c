"""The measuring job: the samples of one finished training, against the held-out test split.

    python -m study.measure --out build/quick --model zoom --seed 0 --settings 'n_checkpoint: 500'

writes OUT/metrics/measure_<model>-<seed>.json, and kept images (see `study.kept`). Samples are drawn with the
training's seed, or with `sample_seed`. What is measured of real images does not depend on it: all trainings
are measured against one floor, and with the same halves and resamples.

A file that is there is filled in: with settings, weights, samples and versions as they were, only those
measures are taken whose code is new or changed. No training is repeated for it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from diffusion import data, identity, runtime
from diffusion.evaluation.evaluator import Evaluator, Seen, codes
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import FEATURES, MEASURES, Value, definitions, taken
from diffusion.evaluation.measures import measure as known_as
from diffusion.files import differences, digest
from diffusion.parameters import Settings, Training
from diffusion.processes import DDPM, ColdZoom
from diffusion.processes.priors import Patches
from diffusion.processes.samplers import Ancestral
from diffusion.provenance import MEASURING, environment
from diffusion.training.checkpoints import RunError
from diffusion.training.opening import open as open_run
from diffusion.training.run import Run
from study import confidence, pixels, probes, settings, table  # noqa: F401 - pixels: to be measured
from study.distances import frechet_gap
from study.kept import DrawnRun, keep, kept_path
from study.results import LATE, plain
from study.settings import Analyse, Measure
from study.table import CHECKPOINT, PATCHES, REAL, Facts, Job

N_PROBED = 500  # test images whose latents are raised and lowered
FLOORS = tuple(f"floor{end}" for end in FEATURES)
SLOW = "_inception"  # features too slow for every set of samples
COST = ("calls", "seconds")
BESIDE = ("threshold", "divergence_floor", "frechet_gap", "response")  # measures of no set of samples
GAPS = {"clipping": ("clipping off", "clipping on"), "float32": ("bf16", "fp32")}  # before, after
KEPT = ("samples", "late", "quality")  # images
EXAMPLES = 16  # of good and of bad samples
# Of an environment, what changes numbers.
COMPUTES = ("torch", "numpy", *MEASURING, "device", "precision")
_evaluator = lru_cache(maxsize=2)(Evaluator.of)  # models measured alike share one: real images take its time


class Part(NamedTuple):
    """A piece of the measuring: measures that are taken of one thing.

    `take` gives those of some names -> their values; others may be among them.
    """

    way: str
    epoch: int | None
    measures: Collection[str]
    take: Callable[[Collection[str]], Mapping[str, Value]]


def measure(out: Path, model: str, seed: int, P: Measure) -> Job:
    """Measure one finished training of `out`; returns its file, then on disk with the kept images.

    ValueError: it has no file, is of another data set, or its samples are not finite. RunError: its weights
    are missing or changed.
    """
    out, P, name = Path(out), P.model_copy(update={"seed": seed}), f"{model}-{seed}"
    train = Job(out, f"train_{name}").facts
    run, evaluator = open_trained(out, train, P), evaluator_of(P)
    of_samples = measures_of(train, P)
    facts = of_run(run, train, P) | {
        "reference": {"split": "test", "n": len(evaluator.x_test)},
        **described(evaluator),
        "code": digest([identity.code("samples"), definitions(*DRAWING), N_PROBED, LATE], 16),
    }
    file = Filling(out, f"measure_{name}", facts, {*of_samples, *FLOORS, *COST, *BESIDE})
    if file.whole and all(kept_path(out, f"{kind}_{name}").is_file() for kind in KEPT):
        return Job(out, file.name)
    samples = run.sample(P.n_final, seed_of(P))
    grey = to_uint8(samples)
    if (seen := Seen(evaluator, samples)).one_image:
        print(f"{name}: all samples are one image, so they have no distance and are no digits", flush=True)
    late = [run.sample(P.n_checkpoint, seed_of(P), epoch) for epoch in late_epochs(train, P)]
    chosen = confidence.rank_by_quality(seen.confidence, min(EXAMPLES, len(samples) // 2), seed_of(P))
    keep(out, f"samples_{name}", grey[:, 0].numpy())
    keep(out, f"late_{name}", np.stack([to_uint8(one)[:, 0].numpy() for one in late]))
    keep(out, f"quality_{name}", np.stack([grey[of, 0].numpy() for of in chosen]))  # (2, 16, 28, 28)
    found = parts(run, train, evaluator, P, of_samples, ablations=P.ablations and not seen.one_image)
    return file.fill(found)


def described(evaluator: Evaluator) -> dict[str, Any]:
    """Identity of what measures, as JSON: features by name, and the recogniser's calibration, if any."""
    unknown = {"dimension": None, "sha256": None, "test_accuracy": None}
    found = {
        name: {"available": one.available, "reason": one.reason, **unknown, **one.info}
        for name, one in evaluator.extractors.items()
    }
    if evaluator.classes:
        right = evaluator.test.labels == evaluator.labels
        found["digits"]["test_accuracy"] = float(right.double().mean())
    calibrated = {"n_digits": len(evaluator.x_digits), "n_kind": evaluator.n_kind}
    return {"features": found, "recogniser": calibrated if evaluator.test.recognisable else None}


def measures_of(train: Facts, P: Measure) -> set[str]:
    """The measures of samples: the project's, and those of modules that the settings name."""
    for changes in P.ways.values():  # loads what they name
        trained_as(train).way(changes)
    said = json.dumps([plain(train.settings), P.values()])
    modules = {name: one.function.__module__ for name, one in MEASURES.items() if one.of}
    ours = ("diffusion", "study", "__main__")
    return {n for n, home in modules.items() if home.partition(".")[0] in ours or f'"{home}:' in said}


# --- what is measured ---


def parts(
    run: Run, train: Facts, evaluator: Evaluator, P: Measure, of_samples: Collection[str], ablations: bool
) -> Iterator[Part]:
    """The pieces of measuring a training: its checkpoints, its end, real images, ablations, other ways."""
    seed, last = seed_of(P), train.epochs
    quick = {name for name in of_samples if not name.endswith(SLOW)}

    def drawn(way: str, of: Run, n: int, n_distance: int | None = None, epoch: int | None = None) -> Part:
        def take(only: Collection[str]) -> Mapping[str, Value]:
            return taken(Seen(evaluator, of.sample(n, seed, epoch), n=n_distance, only=only), only)

        return Part(way, epoch or last, quick if way else of_samples, take)

    def response(epoch: int, _: Any) -> Mapping[str, Value]:
        """Of a DDPM's network after an epoch to an offset at t = T."""
        probed, T = evaluator.x_test[:N_PROBED], run.process.T
        found = probes.response(run.process, run.network(epoch), probed, run.precision, seed, [T])
        return {"response": found[T]}

    def gap(before: Run, after: Run, _: Any) -> Mapping[str, Value]:
        """The distance after a change minus that before, from the same noise."""
        a, b = (Seen(evaluator, of.sample(P.n_checkpoint, seed)).features for of in (before, after))
        reference, repeats = evaluator.digits.reference, evaluator.interval_repeats
        return {"frechet_gap": frechet_gap(reference, b, a, repeats, evaluator.seed)}

    floors = [name for name in FLOORS if not name.endswith(SLOW)]
    yield Part(CHECKPOINT, None, floors, partial(evaluator.floors, P.n_checkpoint))
    for epoch in checkpoints(train, P):
        yield drawn(CHECKPOINT, run, P.n_checkpoint, epoch=epoch)
        if isinstance(run.process, DDPM):
            yield Part(CHECKPOINT, epoch, ["response"], partial(response, epoch))
    yield Part("", None, FLOORS, partial(evaluator.floors, P.n_distance))
    yield drawn("", run, P.n_final, P.n_distance)
    yield Part("", last, COST, lambda _: cost(run))
    yield Part(REAL, None, [*of_samples, *BESIDE], partial(evaluator.real, P.n_distance))
    if evaluator.classes:
        least = confidence.threshold(evaluator)
        yield Part(REAL, None, ["threshold"], lambda _: {"threshold": least})
    others = changed(run) if ablations else {}
    for way, of in others.items():
        for epoch in late_epochs(train, P) if way == PATCHES else [None]:
            yield drawn(way, of, P.n_checkpoint, epoch=epoch)
    for name, (before, after) in GAPS.items():
        if after in others:
            yield Part(name, last, ["frechet_gap"], partial(gap, others[before], others[after]))
    for name, changes in P.ways.items():
        of = replace(run, way=trained_as(train).way(changes))
        yield drawn(name, of, P.n_final, P.n_distance)
        yield Part(name, last, COST, lambda _, of=of: cost(of))


def changed(run: Run) -> dict[str, Run]:
    """The ablations that apply to a training: way -> it with one thing changed, or not."""
    found = {}
    if isinstance(run.way.sampler, Ancestral):
        for way, on in zip(GAPS["clipping"], (False, True), strict=True):
            found[way] = replace(run, way=replace(run.way, sampler=replace(run.way.sampler, clip_x0=on)))
    if type(run.process) is ColdZoom:
        found[PATCHES] = replace(run, way=replace(run.way, prior=Patches()))
    if run.precision == "bf16":
        found |= {"bf16": run, "fp32": replace(run, precision="fp32")}
    return found


def checkpoints(train: Facts, P: Measure) -> list[int]:
    """The measured epochs, the first, every so many and the last, whose weights are there."""
    last, every = train.epochs, P.distance_every
    return [e for e in sorted({1, *range(every, last + 1, every), last}) if str(e) in train.sha256]


def late_epochs(train: Facts, P: Measure) -> list[int]:
    """Measured epochs in the last fifth of training."""
    return [epoch for epoch in checkpoints(train, P) if epoch >= (1 - LATE) * train.epochs]


def seed_of(P: Measure) -> int:
    """The seed of the samples."""
    return P.seed if P.sample_seed is None else P.sample_seed


@known_as(
    calls=("calls", "of the network for one image"),
    seconds=("seconds", "of the processor for one sample, all threads together"),
)
def cost(run: Run, n: int = 128) -> dict[str, Value]:
    """The cost of a sample; its time is that of n drawn anew."""
    begin = time.process_time()
    replace(run, keeps=False).sample(n)
    return {"calls": run.calls, "seconds": (time.process_time() - begin) / n}


# What decides which samples are drawn, beside settings.
DRAWING = (parts, changed, checkpoints, late_epochs, seed_of)

# --- for all jobs that measure ---


class Filling:
    """The file of a job in the making: rows that are there and still right are taken over.

    Args:
        facts: all that decides the numbers beside the code of measures, and the environment.
        measures: names of all that the job measures; `stale` are those that have to be taken.
    """

    def __init__(self, out: Path, name: str, facts: dict[str, Any], measures: Collection[str]):
        self.out, self.name, self.facts = out, name, facts
        self.codes, self.rows = codes(measures), []
        self.stale, self.whole = {*self.codes}, False
        if table.path_of(out, name).is_file():
            try:
                self._take_over(Job(out, name))
            except ValueError as error:
                print(f"{name} is measured again: {error}", flush=True)

    def _take_over(self, job: Job) -> None:
        recorded = plain(job.facts)
        if why := next(differences(_deciding(recorded, self.facts), _deciding(self.facts, self.facts)), None):
            print(f"{self.name} is measured again: {why}", flush=True)
            return
        known = recorded.get("codes", {})
        self.whole = known == self.codes
        self.stale = {name for name, code in self.codes.items() if known.get(name) != code}
        kept = [row for row in job.rows if row.measure in self.codes.keys() - self.stale]
        self.rows = [[getattr(row, cell) for cell in table.IN_FILE] for row in kept]

    def fill(self, found: Iterable[Part]) -> Job:
        """Take what is stale of the parts, and write the file; returns it."""
        for part in found:
            if only := self.stale.intersection(part.measures):
                values = {name: one for name, one in part.take(only).items() if name in only}
                self.rows += table.lines(values, part.way, part.epoch)
                if distance := values.get("frechet"):
                    at = f"{self.name} {part.way} {part.epoch or ''}"
                    print(f"{' '.join(at.split())}: Fréchet distance {distance.value:.2f}", flush=True)
        table.write(self.out, self.name, self.facts | {"codes": self.codes}, self.rows)
        return Job(self.out, self.name)


def _deciding(facts: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Of facts those that are asked for, of an environment what changes numbers; as JSON."""
    computes = {name: facts.get("environment", {}).get(name) for name in COMPUTES}
    return json.loads(json.dumps({name: facts.get(name) for name in asked} | {"environment": computes}))


def evaluator_of(P: Measure | Analyse) -> Evaluator:
    """The evaluator of these settings; measuring has as many training images as its floors take."""
    names = ("n_test", "n_kind", "interval_repeats", "floor_repeats", "inception_weights")
    how = {name: getattr(P, name) for name in names if hasattr(P, name)}
    n_train = max(P.n_checkpoint, P.n_distance) * P.floor_repeats if isinstance(P, Measure) else P.n_real
    return _evaluator(P.dataset, str(data.folder(P.data_dir)), n_train, n_digits=P.n_real, **how)


def open_trained(out: Path, train: Facts, P: Measure | Analyse) -> Run:
    """The finished training of a file, as it is to be sampled."""
    name = f"{train.model}-{train.seed}"
    if (dataset := train.settings["dataset"]) != P.dataset:
        raise ValueError(f"{name} was trained on {dataset}, not on {P.dataset}; measure it there")
    folder = (Path(out) / train.run).resolve()
    if not folder.is_relative_to(Path(out).resolve()):
        raise ValueError(f"the file of {name} names {train.run!r}, a place outside of {out}")
    precision = runtime.resolve_precision(P.precision, runtime.device())
    run = DrawnRun.of(open_run(folder, precision=precision))
    if run.weights_sha256() != train.weights.sha256:
        raise RunError(
            f"{run.weights_file()} is not the file that the training of {name} names; run its notebook again"
        )
    run.network()  # refuses weights that are lost or damaged, also where samples of them are kept
    run.images = data.load(P.dataset, "train", P.data_dir, train.settings.get("n_train"))[0]
    run.way = trained_as(train).way()
    return run


def trained_as(train: Facts) -> Training:
    """The settings of a training, from its file."""
    read = settings.TRAININGS[train.job].read
    return read(plain(train.settings), f"settings of {train.model}-{train.seed}")


def of_run(run: Run, train: Facts, P: Measure | Analyse) -> dict[str, Any]:
    """Facts that name the training and the job itself."""
    return {
        "job": type(P).__name__.lower(),
        "settings": P.values(),
        "environment": environment(run.precision, run.device),
        "model": train.model,
        "seed": train.seed,
        "weights_sha256": train.weights.sha256,
    }


def command(cls: type[Settings], job: Callable, arguments: list[str] | None) -> None:
    """The command line of a job of one training, with settings of a class; an error is one line."""
    parser = argparse.ArgumentParser(prog=f"python -m study.{job.__name__}", description=cls.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results, such as build/quick")
    parser.add_argument("--model", required=True, help="name of the trained model")
    parser.add_argument("--seed", type=int, required=True, help="seed of the training")
    parser.add_argument("--settings", default="", help=f"YAML of study.settings.{cls.__name__}")
    options = parser.parse_args(arguments)
    try:
        values = settings.read_text(options.settings, "--settings") or {}
        if not isinstance(values, dict):
            raise ValueError(f"--settings is {options.settings!r}; needed: a mapping such as 'n_final: 500'")
        job(options.out, options.model, options.seed, cls.read(values, "--settings"))
    except (ValueError, RunError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


def main(arguments: list[str] | None = None) -> None:
    command(Measure, measure, arguments)


if __name__ == "__main__":
    main()
