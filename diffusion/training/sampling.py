"""Samples, drawn step by step."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.bounds import an, check_call, looks
from diffusion.processes.base import DegradationProcess
from diffusion.processes.samplers import Sampler, visits
from diffusion.runtime import autocast, device_of, generator, progress, seeded

OUTSIDE = 0.75  # a pixel beyond this is far out of [-0.5, 0.5]


def draw(
    title: str,
    process: DegradationProcess,
    network: nn.Module,
    sampler: Sampler,
    start: Any,
    n: int,
    *how: Any,
) -> Tensor:
    """The n images at the end of `walk`, whose arguments are these; the title is that of a bar."""
    steps = walk(process, network, sampler, start, n, *how)
    _, x = deque(progress(steps, title, len(visits(sampler, process.T))), 1).pop()
    return finite_images(x, (n, *process.image_shape), "the sampler")


def walk(
    process: DegradationProcess,
    network: nn.Module,
    sampler: Sampler,
    start: Any,
    n: int,
    seed: int,
    precision: str,
    chunk: int = 128,
) -> Iterator[tuple[int, Tensor]]:
    """(t, x_t) on the way to n generated images, the start first, (n, C, S, S) float32 on the CPU.

    Args:
        start: a prior that is fitted, a tensor of latents at t = T or of what a prior draws, or None for
            `process.draw_prior`.
        precision: fp32 or bf16.
        chunk: images per network call; bounds memory, does not change the samples.

    ValueError: the prior gives another number or shape of images, or numbers that are not finite.
    """
    device, noise = device_of(network), generator(seed, "sample")
    with torch.inference_mode(), seeded(noise.initial_seed()), autocast(device, precision):
        x_T = latents(process, start, n, noise).float().to(device)
        for t, x in process.reverse(network, x_T, sampler, noise, chunk):
            yield t, x.float().cpu()


def mean_of(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Averaged weights; what is no number with a fraction is that of the first."""
    fractions = [name for name, value in states[0].items() if value.is_floating_point()]
    return {**states[0], **{name: torch.stack([s[name] for s in states]).mean(0) for name in fractions}}


def latents(process: DegradationProcess, start: Any, n: int, noise: torch.Generator) -> Tensor:
    """The latents at t = T that sampling starts from, (n, C, S, S); see `walk`."""
    if start is None:
        drawn, who = process.draw_prior(n, noise), f"draw_prior of {type(process).__name__}"
    else:
        who = "start" if isinstance(start, Tensor) else f"the prior, {an(type(start).__name__)},"
        if not isinstance(start, Tensor):
            check_call(f"draw of {who}", start.draw, "n", "generator")
            start = start.draw(n, noise)
        if not isinstance(start, Tensor) or start.ndim != 4:
            raise ValueError(f"{who} gave {looks(start)}; expected: a torch tensor ({n}, C, p, p) of floats")
        drawn = process.expand(start)
    drawn = finite_images(drawn, (n, *process.image_shape), who)
    if process.predicts == "image" and (share := outside(drawn)):
        print(f"note: {who} gave pixels of which {share:.0%} are far out of [-0.5, 0.5]", flush=True)
    return drawn


def outside(x: Tensor) -> float:
    """The share of pixels far out of [-0.5, 0.5]; 0 where it is at most one in a hundred."""
    share = float((x.abs() > OUTSIDE).float().mean())
    return share if share > 0.01 else 0.0


def finite_images(x: Any, shape: tuple[int, ...], who: str) -> Tensor:
    """x if it is finite images of that shape; raises ValueError that says who gave something else."""
    if not isinstance(x, Tensor) or x.shape != shape or not x.is_floating_point():
        raise ValueError(f"{who} gave {looks(x)}; expected: a torch tensor {shape} of floats")
    if not x.isfinite().all():
        raise ValueError(f"{who} gave numbers that are not finite")
    return x
