"""The records of a run: one JSON file a notebook, with its parameters and environment beside its results.

    OUT/metrics/schedules.json, train_<model>.json, compare.json

Figures and the report are made from these files and from nothing else.
"""

import os
import statistics
from pathlib import Path
from typing import Any

import torch

from diffusion import datasets, devices, provenance
from diffusion.files import ROOT, read_json, sha256, write_json
from diffusion.training import Trained

PLACES = ("out_dir", "data_dir")  # parameters that say where, not what: they stay out of the record
_begun: dict[str, str] = {}  # notebook -> hash of its code when its run began


def out_folder(out_dir: str | os.PathLike | None) -> Path:
    """The folder of a run's results: a relative path starts at the checkout; None is `build/notebook`."""
    return ROOT / Path(out_dir or "build/notebook").expanduser()


def begin(notebook: str, parameters: dict[str, Any], out_dir: str | os.PathLike | None) -> Path:
    """The folder of a run's results; notes the hash of the code now, for it may be edited during the run."""
    _begun[notebook] = code_of(notebook, parameters)
    return out_folder(out_dir)


def write(
    out: Path,
    name: str,
    notebook: str,
    parameters: dict[str, Any],
    precision: str = "fp32",
    device: torch.device | None = None,
    **results: Any,
) -> Path:
    """Write `OUT/metrics/<name>.json` atomically; returns its path."""
    record = {
        "notebook": notebook,
        "parameters": {k: v for k, v in parameters.items() if k not in PLACES},
        "environment": devices.environment(precision, device or torch.device("cpu")),
        "code": _begun.get(notebook) or code_of(notebook, parameters),
    }
    return write_json(out / "metrics" / f"{name}.json", record | results)


def code_of(notebook: str, parameters: dict[str, Any]) -> str:
    """Hash of the notebook in this checkout and of all code that it needs; the same code, the same hash."""
    file = ROOT / "notebooks" / f"{notebook}.ipynb"
    return provenance.of_notebook(file, parameters.get("degradation", "").partition(":")[0])


def read_training(
    out: Path, models: list[str] | None = None, dataset: str = datasets.MNIST.name
) -> dict[str, dict]:
    """The training records of some models, or of all that there are, by model name.

    Raises:
        ValueError: a record is missing, or there are none; the message says which notebook writes it. Or a
            model was trained on another data set.
    """
    found = sorted(p.stem.removeprefix("train_") for p in (out / "metrics").glob("train_*.json"))
    if models is None:
        models = sorted(found, key=lambda m: (["linear", "cosine", "zoom"] + found).index(m))
    missing = [m for m in models if m not in found]
    if missing or not models:
        raise ValueError(
            f"no training record for {', '.join(missing) or 'any model'} in {out / 'metrics'}; there: "
            f"{', '.join(found) or 'none'}. Run 02_train_ddpm, 03_train_zoom "
            "or 05_your_degradation with this out_dir first"
        )
    found = {m: read_json(out / "metrics" / f"train_{m}.json") for m in models}
    for model, record in found.items():
        if (other := dataset_of(record)) != dataset:
            raise ValueError(
                f"the model {model!r} in {out} was trained on the data set {other!r}, not on {dataset!r}; "
                "give each data set an out_dir of its own, or the parameter dataset the same value"
            )
    return found


def dataset_of(record: dict[str, Any]) -> str:
    """The data set that a record is about; records from before there was a choice are about MNIST."""
    return record["parameters"].get("dataset", datasets.MNIST.name)


def training(out: Path, run: Trained) -> dict[str, Any]:
    """What a training record says of its run: where it lies, its history, its weights and what they cost."""
    weights = run.folder.weights(len(run.history))
    first = run.history[0]
    return {
        "fingerprint": run.fingerprint,
        "run": run.folder.path.relative_to(out).as_posix(),
        "epochs": len(run.history),
        "steps": run.steps,
        "history": run.history,
        "weights": {"file": weights.relative_to(out).as_posix(), "sha256": sha256(weights)},
        "seconds_per_step": _median_step(run),
        "first_epoch_gap": first["train_loss"] - first["test_loss"],
    }


def _median_step(run: Trained) -> float:
    """Seconds a step, of the median epoch: a pause of the machine in one epoch does not count."""
    epoch = statistics.median(line["seconds"] for line in run.history)
    return epoch * len(run.history) / run.steps
