"""The measuring job: the samples of one finished training, against the held-out test split.

    python -m study.measure --out build/quick --model zoom --seed 0 --settings 'n_checkpoint: 500'

writes OUT/metrics/measure_<model>-<seed>.json, and kept images (see `study.records`). Samples are drawn
with the training's seed. What is measured of real images does not depend on it: all trainings are measured
against one floor, and with the same halves and resamples.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from diffusion import data, runtime
from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import frechet_gap, to_uint8
from diffusion.files import differences
from diffusion.identity.sources import followed, hash_of
from diffusion.parameters import Settings, Training
from diffusion.processes import DDPM, ColdZoom
from diffusion.processes.priors import Patches
from diffusion.processes.samplers import Ancestral
from diffusion.provenance import PACKAGE, environment
from diffusion.training.checkpoints import RunError
from diffusion.training.opening import open as open_run
from diffusion.training.run import Run
from study import probes, settings
from study.records import (
    LATE,
    Ablation,
    Ablations,
    Checkpoint,
    Final,
    Gaps,
    MeasureRecord,
    OtherWay,
    PriorAblation,
    ReferenceImages,
    TrainRecord,
    Variant,
    keep,
)
from study.settings import Analyse, Measure

N_PROBED = 500  # test images whose latents are raised and lowered
CONSTANT = 2  # grey values of 255 within which images count as one and the same
_evaluator = lru_cache(maxsize=2)(Evaluator.of)  # models measured alike share one: real images take its time


def measure(out: Path, model: str, seed: int, P: Measure) -> MeasureRecord:
    """Measure one finished training; returns the record, which is then on disk with the kept images.

    Args:
        out: the folder of the results, which holds the training's record and run.

    Raises:
        ValueError: the training has no record, is of another data set, or its samples are not finite.
        RunError: its weights are missing or changed.
    """
    out, P, name = Path(out), P.model_copy(update={"seed": seed}), f"{model}-{seed}"
    measured_by = code()  # before it can be edited
    train = TrainRecord.load(TrainRecord.path(out, model, seed))
    run = open_trained(out, train, P)
    evaluator = evaluator_of(P)
    there = {line.epoch for line in train.history if line.sha256}  # epochs whose weights there are
    epochs = [e for e in measured_epochs(train.epochs, P.distance_every) if e in there]
    curve = [checkpoint(run, evaluator, epoch, P.n_checkpoint, seed) for epoch in epochs]
    samples = run.sample(P.n_final, seed)
    final = Final(
        **dict(evaluator.measure(samples, P.n_distance, every=True)),
        epoch=train.epochs,
        n=P.n_distance,
        n_classes=P.n_final,
        floors=evaluator.floors(P.n_distance, every=True),
        calls=run.calls,
        seconds=seconds(run),
        constant=is_constant(to_uint8(samples)),
    )
    print(f"{name}: finished, {P.n_distance} samples, Fréchet distance {final.frechet.value:.3f}", flush=True)
    if final.constant:
        print(
            f"{name}: all samples are one image, so its distances mean nothing and support no claim",
            flush=True,
        )
    record = MeasureRecord(
        **of_run(run, train, P),
        reference=ReferenceImages(split="test", n=len(evaluator.x_test)),
        features=evaluator.describe(),
        floors=evaluator.floors(P.n_checkpoint),
        curve=curve,
        final=final,
        real=evaluator.real(P.n_distance),
        ablations=_ablations(run, train, evaluator, P) if P.ablations and not final.constant else Ablations(),
        ways={name: other_way(run, train, evaluator, P, how) for name, how in P.ways.items()},
        code=measured_by,
    )
    examples = Seen(evaluator, samples).examples(seed=seed)  # (2, 16, 28, 28)
    late = [to_uint8(run.sample(P.n_checkpoint, seed, row.epoch))[:, 0].numpy() for row in record.late()]
    keep(out, f"samples_{name}", to_uint8(samples)[:, 0].numpy())
    keep(out, f"late_{name}", np.stack(late))
    keep(out, f"quality_{name}", to_uint8(examples.flatten(0, 1)[:, None]).view(examples.shape).numpy())
    record.save(MeasureRecord.path(out, model, seed))
    return record


def evaluator_of(P: Measure) -> Evaluator:
    """The evaluator of these settings."""
    return _evaluator(
        *(P.dataset, str(data.folder(P.data_dir))),
        n_train=max(P.n_checkpoint, P.n_distance) * P.floor_repeats,
        n_test=P.n_test,
        inception_weights=P.inception_weights,
        floor_repeats=P.floor_repeats,
        interval_repeats=P.interval_repeats,
    )


def measured(out: Path, model: str, seed: int, P: Measure) -> MeasureRecord:
    """One training's measures: those on disk if they are of these settings, weights and code, else taken now.

    Raises like `measure`.
    """
    if found := MeasureRecord.load_if_there(Path(out), model, seed):
        train = TrainRecord.load(TrainRecord.path(Path(out), model, seed))
        asked = P.model_copy(update={"seed": seed}).values()
        asked |= {"weights": train.weights.sha256, "code": code()}
        recorded = found.settings | {"weights": found.weights_sha256, "code": found.code}
        if (why := next(differences(recorded, asked), None)) is None:
            return found
        print(f"{model}-{seed} is measured again: {why}", flush=True)
    return measure(out, model, seed, P)


@cache
def code() -> str:
    """Hash of the code that measures."""
    return hash_of(followed("import study.measure", PACKAGE.parent))


def measured_epochs(last: int, every: int) -> list[int]:
    """The epochs whose checkpoints are measured: the first, every so many, and the last."""
    return sorted({1, *range(every, last + 1, every), last})


def open_trained(out: Path, train: TrainRecord, P: Measure | Analyse) -> Run:
    """The finished training of a record, as it is to be sampled: a run of this workflow, which is trusted."""
    name = f"{train.model}-{train.seed}"
    if (dataset := train.settings["dataset"]) != P.dataset:
        raise ValueError(f"{name} was trained on {dataset}, not on {P.dataset}; measure it there")
    folder = (Path(out) / train.run).resolve()
    if not folder.is_relative_to(Path(out).resolve()):
        raise ValueError(f"the record of {name} names {train.run!r}, a place outside of {out}")
    precision = runtime.resolve_precision(P.precision, runtime.device())
    run = open_run(folder, trust=True, precision=precision)
    if run.weights_sha256() != train.weights.sha256:
        raise RunError(
            f"{run.weights_file()} is not the file that the record of {name} names; run its notebook again"
        )
    run.network()  # refuses weights that are lost or damaged, also where samples of them are kept
    run.images = data.load(P.dataset, "train", P.data_dir, train.settings.get("n_train"))[0]
    run.way = trained_as(train).way()
    return run


def of_run(run: Run, train: TrainRecord, P: Measure | Analyse) -> dict[str, Any]:
    """Fields of the record of a job that name the training and the job itself."""
    return {
        "job": type(P).__name__.lower(),
        "settings": P.values(),
        "environment": environment(run.precision, run.device),
        "model": train.model,
        "seed": train.seed,
        "weights_sha256": train.weights.sha256,
    }


def trained_as(train: TrainRecord) -> Training:
    """The settings of a training, from its record."""
    return settings.TRAININGS[train.job].read(train.settings, f"record of {train.model}-{train.seed}")


def seconds(run: Run, n: int = 128) -> float:
    """Seconds of the processor for one sample, all threads together, of n drawn anew."""
    begin = time.process_time()
    replace(run, keeps=False).sample(n)
    return (time.process_time() - begin) / n


def checkpoint(run: Run, evaluator: Evaluator, epoch: int, n: int, seed: int) -> Checkpoint:
    """All measures of n samples after an epoch, and of a DDPM the response to an offset at t = T."""
    found = evaluator.measure(run.sample(n, seed, epoch))
    print(f"{run.name}-{run.seed}: epoch {epoch}, Fréchet distance {found.frechet.value:.3f}", flush=True)
    seen = None
    if isinstance(run.process, DDPM):
        probed, T = evaluator.x_test[:N_PROBED], run.process.T
        seen = probes.response(run.process, run.network(epoch), probed, run.precision, seed, [T]).response[0]
    return Checkpoint(epoch=epoch, response=seen, **dict(found))


def in_pairs(first: Run, second: Run, evaluator: Evaluator, n: int, seed: int) -> Ablation:
    """An ablation: n samples of a training in two ways from the same noise, and second minus first."""
    a, b = (Seen(evaluator, run.sample(n, seed)) for run in (first, second))
    reference, repeats = evaluator.digits.reference, evaluator.interval_repeats
    gap = Gaps(frechet=frechet_gap(reference, b.features, a.features, repeats, evaluator.seed))
    sides = [Variant(n=n, frechet=evaluator.main.distance(one.features), **one.looks()) for one in (a, b)]
    return Ablation(first=sides[0], second=sides[1], gap=gap)


def _ablations(run: Run, train: TrainRecord, evaluator: Evaluator, P: Measure) -> Ablations:
    """The ablations that apply to a training. That of precision says nothing of training in float32."""
    found, pair = Ablations(), (evaluator, P.n_checkpoint, P.seed)
    if isinstance(run.way.sampler, Ancestral):
        clipped = (replace(run.way.sampler, clip_x0=on) for on in (False, True))
        sides = (replace(run, way=replace(run.way, sampler=sampler)) for sampler in clipped)
        found.clipping = in_pairs(*sides, *pair)
    if type(run.process) is ColdZoom:
        patches, begin = replace(run, way=replace(run.way, prior=Patches())), (1 - LATE) * train.epochs
        late = [e for e in measured_epochs(train.epochs, P.distance_every) if e >= begin]
        curve = [checkpoint(patches, evaluator, epoch, P.n_checkpoint, P.seed) for epoch in late]
        found.prior = PriorAblation(curve=curve)
    if run.precision == "bf16":
        found.float32 = in_pairs(run, replace(run, precision="fp32"), *pair)
    return found


def other_way(run: Run, train: TrainRecord, evaluator: Evaluator, P: Measure, changes: dict) -> OtherWay:
    """The samples of a finished training drawn in another way, from the same noise where that is possible."""
    way = replace(run, way=trained_as(train).way(changes))
    found = dict(evaluator.measure(way.sample(P.n_final, P.seed), P.n_distance))
    return OtherWay(changes=changes, n=P.n_distance, calls=way.calls, seconds=seconds(way), **found)


def command(cls: type[Settings], job: Callable, of_training: bool, arguments: list[str] | None) -> None:
    """The command line of a measuring job; an error is one line.

    Args:
        cls: its settings.
        job: called with the results folder, model and seed if it is `of_training`, and the settings.
    """
    name = job.__name__
    parser = argparse.ArgumentParser(prog=f"python -m study.{name}", description=cls.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results, such as build/quick")
    if of_training:
        parser.add_argument("--model", required=True, help="name of the trained model")
        parser.add_argument("--seed", type=int, required=True, help="seed of the training")
    parser.add_argument("--settings", default="", help=f"YAML of study.settings.{cls.__name__}")
    options = parser.parse_args(arguments)
    training = (options.model, options.seed) if of_training else ()
    try:
        job(options.out, *training, settings.read_settings(cls, options.settings, "--settings"))
    except (ValueError, RunError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


def is_constant(images: Tensor) -> bool:
    """True where images (n, 1, 28, 28) as bytes are all one image, but for rounding."""
    images = images.short()
    return bool((images - images[:1]).abs().max() <= CONSTANT)


def main(arguments: list[str] | None = None) -> None:
    command(Measure, measure, True, arguments)


if __name__ == "__main__":
    main()
