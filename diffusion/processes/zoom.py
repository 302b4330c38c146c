"""Cold Zoom Diffusion: degrade an image by zooming into its centre (Sec. 3.2 of the study)."""

from functools import lru_cache
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from diffusion.bounds import checked
from diffusion.processes.base import ColdDiffusion, check_shape, check_steps
from diffusion.processes.priors import Pixels

Deepest = Annotated[
    int, Field(ge=1, le=27, description="last zoom level: (28 - T) x (28 - T) pixels are left")
]
Interpolation = Annotated[Literal["nearest", "bilinear"], Field(description="how a crop is resized")]


def crop(t: int | Tensor) -> tuple[int | Tensor, int | Tensor]:
    """Rows (and columns) dropped at the top (left) and at the bottom (right) at zoom level t.

    Alternately one at each corner, the top-left first: ceil(t / 2) and floor(t / 2).
    """
    return (t + 1) // 2, t // 2


def zoom(x: Tensor, t: Tensor, interpolation: str = "nearest") -> Tensor:
    """Images (B, C, S, S), cropped to their central (S - t) x (S - t) pixels and resized back: Z(x, t).

    One gather for the whole batch, with a different t in 0..S-1 per image, (B,). For "nearest" the result
    equals torchvision's `resized_crop(..., NEAREST)` to the bit; for "bilinear" it equals it without
    antialiasing, to rounding.
    """
    B, C, S, _ = x.shape
    if interpolation == "nearest":
        index = _nearest(S, x.device)[t][:, None].expand(B, C, S * S)
        return x.reshape(B, C, S * S).gather(2, index).view(B, C, S, S)
    first, _ = crop(t[:, None])  # (B, 1)
    scale = ((S - t).float() / S)[:, None]  # (B, 1), cropped pixels per output pixel
    out = torch.arange(S, device=x.device, dtype=torch.float32)[None]  # (1, S)
    place = ((out + 0.5) * scale - 0.5).clamp(min=0)  # (B, S), pixel centres aligned
    low = place.floor().long()
    high = torch.minimum(low + 1, S - t[:, None] - 1)
    weight = place - low  # (B, S)
    rows = weight[:, None, :, None]
    columns = weight[:, None, None, :]
    low, high = low + first, high + first
    top = _take(x, low, low) * (1 - columns) + _take(x, low, high) * columns
    bottom = _take(x, high, low) * (1 - columns) + _take(x, high, high) * columns
    return top * (1 - rows) + bottom * rows


@lru_cache
def _nearest(S: int, device: torch.device) -> Tensor:
    """Index into the flat image for each pixel of the zoomed one, (S, S * S): a row for every level."""
    t = torch.arange(S, device=device)[:, None]  # (S, 1)
    scale = (S - t).float() / S  # (S, 1), cropped pixels per output pixel
    out = torch.arange(S, device=device, dtype=torch.float32)[None]  # (1, S)
    # The rule of torch's nearest: floor(i * in / out).
    line = (out * scale).floor().long() + crop(t)[0]  # (S, S)
    return (line[:, :, None] * S + line[:, None, :]).view(S, S * S)


def _take(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """x[b, :, rows[b], columns[b]] for (B, C, S, S) images and (B, S) indices, as one gather."""
    B, C, S, _ = x.shape
    flat = (rows[:, :, None] * S + columns[:, None, :]).view(B, 1, S * S)  # (B, 1, S * S)
    return x.reshape(B, C, S * S).gather(2, flat.expand(B, C, S * S)).view(B, C, S, S)


def central_patch(x: Tensor, patch: int) -> Tensor:
    """The central patch x patch pixels that the deepest zoom level leaves, (N, 1, patch, patch)."""
    first, _ = crop(x.shape[-1] - patch)
    return x[..., first : first + patch, first : first + patch]


def enlarge(patches: Tensor, size: int) -> Tensor:
    """Patches (N, 1, p, p) resized to (N, 1, size, size) by nearest neighbour."""
    return interpolate(patches, size=(size, size), mode="nearest")


class ColdZoom(ColdDiffusion):
    """Cold Zoom Diffusion: level t leaves the central (28 - t) x (28 - t) pixels, resized to the full size.

    The study's T = 24 leaves 4 x 4 pixels, resized by "nearest".
    """

    name = "zoom"
    prior = Pixels()

    @checked
    def __init__(
        self,
        T: Deepest = 24,
        interpolation: Interpolation = "nearest",
        latent_noise: Annotated[
            float, Field(ge=0, description="training: sd, at most, of noise added to the latents")
        ] = 0.0,
    ):
        self.T, self.interpolation, self.latent_noise = T, interpolation, latent_noise

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Z(x, t), for images (B, 1, 28, 28) that need not lie in [-0.5, 0.5] (predictions may leave it)."""
        check_shape(x)
        check_steps(t, self.T, len(x))
        return zoom(x, t, self.interpolation)

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        raise ValueError("a ColdZoom starts from a prior of central pixels, such as d.Pixels()")

    def compress(self, x: Tensor) -> Tensor:
        """The central pixels that level T leaves, (N, 1, 28 - T, 28 - T)."""
        return central_patch(x, 28 - self.T)

    def expand(self, pixels: Tensor) -> Tensor:
        """Central pixels (n, 1, 28 - T, 28 - T), resized to 28 x 28; images of that size stay as they are."""
        side = 28 - self.T
        if pixels.ndim != 4 or pixels.shape[1:] not in ((1, side, side), (1, 28, 28)):
            raise ValueError(
                f"start pixels are {tuple(pixels.shape)}; needed: (n, 1, {side}, {side}), or (n, 1, 28, 28)"
            )
        return enlarge(pixels, 28) if pixels.shape[-1] == side else pixels
