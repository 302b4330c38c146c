"""Networks: a small CNN (Vrikkis 2024, Sec. 2.2) and a U-Net, for all processes."""

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from diffusion.arguments import Native, checked, summarise
from diffusion.names import create, look_up
from diffusion.pixels import GREY28, Shape

CHANNELS = (16, 32, 32, 16)  # the study's
Dilation = Annotated[int, Native, Field(ge=1, le=9)]
Channel = Annotated[int, Native, Field(ge=1, le=1024)]


class TimeEncoding(nn.Module):
    """Encode t/T in (0, 1], (B,), as one number per channel, (B, channels).

    Sinusoidal features at the frequencies 0 and 2 pi 1.5^i, i = 0..14, pass through a small perceptron. The
    cosine is shifted by 1, which makes all features 0 at t = 0.
    """

    frequencies: Tensor

    def __init__(self, channels: int, hidden: int = 128):
        super().__init__()
        frequencies = 2 * math.pi * 1.5 ** torch.arange(15, dtype=torch.float32)
        self.register_buffer("frequencies", torch.cat([torch.zeros(1), frequencies]), persistent=False)
        widths = (2 * len(self.frequencies), hidden, hidden, hidden)
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.GELU())]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, channels))

    def forward(self, t: Tensor) -> Tensor:
        """Encode times t, (B,)."""
        angle = t[:, None] * self.frequencies  # (B, 16)
        return self.layers(torch.cat([angle.sin(), angle.cos() - 1], dim=1))  # (B, channels)


class RMSNorm(nn.RMSNorm):
    """LayerNorm without centring (Zhang and Sennrich 2019), but with LayerNorm's bias: as many parameters."""

    def __init__(self, shape: tuple[int, int]):
        super().__init__([*shape], eps=1e-5)
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x in float32 and return its dtype."""
        return (super().forward(x.float()) + self.bias).to(x.dtype)


NORMS: dict[str, type[nn.Module]] = {"layer": nn.LayerNorm, "rms": RMSNorm}


class Block(nn.Sequential):
    """Conv 7x7 -> normalisation -> GELU, (B, in, S, S) -> (B, out, S, S).

    The LayerNorm of Vrikkis (2024) is over the S x S pixels of each channel. It removes the mean of each
    channel, so later layers see a constant offset of the input only through the zero padding at the border;
    the report measures the consequence. "rms" divides by the root mean square instead, and keeps the mean.
    """

    def __init__(
        self, in_channels: int, out_channels: int, norm: str = "layer", dilation: int = 1, side: int = 28
    ):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=7, padding="same", dilation=dilation),
            look_up("norm", norm, NORMS)((side, side)),
            nn.GELU(),
        )


class Reconstructor(nn.Module):
    """The CNN of Vrikkis (2024), Eqs. (5), (6), (10) and (11): one set of weights for all time steps.

    Args:
        channels (sequence of int): Output channels of each block. Default (16, 32, 32, 16).
        norm (str): "layer", as in the original study, or "rms", which keeps the mean of a channel. Default
            "layer".
        dilations (sequence of int, optional): Dilation of each block's convolution, 1 to 9. If None, uses 1.
            Default None.
        image_shape (tuple of int): (C, S, S) of one image. Default (1, 28, 28).

    Shape:
        - x: (B, C, S, S), and t/T in (0, 1]: (B,)
        - Output: (B, C, S, S), unbounded

    Example:
        >>> import diffusion as d
        >>> import torch
        >>> d.Reconstructor()(torch.zeros(2, 1, 28, 28), torch.ones(2)).shape
        torch.Size([2, 1, 28, 28])
    """

    @checked
    def __init__(
        self,
        channels: Annotated[Sequence[Channel], Field(min_length=1, max_length=64)] = CHANNELS,
        norm: str = "layer",
        dilations: Sequence[Dilation] | None = None,
        image_shape: Shape = GREY28,
    ):
        super().__init__()
        dilations = [1] * len(channels) if dilations is None else dilations
        if len(dilations) != len(channels):
            raise ValueError(f"dilations is {dilations}; needed: one for each of {len(channels)} blocks")
        widths = zip((image_shape[0], *channels), channels, dilations, strict=False)
        self.blocks = nn.ModuleList(Block(i, o, norm, d, image_shape[-1]) for i, o, d in widths)
        self.time = TimeEncoding(channels[0])
        self.out = nn.Conv2d(channels[-1], image_shape[0], kernel_size=3, padding="same")

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Predict the noise or the clean image from x (B, C, S, S) and t/T (B,)."""
        h = self.blocks[0](x) + self.time(t)[:, :, None, None]  # (B, 16, S, S)
        for block in self.blocks[1:]:
            h = block(h)
        return self.out(h)  # (B, C, S, S)


