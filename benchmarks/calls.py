"""Digits in few calls: share of digits and distances where the network is asked 24 to 2 times for an image.

    python -m benchmarks.calls [--n 500]      half an hour of a core; --n 12 shows in minutes that all runs

As many ways to sample are tried for each released model, on samples of the first training; for each number of
calls and each measure the best of them then draws the reported samples, of other noise, of all trainings.
Writes a record, build/bench/metrics/calls.json, of which a copy lies in released/beyond.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusion as d
from benchmarks.bench import OUT
from study import table
from study.environment import environment

CALLS = (24, 12, 6, 4, 2)
MEASURES = {"digit": max, "frechet": min, "frechet_autoencoder": min}  # and which is the best
ZOOM: dict[str, Callable[[int], Any]] = {
    "naive": lambda k: d.Naive(levels=k),
    "noise 0.1": lambda k: d.Naive(0.1, k),
    "noise 0.15": lambda k: d.Naive(0.15, k),
    "noise 0.2": lambda k: d.Naive(0.2, k),
    "grey noise 0.6": lambda k: d.Naive(levels=k, grey_noise=0.6),
    "improved": lambda k: d.Improved(levels=k),
}
DDPM = {
    "ancestral": d.Ancestral,
    "ancestral, clipped": lambda k: d.Ancestral(k, clip_x0=True),
    "ancestral, quadratic": lambda k: d.Ancestral(k, spacing="quadratic"),
    "DDIM": d.DDIM,
    "DDIM, clipped": lambda k: d.DDIM(k, clip_x0=True),
    "DDIM, quadratic": lambda k: d.DDIM(k, spacing="quadratic"),
}
MODELS = {"zoom_unet_noise": ZOOM, "cosine_unet": DDPM}
SEEDS = (0, 1)  # of the trainings
TRIED, REPORTED = 100, 200  # seeds of samples, to which that of the training is added


def rows(n: int, calls: tuple[int, ...] = CALLS) -> Iterator[list[Any]]:
    """The rows: of all ways on half as many samples, named "tried, WAY"; then those reported, by training."""
    evaluator = d.Evaluator.of("mnist", floor_repeats=2, interval_repeats=50)

    def found(run: d.Run, sampler: Any, n: int, first: int) -> Any:
        x = run.sample(n, first + run.seed, sampler=sampler)
        return evaluator.measure(x.clamp(-0.5, 0.5), only=MEASURES)

    for model, ways in MODELS.items():
        runs = [d.released("beyond", model, seed) for seed in SEEDS]
        for k in calls:
            tried = {way: found(runs[0], of(k), max(12, n // 2), TRIED) for way, of in ways.items()}
            for way, one in tried.items():
                yield from (table.row(m, one[m], f"tried, {way}", x=k, model=model) for m in one)
            best = {m: of((w for w in ways if m in tried[w]), key=lambda w, m=m: tried[w][m].value)
                    for m, of in MEASURES.items()}  # fmt: skip
            print(f"{model}, {k} calls: {best}", flush=True)
            for run in runs:
                drawn = {way: found(run, ways[way](k), n, REPORTED) for way in {*best.values()}}
                for m, way in best.items():
                    yield table.row(m, drawn[way][m], way, x=k, model=f"{model}-{run.seed}")


def main(arguments: list[str] | None = None) -> None:
    """Sample, measure and write."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=500, help="samples of a reported set, at least 12")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    of = d.released("beyond", next(iter(MODELS)))
    facts = {"job": "calls", "environment": environment(of.precision, of.device)}
    facts["settings"] = {"n": options.n, "tried": len(ZOOM)}
    print(table.write(options.out, "calls", facts, rows(options.n)))


if __name__ == "__main__":
    main()
