"""A grid of images, as a plain matplotlib figure.

A pixel of an image covers a whole number of pixels of the saved file, so images are crisp.
"""

import io
import math
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import pad

from diffusion.arguments import Count, checked, summarise
from diffusion.pixels import as_images, channels_first, check_scale, grey_values

DPI = 100  # pixels per inch of the saved file
WIDTH, LARGEST = 1000, 168  # pixels up to which a row of small images and an image are enlarged
FRAME, GREY = 2, 203  # pixels around an image, and their grey
CHARACTER = 9  # pixels: width of a character of a label


class Grid(Figure):
    """A figure that a notebook shows, whether or not pyplot was imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


@checked
def grid(images: Any, columns: Count = 8, labels: Sequence[str] = ()) -> Grid:
    """Draw images in a grid, in reading order.

    Args:
        images (Tensor or array): Images (n, S, S), (n, C, S, S) or (n, S, S, C) with one or three channels,
            in about [-0.5, 0.5] from black to white, or bytes. Values outside are clamped.
        columns (int): Number of columns. Default 8.
        labels (sequence of str): Labels left of the rows. Default ().

    Returns:
        Grid: A matplotlib figure, shown in a notebook; save it with `savefig`.

    Raises:
        ValueError: If `images` is empty, has another shape or scale, or contains NaN.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=8)
        >>> d.grid(x, columns=4)
        <Grid size 682x342 with 1 Axes>
    """
    pixels = _to_bytes(images)
    scale = max(1, min(WIDTH // min(columns, len(pixels)), LARGEST) // pixels.shape[2])
    large = pixels.repeat_interleave(scale, 2).repeat_interleave(scale, 3).expand(-1, 3, -1, -1)
    sheet = tile(large, columns, FRAME, GREY).permute(1, 2, 0)  # (height, width, 3)
    height, width = sheet.shape[:2]
    margin = CHARACTER * max(map(len, labels), default=0)
    figure = Grid(figsize=((margin + width) / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((margin / (margin + width), 0, width / (margin + width), 1))
    axes.imshow(sheet.numpy(), interpolation="nearest", aspect="auto")
    middle = (FRAME + large.shape[2]) / 2
    axes.set_yticks([middle + row * (FRAME + large.shape[2]) for row in range(len(labels))], labels)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def tile(images: Tensor, columns: int, gap: int, value: float = 0) -> Tensor:
    """Tile images (N, C, H, W) in reading order, with a gap of `value` around each: (C, height, width).

    Equivalent to torchvision's `make_grid`, whose import takes two seconds.
    """
    across = min(len(images), columns)
    down = math.ceil(len(images) / across)
    cells = pad(images, (0, gap, 0, gap, 0, 0, 0, down * across - len(images)), value=value)
    sheet = cells.unflatten(0, (down, across)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    return pad(sheet, (gap, 0, gap, 0), value=value)


def _to_bytes(images: Any) -> Tensor:
    """Convert images to bytes (n, C, S, S), with the errors of `grid`."""
    is_bytes = str(getattr(images, "dtype", "")).endswith("uint8")  # which may be all black
    x = channels_first(torch.as_tensor(images)) if is_bytes else as_images(images)
    if not isinstance(x, Tensor) or x.ndim != 4 or not len(x):
        raise ValueError(f"images is {summarise(images)}; expected: a tensor or array (n, C, S, S), n > 0")
    if x.shape[1] not in (1, 3):
        raise ValueError(f"images have {x.shape[1]} channels; grid draws 1 (grey) or 3 (colour)")
    if is_bytes:
        return x
    check_scale(x, "images")
    return grey_values(x.detach().cpu())
