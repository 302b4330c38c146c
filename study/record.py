"""Files that a notebook leaves of a run: its numbers, and kept images."""

import inspect
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from torch import Tensor

from diffusion.data import get, grey_values
from diffusion.evaluation.measures import measure
from diffusion.evaluation.statistics import Interval
from diffusion.parameters import Schedules, Training
from diffusion.plugins import named
from diffusion.processes import DDPM
from diffusion.processes.priors import PRIORS
from diffusion.processes.samplers import SAMPLERS
from diffusion.processes.schedules import SCHEDULES, NoiseSchedule
from diffusion.provenance import environment
from diffusion.training.run import Run
from study import kept
from study.probes import CommonLoss
from study.table import lines, write

FINISHED = -1  # stands for the last epoch in the rows of probes
OF_IMAGES = "training images"  # a way


@measure(
    beta=("variance", "of the noise that a step adds; x: time step"),
    alpha_bar=("share", "of the image's variance that is left; x: time step"),
    clipped_steps=("steps", "whose beta is cut"),
    signal_T=("share", "amplitude of the image that is left at the end"),
    mean_alpha_bar=("share", "mean of alpha_bar over the steps"),
    informative_steps=("steps", "with alpha_bar between 0.05 and 0.95"),
    latent_correlation=("correlation", "of images with their latents; x: time step"),
    min_beta=("variance", "the least beta"),
    max_beta=("variance", "the largest beta"),
    share_above_one=("share", "steps whose beta exceeds one"),
)
def schedules_record(
    P: Schedules,
    linear: NoiseSchedule,
    cosine: NoiseSchedule,
    early: int,
    left: Mapping[str, Tensor],
    misprint: Tensor,
) -> Path:
    """The file of notebook 01, which is written.

    Args:
        early: a time step.
        left: schedule -> correlation of each of N images with its latent at that step, (N,).
        misprint: (T,) variances of the cosine schedule by Eq. (9) as printed.
    """
    rows: list[list[Any]] = []
    for name, one in {"linear": linear, "cosine": cosine}.items():
        steps = one.alpha_bar[1:]
        found = {
            "beta": one.beta.tolist(),
            "alpha_bar": one.alpha_bar.tolist(),
            "clipped_steps": int((one.beta >= P.beta_max).sum()) if one is cosine else 0,
            "signal_T": steps[-1].sqrt().item(),
            "mean_alpha_bar": float(steps.mean()),
            "informative_steps": int(((one.alpha_bar > 0.05) & (one.alpha_bar < 0.95)).sum()),
            "latent_correlation": {early: Interval(float(left[name].mean()), sd=float(left[name].std()))},
        }
        rows += lines(found, way=name)
    printed = {
        "min_beta": float(misprint.min()),
        "max_beta": float(misprint.max()),
        "share_above_one": float((misprint > 1).double().mean()),
    }
    rows += lines(printed, way="Eq. (9) as printed")
    facts = {"job": P.notebook, "settings": P.values(), "environment": environment()}
    return write(P.out, "schedules", facts | {"T": P.T, "early_t": early}, rows)


@measure(
    train_loss=("squared error", "mean over the pixels of an epoch's training images"),
    test_loss=("squared error", "mean over the pixels of the test images"),
    step_loss=("squared error", "mean over the pixels of the training images of some steps; x: their last"),
    epoch_seconds=("seconds", "of an epoch"),
)
def train_record(P: Training, process: str, label: str, run: Run, **probes: Iterable[list[Any]]) -> Path:
    """The file of a run, which is written.

    Args:
        P: settings of the notebook that trained it; the run lies under `P.out`.
        process: "ddpm", "zoom" or "own".
        label: what figures call the model.
        probes: `ddpm=ddpm_probes(...)` or `zoom=zoom_probes(...)`.
    """
    weights, out, known = run.weights_file(), P.out.absolute(), get(P.dataset)
    facts = {
        "job": P.notebook,
        "settings": P.values(),
        "environment": environment(run.precision, run.device),
        "model": P.model,
        "seed": P.seed,
        "process": process,
        "label": label,
        "docs": docs(P, run),
        "run": weights.parents[1].relative_to(out).as_posix(),
        "epochs": run.epochs,
        "steps": run.steps,
        "weights": {"file": weights.relative_to(out).as_posix(), "sha256": run.weights_sha256()},
        # Of the median epoch: a pause of the machine in one epoch does not count.
        "seconds_per_step": statistics.median(ln["seconds"] for ln in run.history) * run.epochs / run.steps,
        "parameters_count": run.parameters_count,
        "data": {"title": known.title, "classes": list(known.classes), "noun": known.noun},
        "sha256": {str(line["epoch"]): line["sha256"] for line in run.history},
    }
    rows = [*lines({"step_loss": {step: Interval(loss) for step, loss in run.losses}})]
    for line in run.history:
        found = {"train_loss": line["train_loss"], "test_loss": line["test_loss"]}
        found["epoch_seconds"] = line["seconds"]
        rows += lines({k: value for k, value in found.items() if value is not None}, epoch=line["epoch"])
    for way, epoch, *rest in chain(*probes.values()):
        rows.append([way, run.epochs if epoch == FINISHED else epoch, *rest])
    return write(P.out, f"train_{P.model}-{P.seed}", facts, rows)


