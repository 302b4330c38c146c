"""A training loop in a process of its own, which takes steps when told to.

    python -m benchmarks.worker JOB '{"argument": value}'

is a worker: a line "SECONDS" in, as many steps as fit into them and at least one, a line "STEPS PER SECOND"
out. So loops can take turns, or run at the same time, without sharing what is set for a whole process: its
threads, and what its C library does with freed memory.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffusion.files import ROOT


class Worker:
    """One such process.

    Args:
        job: "textbook" or "project", the functions below.
        threads: of torch; None: its default.
        arguments: of the job.
    """

    def __init__(self, job: str, threads: int | None = None, **arguments: Any):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", job, json.dumps(arguments)],
            cwd=ROOT,
            env=os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {}),
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

    def step(self) -> None:
        """One step, waited for."""
        self.begin(0.0)
        self.read()


def textbook(process: str, n_train: int | None, batch: int, workers: int = 0) -> Iterator[float]:
    """The textbook's loop for a DDPM or the zoom; workers: processes of its `DataLoader`."""
    import torch

    from benchmarks import baseline
    from benchmarks.jobs import PROCESSES
    from diffusion.network import Reconstructor

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    one = PROCESSES[process]()
    if process == "ddpm":
        loss = baseline.DDPMLoss(one.schedule.alpha_bar, device)
    else:
        loss = baseline.ZoomLoss(one.T)
    batches = baseline.loader(baseline.dataset("train", n_train), batch, workers=workers)
    return baseline.training_steps(loss, one.T, Reconstructor(), batches, device)


def project(process: str, n_train: int | None, batch: int, keep: bool = True) -> Iterator[None]:
    """Ours; keep: whether the process keeps the memory that it frees."""
    from benchmarks import ours
    from benchmarks.jobs import PROCESSES
    from diffusion import data, devices

    if not keep:
        devices.keep_freed_memory = lambda: False
    x, _ = data.load("train", n=n_train)
    precision = devices.resolve_precision("auto", devices.accelerator().device)
    unused = Path(tempfile.gettempdir()) / "never-written"
    return ours.training_steps(PROCESSES[process](), x, batch, precision, unused)


def main() -> None:
    job, arguments = sys.argv[1:]
    steps = {"textbook": textbook, "project": project}[job](**json.loads(arguments))
    for _ in range(3):
        next(steps)
    print(0.0, flush=True)
    for line in sys.stdin:
        begun, window = time.perf_counter(), float(line)
        count, elapsed = 0, 0.0
        while count == 0 or elapsed < window:
            next(steps)
            count, elapsed = count + 1, time.perf_counter() - begun
        print(count / elapsed, flush=True)


if __name__ == "__main__":
    main()
