"""Images as tensors: their shape and scale, conversion from other forms, and checks."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffusion.arguments import summarise

Shape = tuple[int, int, int]  # (C, S, S)
GREY28: Shape = (1, 28, 28)
OUTSIDE = 0.75  # a pixel beyond this is far out of [-0.5, 0.5]
OTHER_SCALES = "x - 0.5 for [0, 1], x / 2 for [-1, 1] or x / 255 - 0.5 for [0, 255]"
COPY = 1 / 3  # of a real image's distance to its nearest neighbour: two images within it are near-copies
ROUNDING = 2 / 255  # difference of all pixels within which images are always near-copies
COMPARED = 2000  # images of a set that are compared with each other: memory grows with its square


def shape_of(x: Tensor) -> Shape:
    """Return (C, S, S) of images (B, C, S, S)."""
    _, channels, height, width = x.shape
    return channels, height, width


def check_images(x: Any, name: str = "images") -> None:
    """Check that x contains at least one image: floats (B, C, S, S) in [-0.5, 0.5].

    Raises:
        ValueError: If it does not; the message begins with the name.
    """
    if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[2] != x.shape[3] or not x.is_floating_point():
        pair = "; d.load returns a pair: x, labels = d.load(...)" if isinstance(x, tuple) else ""
        raise ValueError(f"{name}: {summarise(x)}; expected: square images, floats (N, C, S, S){pair}")
    if not x.numel():
        raise ValueError(f"{name} has no images; expected: at least one")
    low, high = x.min().item(), x.max().item()
    if not (low >= -0.5 - 1e-6 and high <= 0.5 + 1e-6):  # written so that NaN fails
        raise ValueError(
            f"{name}: pixels range from {low:g} to {high:g}; expected: [-0.5, 0.5]; use {OTHER_SCALES}"
        )


def check_scale(x: Tensor, name: str) -> None:
    """Check that samples (N, C, S, S), which may exceed [-0.5, 0.5], are not in [0, 1] or [-1, 1].

    Raises:
        ValueError: If they are; the message begins with the name.
    """
    low, high = float(x.min()), float(x.max())  # samples that have drifted do not end exactly at 0 or -1
    if low >= 0 and high > 0.5 or low < -0.97 and high > 0.97 and max(-low, high) <= 1:
        expected = f"about [-0.5, 0.5]; use {OTHER_SCALES}"
        raise ValueError(f"{name}: pixels range from {low:g} to {high:g}; expected: {expected}")


def require_images(name: str, x: Any) -> Tensor:
    """Convert images to floats (N, C, S, S) in [-0.5, 0.5], in all forms that `as_images` accepts.

    Raises:
        ValueError: If x is something else; the message begins with the name.
    """
    if (default := torch.get_default_dtype()) != torch.float32:
        raise ValueError(f"torch.get_default_dtype() is {default}; expected: torch.float32")
    x = as_images(x)
    check_images(x, name)
    return x.detach().float()


def channels_first(x: Tensor) -> Tensor:
    """Return (N, H, W), (N, H, W, 3) and (N, H, W, 1) as (N, C, H, W); leave other shapes unchanged."""
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] > 3:
        return x.permute(0, 3, 1, 2)
    return x[:, None] if x.ndim == 3 else x


def channels_last(x: Tensor) -> Tensor:
    """Return images (N, C, S, S) as pictures are stored: (N, S, S), or (N, S, S, 3) in colour."""
    return x[:, 0] if x.shape[1] == 1 else x.permute(0, 2, 3, 1)


def as_images(x: Any) -> Any:
    """Convert images to (N, C, S, S) in [-0.5, 0.5] if their shape and scale are unambiguous.

    NumPy arrays become tensors. (N, S, S) becomes (N, 1, S, S), and (N, S, S, 3) becomes (N, 3, S, S). Bytes
    become pixel / 255 - 0.5. Other values are returned unchanged: floats in [0, 1] could be on either scale.

    Raises:
        ValueError: If no byte reaches 128, which suggests another scale, or a pixel is NaN.
    """
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiu":
        x = torch.tensor(np.ascontiguousarray(x, x.dtype.newbyteorder("=")))
    if not isinstance(x, Tensor):
        return x
    x = channels_first(x)
    if x.dtype == torch.uint8 and x.numel():
        if (high := int(x.max())) < 128:
            raise ValueError(f"bytes reach only {high}; expected: 0 to 255, or floats in [-0.5, 0.5]")
        x = x.float().div_(255).sub_(0.5)
    if x.ndim and len(bad := x.isnan().nonzero()):
        raise ValueError(f"image {int(bad[0, 0])} has a pixel that is NaN")
    return x


def grey_values(x: Tensor) -> Tensor:
    """Convert images in model units to grey values, uint8 of the same shape, clamping to [-0.5, 0.5]."""
    return x.clamp(-0.5, 0.5).add(0.5).mul(255).round().to(torch.uint8)


def grey(x: Tensor) -> Tensor:
    """Convert images (N, C, S, S) to (N, 1, S, S), the mean of their colours."""
    return x if x.shape[1] == 1 else x.mean(1, keepdim=True)


def copy_distance(x: Tensor) -> float:
    """Return the distance, in pixels, within which two images are near-copies.

    It is a third of the median distance of real images to their nearest neighbours. For MNIST it is 0.06 of
    the range of a pixel (root mean square): 500 digits count as 499 different images, and 60 copies of a
    digit with noise of 0.02 to 0.06 as one.

    Args:
        x (Tensor): Real images (N, C, S, S), of which the first `COMPARED` are used.
    """
    real = x[:COMPARED].flatten(1)
    nearest = torch.cdist(real, real).fill_diagonal_(torch.inf).amin(1)
    return max(COPY * nearest.median().item(), ROUNDING * real.shape[1] ** 0.5)


def count_different(x: Tensor, near: float) -> int:
    """Return the number of different images among the first `COMPARED`, of which near-copies count once.

    Images that a chain of near-copies connects count once, too.

    Args:
        x (Tensor): Images (N, C, S, S); pixels are clamped to [-0.5, 0.5].
        near (float): Distance of near-copies, from `copy_distance`.
    """
    from scipy.sparse.csgraph import connected_components  # takes half a second

    x = x[:COMPARED].clamp(-0.5, 0.5).flatten(1)
    copies = torch.cdist(x, x) <= near
    return int(connected_components(copies.numpy(), directed=False)[0])


def note_outside(x: Tensor, source: str) -> None:
    """Print a note if more than 1% of the pixels are far outside [-0.5, 0.5]."""
    if (share := float((x.abs() > OUTSIDE).float().mean())) > 0.01:
        print(f"note: {share:.0%} of the pixels of {source} are far outside [-0.5, 0.5]", flush=True)


def finite_images(x: Any, shape: tuple[int, ...], who: str) -> Tensor:
    """Return x if it contains finite images of this shape.

    Args:
        x (object): The images.
        shape (tuple of int): The expected shape.
        who (str): The origin of x, for messages.

    Raises:
        ValueError: If x is something else.
    """
    if not isinstance(x, Tensor) or x.shape != shape or not x.is_floating_point():
        raise ValueError(f"{who} gave {summarise(x)}; expected: a torch tensor {shape} of floats")
    if not x.isfinite().all():
        raise ValueError(f"{who} gave numbers that are not finite")
    return x
