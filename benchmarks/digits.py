"""Time to digits: how good samples are after how much training.

    python -m benchmarks.digits [--of MODEL] [SEED ...]    half an hour of a core for each seed of all models
    python -m benchmarks.digits --told                     docs/bench/digits.md and .svg, of what is there

Each point is a training of its own, from the beginning, so that a rate that decays has decayed at its end.
Writes the points of each seed, build/bench/digits-SEED.json, and prints them as a table.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from time import process_time
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

import diffusion as d
from benchmarks.bench import OUT
from diffusion.figures import render
from diffusion.files import read_json, write_bytes, write_json
from study.environment import environment
from study.profile import ROOT

TOLD = ROOT / "docs" / "bench"
STUDY = {"learning_rate": 2e-4, "lr_schedule": "constant"}  # batches of 128, the study's network
UNET = {"network": "unet", "batch_size": 32, "learning_rate": 3e-3}  # a rate that decays
SMALL = UNET | {"batch_size": 16}
FEW, JOINT = {"sampler": d.Ancestral(steps=100)}, {"sampler": d.Naive(noise=0.05), "prior": d.Mixture()}
TWELVE = JOINT | {"sampler": d.Naive(noise=0.05, levels=12)}
TENTH, STILL = JOINT | {"sampler": d.Naive(noise=0.1)}, JOINT | {"sampler": d.Naive()}
NOISY = d.ColdZoom(image_noise=0.25)
CANDIDATES = {  # the process, how it is trained, for how many steps, and how it is sampled, in one way or two
    "Zoom, study's": (d.ColdZoom(), STUDY, (125, 250, 500, 1000), {}),
    "DDPM, study's": (d.DDPM(d.linear()), STUDY, (125, 250, 500, 1000), FEW),
    "DDPM, U-Net": (d.DDPM(d.cosine()), UNET, (250, 500, 1000, 2000), FEW),
    "Zoom, U-Net and noise": (NOISY, UNET, (250, 500, 1000, 2000, 4000, 8000), JOINT),
    "Zoom, fast": (NOISY, SMALL, (1300,), TWELVE),  # see docs/bench/search.md
    "Crop, fast": (d.ColdCrop(image_noise=0.25), SMALL, (250, 500, 1100), TENTH),
    "Crop, longer": (d.ColdCrop(6, image_noise=0.25), SMALL | {"ema": 0.999}, (8000,), JOINT, STILL),
}
NAMES = {"digit": "digit", "digits": "frechet", "autoencoder": "frechet_autoencoder", "coverage": "coverage"}
SHOWN = {"digit": "share of digits", "digits": "digit features", "autoencoder": "autoencoder"}


def points(seed: int, models: list[str], n: int = 500) -> Iterator[dict[str, Any]]:
    """A point for each model, number of steps and way to sample: measures of n samples."""
    x, evaluator = d.load("mnist")[0], d.Evaluator.of("mnist", floor_repeats=2, interval_repeats=2)
    for model in models:
        process, training, lengths, *ways = CANDIDATES[model]
        for steps in lengths:
            begun = process_time()
            run = d.fit(process, x, steps=steps, seed=seed, **training)
            point = {"model": model, "seed": seed, "released": False, "steps": steps, "n": n}
            point |= {"images": steps * run.settings["batch_size"], "seconds": process_time() - begun}
            for way in ways:
                measures = evaluator.measure(run.sample(n, **way).clamp(-0.5, 0.5))
                still = ", without noise on the way" if way is STILL else ""
                point |= {"model": model + still, **{name: measures[of].value for name, of in NAMES.items()}}
                yield point


def tell() -> None:
    """Write the table and the figure of the published points."""
    found = pd.DataFrame(
        [p for file in sorted(TOLD.glob("digits-*.json")) for p in read_json(file)["points"]]
    )
    by = found.groupby(["model", "released", "steps"], sort=False)
    means = by[["images", "seconds", *NAMES]].mean().assign(trainings=by.size()).reset_index()
    means = means.sort_values(["model", "released", "steps"])
    means["model"] += means.pop("released").map({True: ", released", False: ""})
    formats = {"images": ",.0f", "steps": ",.0f", "seconds": ",.0f", "digit": ".0%"}
    formats = [formats.get(name, ".3g") for name in means]
    table = means.rename(columns=SHOWN).to_markdown(index=False, floatfmt=formats).replace(" nan ", " – ")
    machines = found.groupby("machine")["model"].unique()
    lines = [f"- {machine}: {', '.join(models)}" for machine, models in machines.items()]
    text = f"{table}\n\nMeans over trainings, of 500 samples each.\n\n" + "\n".join(lines) + "\n"
    write_bytes(TOLD / "digits.md", text.encode())
    drawn = plt.figure(figsize=(10, 3.6), layout="constrained")
    for axes, (name, title) in zip(drawn.subplots(1, 3), SHOWN.items(), strict=True):
        for i, (model, of) in enumerate(found.groupby("model", sort=False)):
            trained, known, colour = of[~of.released], of[of.released], f"C{i}"
            axes.plot(
                trained.groupby("steps")[["seconds", name]].mean().set_index("seconds"),
                color=colour,
                label=model,
            )
            axes.plot(trained.seconds, trained[name], "o", color=colour, markersize=3)
            axes.plot(known.seconds, known[name], "o", color=colour, markersize=4, markerfacecolor="none")
        axes.set(title=title, xscale="log", xlabel="processor seconds of training")
        axes.set_yscale("linear" if name == "digit" else "log")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    write_bytes(TOLD / "digits.svg", render(drawn, "svg"))


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, default=[0, 1])
    parser.add_argument("--of", choices=CANDIDATES, action="append", help="a model (default all)")
    parser.add_argument(
        "--told", action="store_true", help="write table and figure of docs/bench, train nothing"
    )
    given = parser.parse_args()
    if given.told:
        return tell()
    here = environment()
    machine = f"{here['device_name']}, {here['cores']} cores, torch {here['torch']}, commit {here['commit']}"
    for seed in given.seeds:
        found = []
        for point in points(seed, given.of or [*CANDIDATES]):
            found.append(point | {"machine": machine})
            write_json(OUT / f"digits-{seed}.json", {"points": found})
        print(pd.DataFrame(found).to_string())


if __name__ == "__main__":
    main()
