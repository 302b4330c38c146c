"""Samples, drawn step by step."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.bounds import check_call, summarise
from diffusion.processes.base import DegradationProcess
from diffusion.processes.samplers import Sampler, visits
from diffusion.runtime import autocast, device_of, generator, progress, seeded

OUTSIDE = 0.75  # a pixel beyond this is far out of [-0.5, 0.5]


@dataclass
class Sampling:
    """Settings that generate n images.

    Args:
        start: a fitted prior, a tensor of latents at t = T or of a prior's draws, or None for
            `process.draw_prior`.
        precision: fp32 or bf16.
        chunk: images per network call; bounds memory, does not change the samples.
    """

    process: DegradationProcess
    network: nn.Module
    sampler: Sampler
    start: Any
    n: int
    seed: int
    precision: str
    chunk: int = 128

    def walk(self) -> Iterator[tuple[int, Tensor]]:
        """(t, x_t) on the way to the images, the start first, (n, C, S, S) float32 on the CPU.

        ValueError: the prior gives another number or shape of images, or numbers that are not finite.
        """
        device, noise = device_of(self.network), generator(self.seed, "sample")
        with torch.inference_mode(), seeded(noise.initial_seed()), autocast(device, self.precision):
            x_T = latents(self.process, self.start, self.n, noise).float().to(device)
            for t, x in self.process.reverse(self.network, x_T, self.sampler, noise, self.chunk):
                yield t, x.float().cpu()

    def draw(self, title: str) -> Tensor:
        """The images at the end of the walk, (n, C, S, S); shows a bar with the title."""
        steps = len(visits(self.sampler, self.process.T))
        _, x = deque(progress(self.walk(), title, steps), 1).pop()
        return finite_images(x, (self.n, *self.process.image_shape), "the sampler")


def mean_of(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Averaged weights. Integers, such as counters, are the integers of the first state."""
    fractions = [name for name, value in states[0].items() if value.is_floating_point()]
    return {**states[0], **{name: torch.stack([s[name] for s in states]).mean(0) for name in fractions}}


def latents(process: DegradationProcess, start: Any, n: int, noise: torch.Generator) -> Tensor:
    """The latents at t = T that sampling starts from, (n, C, S, S); see `Sampling`."""
    if start is None:
        drawn, who = process.draw_prior(n, noise), f"draw_prior of {type(process).__name__}"
    else:
        who = "start" if isinstance(start, Tensor) else f"the prior, {summarise(start)},"
        if not isinstance(start, Tensor):
            check_call(f"draw of {who}", start.draw, "n", "generator")
            start = start.draw(n, noise)
        if not isinstance(start, Tensor) or start.ndim != 4:
            expected = f"a torch tensor ({n}, C, p, p) of floats"
            raise ValueError(f"{who} gave {summarise(start)}; expected: {expected}")
        drawn = process.from_pixels(start)
    drawn = finite_images(drawn, (n, *process.image_shape), who)
    if process.predicts == "image":
        note_outside(drawn, who)
    return drawn


def note_outside(x: Tensor, source: str) -> None:
    """Print a note if more than one in a hundred pixels are far out of [-0.5, 0.5]."""
    if (share := float((x.abs() > OUTSIDE).float().mean())) > 0.01:
        print(f"note: {share:.0%} of the pixels of {source} are far out of [-0.5, 0.5]", flush=True)


def finite_images(x: Any, shape: tuple[int, ...], who: str) -> Tensor:
    """x, if it is finite images of that shape. Otherwise raises ValueError, which names `who` gave x."""
    if not isinstance(x, Tensor) or x.shape != shape or not x.is_floating_point():
        raise ValueError(f"{who} gave {summarise(x)}; expected: a torch tensor {shape} of floats")
    if not x.isfinite().all():
        raise ValueError(f"{who} gave numbers that are not finite")
    return x
