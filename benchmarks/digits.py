"""Time to digits: how good samples are after how much training.

    python -m benchmarks.digits [--seeds 0 1] [--models "Zoom, fast" ...] [--steps 1000 ...] [--quick]

takes half an hour of a core for each seed where nothing is chosen.

Each point is a training of its own, from the beginning, so that a rate that decays has decayed at its end.
Released trainings are longer; theirs is the time of a few such steps here, times the number of all of them.
Writes a file of points for each seed, in which others than these stay, and a figure and a table of all that
there are: build/bench/digits*.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Collection, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

import diffusion as d
from benchmarks.bench import MACHINE, OUT
from diffusion import runtime
from diffusion.figures.curves import logarithmic
from diffusion.figures.style import handles, legend, new_figure, render, styled, styles_of
from diffusion.files import read_json, write_bytes, write_json
from study.environment import environment

STUDY = {"learning_rate": 2e-4, "lr_schedule": "constant"}  # batches of 128, the study's network
UNET = {"network": "unet", "batch_size": 32, "learning_rate": 3e-3}  # a rate that decays
FEW, JOINT = {"sampler": d.Ancestral(steps=100)}, {"sampler": d.Naive(noise=0.05), "prior": d.Mixture()}
TWELVE = JOINT | {"sampler": d.Naive(noise=0.05, levels=12)}
STEPS = (125, 250, 500, 1000, 2000, 4000, 8000)
NOISY = d.ColdZoom(image_noise=0.25)
CANDIDATES = {  # the process, how it is trained and for how long, how it is sampled, and the release of it
    "Zoom, study's": (d.ColdZoom(), STUDY, STEPS[:4], {}, ("paper", "zoom")),
    "DDPM, study's": (d.DDPM(d.linear()), STUDY, STEPS[:4], FEW, ("paper", "linear")),
    "DDPM, U-Net": (d.DDPM(d.cosine()), UNET, STEPS[1:5], FEW, ("beyond", "cosine_unet")),
    "Zoom, U-Net and noise": (NOISY, UNET, STEPS[1:], JOINT, ("beyond", "zoom_unet_noise")),
    "Zoom, fast": (NOISY, UNET | {"batch_size": 16}, (1300,), TWELVE, None),  # see docs/bench/search.md
}
PANELS = {"digit": "share of digits", "digits": "distance, digit features"}
PANELS |= {"autoencoder": "distance, autoencoder"}
HEAD = "| model | trainings | steps | images | processor seconds | digits | digit features | autoencoder "
HEAD += "| coverage |"


def points(
    seed: int, quick: bool, models: Collection[str], only: Collection[int] | None = None
) -> Iterator[dict[str, Any]]:
    """A point for each of some models and number of steps, in order, the released training of this seed last.

    `only` has numbers of steps; None: those of a model, and its release's. ValueError: it has no such seed.
    """
    x, (n, few, real) = d.load("mnist")[0], (16, 3, 1000) if quick else (500, 20, 10_000)
    evaluator = d.Evaluator.of("mnist", None, real, None, floor_repeats=2, interval_repeats=2)
    for name in models:
        process, training, lengths, sampling, released = CANDIDATES[name]
        chosen = (2, 4) if quick else only or lengths
        for steps in (*chosen, *([None] if released and not only else [])):  # None: as many as the release
            run, how = d.released(*released, seed) if steps is None else None, training
            if steps is None:
                how = dict(zip(("network", "network_options"), run.architecture, strict=True))
                how |= {"batch_size": run.settings["batch_size"], "precision": run.precision}
            times = [process_time()]  # of steps, in seconds of the processor, all threads together
            how = how | {"callback": lambda step, loss, times=times: times.append(process_time())}
            anew = d.fit(process, x, steps=steps or few, seed=seed, **how)
            seconds = process_time() - times[0] if steps else float(np.median(np.diff(times[1:]))) * run.steps
            run = anew if steps else run
            found = evaluator.measure(run.sample(n, **sampling).clamp(-0.5, 0.5))  # hardly trained, some
            digit = found["digit"]
            print(f"{name}, {seconds:.0f} s: {digit.value:.0%} digits", flush=True)
            one = {"model": name, "seed": seed, "released": steps is None, "seconds": seconds, "n": n}
            one |= {"steps": run.steps, "images": run.steps * run.settings["batch_size"]}
            one |= {"digit": digit.value, "low": digit.low, "high": digit.high}
            one |= {"digits": found["frechet"].value, "autoencoder": found["frechet_autoencoder"].value}
            one |= {"coverage": found["coverage"].value}
            yield one


@styled
def figure(found: pd.DataFrame, means: pd.DataFrame) -> Figure:
    """Three panels, against seconds of training: a dot a training, a line through the means of a length."""
    drawn, styles = new_figure(62), styles_of(CANDIDATES)
    for axes, (key, label) in zip(drawn.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for (name, released), some in found.groupby(["model", "released"]):
            style = styles[name]
            look = {"color": style.colour, "markerfacecolor": "white" if released else style.colour}
            axes.plot(some.seconds, some[key], style.marker, markersize=3.4, **look)
        for name, line in means.groupby("model"):
            look = {"color": styles[name].colour, "linestyle": styles[name].line, "linewidth": 1}
            axes.plot(line.seconds, line[key], **look)
        axes.set(xscale="log", xlabel="processor seconds", title=label)
        logarithmic(axes, found[key]) if key != "digit" else axes.yaxis.set_major_formatter(
            PercentFormatter(1)
        )
    legend(drawn, handles(styles))
    return drawn


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, and write the points of each seed; then figure and table of all."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seeds", type=int, nargs="*", default=[0, 1], help="none: only the figure and table"
    )
    parser.add_argument("--models", nargs="*", default=[*CANDIDATES], choices=[*CANDIDATES])
    parser.add_argument("--steps", type=int, nargs="*", help="of each; none: its own, and its release's")
    parser.add_argument("--quick", action="store_true", help="tiny trainings, whose points mean nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    options, device = parser.parse_args(arguments), runtime.device()
    machine = MACHINE.format(**environment(runtime.resolve_precision("auto", device), device))
    for seed in options.seeds:
        path = options.out / f"digits-{seed}.json"
        of = points(seed, options.quick, options.models, options.steps)
        new = [one | {"machine": machine} for one in of]
        which = {(one["model"], one["steps"]) for one in new}
        old = read_json(path)["points"] if path.exists() else []
        kept = [one for one in old if (one["model"], one["steps"]) not in which]
        write_json(path, {"points": [*kept, *new]})
    files = [read_json(path) for path in sorted(options.out.glob("digits-*.json"))]
    every, order = [one for file in files for one in file["points"]], [*CANDIDATES]
    every.sort(key=lambda one: (order.index(one["model"]), one["released"], one["steps"]))
    found = pd.DataFrame(every)
    groups = found.groupby(["model", "released", "steps"], sort=False)
    means = groups.mean(numeric_only=True).reset_index().assign(trainings=groups.size().values)
    lines = [HEAD, "|---|" + "--:|" * 8]
    for one in means.itertuples():
        said = [f"{one.model}{', released' * one.released}", str(one.trainings), f"{one.steps:,}"]
        said += [f"{one.images:,.0f}", f"{one.seconds:,.0f}", f"{one.digit:.0%}", f"{one.digits:.3g}"]
        said += [f"{one.autoencoder:.3g}", "–" if np.isnan(one.coverage) else f"{one.coverage:.2f}"]
        lines.append(f"| {' | '.join(said)} |")
    lines += ["", f"Means over trainings, of {found.n.iloc[0]} samples each.", ""]
    for machine, on in found.groupby("machine", sort=False):
        lines.append(f"- {machine}: {', '.join(dict.fromkeys(on.model))}")
    lines.append("")
    write_bytes(options.out / "digits.md", "\n".join(lines).encode())
    path = write_bytes(options.out / "digits.svg", render(figure(found, means), "svg"))
    print("\n".join(["", *lines, str(path)]))


if __name__ == "__main__":
    main()
