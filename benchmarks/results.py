"""A group's result is a file, written as soon as it is there: a run that was killed goes on after it."""

import hashlib
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.groups import GROUPS
from benchmarks.settings import Settings
from benchmarks.timing import seconds_of
from diffusion import devices, fingerprints
from diffusion.files import read_json, write_json
from diffusion.progress import clock

SHOWING = ("__main__", "publish", "plot", "results", "table", "paper")  # change no measurement
BUSY = 10.0  # percent of the cores at work for others; more is remarked


def source() -> str:
    """Hash of the code that is measured and of the code that measures."""
    measuring = [p for p in sorted(Path(__file__).parent.glob("*.py")) if p.stem not in SHOWING]
    content = b"\0".join(path.read_bytes() for path in measuring)
    return hashlib.sha256(fingerprints.of_modules().encode() + content).hexdigest()[:12]


def group_file(name: str, settings: Settings) -> Path:
    return settings.out / "groups" / f"{name}.json"


def earlier(name: str, settings: Settings) -> dict[str, Any] | None:
    """The group's result of an earlier call, if it is of this scale, code and machine; else None."""
    try:
        found = read_json(group_file(name, settings))
    except ValueError:
        return None
    return found if found.get("key") == key(settings) else None


def key(settings: Settings) -> dict[str, str]:
    """What an earlier result must agree in to be used."""
    device = devices.environment(settings.precision, settings.device)
    return {
        "scale": settings.scale,
        "source": source(),
        "device": device["device_name"],
        "torch": device["torch"],
    }


def run(name: str, settings: Settings, fresh: bool = False) -> dict[str, Any]:
    """Measure a group, or take the earlier result; `fresh` measures in any case."""
    found = None if fresh else earlier(name, settings)
    if found is not None:
        print(f"{name}: measured {found['when']}, kept (--fresh measures again)", flush=True)
        return found
    others = psutil.cpu_percent(2.0)  # this process sleeps meanwhile
    print(f"{name}: measuring; others use {others:.0f} % of the machine", flush=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    result: dict[str, Any] = {}
    measure: Callable[[Settings], dict[str, Any]] = GROUPS[name]
    seconds = seconds_of(lambda: result.update(measure(settings)))
    found = {"key": key(settings), "when": when, "others_percent": others, "seconds": seconds} | result
    write_json(group_file(name, settings), found)
    print(f"{name}: done in {clock(seconds)}", flush=True)
    return found


def gather(settings: Settings) -> dict[str, Any]:
    """The results of all groups there are, beside the machine that gave them."""
    groups = {name: found for name in GROUPS if (found := earlier(name, settings)) is not None}
    environment = devices.environment(settings.precision, settings.device)
    environment["memory_gib"] = round(psutil.virtual_memory().total / 2**30, 1)
    environment["system"] = platform.release()
    return {
        "scale": settings.scale,
        "environment": environment,
        "cores": os.cpu_count(),
        "missing": [name for name in GROUPS if name not in groups],
        "busy": max((found["others_percent"] for found in groups.values()), default=0.0) > BUSY,
        "groups": groups,
    }


def figures(bench: dict[str, Any]) -> list[dict[str, Any]]:
    """All lines of the table."""
    return [line for group in bench["groups"].values() for line in group["figures"]]
