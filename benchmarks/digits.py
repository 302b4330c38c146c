"""Time to digits: how good samples are after how much training.

    python -m benchmarks.digits                half an hour of a core for each seed
    python -m benchmarks.digits --seeds 1      one of them; two can run side by side, a core each
    python -m benchmarks.digits --quick        tiny trainings: does it run?

Each point is a training of its own, from the beginning, so that a rate that decays has decayed at its end.
Released trainings are longer; theirs is the time of a few such steps here, times the number of all of them.
Writes a file of points for each seed, and a figure and a table of all that there are: build/bench/digits*.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

import diffusion as d
from diffusion import runtime
from diffusion.figures.curves import logarithmic
from diffusion.figures.style import STYLES, handles, legend, new_figure, save, styled
from diffusion.files import read_json, write_bytes, write_json
from diffusion.provenance import environment

OUT = Path(__file__).resolve().parents[1] / "build" / "bench"
N, REAL = 500, 10_000  # samples of a point; training digits that the recogniser and the floors need
STUDY = {"learning_rate": 2e-4, "lr_schedule": "constant"}  # batches of 128, the study's network
FAST = {"network": "unet", "batch_size": 32, "learning_rate": 3e-3}  # a rate that decays


class Candidate(NamedTuple):
    """A model, how it is trained and sampled, and the same model in a release, trained for longer."""

    process: Callable[[], d.DegradationProcess]
    training: dict[str, Any]
    sampling: dict[str, Any]
    steps: tuple[int, ...]
    released: tuple[str, str]


JOINT = {"sampler": d.Naive(noise=0.05), "prior": d.Mixture()}
CANDIDATES = {
    "Zoom, study's": Candidate(d.ColdZoom, STUDY, {}, (125, 250, 500, 1000), ("paper", "zoom")),
    "DDPM, study's": Candidate(
        lambda: d.DDPM(d.linear()),
        *(STUDY, {"sampler": d.Ancestral(steps=100)}, (125, 250, 500, 1000), ("paper", "linear")),
    ),
    "DDPM, U-Net": Candidate(
        lambda: d.DDPM(d.cosine()),
        *(FAST, {"sampler": d.Ancestral(steps=100)}, (250, 500, 1000, 2000), ("beyond", "cosine_unet")),
    ),
    "Zoom, U-Net and noise": Candidate(
        lambda: d.ColdZoom(image_noise=0.25),
        *(FAST, JOINT, (250, 500, 1000, 2000, 4000, 8000), ("beyond", "zoom_unet_noise")),
    ),
}
STYLED = dict(zip(CANDIDATES, STYLES, strict=False))
PANELS = {  # key of a point -> what it is called
    "digit": "share of digits",
    "digits": "distance, digit features",
    "autoencoder": "distance, autoencoder",
}


def timed(steps: int, process: d.DegradationProcess, **how: Any) -> tuple[d.Run, float]:
    """A training on all of MNIST, and the seconds of the processor that it took, all threads together."""
    begun = time.process_time()
    run = d.fit(process, d.load("mnist")[0], steps=steps, **how)
    return run, time.process_time() - begun


def points(seed: int, quick: bool) -> Iterator[dict[str, Any]]:
    """A point for each candidate and number of steps, in order, the released training of this seed last.

    Raises:
        ValueError: there is none of this seed.
    """
    n, few = (16, 3) if quick else (N, 20)
    longer = {name: d.released(*one.released, seed) for name, one in CANDIDATES.items()}
    evaluator = d.Evaluator.of("mnist", None, n_train=REAL, n_test=None, floor_repeats=2, interval_repeats=2)
    for name, one in CANDIDATES.items():
        for steps in (2, 4) if quick else one.steps:
            yield point(name, *timed(steps, one.process(), seed=seed, **one.training), evaluator, n)
        run = longer[name]
        how = {"batch_size": run.identity["batch_size"], "precision": run.precision}
        network, options = run.architecture
        ends: list[float] = []  # of steps
        how["callback"] = lambda step, loss, ends=ends: ends.append(time.process_time())
        timed(few, run.process, network=network, network_options=options, **how)
        seconds = float(np.median(np.diff(ends))) * run.steps
        yield point(name, run, seconds, evaluator, n) | {"released": True}


def point(name: str, run: d.Run, seconds: float, evaluator: d.Evaluator, n: int) -> dict[str, Any]:
    """A training and what is measured of n of its samples."""
    found = evaluator.measure(run.sample(n, **CANDIDATES[name].sampling), every=True)
    about = {"model": name, "seed": run.seed, "released": False, "seconds": seconds, "steps": run.steps}
    about |= {"images": run.steps * run.identity["batch_size"], "n": n, "digits": found.frechet.value}
    about |= {"digit": found.digit.value, "low": found.digit.low, "high": found.digit.high}
    print(f"{name}, {seconds:.0f} s: {found.digit.value:.0%} digits", flush=True)
    return about | {"autoencoder": found.distances["autoencoder"].value}


@styled
def figure(found: Iterable[dict[str, Any]]) -> Figure:
    """Three panels, against seconds of training: a dot a training, a line through the means of a length."""
    found = list(found)
    drawn = new_figure(62)
    for axes, (key, label) in zip(drawn.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for name, style in STYLED.items():
            ones = [one for one in found if one["model"] == name]
            for released in (False, True):
                some = [one for one in ones if one["released"] == released]
                look = {"color": style.colour, "linestyle": "", "markersize": 3.4, "marker": style.marker}
                face = {"markerfacecolor": "white" if released else style.colour}
                axes.plot([one["seconds"] for one in some], [one[key] for one in some], **look, **face)
            lengths = sorted({one["images"] for one in ones})
            alike = [[one for one in ones if one["images"] == length] for length in lengths]
            means = [[np.mean([one[of] for one in some]) for some in alike] for of in ("seconds", key)]
            axes.plot(*means, color=style.colour, linestyle=style.line, linewidth=1)
        axes.set(xscale="log", xlabel="processor seconds", title=label)
        if key == "digit":
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        else:
            logarithmic(axes, [one[key] for one in found])
    legend(drawn, handles(STYLED))
    return drawn


def table(found: Iterable[dict[str, Any]], machine: dict[str, Any]) -> str:
    """The points as Markdown, one line for each length of each model: the mean of its seeds."""
    lines = ["| model | steps | images | processor seconds | digits | digit features | autoencoder |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for one in found:
        groups.setdefault((one["model"], one["released"], one["steps"]), []).append(one)
    for (model, released, steps), ones in groups.items():
        seconds, digits, *distances = (np.mean([one[key] for one in ones]) for key in ("seconds", *PANELS))
        said = [f"{model}{', released' * released}", f"{steps:,}", f"{ones[0]['images']:,}"]
        said += [f"{seconds:,.0f}", f"{digits:.0%}", *(f"{one:.3g}" for one in distances)]
        lines.append(f"| {' | '.join(said)} |")
    seeds = ", ".join(str(seed) for seed in sorted({one["seed"] for one in found}))
    of = "{device_name}, torch {torch}, Python {python}, commit {commit}".format(**machine)
    return "\n".join([*lines, "", f"Means over seeds {seeds}, of {one['n']} samples each. {of}."]) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, and write the points of each seed; then figure and table of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digits", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--quick", action="store_true", help="tiny trainings, whose points mean nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    device = runtime.device()
    machine = environment(runtime.resolve_precision("auto", device), device)
    for seed in options.seeds:
        found = list(points(seed, options.quick))
        write_json(options.out / f"digits-{seed}.json", {"environment": machine, "points": found})
    files = [read_json(path) for path in sorted(options.out.glob("digits-*.json"))]
    found = [one for file in files for one in file["points"]]
    text = table(found, files[0]["environment"])
    write_bytes(options.out / "digits.md", text.encode())
    print(f"\n{text}\n{save(figure(found), options.out / 'digits.svg')}")


if __name__ == "__main__":
    sys.exit(main())
