"""Mildly distorted digits, which a recogniser has to accept.

Each kind of distortion is a function: images (N, 1, 28, 28) in model units, labels (N,), generator -> images.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

Kind = Callable[[Tensor, Tensor, Generator], Tensor]


def warp(x: Tensor, angle: Tensor, shift: Tensor | None = None) -> Tensor:
    """Rotate images by `angle` (N,) in degrees, or shift them by (N, 2) pixels right and down; bilinear.

    Pixels from outside the image are black.
    """
    turn, shift = angle.deg2rad(), torch.zeros(len(x), 2) if shift is None else shift
    matrix = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(-1, 2, 2)
    offset = -(matrix @ (shift * 2 / x.shape[-1])[:, :, None])
    grid = F.affine_grid(torch.cat([matrix, offset], 2), list(x.shape), align_corners=False)
    return F.grid_sample(x + 0.5, grid, align_corners=False) - 0.5


def centred(x: Tensor) -> Tensor:
    """Shift images by whole pixels to move their centre of mass to the middle, as in MNIST."""
    ink, positions = x[:, 0] + 0.5, torch.arange(28.0) - 13.5
    mass = ink.sum((1, 2)).clamp(min=1e-6)
    across, down = (ink.sum(1) @ positions) / mass, (ink.sum(2) @ positions) / mass
    moves = (-torch.stack([down, across], 1).round().int()).tolist()
    return torch.stack([image.roll(move, (1, 2)) for image, move in zip(x, moves, strict=True)])


def shifted(pixels: int) -> Kind:
    """Shift by this number of pixels in one of eight directions."""
    offsets = pixels * torch.tensor([(a, b) for a in (-1.0, 0, 1) for b in (-1.0, 0, 1) if a or b])

    def shift(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
        return warp(x, torch.zeros(len(x)), offsets[torch.randint(8, (len(x),), generator=random)])

    return shift


def turned(degrees: float) -> Kind:
    """Rotate by this number of degrees to either side."""
    sides = degrees * torch.tensor([-1.0, 1])

    def turn(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
        return warp(x, sides[torch.randint(0, 2, (len(x),), generator=random)])

    return turn


def thicker(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """Replace each pixel by the maximum of 2 x 2 pixels."""
    return F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-0.5), 2, 1)


def thinner(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """Average each pixel with the minimum of 2 x 2 pixels, which alone would break thin strokes."""
    return (x - F.max_pool2d(F.pad(-x, (0, 1, 0, 1), value=0.5), 2, 1)) / 2


def on_grey(level: float) -> Kind:
    """Put digits on a grey background, with level 0 to 1; white stays white."""
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
