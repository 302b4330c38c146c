"""The file of a training run, OUT/metrics/train_<model>-<seed>.json, which its notebook writes.

Its rows contain the losses of the run and the notebook's own measures (`report.measures.notebook_rows`). The
file also contains, once: `settings` from run.json; sampler, prior and noise schedule
(`report.results.settings`); the data set; sizes, weights and machine. The parameters of the notebook are
checked before anything runs.
"""

import copy
import inspect
import re
import shutil
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusion as d
from diffusion import data
from diffusion.names import look_up
from diffusion.processes.schedules import SCHEDULES
from report.measures.registry import register
from report.parameters import PROCESS, errors_at, fill, make_parts, refuse_unknown
from report.parameters import parameters as read_parameters
from report.results.environment import environment
from report.results.settings import describe, make, vary
from report.results.table import lines, write

PROCESSES = {"02_train_ddpm": "ddpm", "03_train_zoom": "zoom", "05_your_degradation": "own"}
LABELS = {"ddpm": "DDPM", "zoom": "Cold Zoom", "own": "Cold diffusion"}  # names of models in figures

register(
    # any training run
    train_loss=("squared error", "mean over the pixels of the training images of an epoch"),
    test_loss=("squared error", "mean over the pixels of the test images"),
    step_loss=("squared error", "mean over the pixels of the training images of several steps; x: last step"),
    epoch_seconds=("seconds", "duration of an epoch"),
)


def parameters(notebook: str, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a notebook, which the cell injected by papermill may set, and copy them.

    Args:
        notebook: name of the notebook, without its ending.
        scope: variables of the notebook, `globals()`.

    Returns:
        The parameters by name, and `notebook`.

    Raises:
        ValueError: a value is not allowed, or papermill has set an unknown name.
    """
    given = {name: scope[name] for name in read_parameters(notebook)[0]}
    injected = [cell for cell in scope.get("In", ()) if cell.startswith("# Parameters\n")]
    with errors_at(notebook):
        refuse_unknown(re.findall(r"^(\w+) = ", "".join(injected), re.MULTILINE), given)
        fill(notebook, {name: value for name, value in given.items() if value is not None})
        if not re.fullmatch(r"[A-Za-z0-9]\w{0,39}", str(given.get("model", "m")), re.ASCII):
            raise ValueError(f"model is {given['model']!r}; allowed: 1 to 40 letters, digits and _")
        if notebook in PROCESS and given.get("degradation", "") is not None:  # None: defined in the notebook
            make_parts(notebook, given, data.image_shape(given["dataset"]))
    return {"notebook": notebook} | copy.deepcopy(given)


def training(
    out: Path,
    run: d.Run,
    given: Mapping[str, Any],
    rows: Iterable[Sequence] = (),
) -> Path:
    """Write the file of a training run, and return its path. A run from elsewhere is copied to OUT/runs.

    Args:
        out: results folder.
        run: the finished run.
        given: result of `parameters`, from before training.
        rows: rows of the notebook's own measures.
    """
    if not (out / "runs" / run.name).exists():  # a finished run that the notebook only opened
        shutil.copytree(run.folder, out / "runs" / run.name)
    process, known, dataset = PROCESSES[given["notebook"]], data.get(given["dataset"]), given["dataset"]
    test, _ = data.load(dataset, "test", n=given["n_test"])
    schedule = describe(given["schedule"], given["schedule_options"]) if process == "ddpm" else None
    parts = vary({}, given)
    documented = {"sampler": run.sampler, "network": run.architecture[0]}
    if process == "ddpm":
        documented |= {"schedule": look_up("schedule", given["schedule"], SCHEDULES)}
    else:
        documented |= {"degradation": run.process, "prior": make(parts)[1]}
    model, weights = given["model"], run.store.weights(run.epochs)
    kept = [epoch for epoch in range(1, run.epochs + 1) if run.store.weights(epoch).is_file()]
    facts = {
        "job": given["notebook"],
        "settings": run.settings,
        **parts,
        "schedule": schedule,
        "T": run.process.T,
        "data": {
            "name": given["dataset"],
            "n_train": run.settings["images"]["n"],
            "n_test": len(test),
            "title": known.title,
            "classes": list(known.classes),
            "noun": known.noun,
        },
        "environment": environment(run.precision, run.device),
        "model": model,
        "seed": run.seed,
        "process": process,
        "label": LABELS[process] + (f", {model}" if model != "zoom" else ""),
        "docs": {kind: text for kind, part in documented.items() if (text := _docstring(part))},
        "run": f"runs/{run.name}",
        "epochs": run.epochs,
        "steps": run.steps,
        "weights": {"file": f"runs/{run.name}/weights/{weights.name}", "sha256": run.weights_sha256()},
        # From the median epoch, so a pause of the machine in one epoch does not matter.
        "seconds_per_step": statistics.median(line["seconds"] for line in run.history)
        * run.epochs
        / run.steps,
        "parameters_count": run.parameters_count,
        "sha256": {str(epoch): run.weights_sha256(epoch) for epoch in kept},
    }
    losses = [*lines({"step_loss": dict(run.losses)})]
    for line in run.history:
        measured = {"epoch_seconds": line["seconds"]}
        if line["test_loss"] is not None:
            measured["test_loss"] = line["test_loss"]
        losses += lines({"train_loss": line["train_loss"]} | measured, epoch=line["epoch"])
    return write(out, f"train_{run.name}", facts, [*losses, *rows])


def _docstring(part: Any) -> str:
    """The docstring of a component; for components of this library only its first paragraph."""
    text = inspect.cleandoc(getattr(part, "__doc__", None) or "")
    module = getattr(part, "__module__", None) or type(part).__module__
    return text.split("\n\n")[0] if module.startswith("diffusion.") else text
