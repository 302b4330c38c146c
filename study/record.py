"""What a notebook leaves of a training: its record, made from its run, and kept images."""

import inspect
import statistics
from pathlib import Path
from typing import Any

from torch import Tensor

from diffusion.data import get, grey_values
from diffusion.provenance import environment
from diffusion.training.run import Run
from study import records, settings
from study.records import DataNames, TrainRecord, Weights


def train_record(
    P: settings.Training, process_name: str, label: str, run: Run, out: Path, **probes: Any
) -> TrainRecord:
    """The record of a run that lies under `out`; `save` it to `records.train_path(out, model, seed)`.

    Args:
        P: settings of the notebook that trained it.
        process_name: "ddpm", "zoom" or "own".
        label: what figures call the model.
        probes: `ddpm=DDPMProbes(...)` or `zoom=ZoomProbes(...)`.
    """
    weights, out = run.weights(), Path(out).absolute()
    return TrainRecord(
        job=P.notebook,
        settings=P.values(),
        environment=environment(run.precision, run.device),
        model=P.model,
        seed=P.seed,
        process=process_name,
        label=label,
        about=(inspect.getdoc(type(run.process)) or "") if process_name == "own" else "",
        run=weights.parents[1].relative_to(out).as_posix(),
        epochs=run.epochs,
        steps=run.steps,
        history=run.history,
        weights=Weights(file=weights.relative_to(out).as_posix(), sha256=run.weights_sha256()),
        # Of the median epoch: a pause of the machine in one epoch does not count.
        seconds_per_step=statistics.median(ln["seconds"] for ln in run.history) * run.epochs / run.steps,
        parameters_count=run.parameters_count,
        data=DataNames.of(get(P.dataset)),
        **probes,
    )


def keep(out: Path, name: str, images: Tensor) -> Path:
    """Keep images (..., 1, 28, 28) in model units for the figures; see `records`."""
    return records.keep(out, name, grey_values(images).squeeze(-3).numpy())
