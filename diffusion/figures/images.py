"""Figures that show digits: grids and labelled rows.

Pixels are model units: -0.5 is black, 0.5 is white, values outside are clipped, and a pixel that is not a
number shows red. The digits of a block are one image with a hairline around each. A digit's pixel is a whole
number of pixels of the saved file, so digits are crisp, and hundreds of them are as quick as one.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffusion.figure_input import array, filled, literal, texts
from diffusion.figure_style import DPI, FONT_SIZE, SMALL, TEXT_WIDTH, new_figure, styled, text_width

# Lengths in output pixels, DPI to the inch.
WIDTH = round(TEXT_WIDTH * DPI)
HIGHEST = round(110 / 25.4 * DPI)  # no block of digits is higher, unless a digit's pixel would vanish
LARGEST = 168  # side of a digit at most
HAIRLINE = 2
LINE = round(1.25 * SMALL * DPI / 72)  # height of a line of text

FRAME, INVALID, BLANK = (196, 203, 212), (204, 51, 17), (255, 255, 255)  # RGB
IMAGES = "(N, 28, 28)"


def _scale(images: np.ndarray, columns: int, rows: int, reserved: int = 0, below: int = 0) -> int:
    """Output pixels for a pixel of the images (..., h, w), `columns` by `rows` of which fill the text width.

    `reserved` is taken from the width for labels, `below` is added under each row of digits.
    """
    height, width = images.shape[-2:]
    across = ((WIDTH - reserved - HAIRLINE) // columns - HAIRLINE) // width
    down = ((HIGHEST - HAIRLINE) // rows - HAIRLINE - below) // height
    return max(1, min(across, down, LARGEST // max(height, width)))


def _mosaic(images: np.ndarray, columns: int, scale: int, below: int = 0) -> np.ndarray:
    """Images (N, h, w) enlarged and framed, in reading order on one canvas; spare places stay blank.

    `below` output pixels are left blank under each row of digits.
    """
    grey = np.rint(255 * (np.nan_to_num(np.clip(images, -0.5, 0.5)) + 0.5)).astype(np.uint8)[..., None]
    pixels = np.where(np.isnan(images)[..., None], np.uint8(INVALID), grey)  # (N, h, w, 3)
    pixels = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    n, height, width, _ = pixels.shape
    down, across = height + HAIRLINE + below, width + HAIRLINE
    size = (math.ceil(n / columns) * down + HAIRLINE, columns * across + HAIRLINE, 3)
    canvas = np.full(size, BLANK, np.uint8)
    for i, digit in enumerate(pixels):
        top, left = i // columns * down, i % columns * across
        canvas[top : top + height + 2 * HAIRLINE, left : left + width + 2 * HAIRLINE] = FRAME
        canvas[top + HAIRLINE : top + HAIRLINE + height, left + HAIRLINE : left + HAIRLINE + width] = digit
    return canvas


def _place(canvases: Sequence[np.ndarray], left: int = 0, top: int = 0, bottom: int = 0) -> list[Axes]:
    """A new figure with the canvases side by side, centred, with room for labels around; returns their axes.

    An axes' coordinates are output pixels from its upper left corner.
    """
    content = left + sum(canvas.shape[1] for canvas in canvases) + LINE * (len(canvases) - 1)
    width = max(WIDTH, content)
    height = top + max(len(canvas) for canvas in canvases) + bottom
    figure = new_figure(0, layout=None)
    figure.set_size_inches(width / DPI, height / DPI)
    x, all_axes = (width - content) // 2 + left, []
    for canvas in canvases:
        h, w, _ = canvas.shape
        axes = figure.add_axes((x / width, (height - top - h) / height, w / width, h / height))
        axes.imshow(canvas, interpolation="nearest", extent=(0, w, h, 0), aspect="auto")
        axes.set_axis_off()
        all_axes.append(axes)
        x += w + LINE
    return all_axes


def _write(axes: Axes, label: str, x: float, y: float, right: bool = False, size: float = SMALL) -> None:
    """`label` with its baseline at y, centred on x, or ending there."""
    axes.text(x, y, label, size=size, ha="right" if right else "center", va="baseline", clip_on=False)


def _rows(images: np.ndarray, rows: Sequence[str], columns: Sequence[str], corner: str = "") -> Figure:
    """Digits (R, K, h, w), a label left of each row and under each column; `corner` heads the columns."""
    labels = max(text_width(label) for label in [*rows, corner])
    left = math.ceil(labels * DPI / 72) + LINE // 2
    scale = _scale(images, images.shape[1], images.shape[0], left)
    canvas = _mosaic(images.reshape(-1, *images.shape[2:]), images.shape[1], scale)
    down, across = (side * scale + HAIRLINE for side in images.shape[2:])
    if max(map(text_width, columns), default=0) * DPI / 72 > 0.95 * across:
        columns = [x if "$" in x else "\n".join(re.split(r"(?<=/)| ", x)) for x in columns]  # several lines
    lines = max((label.count("\n") + 1 for label in columns if label), default=0)
    bottom = round((0.2 + lines) * LINE) if lines else 0
    (axes,) = _place([canvas], left=left, bottom=bottom)
    for i, label in enumerate(rows):
        _write(axes, label, -LINE / 3, (i + 0.5) * down + LINE / 4, right=True)
    for i, label in enumerate(columns):
        for k, line in enumerate(label.split("\n")):
            _write(axes, line, (i + 0.5) * across, len(canvas) + (0.9 + k) * LINE)
    _write(axes, corner, -LINE / 3, len(canvas) + 0.9 * LINE, right=True)
    return axes.get_figure()


def _stack(pictures: Mapping[str, Any], shape: str = IMAGES) -> np.ndarray:
    """Arrays of digits, which must be alike in shape, stacked along a new first axis."""
    arrays = {name: array(value, name, 3, shape) for name, value in pictures.items()}
    shapes = {name: value.shape for name, value in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"the rows must have one shape {shape}, got {shapes}")
    return np.stack(list(arrays.values()))


def _columns(n: int) -> int:
    """Columns of a grid of n digits: full rows, from square to twice as wide as high, where n allows."""
    root = math.isqrt(n - 1) + 1  # the square root, rounded up
    full = [columns for columns in range(root, min(n, 2 * root) + 1) if n % columns == 0]
    return full[0] if full else min(n, math.ceil(math.sqrt(1.5 * n)))


@styled
def grid(images: Any, columns: int | None = None, title: str | None = None) -> Figure:
    """A plain grid of digits.

    Args:
        images: (N, 28, 28), set in reading order.
        columns: digits in a row, at least 1; chosen from N if None.
        title: a line above.

    Raises:
        ValueError: images of another shape, none, or fewer than one column.
    """
    images = array(images, "images", 3, IMAGES)
    if columns is not None and columns < 1:
        raise ValueError(f"columns is {columns}; it must be at least 1")
    columns = min(columns or _columns(len(images)), len(images))
    canvas = _mosaic(images, columns, _scale(images, columns, math.ceil(len(images) / columns)))
    (axes,) = _place([canvas], top=round(1.3 * LINE) if title else 0)
    _write(axes, literal(title or ""), canvas.shape[1] / 2, -LINE / 2.5, size=FONT_SIZE)
    return axes.get_figure()


@styled
def quality(high: Any, low: Any) -> Figure:
    """Figs. 5, 6 and 14: samples of high quality (left grid) and of low quality (right grid).

    Args:
        high, low: (N, 28, 28) each; the two N may differ.
    """
    high, low = array(high, "high", 3, IMAGES), array(low, "low", 3, IMAGES)
    if high.shape[1:] != low.shape[1:]:
        raise ValueError(
            f"high and low must hold images of one size, got {high.shape[1:]} and {low.shape[1:]}"
        )
    longest = max(len(high), len(low))
    columns = math.isqrt(longest - 1) + 1
    scale = _scale(high, 2 * columns, math.ceil(longest / columns), reserved=LINE + HAIRLINE)
    canvases = [_mosaic(images, columns, scale) for images in (high, low)]
    both = _place(canvases, top=round(1.3 * LINE))
    for axes, title in zip(both, ("high quality", "low quality"), strict=True):
        _write(axes, title, canvases[0].shape[1] / 2, -LINE / 2.5, size=FONT_SIZE)
    return both[0].get_figure()


@styled
def latents(rows: Mapping[str, Any], steps: Sequence[int]) -> Figure:
    """Fig. 2: the latents of one image under each noise schedule, a row each.

    Args:
        rows: the schedule's name -> (K, 28, 28).
        steps: the K steps t, written under the columns.
    """
    images = _stack(filled(rows, "rows"), "(K, 28, 28)")
    return _rows(
        images, [literal(name) for name in rows], texts(steps, images.shape[1], "steps"), corner="$t =$"
    )


@styled
def zoom_progression(images: Any) -> Figure:
    """Fig. 7: one digit at every zoom level; under each, t and the size of the crop.

    Args:
        images: (T+1, 28, 28), for t = 0..T.
    """
    images = array(images, "images", 3, "(T+1, 28, 28)")
    n, height, width = images.shape
    columns, below = min(n, 9), round(2.5 * LINE)
    scale = _scale(images, columns, math.ceil(n / columns), below=below)
    canvas = _mosaic(images, columns, scale, below)
    (axes,) = _place([canvas[: -round(0.3 * LINE)]])
    for t in range(n):
        x = (t % columns + 0.5) * (width * scale + HAIRLINE)
        y = t // columns * (height * scale + HAIRLINE + below) + height * scale + 2 * HAIRLINE
        _write(axes, f"$t = {t}$", x, y + 0.9 * LINE)
        _write(axes, rf"${height - t} \times {width - t}$", x, y + 1.85 * LINE)
    return axes.get_figure()


@styled
def reconstructions(
    original: Any,
    degraded: Any,
    reconstructed: Any,
    column_labels: Sequence[Any] | None = None,
    row_labels: Sequence[str] = ("original", "degraded", "reconstructed"),
) -> Figure:
    """Figs. 10 and 11: digits, what the zoom leaves of them, and what the network makes of that.

    Args:
        original, degraded, reconstructed: (N, 28, 28) each, a row each.
        column_labels: N short texts for under the columns, such as "$t = 3$".
        row_labels: three texts, from the top.
    """
    images = _stack({"original": original, "degraded": degraded, "reconstructed": reconstructed})
    columns = texts(column_labels, images.shape[1], "column_labels")
    return _rows(images, texts(row_labels, 3, "row_labels"), columns)


@styled
def trajectory(latents: Any, steps: Sequence[int]) -> Figure:
    """Fig. 12: n samples on their way from the seeds (first row) to the digits (last row).

    Args:
        latents: (K, n, 28, 28).
        steps: the K steps t of the rows, written beside them.
    """
    images = array(latents, "latents", 4, "(K, n, 28, 28)")
    labels = [f"$t = {t}$" for t in texts(steps, len(images), "steps")]
    if len(labels) > 1:
        labels[0], labels[-1] = f"seed, {labels[0]}", f"sample, {labels[-1]}"
    return _rows(images, labels, [])
