"""The groups of measurements by the name that `--only` takes, in the order in which they run."""

from collections.abc import Callable
from typing import Any

from benchmarks import (
    data_batch,
    experiments,
    frechet,
    growth,
    memory,
    report_run,
    sampling,
    training,
    zoom_operator,
)
from benchmarks.settings import Settings

GROUPS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "training": training.measure,
    "zoom": zoom_operator.measure,
    "data": data_batch.measure,
    "frechet": frechet.measure,
    "sampling": sampling.measure,
    "memory": memory.measure,
    "tried": experiments.measure,
    "growth": growth.measure,
    "report": report_run.measure,
}
LONG = ("report",)  # runs only in a full run, or when asked for by name
