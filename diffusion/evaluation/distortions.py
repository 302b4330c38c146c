"""Digits distorted mildly, which a recogniser has to accept.

Each kind is a function (images (N, 1, 28, 28) in model units, labels (N,), generator) -> images like them.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

Kind = Callable[[Tensor, Tensor, Generator], Tensor]


def warp(x: Tensor, angle: Tensor, shift: Tensor | None = None) -> Tensor:
    """Images turned by `angle` (N,) in degrees, or shifted by (N, 2) pixels right and down, bilinear.

    What comes in from outside is black.
    """
    turn, shift = angle.deg2rad(), torch.zeros(len(x), 2) if shift is None else shift
    matrix = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(-1, 2, 2)
    offset = -(matrix @ (shift * 2 / x.shape[-1])[:, :, None])
    grid = F.affine_grid(torch.cat([matrix, offset], 2), list(x.shape), align_corners=False)
    return F.grid_sample(x + 0.5, grid, align_corners=False) - 0.5


def centred(x: Tensor) -> Tensor:
    """Images moved by whole pixels so that their centre of mass is in the middle, as MNIST's digits are."""
    ink, place = x[:, 0] + 0.5, torch.arange(28.0) - 13.5
    mass = ink.sum((1, 2)).clamp(min=1e-6)
    across, down = (ink.sum(1) @ place) / mass, (ink.sum(2) @ place) / mass
    moves = (-torch.stack([down, across], 1).round().int()).tolist()
    return torch.stack([image.roll(move, (1, 2)) for image, move in zip(x, moves, strict=True)])


def shifted(pixels: int) -> Kind:
    """Moved by so many pixels in one of eight directions."""
    ways = pixels * torch.tensor([(a, b) for a in (-1.0, 0, 1) for b in (-1.0, 0, 1) if a or b])
    return lambda x, labels, random: warp(
        x, torch.zeros(len(x)), ways[torch.randint(8, (len(x),), generator=random)]
    )


def turned(degrees: float) -> Kind:
    """Turned by so many degrees to one side or the other."""
    sides = degrees * torch.tensor([-1.0, 1])
    return lambda x, labels, random: warp(x, sides[torch.randint(0, 2, (len(x),), generator=random)])


def thicker(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The largest of 2 x 2 pixels."""
    return F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-0.5), 2, 1)


def thinner(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """Half-way to the smallest of 2 x 2 pixels, which alone would break thin strokes."""
    return (x - F.max_pool2d(F.pad(-x, (0, 1, 0, 1), value=0.5), 2, 1)) / 2


def on_grey(level: float) -> Kind:
    """On a ground of a grey level, 0 to 1; the digit stays white."""
    return lambda x, labels, random: x + level * (0.5 - x)


MILD: dict[str, Kind] = {
    "unchanged": lambda x, labels, random: x,
    "shifted by 1 pixel": shifted(1),
    "shifted by 2 pixels": shifted(2),
    "shifted by 3 pixels": shifted(3),
    "turned by 10°": turned(10),
    "turned by 20°": turned(20),
    "thicker": thicker,
    "thinner": thinner,
    "on 5 % grey": on_grey(0.05),
    "on 10 % grey": on_grey(0.1),
}
