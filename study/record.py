"""The record and the kept images of a notebook, made from what the notebook has made."""

import inspect
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from diffusion.data import get, grey_values
from diffusion.evaluation.results import CommonLoss, Reconstruction
from diffusion.parameters import Schedules, Training
from diffusion.plugins import named
from diffusion.processes import DDPM
from diffusion.processes.priors import PRIORS
from diffusion.processes.samplers import SAMPLERS
from diffusion.processes.schedules import SCHEDULES, NoiseSchedule
from diffusion.provenance import environment
from diffusion.training.run import Run
from study import records
from study.records import (
    CentrePixels,
    DataNames,
    DDPMProbes,
    RateCheck,
    RateTrial,
    SchedulesRecord,
    TrainRecord,
    Weights,
    ZoomProbes,
)


def schedules_record(
    P: Schedules,
    linear: NoiseSchedule,
    cosine: NoiseSchedule,
    early: int,
    left: Mapping[str, Tensor],
    misprint: Tensor,
) -> Path:
    """The file of the record of notebook 01, which is written.

    Args:
        early: a time step.
        left: schedule -> correlation of each of N images with its latent at that step, (N,).
        misprint: (T,) variances of the cosine schedule by Eq. (9) as printed.
    """
    both = {"linear": linear, "cosine": cosine}
    signal = {
        name: {
            "alpha_bar": float(schedule.alpha_bar[early]),
            "signal": float(schedule.alpha_bar[early].sqrt()),
            "noise": float((1 - schedule.alpha_bar[early]).sqrt()),
            "correlation": float(left[name].mean()),
            "correlation_sd": float(left[name].std()),
        }
        for name, schedule in both.items()
    }
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
        informative_steps={
            name: int(((one.alpha_bar > 0.05) & (one.alpha_bar < 0.95)).sum()) for name, one in both.items()
        },
        early={"t": early} | signal,
        misprint_eq9={
            "min_beta": float(misprint.min()),
            "max_beta": float(misprint.max()),
            "share_above_one": float((misprint > 1).double().mean()),
        },
        **described,
    )
    return record.save(records.SchedulesRecord.path(P.out))


def train_record(P: Training, process: str, label: str, run: Run, **probes: Any) -> Path:
    """The file of the record of a run, which is written.

    Args:
        P: settings of the notebook that trained it; the run lies under `P.out`.
        process: "ddpm", "zoom" or "own".
        label: what figures call the model.
        probes: `ddpm=ddpm_probes(...)` or `zoom=zoom_probes(...)`.
    """
    weights, out = run.weights_file(), P.out.absolute()
    record = TrainRecord(
        job=P.notebook,
        settings=P.values(),
        environment=environment(run.precision, run.device),
        model=P.model,
        seed=P.seed,
        process=process,
        label=label,
        docs=docs(P, run),
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
    return record.save(records.TrainRecord.path(P.out, P.model, P.seed))


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


def ddpm_probes(rates: Mapping[float, Sequence[float]], common: CommonLoss) -> DDPMProbes:
    """Probes of a DDPM: the losses of a few steps at the learning rate as printed and as meant, by rate."""
    trials = [
        RateTrial(
            learning_rate=rate,
            first_loss=losses[0],
            last_loss=losses[-1] if math.isfinite(losses[-1]) else None,
            finite=all(map(math.isfinite, losses)),
        )
        for rate, losses in rates.items()
    ]
    check = RateCheck(steps=len(next(iter(rates.values()))), printed=trials[0], used=trials[1])
    return DDPMProbes(learning_rate_check=check, common_loss=common)


def zoom_probes(errors: Reconstruction, counts: Tensor, reading: Mapping[str, Any]) -> ZoomProbes:
    """Probes of a zoom, with the counts (256,) of the grey values of its central training pixels."""
    share = counts.double() / counts.sum()
    centre = CentrePixels(
        counts=counts.tolist(),
        black=float(share[0]),
        white=float(share[250:].sum()),
        extreme=float(share[:26].sum() + share[230:].sum()),
    )
    return ZoomProbes(reconstruction=errors, centre_pixels=centre, **reading)


def keep(out: Path, name: str, images: Tensor) -> Path:
    """Keep images (..., 1, 28, 28) in model units for the figures; see `records`."""
    return records.keep(out, name, grey_values(images).squeeze(-3).numpy())
