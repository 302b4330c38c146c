"""Cold Zoom Diffusion: degrade an image by zooming into its centre (Sec. 3.2 of the study)."""

from functools import lru_cache

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from diffusion.cold import ColdDiffusion
from diffusion.process import check_images, check_shape, check_steps

INTERPOLATIONS = ("nearest", "bilinear")


def crop(t: int | Tensor) -> tuple[int | Tensor, int | Tensor]:
    """Rows (and columns) dropped at the top (left) and at the bottom (right) at zoom level t.

    Alternately one at each corner, the top-left first: ceil(t / 2) and floor(t / 2).
    """
    return (t + 1) // 2, t // 2


def zoom(x: Tensor, t: Tensor, interpolation: str = "nearest") -> Tensor:
    """Crop each image to its central (S - t) x (S - t) pixels and resize back to S x S, the operator Z(x, t).

    One gather for the whole batch, with a different t per image. For "nearest" the result equals
    torchvision's `resized_crop(..., NEAREST)` to the bit; for "bilinear" it equals it without antialiasing,
    to rounding.

    Args:
        x: (B, C, S, S) images.
        t: (B,) zoom levels in 0..S-1; 0 leaves the image as it is.

    Returns:
        (B, C, S, S).

    Raises:
        ValueError: an unknown interpolation, images that are not square, or a level out of range.
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation is {interpolation!r}; allowed: {', '.join(INTERPOLATIONS)}")
    B, C, S, width = x.shape
    if S != width:  # noqa: SIM300
        raise ValueError(f"images have shape {tuple(x.shape)}; the zoom needs square ones")
    check_steps(t, S - 1, B)
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
    """Which pixel of the flat image each pixel of the zoomed one is, (S, S * S): a row for every level."""
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


class SeedDistribution:
    """Where sampling starts: the values of the training images' central pixels, drawn independently.

    A categorical distribution over the 256 pixel values, fitted on the central patch of every training image;
    a seed is patch x patch independent draws, resized to the full size by nearest neighbour.

    Attributes:
        counts: (256,) how often each pixel value occurs in the central patches.
        patch: side of the patch in pixels (4 in the study).
    """

    def __init__(self, counts: Tensor, patch: int = 4, size: int = 28):
        self.counts, self.patch, self.size = counts, patch, size

    @classmethod
    def fit(cls, x: Tensor, patch: int = 4) -> "SeedDistribution":
        """Count the central pixels of x, (N, 1, S, S) in [-0.5, 0.5]."""
        check_images(x)
        pixels = (central_patch(x, patch) + 0.5).mul(255).round().long()
        return cls(pixels.flatten().bincount(minlength=256), patch, x.shape[-1])

    def draw(self, n: int, generator: Generator) -> Tensor:
        """n seeds, (n, 1, S, S): each block of a seed is one draw from the distribution."""
        value = torch.multinomial(
            self.counts.double(), n * self.patch**2, replacement=True, generator=generator
        )  # the same as torch.distributions.Categorical, which takes no generator
        return enlarge(value.float().div(255).sub(0.5).view(n, 1, self.patch, self.patch), self.size)


def central_patch(x: Tensor, patch: int) -> Tensor:
    """The central patch x patch pixels that the deepest zoom level leaves, (N, 1, patch, patch)."""
    first, _ = crop(x.shape[-1] - patch)
    return x[..., first : first + patch, first : first + patch]


def enlarge(patches: Tensor, size: int) -> Tensor:
    """Patches (N, 1, p, p) resized to (N, 1, size, size) by nearest neighbour."""
    return interpolate(patches, size=(size, size), mode="nearest")


class ColdZoom(ColdDiffusion):
    """Cold diffusion whose degradation is the zoom; level T leaves the central (28 - T) x (28 - T) pixels.

    Args:
        T: deepest zoom level, 1..27; the study uses 24, a patch of 4 x 4 pixels.
        interpolation: how the crop is resized back, "nearest" (the study) or "bilinear".
        seed_source: where seeds come from: "pixels", independent central pixels (the study), or "patches",
            whole central patches of training images, which keep the correlation between neighbouring pixels.

    Raises:
        ValueError: one of these is not allowed; `seeds` does so before `prepare`.
    """

    name = "zoom"

    def __init__(self, T: int = 24, interpolation: str = "nearest", seed_source: str = "pixels"):
        if not isinstance(T, int) or not 1 <= T <= 27:
            raise ValueError(f"T is {T!r}; allowed: 1 to 27, since level T leaves (28 - T) x (28 - T) pixels")
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation is {interpolation!r}; allowed: {', '.join(INTERPOLATIONS)}")
        if seed_source not in ("pixels", "patches"):
            raise ValueError(f"seed_source is {seed_source!r}; allowed: pixels, patches")
        self.T, self.interpolation, self.seed_source = T, interpolation, seed_source
        self.seed_distribution: SeedDistribution | None = None
        self.patches: Tensor | None = None

    def settings(self) -> dict:
        return super().settings() | {"interpolation": self.interpolation}

    def sampling_settings(self) -> dict:
        counts = None if self.seed_distribution is None else self.seed_distribution.counts.tolist()
        return {"seed_source": self.seed_source, "counts": counts}

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Z(x, t), for images (B, 1, 28, 28) that need not lie in [-0.5, 0.5] (predictions may leave it)."""
        check_shape(x)
        check_steps(t, self.T, len(x))
        return zoom(x, t, self.interpolation)

    def prepare(self, x: Tensor) -> None:
        """Fit the seeds on the training images."""
        self.seed_distribution = SeedDistribution.fit(x, 28 - self.T)
        self.patches = central_patch(x, 28 - self.T).clone()

    def seeds(self, n: int, generator: Generator) -> Tensor:
        if self.seed_distribution is None:
            raise ValueError("the zoom has no seeds yet; call prepare(training_images) first")
        if self.seed_source == "pixels":
            return self.seed_distribution.draw(n, generator)
        chosen = torch.randint(len(self.patches), (n,), generator=generator)
        return enlarge(self.patches[chosen], 28)
