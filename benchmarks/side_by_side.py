"""Two models trained side by side with few threads each, against one after the other with all threads.

python -m benchmarks.side_by_side BATCH      a worker: a line "SECONDS" in, a line "STEPS PER SECOND" out
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.figures import tried
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads, threads
from diffusion.files import ROOT


class Worker:
    """A process that takes training steps when told to."""

    def __init__(self, threads: int, batch: int):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.side_by_side", str(batch)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Worker":
        self.read()  # it is ready
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()

    def begin(self, seconds: float) -> None:
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def read(self) -> float:
        """Steps per second of the window that has just passed."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with status {self.process.wait()}; its message is above")
        return float(line)


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
    with (
        Worker(cores, settings.batch) as one,
        Worker(half, settings.batch) as a,
        Worker(half, settings.batch) as b,
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


def main() -> None:
    from benchmarks import ours
    from diffusion import data, devices
    from diffusion.zoom import ColdZoom

    batch = int(sys.argv[1])
    x, _ = data.load("train", n=64 * batch if batch < 128 else 8192)
    precision = devices.resolve_precision("auto", devices.accelerator().device)
    steps = ours.training_steps(ColdZoom(), x, batch, precision, Path(tempfile.gettempdir()) / "unused")
    for _ in range(3):
        next(steps)
    print(0.0, flush=True)
    for line in sys.stdin:
        begun, window = time.perf_counter(), float(line)
        count, elapsed = 0, 0.0
        while elapsed < window:
            next(steps)
            count, elapsed = count + 1, time.perf_counter() - begun
        print(count / elapsed, flush=True)


if __name__ == "__main__":
    main()
