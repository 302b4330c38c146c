"""Figures: true to their numbers and to every pixel, and the same bytes everywhere."""

import io

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from report.figures import curves, images, lessons
from report.figures.print_style import render

# --- images ---


def noise(n):
    return np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def tiles(figure, columns, n):
    """The images of a saved figure's axes, (n, S, S) bytes, as large as they were."""
    saved = np.asarray(Image.open(io.BytesIO(render(figure, "png"))))
    box = figure.axes[0].get_window_extent()
    top, left = saved.shape[0] - round(box.y1), round(box.x0)
    cell = (round(box.width) - 2) // columns  # an image and its frame of 2 pixels
    corners = [(top + 2 + i // columns * cell, left + 2 + i % columns * cell) for i in range(n)]
    cut, scale = np.stack([saved[y : y + cell - 2, x : x + cell - 2] for y, x in corners]), (cell - 2) // 28
    found = cut[:, ::scale, ::scale]
    np.testing.assert_array_equal(cut, found.repeat(scale, 1).repeat(scale, 2))
    return found


@pytest.mark.parametrize(("n", "columns"), [(2, 2), (7, 3), (5, 9)])
def test_every_pixel_of_a_grid_is_saved_exactly(n, columns):
    for given in (noise(n), torch.from_numpy(noise(n))[:, None].float() / 255 - 0.5):
        np.testing.assert_array_equal(tiles(images.grid(given, columns), min(n, columns), n), noise(n))


# --- all ---


def history(n):
    return [{"epoch": e, "step": 10 * e, "test_loss": 0.9 / e} for e in range(1, n + 1)]


@pytest.mark.parametrize(
    ("suffix", "draw"),
    [
        ("svg", lambda: curves.losses("a_1 ¡", history(30), [(10 * e, 1 / e) for e in range(1, 31)])),
        ("png", lambda: lessons.trajectory(noise(8).reshape(4, 2, 28, 28), [24, 16, 8, 0])),
    ],
)
def test_same_numbers_give_same_bytes_whatever_the_caller_has_set_and_leave_nothing_behind(suffix, draw):
    opened = pyplot.get_fignums()  # by other tests
    first = render(draw(), suffix)
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False, "savefig.dpi": 50}):
        before = dict(matplotlib.rcParams)
        assert render(draw(), suffix) == first
        assert pyplot.get_fignums() == opened
        assert dict(matplotlib.rcParams) == before
