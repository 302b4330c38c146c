"""Figures of images: grids and labelled rows.

Images are tensors, arrays or bytes, (..., 28, 28). Numbers are shown on the fixed range [-0.5, 0.5], from
black to white. A pixel covers a whole number of pixels of the saved file, so images are crisp.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn.functional import pad

from diffusion.arguments import Count, checked, summarise
from diffusion.data import _channels_first as channels_first
from diffusion.data import as_images, grey_values
from diffusion.figures.style import DPI, FONT_SIZE, SMALL, TEXT_WIDTH, new_figure, styled

# Lengths are in pixels of the saved file, except HIGHEST, which is in mm.
WIDTH = round(TEXT_WIDTH * DPI)
HIGHEST = 92  # height of all images of a figure
LARGEST = 168  # side of an image
FRAME, GREY = 2, 203 / 255  # the line around an image
LINE = round(1.3 * SMALL * DPI / 72)  # height of a line of text
CHARACTER = 0.5 * SMALL * DPI / 72  # width of a character


def as_bytes(images: Any) -> np.ndarray:
    """Convert images (..., h, w) in [-0.5, 0.5], or bytes, to bytes (n, h, w). NaN becomes grey."""
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8):
        x = torch.as_tensor(images).detach().cpu()
        images = (x if x.dtype == torch.uint8 else grey_values(x.double().nan_to_num())).numpy()
    return images.reshape(-1, *images.shape[-2:])


def tiled(images: torch.Tensor, columns: int, gap: int, value: float = 0) -> torch.Tensor:
    """Tile images (N, C, H, W) in reading order, with a gap of `value` around each: (C, height, width).

    Equivalent to torchvision's `make_grid`, whose import takes two seconds.
    """
    across = min(len(images), columns)
    down = math.ceil(len(images) / across)
    cells = pad(images, (0, gap, 0, gap, 0, 0, 0, down * across - len(images)), value=value)
    sheet = cells.unflatten(0, (down, across)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    return pad(sheet, (gap, 0, gap, 0), value=value)


class Block(NamedTuple):
    """Images in reading order, with a title, and labels left of the rows and under the columns."""

    images: np.ndarray  # (n, h, w) bytes, or (n, h, w, 3)
    columns: int
    beside: Sequence[str] = ()
    under: Sequence[str] = ()
    title: str = ""


def _wrap(label: str, fits: float) -> str:
    """Break a long label into lines, except mathematics."""
    return label if "$" in label or len(label) < fits else re.sub(r"(?<=/)| ", "\n", label)


def page(blocks: Sequence[Block], across: int = 1, highest: float = HIGHEST) -> Figure:
    """Draw blocks of equally shaped images, `across` in a row, as large as the page allows."""
    first, down = blocks[0], math.ceil(len(blocks) / across)
    height, width = first.images.shape[1:3]
    rows = max(math.ceil(len(b.images) / b.columns) for b in blocks)
    left = round(CHARACTER * max(map(len, first.beside), default=0) + LINE / 2) if first.beside else 0
    wide = (WIDTH - across * left - (across - 1) * LINE) // across  # width of the images of a block
    high = round(highest / 25.4 * DPI) // (rows * down)
    scale = max(1, min((wide - FRAME) // first.columns - FRAME, high - FRAME, LARGEST) // max(height, width))
    cell = np.array([width, height]) * scale + FRAME  # an image and its frame
    under = [[_wrap(label, cell[0] / CHARACTER) for label in b.under] for b in blocks]
    bottom = round(LINE * (0.6 + max(u.count("\n") + 1 for u in under[0]))) if first.under else 0
    top = round(1.4 * LINE) if first.title else 0
    pitch = cell * [first.columns, rows] + FRAME + [left + LINE, top + bottom]
    total = np.array([max(WIDTH, across * pitch[0] - LINE), down * pitch[1]])
    figure = new_figure(total[1] / DPI * 25.4, layout=None)
    figure.set_figwidth(total[0] / DPI)
    figure.suffix = "png"
    start = (total[0] - across * pitch[0] + LINE) // 2
    for i, block in enumerate(blocks):
        large = torch.from_numpy(block.images.reshape(len(block.images), height, width, -1))
        large = large.permute(0, 3, 1, 2).float() / 255
        large = large.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        canvas = tiled(large.expand(-1, 3, -1, -1), block.columns, FRAME, GREY).permute(1, 2, 0).numpy()
        h, w = canvas.shape[:2]
        x, y = start + i % across * pitch[0] + left, i // across * pitch[1] + top
        axes = figure.add_axes((x / total[0], 1 - (y + h) / total[1], w / total[0], h / total[1]))
        axes.imshow(canvas, interpolation="nearest", extent=(0, w, h, 0), aspect="auto", vmin=0, vmax=1)
        axes.set_xticks((np.arange(len(block.under)) + 0.5) * cell[0], under[i])
        axes.set_yticks((np.arange(len(block.beside)) + 0.5) * cell[1], block.beside)
        axes.tick_params(length=0, pad=2, labelsize=SMALL)
        axes.set_title(block.title, size=FONT_SIZE, pad=3)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return figure


@styled
def rows(named: Mapping[str, Any], under: Sequence[str] = ()) -> Figure:
    """Draw a row of images for each name: name -> (columns, 28, 28), with texts under the columns."""
    images = [as_bytes(row) for row in named.values()]
    return page([Block(np.concatenate(images), len(images[0]), list(named), under)])


@styled
@checked
def grid(images: Any, columns: Count = 8) -> Figure:
    """Draw images in a plain grid, in reading order.

    Args:
        images (Tensor or array): Images (n, S, S), (n, C, S, S) or (n, S, S, C) with one or three channels,
            in [-0.5, 0.5] from black to white, or bytes. Values outside are clamped.
        columns (int): Number of columns. Default 8.

    Returns:
        Figure: A matplotlib figure, shown in a notebook; save it with `savefig`.

    Raises:
        ValueError: If `images` is empty, has another shape, or contains NaN.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=8)
        >>> d.grid(x, columns=4)
        <PrintFigure size 1150x...>
    """
    dark = str(getattr(images, "dtype", "")).endswith("uint8")  # bytes may be all black
    x = channels_first(torch.as_tensor(images)) if dark else as_images(images)
    if isinstance(x, torch.Tensor) and x.ndim == 4 and x.shape[1] not in (1, 3):
        raise ValueError(f"images have {x.shape[1]} channels; grid draws 1 (grey) or 3 (colour)")
    if not isinstance(x, torch.Tensor) or x.ndim != 4 or not len(x):
        raise ValueError(f"images is {summarise(images)}; expected: a tensor or array (n, C, S, S), n > 0")
    pixels = as_bytes(x).reshape(x.shape).transpose(0, 2, 3, 1)
    return page([Block(pixels, min(columns, len(pixels)))])


def latents(named: Mapping[str, Any], steps: Sequence[int]) -> Figure:
    """Draw images at several steps of a degradation, name -> (columns, 28, 28), labelled by step (Fig. 2)."""
    return rows(named, [f"$t = {t}$" if i == 0 else f"{t}" for i, t in enumerate(steps)])
