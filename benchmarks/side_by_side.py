"""Two models trained side by side with few threads each, against one after the other with all threads."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.figures import tried
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads, threads
from benchmarks.worker import Worker


def throughput(workers: list[Worker], seconds: float) -> float:
    """Steps per second of some workers at work together."""
    for worker in workers:
        worker.begin(seconds)
    return sum(worker.read() for worker in workers)


def with_threads(step: Callable[[], None], n: int) -> None:
    """A call with n threads."""
    with threads(n):
        step()


def measure(settings: Settings, step: Callable[[], None]) -> list[dict[str, Any]]:
    """Lines for `experiments`: a step with one thread and with all, and two processes that share them."""
    cores = os.cpu_count() or 1
    half = max(1, cores // 2)
    calls = {str(n): partial(with_threads, step, n) for n in (1, cores)}
    seconds = interleave(calls, settings.few)
    times = spreads(seconds)
    together, alone = [], []
    loop = {"process": "zoom", "n_train": settings.n_train, "batch": settings.batch}
    with (
        Worker("project", cores, **loop) as one,
        Worker("project", half, **loop) as a,
        Worker("project", half, **loop) as b,
    ):
        for _ in range(settings.few):
            alone.append(throughput([one], settings.seconds))
            together.append(throughput([a, b], settings.seconds))
    gain = ratio(seconds["1"], seconds[str(cores)])
    why = "torch's default, and the fastest way to train one model"
    lines = [tried(f"{cores} threads rather than 1", gain, True, why, times["1"], times[str(cores)])]
    what = f"two models side by side, {half} of {cores} threads each, rather than one after the other"
    why = "the study has three models: the last would be left with half of the machine"
    return [*lines, tried(what, ratio(together, alone), False, why)]
