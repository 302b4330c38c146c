"""Cold Zoom Diffusion (Vrikkis 2024, Sec. 3.2): degrade an image by a zoom into its centre, or a crop."""

from functools import lru_cache
from typing import Literal, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from diffusion.arguments import Count, Share, check_whole, checked
from diffusion.pixels import GREY28, Shape
from diffusion.processes.base import ColdDiffusion, levels
from diffusion.processes.priors import Pixels

LEFT = 4  # pixels a side at the deepest level, if nothing is said
Level = TypeVar("Level", int, Tensor)  # one, or one for each image
BLACK = -0.5  # what a crop leaves of the other pixels


def crop(t: Level) -> tuple[Level, Level]:
    """Return the number of rows dropped at the top and at the bottom at zoom level t; columns likewise.

    Pixels are dropped alternately at both corners, top-left first: ceil(t / 2) and floor(t / 2).
    """
    return (t + 1) // 2, t // 2


def zoom(x: Tensor, t: Tensor, interpolation: str = "nearest") -> Tensor:
    """Zoom into the centre of images: crop to the central (S - t) x (S - t) pixels and resize back, Z(x, t).

    For "nearest", one gather handles the whole batch and equals torchvision's `resized_crop(..., NEAREST)`
    bit for bit. For "bilinear", the result equals torchvision's without antialiasing, up to rounding.

    Args:
        x (Tensor): Images (B, C, S, S).
        t (Tensor): Level of each image, (B,), in 0..S-1.
        interpolation (str): "nearest" or "bilinear". Default "nearest".
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
    """Return the index into the flat image for each pixel of the zoomed image, (S, S * S): one row per level.

    The second axis runs over output pixels.
    """
    t = torch.arange(S, device=device)[:, None]  # (S, 1)
    scale = (S - t).float() / S  # (S, 1), cropped pixels per output pixel
    out = torch.arange(S, device=device, dtype=torch.float32)[None]  # (1, S)
    # The rule of torch's nearest: floor(i * in / out).
    line = (out * scale).floor().long() + crop(t)[0]  # (S, S)
    return (line[:, :, None] * S + line[:, None, :]).view(S, S * S)


def central_patch(x: Tensor, patch: int) -> Tensor:
    """Return the central patch x patch pixels that the deepest zoom level keeps, (N, C, patch, patch)."""
    first, _ = crop(x.shape[-1] - patch)
    return x[..., first : first + patch, first : first + patch]


def enlarge(patches: Tensor, size: int) -> Tensor:
    """Resize patches (N, C, p, p) to (N, C, size, size) by nearest neighbour."""
    return interpolate(patches, size=(size, size), mode="nearest")


class ColdZoom(ColdDiffusion):
    """Cold Zoom Diffusion: level t keeps the central (S - t) x (S - t) pixels and resizes them to S x S.

    The method is from Vrikkis (2024), Sec. 3.2. At the default deepest level, 4 x 4 pixels remain.

    Args:
        T (int, optional): The deepest level, at most S - 1. If None, S - 4, which is 24 for 28 x 28 pixels,
            as in the original study. Default None.
        interpolation (str): "nearest", as in the original study, or "bilinear": how the crop is resized.
            Default "nearest".
        image_noise (float): Noise on training images, see `ColdDiffusion`; 0 to 1. Default 0.0.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=2)
        >>> zoom = d.ColdZoom()
        >>> zoom.degrade(x, 24).unique().numel() <= 16  # the pixels that are left
        True
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
        """Adapt the zoom to images (C, S, S). Without an explicit T, the deepest level becomes S - 4.

        Raises:
            ValueError: If T is above S - 1, so that no pixel would remain.
        """
        super().set_image_shape(image_shape)
        S = image_shape[-1]
        if "T" not in vars(self):
            self.T = max(1, S - LEFT)
        check_whole("T", self.T, 1, S - 1)  # level T leaves S - T pixels a side

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Zoom into images (B, C, S, S) to level t. Predicted images may exceed [-0.5, 0.5]."""
        t = levels(x, t, self.T)
        return zoom(x.expand(len(t), -1, -1, -1), t, self.interpolation)

    def to_pixels(self, x: Tensor) -> Tensor:
        """Return the central pixels that level T keeps, (N, C, S - T, S - T)."""
        return central_patch(x, x.shape[-1] - self.T)

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Resize central pixels (n, C, S - T, S - T) to S x S. Images of size S are returned unchanged."""
        S = self.image_shape[-1]
        return enlarge(pixels, S) if pixels.shape[-1] == S - self.T else pixels


class ColdCrop(ColdDiffusion):
    """Cold diffusion by cropping: level t keeps a central square and makes all other pixels black.

    The sides of the squares form a geometric series from S to 4. ColdCrop keeps the same pixels as
    `ColdZoom`, but its network does not have to learn where they belong, so it draws digits after less
    training.

    Args:
        T (int): The deepest level. Default 8.
        image_noise (float): Noise on training images, see `ColdDiffusion`; 0 to 1. Default 0.0.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=2)
        >>> (d.ColdCrop().degrade(x, 8) > -0.5).sum().item() <= 32  # 4 x 4 pixels of each image
        True
    """

    prior = Pixels()

    @checked
    def __init__(self, T: Count = 8, image_noise: Share = 0.0):
        self.T, self.image_noise = T, image_noise

    def set_image_shape(self, image_shape: Shape) -> None:
        """Adapt the crop to images (C, S, S).

        Raises:
            ValueError: If S is 4 or less.
        """
        super().set_image_shape(image_shape)
        check_whole("the images' side", image_shape[-1], LEFT + 1)

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Make images (B, C, S, S) black outside their central square, of side S (4 / S)^(t / T), rounded."""
        S, t = x.shape[-1], levels(x, t, self.T).to(x.device)
        side = (S * (LEFT / S) ** (t / self.T)).round().long()
        first, last = (edge[:, None] for edge in crop(S - side))  # (B, 1)
        place = torch.arange(S, device=x.device)
        kept = (place >= first) & (place < S - last)  # (B, S), rows and columns
        return x.where((kept[:, :, None] & kept[:, None, :])[:, None], BLACK)

    def to_pixels(self, x: Tensor) -> Tensor:
        """Return the central pixels that level T keeps, (N, C, 4, 4)."""
        return central_patch(x, LEFT)

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Pad central pixels (n, C, 4, 4) with black to S x S. Images of size S are returned unchanged."""
        edges = crop(self.image_shape[-1] - LEFT)
        return pad(pixels, (*edges, *edges), value=BLACK) if pixels.shape[-1] == LEFT else pixels