def _pre_activated(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(4, inputs), nn.GELU(), nn.Conv2d(inputs, outputs, 3, padding=1))


class ResidualBlock(nn.Module):
    """x + conv(conv(x) + time), 3x3 and pre-activated, (B, in, H, W) and (B, 64) -> (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.first = _pre_activated(in_channels, out_channels)
        self.time = nn.Linear(UNet.TIME, out_channels)
        self.second = _pre_activated(out_channels, out_channels)
        self.skip = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Return (B, out, H, W) for x (B, in, H, W) and the encoded time (B, 64)."""
        h = self.first(x) + self.time(time)[:, :, None, None]
        return self.skip(x) + self.second(h)


class UNet(nn.Module):
    """A U-Net with about as many parameters as `Reconstructor`: three resolutions and skip connections.

    Ronneberger et al. (2015), with residual blocks that receive the time step, as in Ho et al. (2020). The
    residual path is not normalised, so the mean of the image reaches the output.

    Args:
        width (int): Channels at full resolution, a multiple of 4; twice as many at lower ones. Default 16.
        image_shape (tuple of int): (C, S, S) of one image, S at least 4. Default (1, 28, 28).

    Shape:
        - x: (B, C, S, S), and t/T in (0, 1]: (B,)
        - Output: (B, C, S, S), unbounded

    Example:
        >>> import diffusion as d
        >>> import torch
        >>> d.UNet()(torch.zeros(2, 1, 28, 28), torch.ones(2)).shape
        torch.Size([2, 1, 28, 28])
    """

    TIME = 64  # numbers that the blocks see of the time step

    @checked
    def __init__(
        self, width: Annotated[int, Native, Field(ge=4, multiple_of=4)] = 16, image_shape: Shape = GREY28
    ):
        super().__init__()
        w, colours = width, image_shape[0]
        self.time = nn.Sequential(TimeEncoding(self.TIME, hidden=64), nn.GELU())
        self.enter = nn.Conv2d(colours, w, 3, padding=1)
        self.down = nn.ModuleList([ResidualBlock(w, w), ResidualBlock(w, 2 * w)])
        self.middle = nn.ModuleList(ResidualBlock(2 * w, 2 * w) for _ in range(3))
        self.up = nn.ModuleList([ResidualBlock(4 * w, 2 * w), ResidualBlock(3 * w, w)])
        self.out = _pre_activated(w, colours)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Predict the noise or the clean image from x (B, C, S, S) and t/T (B,)."""
        time, h, kept = self.time(t), self.enter(x), []  # (B, 64), (B, w, S, S)
        for block in self.down:
            kept.append(h := block(h, time))
            h = avg_pool2d(h, 2)
        for block in self.middle:
            h = block(h, time)  # (B, 2w, S / 4, S / 4)
        for block in self.up:
            skip = kept.pop()
            h = torch.cat([interpolate(h, skip.shape[2:], mode="nearest"), skip], dim=1)
            h = block(h, time)
        return self.out(h)  # (B, C, S, S)


NETWORKS: dict[str, type[nn.Module]] = {"cnn": Reconstructor, "unet": UNet}


def architecture(
    network: str | type[nn.Module], options: Mapping[str, Any] | None = None, image_shape: Shape = GREY28
) -> tuple[type[nn.Module], dict[str, Any]]:
    """Return the class of a network and its arguments: `options`, and `image_shape` if the class takes it.

    Args:
        network (str or type): A name in `NETWORKS`, your own `module:Class`, or the class. It maps images (B,
            C, S, S) and times (B,) to (B, C, S, S).
        options (Mapping, optional): Arguments of the class. Default None.
        image_shape (tuple of int): (C, S, S) of one image. Default (1, 28, 28).

    Raises:
        ValueError: If there is no such class.
    """
    cls = look_up("network", network, NETWORKS)
    if not isinstance(cls, type) or not issubclass(cls, nn.Module):
        raise ValueError(f"network is {summarise(network)}; expected: a subclass of torch.nn.Module itself")
    asks = inspect.signature(cls).parameters.get("image_shape")
    given = {"image_shape": image_shape} if asks and asks.default != image_shape else {}
    return cls, given | dict(options or {})


def build(cls: type[nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    """Make a new network.

    Raises:
        ValueError: If its class refuses the arguments.
    """
    return create("network", cls, {}, copy.deepcopy(dict(arguments)))
