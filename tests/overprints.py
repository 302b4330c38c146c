"""Words in a figure that cannot be read: over other words, over marks, or outside the canvas.

The place of a word is its window extent. Marks are all that a figure shows besides words, its grid, and the
shades and cells on which words stand: lines, points, bars, images, axes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox

from report.figures.print_style import theme

EDGE = 0.12  # of the size of a font: an extent's edge, where only the highest and lowest letters reach
FAINT = 0.3  # opacity up to which a filled area is a shade
DARK = 60  # of 255: how much darker than paper the pixel of a mark is
SLACK = 4  # pixels of another word or mark in an extent: ends of lines are smoothed
OVER = 1.0  # pixels by which a word may leave the canvas: positions are rounded


def find_overprints(figure: Figure) -> list[str]:
    """A line for each word that is over another word, over a mark, or outside the canvas."""
    canvas, problems = FigureCanvasAgg(figure), []
    wide, high = canvas.get_width_height()
    page = Bbox([[-OVER, -OVER], [wide + OVER, high + OVER]])
    with theme():
        words = list_words(canvas)
        boxes = [word.get_window_extent(canvas.get_renderer()) for word in words]
        areas = [cover(canvas, word) for word in words]  # drawn without ticks, the names of axes move
        with hidden([*words, *list_quiet(figure)]):
            marks = darkness(canvas) > DARK
    owners = np.full(marks.shape, -1)
    for place, (word, box, (where, inside)) in enumerate(zip(words, boxes, areas, strict=True)):
        name = repr(plain(word))
        if not all(page.contains(*corner) for corner in box.corners()):
            problems.append(f"{name} is outside the canvas")
        if marks[where][inside].sum() > SLACK:
            problems.append(f"{name} is over a mark")
        others, pixels = np.unique(owners[where][inside], return_counts=True)
        for other in others[(others >= 0) & (pixels > SLACK)]:
            problems.append(f"{name} is over {plain(words[other])!r}")
        owners[where][inside] = place
    return problems


def plain(word: Text) -> str:
    return " ".join(word.get_text().split())


def list_words(canvas: FigureCanvasAgg) -> list[Text]:
    """The texts that are drawn, in order: unlike all texts of a figure, not the ticks outside of a panel."""
    texts, drawn = canvas.figure.findobj(Text), []
    names = {f"text {i}": text for i, text in enumerate(texts)}
    before = [text.get_gid() for text in texts]
    for name, text in names.items():
        text.set_gid(name)
    renderer = canvas.get_renderer()
    renderer.open_group = lambda s, gid=None: drawn.append(names[gid]) if s == "text" else None
    canvas.draw()
    del renderer.open_group
    for text, gid in zip(texts, before, strict=True):
        text.set_gid(gid)
    return [text for text in drawn if text.get_text().strip()]


def list_quiet(figure: Figure) -> Iterator[Artist]:
    """What words may be over: grids, shades, and the cells of a table of colours."""
    for axis in figure.findobj(Axis):
        yield from axis.get_gridlines()
    yield from figure.findobj(QuadMesh)
    for area in [*figure.findobj(Patch), *figure.findobj(PolyCollection)]:
        if (area.get_alpha() or 1) <= FAINT:
            yield area


@contextmanager
def hidden(artists: Iterable[Artist]) -> Iterator[None]:
    """Hide artists within the block."""
    seen = [artist for artist in artists if artist.get_visible()]
    for artist in seen:
        artist.set_visible(False)
    yield
    for artist in seen:
        artist.set_visible(True)


def darkness(canvas: FigureCanvasAgg) -> np.ndarray:
    """How much darker than paper each pixel is, in its darkest channel (height, width)."""
    canvas.draw()
    return 255 - np.asarray(canvas.buffer_rgba())[..., :3].min(axis=-1).astype(int)


def cover(canvas: FigureCanvasAgg, word: Text) -> tuple[tuple[slice, slice], np.ndarray]:
    """Rows and columns of the canvas with a word, and which of their pixels are inside its extent.

    The extent of a slanted word is turned with it.
    """
    angle, renderer = word.get_rotation(), canvas.get_renderer()
    slanted = angle % 90 != 0
    if slanted:
        assert word.get_rotation_mode() == "anchor"  # else its extent is elsewhere before it is turned
        word.set_rotation(0)
    edge = EDGE * renderer.points_to_pixels(word.get_fontsize())
    left, bottom, right, top = word.get_window_extent(renderer).padded(0, -edge).extents
    corners = Path([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)])
    if slanted:
        word.set_rotation(angle)
        anchor = word.get_transform().transform(word.get_position())
        corners = Affine2D().rotate_deg_around(*anchor, angle).transform_path(corners)
    wide, high = canvas.get_width_height()
    left, bottom, right, top = corners.get_extents().extents
    columns = slice(max(0, int(left)), max(0, min(wide, int(right) + 1)))
    rows = slice(max(0, int(high - top)), max(0, min(high, int(high - bottom) + 1)))
    x, y = np.meshgrid(np.r_[columns] + 0.5, high - np.r_[rows] - 0.5)
    inside = corners.contains_points(np.column_stack([x.ravel(), y.ravel()]))
    return (rows, columns), inside.reshape(x.shape)
