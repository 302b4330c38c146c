"""Made-up runs: the files of trainings and of their measures, with rows that a test chooses."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from report.results import table
from report.results.settings import describe

ZOOM = {"class": "diffusion:ColdZoom", "T": 24, "image_noise": 0.0, "interpolation": "nearest"}
DDPM = {"class": "diffusion:DDPM"}
DATA = {"name": "mnist", "n_train": 60_000, "n_test": 10_000, "title": "MNIST"}
DATA |= {"classes": [*"0123456789"], "noun": "digit"}


def training(
    out: Path,
    name: str = "zoom-0",
    *,
    epochs: int = 100,
    rows: Iterable[Sequence[Any]] = (),
    settings: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Path:
    """Write the file of a training: of the zoom, or of a DDPM where a schedule is described.

    Args:
        name: model and seed.
        rows: its rows; None: a training and a test loss of each epoch, 1 / epoch and 2 / epoch.
        settings: changes of the settings of its run.
        facts: changes of its other facts.
    """
    model, _, seed = name.rpartition("-")
    ddpm = model in ("linear", "cosine")
    known = {"process": DDPM if ddpm else ZOOM, "network": "diffusion:Reconstructor", "network_options": {}}
    known |= {"batch_size": 128, "learning_rate": 2e-4, "lr_schedule": "constant", "ema": None}
    known |= {"seed": int(seed), "precision": "fp32", "images": {"n": 60_000}}
    about = {
        "job": "03_train_zoom",
        "settings": known | dict(settings or {}),
        "sampler": describe("ancestral" if ddpm else "naive"),
        "prior": None if ddpm else describe("pixels"),
        "schedule": describe(model) if ddpm else None,
        "T": 1000 if ddpm else 24,
        "data": DATA,
        "model": model,
        "seed": int(seed),
        "process": "ddpm" if ddpm else "zoom",
        "label": model.capitalize(),
        "run": f"runs/{name}",
        "epochs": epochs,
        "steps": 469 * epochs,
        "weights": {"file": f"runs/{name}/weights/x", "sha256": f"weights of {name}"},
        "parameters_count": 1000,
        "sha256": {},
    }
    if rows is not None and not (rows := [*rows]):
        rows = losses(epochs)
    return table.write(out, f"train_{name}", about | facts, rows)


def losses(epochs: int, seconds: float = 2.0) -> list[list[Any]]:
    """Losses 1 / epoch and 2 / epoch, and the seconds of each epoch."""
    found = []
    for epoch in range(1, epochs + 1):
        numbers = {"train_loss": 1 / epoch, "test_loss": 2 / epoch, "epoch_seconds": seconds}
        found += table.lines(numbers, epoch=epoch)
    return found


def measures(
    out: Path,
    name: str = "zoom-0",
    rows: Iterable[Sequence[Any]] = (),
    settings: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Path:
    """Write the file of the measures of a training."""
    model, _, seed = name.rpartition("-")
    about = {
        "job": "measure",
        "settings": {"n_checkpoint": 500, "n_final": 2000, "n_distance": 2000} | dict(settings or {}),
        "environment": {},
        "model": model,
        "seed": int(seed),
        "weights_sha256": f"weights of {name}",
        "reference": {"split": "test", "n": 10_000},
        "ways": {},
    }
    return table.write(out, f"measure_{name}", about | facts, rows)


def curve(distances: Mapping[int, float], measure: str = "frechet") -> list[list[Any]]:
    """Rows of a measure of checkpoints, by epoch."""
    return [table.row(measure, value, table.CHECKPOINT, epoch) for epoch, value in distances.items()]
