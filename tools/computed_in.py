"""On which kind of device and in which precision a training was computed, and what this machine would take.

Both determine the weights: a training goes on only where they are those that it began with. No checkpoint
tells them, so a snapshot puts a file beside each.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusion import devices
from diffusion.files import read_json
from diffusion.parameters import notebook_parameters
from tools import outputs

FILE = "computed-in.json"  # in the folder of a run: {"device": "cpu", "precision": "bf16"}


def here(model: str, config: Mapping[str, Any]) -> dict[str, str] | None:
    """What this machine takes for a model of the profile `config`; None for one that is not in it."""
    if model not in config["models"]:
        return None
    device = devices.accelerator().device
    precision = devices.resolve_precision(notebook_parameters(config, model)["precision"], device)
    return {"device": device.type, "precision": precision}


def of_run(run: Path, model: str, config: Mapping[str, Any]) -> dict[str, str] | None:
    """What the run in this folder was computed in, as the snapshot that it came from says, or its record.

    Without either it is taken to be of this machine. None: unknown, for a model that is not in the profile.
    """
    if (run / FILE).is_file():
        return read_json(run / FILE)
    record = run.parents[1] / "metrics" / f"train_{model}.json"
    if record.is_file() and (content := read_json(record)).get("run") == f"runs/{run.name}":
        return {name: content["environment"][name] for name in ("device", "precision")}
    return here(model, config)


def is_told(content: bytes) -> bool:
    """Whether the content of a FILE is a device and a precision."""
    try:
        device, precision = (json.loads(content)[name] for name in ("device", "precision"))
        return bool(re.fullmatch("[a-z]+", device)) and precision in ("fp32", "bf16")
    except (ValueError, TypeError, KeyError):
        return False


def warnings(out: Path, config: Mapping[str, Any]) -> list[str]:
    """A line for each way in which this machine would compute the restored runs in `out` otherwise.

    Runs whose snapshot did not say how they were computed are passed over.
    """
    found: dict[str, list[str]] = {}
    for file in sorted(outputs.everywhere(out, f"runs/*/{FILE}")):
        run = file.parent
        now, then = here(run.name.rpartition("-")[0], config), read_json(file)
        if now and now != then:
            found.setdefault(_difference(then, now), []).append(run.relative_to(out).as_posix())
    return [f"{', '.join(runs)}: {difference}" for difference, runs in found.items()]


def _difference(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    remedy = f"set `precision: {then['precision']}` in the profile"
    if then["device"] == "cpu" != now["device"]:
        remedy += " and ACCELERATE_USE_CPU=1 in the environment"
    elif then["device"] != now["device"]:
        remedy = f"use a machine with {then['device']}"
    return (
        f"computed in {then['precision']} on {then['device']}, but this machine would take "
        f"{now['precision']} on {now['device']} and begin anew; to go on from there, {remedy}"
    )
