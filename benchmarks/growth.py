"""How cost grows with size: batch, samples, sampling steps, training images, measured images.

Each size runs in a process of its own. The exponent is the slope of log(cost) over log(size): 1 is linear.
Memory is what the process needs beyond Python and its libraries.
"""

from typing import Any

import numpy as np

from benchmarks import child
from benchmarks.settings import Settings

LINEAR = 1.1  # the largest exponent that still counts as linear, for measurements scatter
SMALL = 16.0  # MiB; below, memory does not grow in any sense that matters

WHAT = {
    "batch": "images per training step",
    "samples": "generated images",
    "steps": "sampling steps",
    "images": "training images, one epoch",
    "measured": "measured images",
}


def exponent(sizes: list[float], costs: list[float]) -> float:
    """Slope of the straight line through (log size, log cost)."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def job(quantity: str, size: int, settings: Settings) -> dict[str, Any]:
    """One size of one quantity, the others fixed."""
    repeats = settings.few
    jobs = {
        "batch": ("step", {"process": "ddpm", "batch": size}),
        "samples": ("sample", {"n": size, "steps": 4}),
        "steps": ("sample", {"n": 32, "steps": size}),
        "images": ("fit", {"process": "zoom", "epochs": 1, "n_train": size, "batch": min(128, size)}),
        "measured": ("reference", {"n": size}),
    }
    name, arguments = jobs[quantity]
    return child.run(name, repeats=repeats, **arguments)


def line(quantity: str, sizes: list[int], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One quantity's growth; `memory` is None where it stays below `SMALL`."""
    seconds = [run["seconds"] for run in runs]
    mib = [max(run["peak"] - run["start"], 1.0) for run in runs]
    grows = max(mib) - min(mib) >= SMALL
    time, memory = exponent(sizes, seconds), exponent(sizes, mib) if grows else None
    return {
        "quantity": quantity,
        "what": WHAT[quantity],
        "sizes": sizes,
        "seconds": seconds,
        "mib": mib,
        "time": time,
        "memory": memory,
        "linear": time <= LINEAR and (memory is None or memory <= LINEAR),
    }


def measure(settings: Settings) -> dict[str, Any]:
    found = []
    for quantity, sizes in settings.sizes.items():
        runs = [job(quantity, size, settings) for size in sizes]
        found.append(line(quantity, list(sizes), runs))
    return {"figures": [], "growth": found, "details": {}}
