"""What `benchmarks.child` can be asked to do: each a function of plain values that returns plain values.

Each reports the seconds of its work (the median over repeats) and resident memory in MiB: at the `start`,
with the libraries imported; `before` the work, with the data loaded; the `peak` of the process. On a GPU
its peak as well.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import ours
from benchmarks.child import MIB, resident
from benchmarks.timing import seconds_of, spread
from diffusion import data, devices, metrics, schedules, training
from diffusion.ddpm import DDPM
from diffusion.network import Reconstructor
from diffusion.process import DegradationProcess
from diffusion.zoom import ColdZoom

START = resident("VmRSS")
PROCESSES: dict[str, Callable[[], DegradationProcess]] = {
    "ddpm": lambda: DDPM(schedules.linear()),
    "zoom": ColdZoom,
}


def measured(work: Callable[[], object], repeats: int = 3, warm_up: int = 1) -> dict[str, Any]:
    """Time and memory of some work."""
    before = resident("VmRSS")
    for _ in range(warm_up):
        work()
    seconds = spread([seconds_of(work) for _ in range(repeats)])
    found = {"seconds": seconds["median"], "start": START, "before": before, "peak": resident()}
    if torch.cuda.is_available():
        found["gpu_peak"] = torch.cuda.max_memory_allocated() / MIB
    return found


def fit(
    process: str, epochs: int, n_train: int | None = None, batch: int = 128, repeats: int = 1
) -> dict[str, Any]:
    """A whole training by `training.fit`, in a folder that is thrown away."""
    x, _ = data.load("train", n=n_train)
    x_test, _ = data.load("test", n=min(n_train or 10000, 10000))

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            training.fit(PROCESSES[process](), x, x_test, folder, process, epochs=epochs, batch_size=batch)

    return measured(work, repeats, warm_up=0)


def step(process: str, batch: int, repeats: int) -> dict[str, Any]:
    """One training step on a batch of so many images."""
    x, _ = data.load("train", n=4 * batch)
    precision = devices.resolve_precision("auto", devices.accelerator().device)
    steps = ours.training_steps(
        PROCESSES[process](), x, batch, precision, Path(tempfile.gettempdir()) / "unused"
    )
    return measured(steps.__next__, repeats, warm_up=2)


def sample(n: int, steps: int, repeats: int) -> dict[str, Any]:
    """n images in so many sampling steps, from an untrained network."""
    device = devices.accelerator().device
    precision = devices.resolve_precision("auto", device)
    process = DDPM(schedules.linear(), clip_x0=True, sampling_steps=steps)
    network = Reconstructor().to(device).eval()

    def work() -> None:
        with devices.autocast(device, precision):
            process.sample(network, n, torch.Generator().manual_seed(0))

    return measured(work, repeats)


def reference(n: int, repeats: int) -> dict[str, Any]:
    """Features and statistics of n real images."""
    extractor = metrics.digits(devices.accelerator().device)
    images = metrics.to_uint8(data.load("train", n=n)[0])
    return measured(lambda: metrics.Reference(extractor.features(images)), repeats)
