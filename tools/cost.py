"""What a study costs, from times that were measured: docs/scaling.md shows what this prints.

    python tools/cost.py [PROFILE]

The times are of two cores of an AMD EPYC with AVX512-BF16, in bf16; measure yours and change them here.
"""

import math
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion import parameter_table as table  # noqa: E402
from diffusion import parameters  # noqa: E402
from diffusion.comparison import FINAL_EPOCHS  # noqa: E402
from diffusion.runs import measured_epochs  # noqa: E402

STEP = 0.092  # seconds a training step of 128 images, the test loss of each epoch included
SAMPLE = 0.00021  # seconds an image and step of the sampler
FLOAT32 = 2.1  # times as long, with the sampler in float32
MEASURED = 0.003  # seconds a set of samples and repeat of its intervals, all its measures included
NOTEBOOK = 18  # seconds a notebook beyond that: start, figures, measurements
JOB = 17  # seconds a Slurm job beyond its notebook: scheduling, two starts of Snakemake
NOTICED = 180  # seconds until the workflow looks whether a job has ended, at most
PLACES = {"laptop, 2 cores": (1, 0, 0), "node, 64 cores": (32, 0, 0)}
PLACES["Slurm, 100 jobs of 2 cores"] = (100, JOB, NOTICED)
RUNS = (10, 100, 1000)


def of_study(config: dict) -> tuple[list[float], float]:
    """Seconds of each training and of the comparison, for one seed of a profile."""
    comparison = parameters.notebook_parameters(config, table.COMPARE)
    trainings, compare = [], float(NOTEBOOK)
    for model in config["models"]:
        p = parameters.notebook_parameters(config, model)
        steps = math.ceil((p["n_train"] or table.N_TRAIN_IMAGES) / p["batch_size"])
        walk = (p.get("sampling_steps") or p["T"]) * SAMPLE  # one image
        trainings.append(p["epochs"] * steps * STEP + p["n_samples"] * walk + NOTEBOOK)
        if model not in comparison["models"]:
            continue
        every, last = parameters.for_model(comparison["distance_every"], model), p["epochs"]
        checkpoints = measured_epochs(last, every)
        final = parameters.for_model(comparison["n_final"], model)
        once_more = config["models"][model]["notebook"] == table.DDPM  # with the other clipping
        times = len(checkpoints) + once_more + (FLOAT32 if comparison["float32_too"] else 0)
        if model == "zoom":  # from patches of real images too: the final samples, and over the final epochs
            times += sum(epoch >= (1 - FINAL_EPOCHS) * last for epoch in checkpoints)
            final *= 2
        compare += (times * comparison["n_samples"] + final) * walk
        compare += times * MEASURED * comparison["interval_repeats"]
    return trainings, compare


def makespan(
    trainings: list[float], compare: float, runs: int, places: int, job: float, noticed: float
) -> float:
    """Seconds until `runs` trainings and their comparisons are done, at best: `places` jobs at one time."""
    seeds = runs / len(trainings)
    work = seeds * (sum(trainings) + compare + (len(trainings) + 1) * job)
    return max(work / places, max(trainings) + compare + 2 * (job + noticed))


def duration(seconds: float) -> str:
    """Seconds as a person would say them."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}" if seconds >= 10 * size else f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def lines(config: dict) -> list[str]:
    """The table, as Markdown."""
    trainings, compare = of_study(config)
    names = ", ".join(f"{m} {duration(s)}" for m, s in zip(config["models"], trainings, strict=True))
    share = (sum(trainings) + compare) / len(trainings)
    text = [
        f"Trainings: {names}; comparison of a seed: {duration(compare)}; so {duration(share)} a run.",
        "",
        "| runs | " + " | ".join(PLACES) + " |",
        "|---|" + "---|" * len(PLACES),
    ]
    for runs in RUNS:
        row = [duration(makespan(trainings, compare, runs, *place)) for place in PLACES.values()]
        text.append(f"| {runs:,} | " + " | ".join(row) + " |")
    return text


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else "paper"
    try:
        profile = yaml.safe_load((ROOT / "profiles" / f"{name}.yaml").read_text(encoding="utf-8"))
        parameters.check_profile(profile)
    except (OSError, yaml.YAMLError, ValueError) as error:
        sys.exit(f"error: the profile {name!r} cannot be used: {' '.join(str(error).split())}")
    print("\n".join(lines(profile)))
