"""Digits distorted mildly, and images that are no digits: what a recogniser has to accept, and to refuse.

Each kind is a function (images (N, 1, 28, 28) in model units, labels (N,), generator) -> images like them.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torchvision.transforms.functional import gaussian_blur

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
    moved = [
        torch.roll(one, (-round(float(b)), -round(float(a))), (1, 2))
        for one, a, b in zip(x, across, down, strict=True)
    ]
    return torch.stack(moved)


def _signs(n: int, random: Generator) -> Tensor:
    return torch.randint(0, 2, (n,), generator=random) * 2.0 - 1


# --- digits all the same ---


def unchanged(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    return x


def shifted(pixels: int) -> Kind:
    """Moved by so many pixels in one of eight directions."""

    def kind(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
        ways = torch.tensor([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])
        chosen = ways[torch.randint(8, (len(x),), generator=random)].float() * pixels
        return warp(x, torch.zeros(len(x)), chosen)

    return kind


def turned(degrees: float) -> Kind:
    """Turned by so many degrees to one side or the other."""
    return lambda x, labels, random: warp(x, degrees * _signs(len(x), random))


def thicker(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The largest of 2 x 2 pixels."""
    return F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-0.5), 2, 1)


def thinner(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """Half-way to the smallest of 2 x 2 pixels, which alone would break thin strokes."""
    return (x - F.max_pool2d(F.pad(-x, (0, 1, 0, 1), value=0.5), 2, 1)) / 2


def on_grey(level: float) -> Kind:
    """On a ground of a grey level, 0 to 1; the digit stays white."""
    return lambda x, labels, random: x + level * (0.5 - x)


def blurred(sigma: float) -> Kind:
    """Blurred by a Gaussian of a standard deviation in pixels."""
    return lambda x, labels, random: gaussian_blur(x, [9, 9], [sigma, sigma])


def noisy(sd: float) -> Kind:
    """With Gaussian noise of a standard deviation, clamped."""
    return lambda x, labels, random: (x + sd * torch.randn(x.shape, generator=random)).clamp(-0.5, 0.5)


MILD: dict[str, Kind] = {
    "unchanged": unchanged,
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

# --- no digits ---


def stitched(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The upper, or the left, half of one digit and the other half of one of another class."""
    other = _of_another_class(labels, random)
    upper = torch.arange(28)[:, None] < 14
    mask = torch.where(torch.rand(len(x), 1, 1, generator=random) < 0.5, upper, upper.T)[:, None]
    return torch.where(mask, x, x[other])


def _of_another_class(labels: Tensor, random: Generator) -> Tensor:
    """For each image the index of one of another class, (N,)."""
    other = torch.randperm(len(labels), generator=random)
    for _ in range(50):
        again = torch.randint(len(labels), (len(labels),), generator=random)
        other = torch.where(labels[other] == labels, again, other)
    return other


def deleted(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """With a band of 8 pixels through the centre of mass, in any direction, made black."""
    angle = torch.rand(len(x), generator=random) * math.pi
    place = torch.arange(28.0) - 13.5
    away = angle.cos()[:, None, None] * place + angle.sin()[:, None, None] * place[:, None]
    return torch.where(away.abs()[:, None] < 4, torch.tensor(-0.5), x)


def quarter_turned(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The digits 2, 3, 4, 5 and 7 turned by 90 degrees, which are digits no longer."""
    chosen = torch.isin(labels, torch.tensor([2, 3, 4, 5, 7])).nonzero()[:, 0]
    chosen = chosen.repeat(-(-len(x) // max(1, len(chosen))))[: len(x)]
    return torch.rot90(x[chosen], 1, (2, 3))


def scribbles(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """Two to four pen strokes at random, each a curve through three points, as wide as a digit's.

    Like the letters of an alphabet that nobody knows; a few look like digits by chance.
    """
    n, most, along = len(x), 4, torch.linspace(0, 1, 40)
    points = torch.rand(n, most, 3, 2, generator=random) * 20 + 3.5  # of a quadratic Bézier curve
    basis = torch.stack([(1 - along) ** 2, 2 * along * (1 - along), along**2])  # (3, 40)
    path = (points.transpose(2, 3) @ basis).transpose(2, 3)  # (n, most, 40, 2)
    drawn = torch.arange(most) < torch.randint(2, most + 1, (n, 1), generator=random)  # (n, most)
    path = torch.where(drawn[:, :, None, None], path, path[:, :1]).flatten(1, 2)  # (n, most * 40, 2)
    pixel = torch.stack(torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij"), 2).view(784, 2)
    width = 0.9 + 0.6 * torch.rand(n, generator=random)  # half of it, in pixels
    far = torch.cat([torch.cdist(pixel[None].expand(len(p), -1, -1), p).amin(2) for p in path.split(100)])
    return centred(((width[:, None] + 0.5 - far).clamp(0, 1) - 0.5).view(n, 1, 28, 28))


def uniform_noise(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    return torch.rand(x.shape, generator=random) - 0.5


def shuffled(x: Tensor, labels: Tensor, random: Generator) -> Tensor:
    """The pixels of a digit in random order."""
    order = torch.rand(len(x), 784, generator=random).argsort(1)
    return x.flatten(1).gather(1, order).view_as(x)


NO_DIGITS: dict[str, Kind] = {
    "two digits stitched": stitched,
    "strokes deleted": deleted,
    "turned by 90°": quarter_turned,
    "random pen strokes": scribbles,
    "uniform noise": uniform_noise,
    "shuffled pixels": shuffled,
}