def docs(P: Training, run: Run) -> dict[str, str]:
    """The docstrings of what a training is made of; of a DDPM that of its schedule."""
    found = {"degradation": type(run.process), "network": run.architecture[0]}
    if isinstance(run.process, DDPM):
        found["degradation"] = None
        found["schedule"] = named("schedule", P.schedule, SCHEDULES)
    found["sampler"] = named("sampler", P.sampler, SAMPLERS)
    found["prior"] = named("prior", getattr(P, "prior", None), PRIORS)
    told = {kind: inspect.cleandoc(one.__doc__) for kind, one in found.items() if one and one.__doc__}
    ours = {kind for kind in told if found[kind].__module__.startswith("diffusion.")}  # its first sentences
    return {kind: text.split("\n\n")[0] if kind in ours else text for kind, text in told.items()}


@measure(
    learning_rate=("", "as the study prints it, and as it is used"),
    loss_of_steps=("squared error", "at the first and at the last of a few steps; x: step"),
)
def ddpm_probes(rates: Mapping[float, Sequence[float]], common: CommonLoss) -> list[list[Any]]:
    """Rows of a DDPM: losses of a few steps at the learning rate as printed and as used, and common losses.

    Args:
        rates: learning rate -> losses, the one that is printed first; a last loss may be infinite.
    """
    rows: list[list[Any]] = []
    for way, (rate, losses) in zip(("printed", "used"), rates.items(), strict=True):
        shown = {x: losses[x - 1] for x in (1, len(losses)) if math.isfinite(losses[x - 1])}
        rows += lines({"learning_rate": rate, "loss_of_steps": shown}, way=way)
    by_level = dict(zip(common.levels, common.by_level, strict=True))
    return [*rows, *lines({"common_loss": common.mean, "common_loss_at": by_level}, epoch=FINISHED)]


@measure(
    centre_pixels=("pixels", "central pixels of training images; x: grey value"),
    centre_black=("share", "central pixels of training images that are black"),
    centre_extreme=("share", "central pixels of training images within a tenth of black or white"),
)
def zoom_probes(
    errors: Mapping[int, Interval], counts: Tensor, reading: Mapping[str, Any]
) -> list[list[Any]]:
    """Rows of a zoom, with the counts (256,) of the grey values of its central training pixels.

    Args:
        errors, reading: of `probes.restoration_error` and `probes.confusion`.
    """
    share, reading = counts.double() / counts.sum(), dict(reading)
    centre = {
        "centre_pixels": counts.tolist(),
        "centre_black": float(share[0]),
        "centre_white": float(share[250:].sum()),
        "centre_extreme": float(share[:26].sum() + share[230:].sum()),
    }
    original, matrix = {"original_right": reading.pop("original_right")}, reading.pop("restored_as")
    rows = [*lines({"restoration_error": errors} | reading, epoch=FINISHED)]
    rows += [*lines(centre, way=OF_IMAGES), *lines(original)]
    for true, read in enumerate(matrix):
        rows += lines({"restored_as": read}, way=str(true), epoch=FINISHED)
    return rows


def keep(out: Path, name: str, images: Tensor) -> Path:
    """Keep images (..., 1, 28, 28) in model units for the figures; see `kept`."""
    return kept.keep(out, name, grey_values(images).squeeze(-3).numpy())
