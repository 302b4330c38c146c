"""The record of a training, made from its run."""

import inspect
import statistics
from pathlib import Path
from typing import Any

from diffusion import settings
from diffusion.provenance import environment
from diffusion.records import TrainRecord, Weights
from diffusion.training.run import Run


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
        **probes,
    )
