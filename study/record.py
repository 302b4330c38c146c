"""The file of a training, OUT/metrics/train_<model>-<seed>.json, which its notebook writes.

Its rows are the losses of the run and what the notebook measured of it, whose meanings stand here. Its
settings are the notebook's parameters: all that its parameters cell has, checked before anything runs.
"""

import copy
import inspect
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusion as d
from diffusion import data
from diffusion.bounds import named, whole
from diffusion.evaluation.measures import register
from diffusion.processes.schedules import SCHEDULES
from study import profile
from study.environment import environment
from study.settings import flat
from study.table import lines, write

PROCESSES = {"02_train_ddpm": "ddpm", "03_train_zoom": "zoom", "05_your_degradation": "own"}
LABELS = {"ddpm": "DDPM", "zoom": "Cold Zoom", "own": "Cold diffusion"}  # what figures call a model

register(
    # notebook 01
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
    # any training
    train_loss=("squared error", "mean over the pixels of an epoch's training images"),
    test_loss=("squared error", "mean over the pixels of the test images"),
    step_loss=("squared error", "mean over the pixels of the training images of some steps; x: their last"),
    epoch_seconds=("seconds", "of an epoch"),
    # notebook 02
    learning_rate=("", "as the study prints it, and as it is used"),
    loss_of_steps=("squared error", "at the first and at the last of a few steps; x: step"),
    common_loss=("squared error", "test loss, mean over noise levels that are the same for all schedules"),
    common_loss_at=("squared error", "test loss at a noise level; x: alpha_bar"),
    # notebooks 09 and 13
    predicted=("grey", "standard deviation over samples of their mean, by the law of offsets"),
    # notebook 03
    restored_right=("share", "test images read right when restored from the last level"),
    original_right=("share", "test images read right"),
    restored_as=("images", "of a class, restored from the last level; x: class that is read"),
    dark_centre_restored_as=("share", "classes read in restored images with a dark centre; x: class"),
    dark_centre_of=("share", "classes of images with a dark centre; x: class"),
    centre_pixels=("pixels", "central pixels of training images; x: grey value"),
    centre_black=("share", "central pixels of training images that are black"),
    centre_extreme=("share", "central pixels of training images within a tenth of black or white"),
)


def parameters(notebook: str, scope: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a notebook's parameters and its name, from its variables; ValueError: one is not allowed."""
    given = {name: scope[name] for name in profile.parameters(notebook)[0]}
    with profile.errors_at(notebook):
        profile.filled(notebook, {name: value for name, value in given.items() if value is not None})
        if "zoom_T" in given:
            whole("zoom_T", given["zoom_T"], 1, 27)  # of 28 x 28 pixels
        if given.get("image_index") is not None:
            images, _ = data.load(given["dataset"], "test", given["data_dir"])
            whole("image_index", given["image_index"], 0, len(images) - 1)
        if not re.fullmatch(r"[A-Za-z0-9]\w{0,39}", str(given.get("model", "m")), re.ASCII):
            raise ValueError(f"model is {given['model']!r}; allowed: 1 to 40 letters, digits and _")
        if notebook in profile.PROCESS and given.get("degradation", "") is not None:  # not typed there
            profile.make_parts(notebook, given, [{}])
    return {"notebook": notebook} | copy.deepcopy(given)


def training(
    out: Path,
    run: d.Run,
    given: Mapping[str, Any],
    scope: Mapping[str, Any],
    rows: Iterable[Sequence] = (),
) -> Path:
    """Write the file of a training that lies in OUT/runs; returns its path.

    Args:
        given: the notebook's `parameters`, from before the training.
        scope: its variables now, `globals()`; ValueError: a parameter has changed.
        rows: of the notebook's own measures.
    """
    for name, value in given.items():
        if (now := scope.get(name, value)) != value:
            raise ValueError(f"{name} is {now!r}, and was {value!r}; run the notebook from its parameters on")
    settings, known, process = flat(given, run), data.get(given["dataset"]), PROCESSES[given["notebook"]]
    made = {"sampler": run.sampler, "network": run.architecture[0]}
    if process == "ddpm":
        made = {"schedule": named("schedule", given["schedule"], SCHEDULES)} | made
    else:
        prior = given["prior"] and d.prior(given["prior"], **given["prior_options"])
        made = {"degradation": run.process, "prior": prior} | made
    model, weights = given["model"], run.store.weights(run.epochs)
    there = [epoch for epoch in range(1, run.epochs + 1) if run.store.weights(epoch).is_file()]
    facts = {
        "job": settings["notebook"],
        "settings": settings,
        "environment": environment(run.precision, run.device),
        "model": model,
        "seed": run.seed,
        "process": process,
        "label": LABELS[process] + (f", {model}" if model != "zoom" else ""),
        "docs": {kind: told for kind, one in made.items() if (told := _told(one))},
        "run": f"runs/{run.name}",
        "epochs": run.epochs,
        "steps": run.steps,
        "weights": {"file": f"runs/{run.name}/weights/{weights.name}", "sha256": run.weights_sha256()},
        # Of the median epoch: a pause of the machine in one epoch does not count.
        "seconds_per_step": statistics.median(line["seconds"] for line in run.history)
        * run.epochs
        / run.steps,
        "parameters_count": run.parameters_count,
        "data": {"title": known.title, "classes": list(known.classes), "noun": known.noun},
        "sha256": {str(e): run.weights_sha256(e) for e in there},
    }
    of_run = [*lines({"step_loss": dict(run.losses)})]
    for line in run.history:
        measured = {"epoch_seconds": line["seconds"]}
        if line["test_loss"] is not None:
            measured["test_loss"] = line["test_loss"]
        of_run += lines({"train_loss": line["train_loss"]} | measured, epoch=line["epoch"])
    return write(out, f"train_{run.name}", facts, [*of_run, *rows])


def _told(one: Any) -> str:
    """The docstring of a part; of this project's the first paragraph."""
    text = inspect.cleandoc(getattr(one, "__doc__", None) or "")
    module = getattr(one, "__module__", None) or type(one).__module__
    return text.split("\n\n")[0] if module.startswith("diffusion.") else text
