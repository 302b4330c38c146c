"""The record of a training: made from its run, and the way back from a record to a run."""

import inspect
import statistics
from pathlib import Path
from typing import Any

from diffusion import data, runtime, settings
from diffusion.processes.base import forgets
from diffusion.records import TrainRecord, Weights, train_path
from diffusion.training.checkpoints import RunFolder
from diffusion.training.fit import Run, samples_folder


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
    weights = run.weights()
    return TrainRecord(
        job=P.notebook,
        settings=P.values(),
        environment=runtime.environment(run.precision, run.device),
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


def open_run(out: Path, record: TrainRecord) -> Run:
    """A finished training from its record in the results folder `out`.

    The process is built from the record's settings, with what it had learnt.

    Raises:
        ValueError: the record's settings are not allowed.
        RunError: the process's state is damaged. Weights are checked when they are loaded.
    """
    values = record.settings | {"out_dir": str(out)}  # where a class typed in notebook 05 is kept
    P = settings.TRAININGS[record.job].read(values, f"record of {record.model}-{record.seed}")
    store = RunFolder(Path(out) / record.run)
    process = P.process()
    if state := store.load_process():
        process.load_state(state)
    return Run(
        process,
        record.model,
        record.seed,
        store,
        store.identity() or {},
        [line.model_dump() for line in record.history],
        record.steps,
        record.environment["precision"],
        runtime.device(),
        (P.network, tuple(P.channels), P.network_options),
        samples_folder(store.path),
    )


def released(profile: str = "paper", model: str = "zoom", seed: int | None = None) -> Run:
    """A released model, from the checkout or the installed package; `seed` None: the first that there is.

    Raises:
        ValueError: there is no such profile, model or seed; the message names those that there are.
    """
    root = runtime.releases()
    profiles = sorted(p.name for p in root.glob("*") if (p / "metrics").is_dir())
    if profile not in profiles:
        raise ValueError(f"profile is {profile!r}; released in {root}: {', '.join(profiles) or 'none'}")
    out = root / profile
    found = [
        p.stem.removeprefix("train_").rpartition("-") for p in sorted(out.glob("metrics/train_*-*.json"))
    ]
    seeds = sorted(int(number) for name, _, number in found if name == model)
    if not seeds or seed not in (None, *seeds):
        there = ", ".join(f"{name}-{number}" for name, _, number in found) or "none"
        raise ValueError(f"model is {model!r}, seed {seed}; released in {out}: {there}")
    record = TrainRecord.load(train_path(out, model, seeds[0] if seed is None else seed))
    run = open_run(out, record)
    if forgets(run.process):
        P = record.settings
        run.process.prepare(data.load(P["dataset"], n=P["n_train"])[0])
    run.samples = None  # nothing is added to a release
    return run
