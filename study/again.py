"""Measures that are younger than a record, added to it: no training is repeated.

    python -m study.again released/paper            all trainings of a results folder, and its yardstick

draws the samples of each finished model, and of its other ways to be sampled, as its record says (in float32
where this machine is slow in bf16), and measures them with today's code. What the record lacks is added; what
it has must come out equal, or that is said. Checkpoints stay as they are: a release lacks their weights.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from diffusion import data, runtime
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.interval import Part
from diffusion.training.checkpoints import RunError
from study import yardstick
from study.measure import evaluator_of, open_trained, seconds, trained_as
from study.records import (
    Final,
    MeasureRecord,
    OtherWay,
    TrainRecord,
    YardstickRecord,
    trainings_in,
)
from study.settings import Measure, Yardstick


def again(out: Path, model: str, seed: int) -> MeasureRecord:
    """The record of one training with what it lacked; it is then on disk.

    Raises:
        ValueError, RunError: as `study.measure.measure`.
    """
    name, path = f"{model}-{seed}", MeasureRecord.path(out, model, seed)
    record, train = MeasureRecord.load(path), TrainRecord.load(TrainRecord.path(out, model, seed))
    P = Measure.read(record.settings)
    run, evaluator = open_trained(out, train, P), evaluator_of(P)
    then = record.environment["precision"]
    run = replace(run, precision=runtime.affordable(then, run.device))
    if run.precision != then:
        print(f"{name} is drawn in {run.precision}, the record in {then}: small differences are rounding")

    def more(old: Final | OtherWay, way: str = "") -> Final | OtherWay:
        drawn = replace(run, way=trained_as(train).way(old.changes)) if way else run
        found = dict(evaluator.measure(drawn.sample(P.n_final, P.seed), P.n_distance, every=True))
        found["seconds"] = seconds(drawn)
        if not way:
            found["floors"] = evaluator.floors(P.n_distance, every=True) | {"digits": old.floors["digits"]}
        return added(old, found, f"{name} {way}")

    record.final = more(record.final)
    for way, old in dict(record.ways).items():
        try:
            record.ways[way] = more(old, way)
        except RunError as error:  # a release lacks the weights of earlier epochs
            print(f"{name} {way} stays as it is: {error}", flush=True)
    record.real = added(record.real, dict(evaluator.real(P.n_distance)), f"{name}, real images")
    record.features = evaluator.describe() | record.features
    record.save(path)
    return record


def added(old: Part, found: dict, name: str) -> Part:
    """A part of a record with what was found in the fields that an older one may lack, and its floors.

    A difference in the other fields is printed.
    """
    fields = type(old).model_fields
    younger = {key for key in found if key == "floors" or not fields[key].is_required()}
    differ = [key for key in found.keys() - younger if getattr(old, key) != found[key]]
    if differ:
        print(f"{name}: not as in the record: {', '.join(sorted(differ))}", flush=True)
    return old.model_copy(update={key: found[key] for key in younger})


def yardstick_again(out: Path) -> None:
    """The yardstick's distances in all features; the digits' must come out as they are."""
    record = YardstickRecord.load(path := YardstickRecord.path(out))
    P = Yardstick.read(record.settings)
    evaluator = Evaluator.of(P.dataset, P.data_dir, n_train=max(P.n_real, P.n), n_test=P.n_test)
    record.distorted = yardstick.distorted(evaluator, *data.load(P.dataset, "train", P.data_dir), P.n)
    record.mixed = yardstick.mixed(evaluator)
    record.save(path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m study.again")
    parser.add_argument("out", type=Path, help="folder of the results, such as released/paper")
    P = parser.parse_args(arguments)
    try:
        for model, seed in trainings_in(P.out):
            found = again(P.out, model, seed).final
            print(f"{model}-{seed}: {', '.join(f'{k} {d.value:.3f}' for k, d in found.distances.items())}")
        if YardstickRecord.path(P.out).is_file():
            yardstick_again(P.out)
    except (ValueError, RunError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
