"""The reconstructor g_t: one small CNN, used by every process (Sec. 2.2 of the study)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.runtime import call_with, named

SIZE = 28  # pixels along one side of an image
CHANNELS = (16, 32, 32, 16)  # the study's


class TimeEncoding(nn.Module):
    """t/T in (0, 1], shape (B,), to one number per channel, (B, channels).

    Sinusoidal features at the frequencies 0 and 2 pi 1.5^i, i = 0..14, through a small perceptron. The cosine
    is shifted by 1 so that all features vanish at t = 0.
    """

    def __init__(self, channels: int, hidden: int = 128):
        super().__init__()
        frequencies = 2 * math.pi * 1.5 ** torch.arange(15, dtype=torch.float32)
        self.register_buffer("frequencies", torch.cat([torch.zeros(1), frequencies]), persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * len(self.frequencies), hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, channels),
        )

    def forward(self, t: Tensor) -> Tensor:
        angle = t[:, None] * self.frequencies  # (B, 16)
        return self.layers(torch.cat([angle.sin(), angle.cos() - 1], dim=1))  # (B, channels)


class Block(nn.Sequential):
    """Conv 7x7 -> LayerNorm -> GELU, (B, in, 28, 28) -> (B, out, 28, 28).

    The normalisation is over the 28x28 pixels of each channel. It takes out each channel's mean, so that what
    follows sees a constant offset of the input only through the zero padding at the border; the report
    measures the consequence.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=7, padding="same"),
            nn.LayerNorm((SIZE, SIZE)),
            nn.GELU(),
        )


class Reconstructor(nn.Module):
    """The network g_t[z_t, t/T | phi] of Eqs. (5), (6), (10) and (11): one set of weights for all time steps.

    Args:
        channels: output channels of the blocks.

    Shapes: (B, 1, 28, 28) and t/T in (0, 1], (B,) -> (B, 1, 28, 28), unbounded.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS):
        super().__init__()
        if not channels or any(c < 1 for c in channels):
            raise ValueError(
                f"channels is {channels}; needed: one positive width per block, such as (16, 32, 32, 16)"
            )
        self.blocks = nn.ModuleList(Block(i, o) for i, o in zip((1, *channels), channels, strict=False))
        self.time = TimeEncoding(channels[0])
        self.out = nn.Conv2d(channels[-1], 1, kernel_size=3, padding="same")

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        if x.shape[1:] != (1, SIZE, SIZE) or t.shape != x.shape[:1]:
            raise ValueError(
                f"images {tuple(x.shape)} and times {tuple(t.shape)}; needed: (B, 1, {SIZE}, {SIZE}) and (B,)"
            )
        h = self.blocks[0](x) + self.time(t)[:, :, None, None]  # (B, 16, 28, 28)
        for block in self.blocks[1:]:
            h = block(h)
        return self.out(h)  # (B, 1, 28, 28)


NETWORKS: dict[str, type[nn.Module]] = {"cnn": Reconstructor}


def build(
    network: str | type[nn.Module],
    channels: Sequence[int] = CHANNELS,
    options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """A new network: one of `NETWORKS`, `module:Class` of your own, or the class itself.

    It is called with those of `channels` that its signature asks for and all of `options`, and maps
    (B, 1, 28, 28) images and (B,) times to (B, 1, 28, 28).

    Raises:
        ValueError: an unknown name, or arguments that the class refuses.
    """
    cls = named("network", network, NETWORKS) if isinstance(network, str) else network
    if not isinstance(cls, type) or not issubclass(cls, nn.Module):
        raise ValueError(f"network is {network!r}; needed: a subclass of torch.nn.Module")
    return call_with(cls, {"channels": tuple(channels)}, options)
