"""What a notebook leaves of a run: its record, made from what the notebook has made, and kept images."""

import inspect
import statistics
from pathlib import Path
from typing import Any

from torch import Tensor

from diffusion.data import get, grey_values
from diffusion.parameters import Schedules, Training
from diffusion.processes.schedules import NoiseSchedule, informative_steps
from diffusion.provenance import environment
from diffusion.training.run import Run
from study import records
from study.records import DataNames, DDPMProbes, SchedulesRecord, TrainRecord, Weights, ZoomProbes

__all__ = ["DDPMProbes", "ZoomProbes", "keep", "schedules_record", "train_record"]


def schedules_record(P: Schedules, linear: NoiseSchedule, cosine: NoiseSchedule, **facts: Any) -> Path:
    """The file of the record of notebook 01, which is written; `facts` are further parts of it."""
    both = {"linear": linear, "cosine": cosine}
    described = {
        name: {
            "beta": schedule.beta.tolist(),
            "alpha_bar": schedule.alpha_bar.tolist(),
            "clipped_steps": int((schedule.beta >= P.beta_max).sum()) if schedule is cosine else 0,
            "signal_T": schedule.alpha_bar[-1].sqrt().item(),
        }
        for name, schedule in both.items()
    }
    record = SchedulesRecord(
        job=P.notebook,
        settings=P.values(),
        environment=environment(),
        T=P.T,
        mean_step={name: float(schedule.alpha_bar[1:].mean()) for name, schedule in both.items()},
        informative_steps={name: informative_steps(schedule) for name, schedule in both.items()},
        **described,
        **facts,
    )
    return record.save(records.schedules_path(P.out))


def train_record(P: Training, process: str, label: str, run: Run, **probes: Any) -> Path:
    """The file of the record of a run, which is written.

    Args:
        P: settings of the notebook that trained it; the run lies under `P.out`.
        process: "ddpm", "zoom" or "own".
        label: what figures call the model.
        probes: `ddpm=DDPMProbes(...)` or `zoom=ZoomProbes(...)`.
    """
    weights, out = run.weights(), P.out.absolute()
    record = TrainRecord(
        job=P.notebook,
        settings=P.values(),
        environment=environment(run.precision, run.device),
        model=P.model,
        seed=P.seed,
        process=process,
        label=label,
        about=(inspect.getdoc(type(run.process)) or "") if process == "own" else "",
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
    return record.save(records.train_path(P.out, P.model, P.seed))


def keep(out: Path, name: str, images: Tensor) -> Path:
    """Keep images (..., 1, 28, 28) in model units for the figures; see `records`."""
    return records.keep(out, name, grey_values(images).squeeze(-3).numpy())
