"""Generate samples step by step."""

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.arguments import summarise
from diffusion.pixels import finite_images, note_outside
from diffusion.processes.base import DegradationProcess
from diffusion.processes.samplers import Sampler
from diffusion.runtime import autocast, device_of, generator, seeded


def walk(
    network: nn.Module,
    process: DegradationProcess,
    sampler: Sampler,
    start: Any,
    n: int,
    seed: int,
    precision: str,
    chunk: int = 128,
) -> Generator[tuple[int, Tensor], None, None]:
    """Generate n images: yield (t, x_t) from the start to the images, (n, C, S, S) float32 on the CPU.

    Args:
        network (torch.nn.Module): The network.
        process (DegradationProcess): The process.
        sampler (object): Takes the steps.
        start (object): A fitted prior; latents at t = T or pixels of a prior; or None for
            `process.draw_prior`.
        n (int): Number of images.
        seed (int): Seeds the noise and the prior.
        precision (str): "fp32" or "bf16".
        chunk (int): Images per network call. Limits memory and does not change the samples. Default 128.

    Raises:
        ValueError: If the prior returns the wrong number or shape of images, or a value is not finite.
    """
    device, noise = device_of(network), generator(seed, "sample")
    with torch.inference_mode(), seeded(noise.initial_seed()), autocast(device, precision):
        x_T = latents(process, start, n, noise).float().to(device)
        for t, x in process.reverse(network, x_T, sampler, noise, chunk):
            yield t, x.float().cpu()


def latents(process: DegradationProcess, start: Any, n: int, noise: torch.Generator) -> Tensor:
    """Return the latents (n, C, S, S) at t = T from which sampling starts, see `walk`."""
    if start is None:
        drawn, who = process.draw_prior(n, noise), f"draw_prior of {type(process).__name__}"
    else:
        who = "start" if isinstance(start, Tensor) else f"the prior, {summarise(start)},"
        if not isinstance(start, Tensor):
            start = start.draw(n, noise)
        if not isinstance(start, Tensor) or start.ndim != 4:
            expected = f"a torch tensor ({n}, C, p, p) of floats"
            raise ValueError(f"{who} gave {summarise(start)}; expected: {expected}")
        drawn = process.from_pixels(start)
        if isinstance(drawn, Tensor) and drawn.shape[1:] != process.image_shape:
            pixels = process.to_pixels(torch.zeros(n, *process.image_shape))
            expected = f"{tuple(pixels.shape)}, the shape of process.to_pixels(images)"
            raise ValueError(f"{who} gave {summarise(start)}; expected: {expected}")
    drawn = finite_images(drawn, (n, *process.image_shape), who)
    if process.predicts == "image":
        note_outside(drawn, who)
    return drawn
