"""The machine's own limit: the 7x7 convolutions of the network alone, forwards and backwards.

Whatever else a training step does, these have to be computed, by the same library, at the same shapes and
in the same precision. Each runs in its best case: input, weight and gradient already in that precision, and
in the memory format that is the faster one for its shape. The first gets no gradient of its input: images
need none.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.timing import interleave, spread
from diffusion.network import SIZE, Reconstructor

FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def shapes() -> list[tuple[int, int]]:
    """(input, output) channels of the network's 7x7 convolutions."""
    return [(block[0].in_channels, block[0].out_channels) for block in Reconstructor().blocks]


def flop(batch: int) -> float:
    """Floating-point operations of all of them, forwards and backwards, for a batch."""
    found = 0
    for place, (i, o) in enumerate(shapes()):
        passes = 2 if place == 0 else 3  # forwards, gradient of the weight, gradient of the input
        found += passes * 2 * batch * SIZE * SIZE * 49 * i * o
    return float(found)


def convolution(
    batch: int,
    i: int,
    o: int,
    first: bool,
    device: torch.device,
    dtype: torch.dtype,
    layout: torch.memory_format,
) -> Callable[[], None]:
    """One convolution, forwards and backwards, as a call."""
    layer = nn.Conv2d(i, o, 7, padding="same").to(device, dtype, memory_format=layout)
    x, gradient = (
        torch.randn(batch, c, SIZE, SIZE, device=device, dtype=dtype).to(memory_format=layout) for c in (i, o)
    )
    x.requires_grad_(not first)

    def run() -> None:
        layer(x).backward(gradient)
        x.grad = layer.weight.grad = layer.bias.grad = None

    return run


def convolutions(
    batch: int, device: torch.device, precision: str, rounds: int
) -> tuple[Callable[[], None], list]:
    """All of them as one call, and the memory format chosen for each with the seconds of both."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    calls, chosen = [], []
    for place, (i, o) in enumerate(shapes()):
        tried = {
            name: convolution(batch, i, o, place == 0, device, dtype, layout)
            for name, layout in FORMATS.items()
        }
        seconds = {name: spread(values)["median"] for name, values in interleave(tried, rounds).items()}
        best = min(seconds, key=seconds.get)
        calls.append(tried[best])
        chosen.append({"channels": [i, o], "format": best, "seconds": seconds})

    def run() -> None:
        for call in calls:
            call()

    return run, chosen
