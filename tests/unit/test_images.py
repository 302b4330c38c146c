"""Figures of images: every pixel, in reading order, beside its label."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import figures
from diffusion.figures.style import render


def tiles(figure, columns, n):
    """The images of a saved figure's axes, (n, S, S) bytes, as large as they were."""
    saved = np.asarray(Image.open(io.BytesIO(render(figure, "png"))))
    box = figure.axes[0].get_window_extent()
    top, left = saved.shape[0] - round(box.y1), round(box.x0)
    cell = (round(box.width) - 2) // columns  # an image and its frame of 2 pixels
    corners = [(top + 2 + i // columns * cell, left + 2 + i % columns * cell) for i in range(n)]
    cut, scale = [saved[y : y + cell - 2, x : x + cell - 2] for y, x in corners], (cell - 2) // 28
    for one in cut:
        np.testing.assert_array_equal(one, one[::scale, ::scale].repeat(scale, 0).repeat(scale, 1))
    return np.stack([one[::scale, ::scale] for one in cut])


@pytest.mark.parametrize(("n", "columns"), [(2, 2), (7, 3), (5, 9)])
def test_every_pixel_of_a_grid_is_saved_exactly(n, columns):
    made = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    for given in (made, torch.from_numpy(made)[:, None].float() / 255 - 0.5):
        np.testing.assert_array_equal(tiles(figures.grid(given, columns), min(n, columns), n), made)


def test_what_leaves_the_range_is_clamped():
    far = torch.tensor([-9, 9, torch.nan]).view(3, 1, 1).expand(-1, 28, 28)
    assert tiles(figures.grid(far, 3), 3, 3)[:, 0, 0].tolist() == [0, 255, 128]


def test_rows_are_beside_their_names_and_columns_above_their_steps():
    made = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    (axes,) = (figure := figures.latents({"one": made[:3], "two": made[3:]}, [0, 5, 10])).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["$t = 0$", "5", "10"]
    np.testing.assert_array_equal(tiles(figure, 3, 6), made)
