"""What was tried to make a training step faster, kept or dropped: each candidate takes turns with what
there is.

All take the same step of a DDPM on one batch: degrade, network, loss, backwards, Adam. "Now" is what the
project does: bfloat16 autocast where the processor has it, eager, Adam as torch chooses it, no reading of
the loss.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks import chunks, side_by_side
from benchmarks.figures import tried
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads
from benchmarks.worker import Worker
from diffusion import data, devices, schedules
from diffusion.ddpm import DDPM
from diffusion.network import Reconstructor


@dataclass
class Variant:
    """A way to take the step."""

    precision: str
    layout: torch.memory_format = torch.contiguous_format
    adam: dict[str, Any] = field(default_factory=dict)
    read_loss: bool = False
    compiled: bool = False

    def step(self, x: Tensor) -> Callable[[], None]:
        """One training step on the batch x as a call."""
        process = DDPM(schedules.linear())
        network = Reconstructor().to(x.device, memory_format=self.layout)
        called = torch.compile(network) if self.compiled else network
        optimizer = torch.optim.Adam(network.parameters(), lr=2e-4, **self.adam)
        noise = torch.Generator().manual_seed(0)

        def run() -> None:
            with devices.autocast(x.device, self.precision):
                loss = process.loss(called, x, noise)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if self.read_loss:
                loss.item()

        return run


def compile_step(x: Tensor, precision: str) -> tuple[Callable[[], None] | None, float, str]:
    """The compiled step, the seconds until its first result, and why there is none where there is none."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as empty:  # a cache of earlier compilations would flatter it
        before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = empty
        try:
            step = Variant(precision, compiled=True).step(x)
            step()
        except Exception as error:  # no compiler, or one that fails in its own way: eager is always there
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            return None, time.perf_counter() - begun, reason.strip()
        finally:
            os.environ.pop("TORCHINDUCTOR_CACHE_DIR")
            os.environ |= {"TORCHINDUCTOR_CACHE_DIR": before} if before else {}
    return step, time.perf_counter() - begun, ""


def freed_memory(settings: Settings) -> dict[str, Any]:
    """A line about keeping freed memory in the process; each way in one of its own."""
    loop = {"process": "ddpm", "n_train": settings.n_train, "batch": settings.batch}
    with Worker("project", keep=False, **loop) as without, Worker("project", keep=True, **loop) as given:
        seconds = interleave({"without": without.step, "with": given.step}, settings.rounds, warm_up=3)
    times = spreads(seconds)
    why = "with glibc, which otherwise gives it back after every step and asks for it again in the next"
    gain = ratio(seconds["without"], seconds["with"])
    return tried("keeping freed memory", gain, True, why, times["without"], times["with"])


def measure(settings: Settings) -> dict[str, Any]:
    x = data.load("train", n=settings.batch)[0].to(settings.device)
    now = settings.precision
    steps = {
        "now": Variant(now).step(x),
        "float32": Variant("fp32").step(x),
        "channels last": Variant(now, layout=torch.channels_last).step(x),
        "fused Adam": Variant(now, adam={"fused": True}).step(x),
        "loss read": Variant(now, read_loss=True).step(x),
    }
    compiled, warm_up, reason = compile_step(x, now)
    if compiled:
        steps["compiled"] = compiled
    seconds = interleave(steps, settings.rounds, warm_up=3)
    times = spreads(seconds)

    def against(other: str, what: str, kept: bool, because: str) -> dict[str, Any]:
        """A line about the other way, or about what there is now where that is kept."""
        if kept:
            gain = ratio(seconds[other], seconds["now"])
            return tried(what, gain, True, because, times[other], times["now"])
        return tried(what, ratio(seconds["now"], seconds[other]), False, because, times["now"], times[other])

    found = []
    if now == "bf16":
        why = "on where the processor has it in hardware; a test holds the loss to 2 % of float32's"
        found.append(against("float32", "bfloat16 autocast", True, why))
    why = "the convolutions like it, but LayerNorm runs over a channel's pixels and converts back each time"
    found.append(against("channels last", "channels-last memory format", False, why))
    if compiled:
        saved = times["now"]["median"] - times["compiled"]["median"]
        pays = f"pays after {warm_up / saved:,.0f} steps" if saved > 0 else "never pays"
        why = f"its first step takes {warm_up:.0f} s here, so that it {pays}; it needs a C++ compiler, and "
        why += "rounds otherwise, so that the weights would depend on whether there is one"
        found.append(against("compiled", "torch.compile", False, why))
    else:
        found.append(tried("torch.compile", None, False, f"not possible here, eager goes on: {reason}"))
    why = "the optimiser is a small part of the step"
    found.append(against("fused Adam", "fused Adam", False, why))
    why = "on a CPU there is nothing to wait for; on a GPU the queue stays filled"
    found.append(against("loss read", "not reading the loss in each step", True, why))
    found.append(freed_memory(settings))
    found += side_by_side.measure(settings, steps["now"])
    found += chunks.measure(settings)
    return {"figures": [], "tried": found, "details": {"compile_seconds": warm_up, "compile_failed": reason}}
