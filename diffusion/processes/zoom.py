"""Cold Zoom Diffusion (Sec. 3.2 of the study): degrade an image by zooming into its centre; or by a crop."""

from functools import lru_cache
from typing import Literal, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from diffusion.bounds import Count, Share, checked, whole
from diffusion.processes.base import GREY28, ColdDiffusion, Shape, levels
from diffusion.processes.priors import Pixels

LEFT = 4  # pixels a side at the deepest level, if nothing is said
Level = TypeVar("Level", int, Tensor)  # one, or one for each image
BLACK = -0.5  # what a crop leaves of the other pixels


def crop(t: Level) -> tuple[Level, Level]:
    """Rows (and columns) dropped at the top (left) and at the bottom (right) at zoom level t.

    Alternately one at each corner, the top-left first: ceil(t / 2) and floor(t / 2).
    """
    return (t + 1) // 2, t // 2


def zoom(x: Tensor, t: Tensor, interpolation: str = "nearest") -> Tensor:
    """Images (B, C, S, S), cropped to their central (S - t) x (S - t) pixels and resized back: Z(x, t).

    t is in 0..S-1 and differs per image, (B,). For "nearest" one gather takes the whole batch, and the result
    equals torchvision's `resized_crop(..., NEAREST)` to the bit; for "bilinear" it equals it without
    antialiasing, to rounding.
    """
    B, C, S, _ = x.shape
    if interpolation == "nearest":
        index = _nearest(S, x.device)[t][:, None].expand(B, C, S * S)
        return x.reshape(B, C, S * S).gather(2, index).view(B, C, S, S)
    zoomed = torch.empty_like(x)
    for level in t.unique().tolist():
        part = central_patch(x[t == level], S - level)
        zoomed[t == level] = interpolate(part, size=(S, S), mode=interpolation)
    return zoomed


@lru_cache
def _nearest(S: int, device: torch.device) -> Tensor:
    """Index into the flat image for each pixel of the zoomed one, (S, S * S): a row for every level."""
    t = torch.arange(S, device=device)[:, None]  # (S, 1)
    scale = (S - t).float() / S  # (S, 1), cropped pixels per output pixel
    out = torch.arange(S, device=device, dtype=torch.float32)[None]  # (1, S)
    # The rule of torch's nearest: floor(i * in / out).
    line = (out * scale).floor().long() + crop(t)[0]  # (S, S)
    return (line[:, :, None] * S + line[:, None, :]).view(S, S * S)


def central_patch(x: Tensor, patch: int) -> Tensor:
    """The central patch x patch pixels that the deepest zoom level leaves, (N, C, patch, patch)."""
    first, _ = crop(x.shape[-1] - patch)
    return x[..., first : first + patch, first : first + patch]


def enlarge(patches: Tensor, size: int) -> Tensor:
    """Patches (N, C, p, p) resized to (N, C, size, size) by nearest neighbour."""
    return interpolate(patches, size=(size, size), mode="nearest")


class ColdZoom(ColdDiffusion):
    """Cold Zoom Diffusion: level t leaves the central (S - t) x (S - t) pixels, resized to the full size.

    Args:
        T: the last level; None: S - 4. The study's 24 leaves 4 x 4 pixels of 28 x 28.
        interpolation: of the crop when it is resized; "nearest" is the study's.
        image_noise: see `ColdDiffusion`.
    """

    prior = Pixels()
    T = GREY28[-1] - LEFT

    @checked
    def __init__(
        self,
        T: Count | None = None,
        interpolation: Literal["nearest", "bilinear"] = "nearest",
        image_noise: Share = 0.0,
    ):
        self.interpolation, self.image_noise = interpolation, image_noise
        if T is not None:
            self.T = T

    def set_image_shape(self, image_shape: Shape) -> None:
        """Become a zoom into images (C, S, S), down to level S - 4 where none was given."""
        super().set_image_shape(image_shape)
        S = image_shape[-1]
        if "T" not in vars(self):
            self.T = max(1, S - LEFT)
        whole("T", self.T, 1, S - 1)  # level T leaves S - T pixels a side

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Z(x, t), for images (B, C, S, S) that need not lie in [-0.5, 0.5] (predictions may leave it)."""
        t = levels(x, t, self.T)
        return zoom(x.expand(len(t), -1, -1, -1), t, self.interpolation)

    def to_pixels(self, x: Tensor) -> Tensor:
        """The central pixels that level T leaves, (N, C, S - T, S - T)."""
        return central_patch(x, x.shape[-1] - self.T)

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Central pixels (n, C, S - T, S - T), resized to S x S; images of that size stay as they are."""
        S = self.image_shape[-1]
        return enlarge(pixels, S) if pixels.shape[-1] == S - self.T else pixels


class ColdCrop(ColdDiffusion):
    """The zoom without its resize: level t leaves central pixels at their place, and makes the others black.

    Each level leaves the same share of the side of the one before; the last leaves 4 x 4 pixels. They are the
    zoom's pixels, but the network need not learn where they belong: it draws digits after less training.

    Args:
        T: number of levels.
        image_noise: see `ColdDiffusion`.
    """

    prior = Pixels()

    @checked
    def __init__(self, T: Count = 8, image_noise: Share = 0.0):
        self.T, self.image_noise = T, image_noise

    def set_image_shape(self, image_shape: Shape) -> None:
        """Become a crop of images (C, S, S); ValueError: S is at most 4."""
        super().set_image_shape(image_shape)
        whole("the images' side", image_shape[-1], LEFT + 1)

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Images (B, C, S, S), black outside their central square of S (4 / S)^(t / T) pixels, rounded."""
        S, t = x.shape[-1], levels(x, t, self.T).to(x.device)
        side = (S * (LEFT / S) ** (t / self.T)).round().long()
        first, last = (edge[:, None] for edge in crop(S - side))  # (B, 1)
        place = torch.arange(S, device=x.device)
        kept = (place >= first) & (place < S - last)  # (B, S), rows and columns
        return x.where((kept[:, :, None] & kept[:, None, :])[:, None], BLACK)

    def to_pixels(self, x: Tensor) -> Tensor:
        """The central pixels that level T leaves, (N, C, 4, 4)."""
        return central_patch(x, LEFT)

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Central pixels (n, C, 4, 4) on black S x S; images of that size stay as they are."""
        edges = crop(self.image_shape[-1] - LEFT)
        return pad(pixels, (*edges, *edges), value=BLACK) if pixels.shape[-1] == LEFT else pixels
