"""Figures of images: grids and labelled rows.

Images are tensors (n, S, S) or (..., C, S, S) in [-0.5, 0.5], from black to white, or kept bytes (..., S, S)
or (..., S, S, 3). A pixel covers a whole number of pixels of the saved file, so images are crisp.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from diffusion.figures import tile
from diffusion.pixels import channels_first, grey_values
from report.figures.print_style import DPI, FONT_SIZE, SMALL, TEXT_WIDTH, new_figure, styled

# Lengths are in pixels of the saved file, except HIGHEST, which is in mm.
WIDTH = round(TEXT_WIDTH * DPI)
HIGHEST = 92  # height of all images of a figure
LARGEST = 168  # side of an image
FRAME, GREY = 2, 203  # the line around an image
LINE = round(1.3 * SMALL * DPI / 72)  # height of a line of text
CHARACTER = 0.5 * SMALL * DPI / 72  # width of a character


def as_bytes(images: Any) -> np.ndarray:
    """Convert images to bytes (n, S, S), or (n, S, S, 3) in colour. NaN becomes grey."""
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8):
        x = torch.as_tensor(images).detach().cpu()
        x = x if x.dtype == torch.uint8 else grey_values(x.double().nan_to_num())
        colour = x.ndim > 3 and x.shape[-3] == 3
        images = (x.movedim(-3, -1) if colour else x).numpy()
    return images.reshape(-1, *images.shape[-3 if images.shape[-1] == 3 else -2 :])


class Panel(NamedTuple):
    """Images in reading order, with a title, and labels left of the rows and under the columns."""

    images: np.ndarray  # bytes (n, S, S), or (n, S, S, 3)
    columns: int
    beside: Sequence[str] = ()
    under: Sequence[str] = ()
    title: str = ""


def _wrap(label: str, fits: float) -> str:
    """Break a long label into lines, except mathematics."""
    return label if "$" in label or len(label) < fits else re.sub(r"(?<=/)| ", "\n", label)


def page(panels: Sequence[Panel], across: int = 1, highest: float = HIGHEST) -> Figure:
    """Draw panels of equally shaped images, `across` in a row, as large as the page allows."""
    first, down = panels[0], math.ceil(len(panels) / across)
    height, width = first.images.shape[1:3]
    rows = max(math.ceil(len(panel.images) / panel.columns) for panel in panels)
    left = round(CHARACTER * max(map(len, first.beside), default=0) + LINE / 2) if first.beside else 0
    wide = (WIDTH - across * left - (across - 1) * LINE) // across  # width of the images of a panel
    high = round(highest / 25.4 * DPI) // (rows * down)
    scale = max(1, min((wide - FRAME) // first.columns - FRAME, high - FRAME, LARGEST) // max(height, width))
    cell = np.array([width, height]) * scale + FRAME  # an image and its frame
    under = [[_wrap(label, cell[0] / CHARACTER) for label in panel.under] for panel in panels]
    bottom = round(LINE * (0.6 + max(u.count("\n") + 1 for u in under[0]))) if first.under else 0
    top = round(1.4 * LINE) if first.title else 0
    pitch = cell * [first.columns, rows] + FRAME + [left + LINE, top + bottom]
    total = np.array([across * pitch[0] - LINE, down * pitch[1]])
    if first.title:  # which may be wider than its images
        total[0] = max(WIDTH, total[0])
    figure = new_figure(total[1] / DPI * 25.4, layout=None)
    figure.set_figwidth(total[0] / DPI)
    figure.suffix = "png"
    start = (total[0] - across * pitch[0] + LINE) // 2
    for i, panel in enumerate(panels):
        large = channels_first(torch.from_numpy(panel.images.repeat(scale, 1).repeat(scale, 2)))
        canvas = tile(large.expand(-1, 3, -1, -1), panel.columns, FRAME, GREY).permute(1, 2, 0).numpy()
        h, w = canvas.shape[:2]
        x, y = start + i % across * pitch[0] + left, i // across * pitch[1] + top
        axes = figure.add_axes((x / total[0], 1 - (y + h) / total[1], w / total[0], h / total[1]))
        axes.imshow(canvas, interpolation="nearest", extent=(0, w, h, 0), aspect="auto")
        axes.set_xticks((np.arange(len(panel.under)) + 0.5) * cell[0], under[i])
        axes.set_yticks((np.arange(len(panel.beside)) + 0.5) * cell[1], panel.beside)
        axes.tick_params(length=0, pad=2, labelsize=SMALL)
        axes.set_title(panel.title, size=FONT_SIZE, pad=3)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return figure


@styled
def rows(named: Mapping[str, Any], under: Sequence[str] = ()) -> Figure:
    """Draw a row of images for each name: name -> images of all columns, with texts under the columns."""
    images = [as_bytes(row) for row in named.values()]
    return page([Panel(np.concatenate(images), len(images[0]), list(named), under)])


@styled
def grid(images: Any, columns: int = 8) -> Figure:
    """Draw images in a plain grid, in reading order."""
    pixels = as_bytes(images)
    return page([Panel(pixels, min(columns, len(pixels)))])


def by_step(named: Mapping[str, Any], steps: Sequence[int]) -> Figure:
    """Draw images at several steps of a degradation by name, labelled by step (Fig. 2)."""
    return rows(named, [f"$t = {t}$" if i == 0 else f"{t}" for i, t in enumerate(steps)])
