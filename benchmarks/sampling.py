"""Sampling from a DDPM: ours against the textbook's float32, at equal quality.

Both take the whole walk of T steps with the same network from the same noise (on a CPU), and take turns: a
segment of steps of one, then of the other. So there is a ratio for each segment, whole walks to add up, and
two sets of samples, whose Fréchet distances in digit features are compared: ours must lie within the
other's interval.
"""

from typing import Any

import torch
from torch import Tensor

from benchmarks import baseline, trained
from benchmarks.figures import AT_LEAST, figure
from benchmarks.settings import Settings
from benchmarks.timing import ratio, seconds_of, spreads
from diffusion import data, devices, metrics, schedules
from diffusion.ddpm import DDPM
from diffusion.randomness import generator

CHUNK = 128  # as in diffusion.sampling.draw


class Walk:
    """A walk that can be taken a few steps at a time and remembers where it is; `x` is (n, 1, 28, 28)."""

    def __init__(self, steps):
        self.steps = steps
        self.x: Tensor = next(steps)

    def advance(self, count: int) -> None:
        for _ in range(count):
            self.x = next(self.steps)


def project(process: DDPM, network: torch.nn.Module, n: int, precision: str):
    """The steps of `diffusion.sampling.draw`."""
    device = next(network.parameters()).device
    steps = process.reverse(network, n, generator(0, "benchmark"), CHUNK)
    while True:
        with torch.inference_mode(), devices.autocast(device, precision):
            try:
                _, x = next(steps)
            except StopIteration:
                return
        yield x


def textbook(process: DDPM, network: torch.nn.Module, n: int):
    """The textbook's steps, from the same noise where that is drawn on the CPU."""
    device = next(network.parameters()).device
    source = generator(0, "benchmark")
    noise = source if device.type == "cpu" else torch.Generator(device).manual_seed(source.initial_seed())
    return baseline.sampling_steps(network, n, process.schedule.beta, noise, process.clip_x0)


def measure(settings: Settings) -> dict[str, Any]:
    found = trained.ddpm(settings)
    process = DDPM(schedules.linear(settings.T), clip_x0=found.clip)
    n = settings.n_samples
    walks = {
        "baseline": Walk(textbook(process, found.network, n)),
        "ours": Walk(project(process, found.network, n, settings.precision)),
    }
    warm = {
        "baseline": textbook(process, found.network, n),
        "ours": project(process, found.network, n, settings.precision),
    }
    for steps in warm.values():
        Walk(steps).advance(2)
    seconds: dict[str, list[float]] = {name: [] for name in walks}
    for begin in range(0, settings.T, settings.segment):
        count = min(settings.segment, settings.T - begin)
        for name, walk in walks.items():
            seconds[name].append(seconds_of(lambda walk=walk, count=count: walk.advance(count)))
    distances = quality({name: walk.x for name, walk in walks.items()}, settings)
    low, high = distances["baseline"]["low"], distances["baseline"]["high"]
    equal = low <= distances["ours"]["fid"] <= high
    whole = {name: sum(values) for name, values in seconds.items()}
    line = figure(
        f"sampling {n} DDPM images, {settings.T} steps",
        AT_LEAST,
        2,
        ratio(seconds["baseline"], seconds["ours"]),
        seconds={name: dict.fromkeys(("median", "low", "high"), value) for name, value in whole.items()},
        holds=equal,
        remark=f"distance {distances['ours']['fid']:.2f} in {settings.precision} and "
        f"{distances['baseline']['fid']:.2f} [{low:.2f}, {high:.2f}] in float32: "
        + ("equal quality" if equal else "not equal quality"),
    )
    details = {
        "network": found.about,
        "clip_x0": found.clip,
        "distances": distances,
        "segment_steps": settings.segment,
        "segments": spreads(seconds),
        "whole_walk_seconds": whole,
        "largest_difference": (walks["ours"].x.float() - walks["baseline"].x).abs().max().item(),
    }
    return {"figures": [line], "details": details}


def quality(samples: dict[str, Tensor], settings: Settings) -> dict[str, dict]:
    """The Fréchet distance of each set of samples with its interval."""
    extractor = metrics.digits(settings.device)
    images, _ = data.load("test", n=settings.n_test)
    reference = metrics.Reference(extractor.features(metrics.to_uint8(images)))
    return {
        name: metrics.frechet_interval(reference, extractor.features(metrics.to_uint8(x)))
        for name, x in samples.items()
    }
