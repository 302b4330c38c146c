"""Figures of images, pixel by pixel."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.utils import make_grid

from diffusion import figures
from report.figures import images
from report.figures.print_style import render

LINE, GREY = 2, 203  # around an image: pixels of the saved file, and their grey


def noise(n, *shape):
    """Bytes."""
    return np.random.default_rng(n).integers(0, 256, (n, *shape), np.uint8)


@settings(max_examples=20)
@given(st.integers(2, 9), st.integers(1, 5), st.integers(0, 3), st.floats(0, 1))
def test_images_are_tiled_as_torchvision_tiles_them(n, columns, gap, value):
    x = torch.from_numpy(noise(n, 3, 4, 5)).float()
    expected = make_grid(x, columns, gap, pad_value=value)
    assert torch.equal(figures.tile(x, columns, gap, value), expected)


def cells(figure, panel=0):
    """The pixels of a saved figure within its axes, (height, width, 3)."""
    sheet = np.asarray(Image.open(io.BytesIO(render(figure, "png"))).convert("RGB"))
    box = figure.axes[panel].get_position()
    high, wide = sheet.shape[:2]
    ends = [wide * box.x0, wide * box.x1, high * (1 - box.y1), high * (1 - box.y0)]
    left, right, top, bottom = (round(end) for end in ends)
    assert ends == pytest.approx([left, right, top, bottom], abs=1e-6)  # whole pixels
    return sheet[top:bottom, left:right]


def expected_cells(pixels, columns, scale):
    """Images (n, h, w, 3), each pixel `scale` wide, within lines."""
    large = pixels.repeat(scale, 1).repeat(scale, 2)
    n, h, w = large.shape[:3]
    rows = -(-n // columns)
    sheet = np.full((rows * (h + LINE) + LINE, columns * (w + LINE) + LINE, 3), GREY, np.uint8)
    for i in range(n):
        top, left = LINE + i // columns * (h + LINE), LINE + i % columns * (w + LINE)
        sheet[top : top + h, left : left + w] = large[i]
    return sheet


def plain(figure):
    """The pixels of a grid of the library, right of its labels, as saved by matplotlib."""
    file = io.BytesIO()
    figure.savefig(file)
    sheet = np.asarray(Image.open(file).convert("RGB"))
    return sheet[:, round(sheet.shape[1] * figure.axes[0].get_position().x0) :]


@pytest.mark.parametrize(("n", "side", "columns"), [(5, 28, 3), (4, 8, 8), (40, 28, 20)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("drawn", ["report", "library"])
def test_a_pixel_of_an_image_is_a_whole_number_of_pixels_of_the_file(n, side, columns, drawn, channels):
    pixels = noise(n, side, side, channels)
    if drawn == "report":
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        found, largest = cells(images.grid(tensor, columns)), images.LARGEST
    else:
        found, largest = plain(figures.grid(pixels, columns, ["a row"])), figures.LARGEST
    across = min(n, columns)
    scale, rest = divmod((found.shape[1] - LINE) // across - LINE, side)
    assert (rest, scale >= 1) == (0, True)
    expected = expected_cells(pixels.repeat(3 // pixels.shape[3], 3), across, scale)
    assert np.array_equal(found, expected)
    assert side * scale <= largest


def test_images_are_as_large_as_fits():
    """One more pixel for each pixel would be too wide, too high or too large."""
    for n, columns in ((40, 20), (8, 4), (1, 1), (90, 10)):
        across, rows = min(n, columns), -(-n // columns)
        width = cells(images.grid(noise(n, 28, 28), columns)).shape[1]
        larger = 28 * (((width - LINE) // across - LINE) // 28 + 1)
        too_high = rows * (larger + LINE) > images.HIGHEST / 25.4 * images.DPI
        assert across * (larger + LINE) + LINE > images.WIDTH or too_high or larger > images.LARGEST
        assert width <= images.WIDTH


def test_numbers_are_shown_from_black_to_white_and_what_is_no_number_as_grey():
    x = torch.tensor([[-0.5, 0.5, -2.0, 2.0, 0.0, torch.nan]])
    assert images.as_bytes(x).ravel().tolist() == [0, 255, 0, 255, 128, 128]
    for shape in ((4, 4), (4, 4, 3)):  # kept images
        kept = noise(2, 5, *shape)
        assert np.array_equal(images.as_bytes(kept), kept.reshape(10, *shape))


def test_rows_have_their_names_beside_them_and_steps_under_them():
    named = {"first": noise(4, 28, 28), "second one": noise(4, 28, 28)[::-1]}
    figure = images.rows(named, ["0", "a long label / of two lines", "$x / y z$", "3"])
    (axes,) = figure.axes
    pitch = (cells(figure).shape[1] - LINE) / 4
    assert [label.get_text() for label in axes.get_yticklabels()] == [*named]
    assert [label.get_text() for label in axes.get_xticklabels()][2:] == ["$x / y z$", "3"]
    assert "\n" in axes.get_xticklabels()[1].get_text()
    assert axes.get_xticks() == pytest.approx(pitch * (np.arange(4) + 0.5))
    assert axes.get_yticks() == pytest.approx(pitch * (np.arange(2) + 0.5))
    shown = images.by_step(named, [24, 12, 6, 0]).axes[0]
    assert [label.get_text() for label in shown.get_xticklabels()] == ["$t = 24$", "12", "6", "0"]
