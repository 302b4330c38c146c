"""Where the time of a training step goes, by kind of operation, from torch's profiler."""

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

# Part of an operation's name -> kind; the first that fits counts.
KINDS = {
    "convolution": "convolutions",
    "layer_norm": "layer norm",
    "gelu": "GELU",
    "copy_": "copies and casts",
    "aten::sin": "time encoding",
    "aten::cos": "time encoding",
    "mm": "time encoding",
    "adam": "Adam",
    "normal": "noise",
}
OTHER = "other"


def shares(step: Callable[[], object], repeats: int) -> dict[str, float]:
    """Share of each kind in the time that operations themselves take, largest first; they sum to 1."""
    on_gpu = torch.cuda.is_available()
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu
    step()
    with profile(activities=activities) as profiler:
        for _ in range(repeats):
            step()
    found: dict[str, float] = {}
    for event in profiler.key_averages():
        kind = next((kind for part, kind in KINDS.items() if part in event.key.lower()), OTHER)
        time = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        found[kind] = found.get(kind, 0.0) + time
    total = sum(found.values())
    return {kind: time / total for kind, time in sorted(found.items(), key=lambda item: -item[1])}
