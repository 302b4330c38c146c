"""Time to digits: how good samples are after how much training.

    python -m benchmarks.digits [SEED ...]      half an hour of a core for each

Each point is a training of its own, from the beginning, so that a rate that decays has decayed at its end.
Writes the points of each seed, build/bench/digits-SEED.json, and prints them as a table.
"""

import sys
from collections.abc import Iterator
from time import process_time
from typing import Any

import pandas as pd

import diffusion as d
from benchmarks.bench import OUT
from diffusion.files import write_json

STUDY = {"learning_rate": 2e-4, "lr_schedule": "constant"}  # batches of 128, the study's network
UNET = {"network": "unet", "batch_size": 32, "learning_rate": 3e-3}  # a rate that decays
FEW, JOINT = {"sampler": d.Ancestral(steps=100)}, {"sampler": d.Naive(noise=0.05), "prior": d.Mixture()}
TWELVE = JOINT | {"sampler": d.Naive(noise=0.05, levels=12)}
NOISY = d.ColdZoom(image_noise=0.25)
CANDIDATES = {  # the process, how it is trained, for how many steps, and how it is sampled
    "Zoom, study's": (d.ColdZoom(), STUDY, (125, 250, 500, 1000), {}),
    "DDPM, study's": (d.DDPM(d.linear()), STUDY, (125, 250, 500, 1000), FEW),
    "DDPM, U-Net": (d.DDPM(d.cosine()), UNET, (250, 500, 1000, 2000), FEW),
    "Zoom, U-Net and noise": (NOISY, UNET, (250, 500, 1000, 2000, 4000, 8000), JOINT),
    "Zoom, fast": (NOISY, UNET | {"batch_size": 16}, (1300,), TWELVE),  # see docs/bench/search.md
}
NAMES = {"digit": "digit", "digits": "frechet", "autoencoder": "frechet_autoencoder", "coverage": "coverage"}


def points(seed: int, n: int = 500, only: int | None = None) -> Iterator[dict[str, Any]]:
    """A point for each model and number of steps, or for `only` so many: measures of n samples."""
    x, evaluator = d.load("mnist")[0], d.Evaluator.of("mnist", floor_repeats=2, interval_repeats=2)
    for model, (process, training, lengths, sampling) in CANDIDATES.items():
        for steps in [only] if only else lengths:
            begun = process_time()
            run = d.fit(process, x, steps=steps, seed=seed, **training)
            point = {"model": model, "seed": seed, "released": False, "steps": steps, "n": n}
            point["seconds"] = process_time() - begun
            measures = evaluator.measure(run.sample(n, **sampling).clamp(-0.5, 0.5))
            yield point | {name: measures[of].value for name, of in NAMES.items()}


def main(seeds: list[int]) -> None:
    """Train, measure and write."""
    for seed in seeds:
        found = [*points(seed)]
        write_json(OUT / f"digits-{seed}.json", {"points": found})
        print(pd.DataFrame(found).to_string())


if __name__ == "__main__":
    main([*map(int, sys.argv[1:])] or [0, 1])
