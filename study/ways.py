"""Other ways to sample a finished training, and what a way costs: the analysis that `study.measure` makes."""

import time
from dataclasses import replace
from typing import Any

from diffusion.evaluation.measures import Value, register
from diffusion.processes import ColdDiffusion
from diffusion.processes.samplers import DDIM, SAMPLERS, Ancestral, Improved, Naive
from diffusion.training.run import Run


def other_ways(run: Run, calls: list[int], levels: list[int], noise: list[float]) -> dict[str, Run]:
    """A training as it is sampled, and with other samplers, of cold diffusion each with one thing changed."""
    own, T, others = run.sampler, run.process.T, []
    if run.process.predicts == "noise":
        clip = getattr(own, "clip_x0", False)
        others = [cls(k, clip) for k in calls if k < T for cls in (Ancestral, DDIM)]
    elif isinstance(run.process, ColdDiffusion):
        base = own if isinstance(own, Naive) else Naive()
        others = [replace(base, levels=k) for k in levels if k < T]
        others += [replace(base, noise=sd) for sd in noise] + [Improved(**vars(base))]
    runs = [run, *(replace(run, sampler=sampler) for sampler in others if sampler != own)]
    return {way_name(**described_sampler(of)): of for of in runs}


def described_sampler(run: Run) -> dict[str, Any]:
    """The sampler of a training."""
    return {
        "sampler": next((name for name, cls in SAMPLERS.items() if type(run.sampler) is cls), "own"),
        "calls": run.calls,
        "noise": getattr(run.sampler, "noise", 0.0),
        "clip_x0": getattr(run.sampler, "clip_x0", False),
    }


def way_name(sampler: str, calls: int, noise: float, clip_x0: bool) -> str:
    """The name of a way to sample: "ancestral, 100 calls, clipped"."""
    noisy = f", noise {noise:g}" if noise else ""
    return f"{sampler}, {calls} calls{noisy}{', clipped' * clip_x0}"


@register(
    calls=("calls", "of the network for one image"),
    seconds=("seconds", "of the processor for one sample, all threads together"),
)
def cost(run: Run, n: int = 128) -> dict[str, Value]:
    """The cost of a sample; its time is that of n drawn anew."""
    begin = time.process_time()
    run.sample(n)
    return {"calls": run.calls, "seconds": (time.process_time() - begin) / n}
