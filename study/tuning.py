"""Samplers beyond the study, chosen on other samples than those that are reported.

    python -m study.tuning released/beyond linear_unet cosine_unet zoom_unet_noise

draws N samples of the first training of each model in every way of a grid, with a seed that no reported
sample has, and writes OUT/metrics/tuning.json. Of a DDPM the sampler, the spacing of its steps and clipping
are tried; of a zoom the kind and size of its noise, and the number of Gaussians of its start.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

from diffusion.provenance import environment
from study.measure import evaluator_of, open_trained, other_way
from study.records import MeasureRecord, TrainRecord, Tried, TuningRecord, trainings_in
from study.settings import Measure

N, SEED = 500, 100
CALLS = 24  # of the network for an image, for all alike
GRID: dict[str, list[dict[str, Any]]] = {
    "02_train_ddpm": [
        {"sampler": sampler, "sampler_options": {"steps": CALLS, "spacing": spacing, "clip_x0": clip}}
        for sampler, spacing, clip in product(("ancestral", "ddim"), ("uniform", "quadratic"), (False, True))
    ],
    "03_train_zoom": [
        {"prior_options": {"components": components}, "sampler_options": {kind: noise}}
        for components in (50, 200)
        for kind, sizes in (("noise", (0.0, 0.1, 0.15, 0.2)), ("grey_noise", (0.5, 0.6, 0.7, 0.8)))
        for noise in sizes
    ],
}


def tuning(out: Path, models: list[str]) -> TuningRecord:
    """The record of the first training of each model in every way of its grid; it is then on disk.

    Raises:
        ValueError, RunError: as `study.measure.measure`.
    """
    tried, first = [], dict(reversed(trainings_in(out, models)))  # model -> its first seed
    for model in models:
        train = TrainRecord.load(TrainRecord.path(out, model, first[model]))
        of_model = MeasureRecord.load(MeasureRecord.path(out, model, first[model])).settings
        P = Measure.read(of_model | {"n_checkpoint": N, "n_final": N, "n_distance": N, "seed": SEED})
        run, evaluator = open_trained(out, train, P), evaluator_of(P)
        for changes in GRID[train.job]:
            found = other_way(run, train, evaluator, P, changes)
            distances = {"digits": found.frechet.value} | {k: v.value for k, v in found.distances.items()}
            one = Tried(model=model, seed=train.seed, changes=changes, calls=found.calls, distances=distances)
            tried.append(one)
            print(f"{model}-{train.seed} {changes}: {distances}", flush=True)
    settings = {"n": N, "seed": SEED}
    record = TuningRecord(job="tuning", settings=settings, environment=environment(), tried=tried)
    record.save(TuningRecord.path(out))
    return record


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m study.tuning", description="try samplers on other samples"
    )
    parser.add_argument("out", type=Path, help="folder of the results, with runs and weights")
    parser.add_argument("models", nargs="+", help="names of trained models")
    given = parser.parse_args()
    tuning(given.out, given.models)


if __name__ == "__main__":
    main()
