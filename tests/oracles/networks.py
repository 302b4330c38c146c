"""The two networks by their formulas, on weights by name. Nothing of `diffusion` is imported."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, gelu, group_norm, interpolate, linear

Weights = Mapping[str, Tensor]


def part(weights: Weights, name: str) -> tuple[Tensor, Tensor]:
    """The weight and the bias of a layer."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def encoded(weights: Weights, name: str, t: Tensor) -> Tensor:
    """Sines and shifted cosines of t at the frequencies 0 and 2 pi 1.5^i, through four linear layers."""
    frequencies = torch.tensor([0, *(2 * math.pi * 1.5**i for i in range(15))], dtype=t.dtype)
    h = torch.cat([torch.sin(t[:, None] * frequencies), torch.cos(t[:, None] * frequencies) - 1], dim=1)
    for layer in (0, 2, 4):
        h = gelu(linear(h, *part(weights, f"{name}.{layer}")))
    return linear(h, *part(weights, f"{name}.6"))[:, :, None, None]


def normalised(h: Tensor, scale: Tensor, shift: Tensor, norm: str) -> Tensor:
    """Each channel over its pixels: by its mean and standard deviation, or by its root mean square."""
    centred = h - h.mean((2, 3), keepdim=True) if norm == "layer" else h
    return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt() * scale + shift


def reconstructor(weights: Weights, x: Tensor, t: Tensor, norm: str, dilations: list[int]) -> Tensor:
    """Blocks of a 7 x 7 convolution, a norm and GELU; the time is added after the first; 3 x 3 at the end."""
    for i, dilation in enumerate(dilations):
        name = f"blocks.{i}"
        h = conv2d(x, *part(weights, f"{name}.0"), padding=3 * dilation, dilation=dilation)
        x = gelu(normalised(h, *part(weights, f"{name}.1"), norm))
        x = x + encoded(weights, "time.layers", t) if i == 0 else x
    return conv2d(x, *part(weights, "out"), padding=1)


def activated(weights: Weights, name: str, h: Tensor) -> Tensor:
    """Group norm of four groups, GELU, 3 x 3 convolution."""
    return conv2d(gelu(group_norm(h, 4, *part(weights, f"{name}.0"))), *part(weights, f"{name}.2"), padding=1)


def residual(weights: Weights, name: str, x: Tensor, time: Tensor) -> Tensor:
    """Two such convolutions with the time between them, and the input beside them."""
    h = (
        activated(weights, f"{name}.first", x)
        + linear(time, *part(weights, f"{name}.time"))[:, :, None, None]
    )
    return activated(weights, f"{name}.second", h) + conv2d(x, *part(weights, f"{name}.skip"))


def unet(weights: Weights, x: Tensor, t: Tensor) -> Tensor:
    """Two levels down, three blocks, and up again, each with what was there on the way down."""
    time = gelu(encoded(weights, "time.0.layers", t)[:, :, 0, 0])
    full = residual(weights, "down.0", conv2d(x, *part(weights, "enter"), padding=1), time)
    half = residual(weights, "down.1", avg_pool2d(full, 2), time)
    h = avg_pool2d(half, 2)
    for i in range(3):
        h = residual(weights, f"middle.{i}", h, time)
    for i, skip in enumerate((half, full)):
        h = torch.cat([interpolate(h, skip.shape[2:]), skip], dim=1)
        h = residual(weights, f"up.{i}", h, time)
    return activated(weights, "out", h)
