"""No figure prints a word over a word or a mark or cuts anything off; lines across panels are in place."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox

import diffusion as d
import drawn
from drawn import STUDY, measured, near, number, rows
from helpers import PAPER
from paper import figures
from report import figures as of_reports
from report.figures import curves, images, lessons
from report.figures.print_style import new_figure, render, styled, theme
from report.results import counterparts, views

# Of each plot its panels' lines across and shaded ranges, as the captions and docstrings speak of them.
LATE = (80, 100)  # epochs
REAL = number(measured("linear", 0), "border", "real").sd
NOTHING = ([], [])
ACROSS = {
    "beyond": [NOTHING] * 3,
    "blank": [([("y", REAL)], [(1, 15)])],  # all grey levels are within 1
    "distances": [([], [LATE])],  # the floor is below the panel, and told
    "effects": [([("x", 0)], []), ([("x", 1)], []), ([("x", 1)], [])],  # no effect
    "intervention": [NOTHING] * 2,
    "losses": [NOTHING],
    "mix": [NOTHING] * 4,
    "offset_response": [([("y", 1)], [])],  # the ideal: all of it
    "quality_calls": [NOTHING] * 2,
    "starts": [([("y", 0.5)], []), NOTHING],  # a half, from which on an offset shrinks
}
PICTURES = {"beyond_samples", "unpicked"}


@pytest.fixture(scope="module")
def all_drawn():
    return {name: drawn.figure(name) for name in ACROSS}


def panels(figure):
    return [axes for axes in figure.axes if not axes.images]


def test_each_figure_of_the_paper_is_looked_at():
    of_record = {"answer"}  # in test_question
    of_model = {"front", "nearest", "quality", "original_losses", "changes"}  # have further arguments
    known = {name for name in dir(figures) if callable(getattr(figures, name))}
    assert known == {*ACROSS} | PICTURES | of_model | of_record


@pytest.mark.parametrize("name", ACROSS)
def test_lines_across_a_panel_stand_where_they_mean_and_nothing_is_cut_off(all_drawn, name):
    figure = all_drawn[name]
    for axes, (lines, ranges) in zip(panels(figure), ACROSS[name], strict=True):
        assert drawn.reference_lines(axes) == [(along, near(place)) for along, place in lines]
        assert drawn.spans(axes) == [near(one) for one in ranges]
        assert drawn.hidden(axes) == []


@pytest.mark.parametrize("name", [*ACROSS, *sorted(PICTURES)])
def test_no_word_is_printed_over_another_or_a_mark_and_axes_and_marks_have_names(name):
    assert find_overprints(drawn.figure(name)) + find_unnamed(drawn.figure(name)) == []


@pytest.mark.parametrize("model", STUDY)
def test_words_of_samples_by_confidence_have_room(model):
    assert find_overprints(figures.quality(drawn.released(), model)) == []


@pytest.mark.parametrize("name", ["distances", "losses", "offset_response", "starts"])
def test_names_at_curves_ends_are_in_the_order_of_the_ends_and_apart(all_drawn, name):
    axes = all_drawn[name].axes[0]
    names = [text for text in axes.texts if hasattr(text, "xyann") and text.get_text()]
    ends = [axes.transData.transform(text.xy)[1] / axes.figure.dpi * 72 for text in names]  # points
    told = sorted((end + text.xyann[1], end) for end, text in zip(ends, names, strict=True))
    assert len(told) > 2
    assert [end for _, end in told] == sorted(ends)
    assert all(b - a > 8 for (a, _), (b, _) in zip(told, told[1:], strict=False))
    assert min(abs(place - end) for place, end in told) < 1e-6  # the lowest one is not moved


def test_the_floor_of_distances_is_told_where_it_is_below_the_panel(all_drawn):
    (axes,) = all_drawn["distances"].axes
    floor = number(measured("linear", 0), "floor", "checkpoint").value
    assert floor < axes.get_ylim()[0]
    assert any(f"real digits: {floor:.2g} (below)" in text.get_text() for text in axes.texts)


def test_the_diagonal_is_of_what_is_predicted_exactly(all_drawn):
    _, law = panels(all_drawn["starts"])
    (line,) = (one for one in law.lines if type(one).__name__ == "AxLine")
    assert (line.get_xy1(), line.get_slope()) == ((1, 1), 1)
    assert law.get_xscale() == law.get_yscale() == "log"


# --- words that cannot be read ---

# The place of a word is its window extent. Marks are all that a figure shows besides words, its grid, and the
# shades and cells on which words stand: lines, points, bars, images, axes.

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


INK = "#222222"  # of legends whose marks have a meaning in every colour


def find_unnamed(figure: Figure) -> list[str]:
    """Of a drawn figure, axes of numbers without a name, and entries of legends without a mark."""
    problems, looks = [], set()
    for place, axes in enumerate(panels(figure)):
        title = axes.get_title()
        for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            labels = [drawn.words(label.get_text()) for label in axis.get_ticklabels()]
            words = [one for one in labels if re.search(r"[A-Za-z]", one.replace("mathdefault", ""))]
            if any(labels) and not (title or axis.get_label_text() or words):
                problems.append(f"{name} of panel {place} has no name")
        for colour, marker, _, style in map(drawn.look, axes.lines):
            looks |= {(shown, *mark) for shown in (colour, INK) for mark in ((marker, None), (None, style))}
    for legend in figure.legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if isinstance(handle, Line2D):
                colour, marker, _, style = drawn.look(handle)
                marks = {(colour, *mark) for mark in ((marker, None), (None, style)) if "None" not in mark}
                if not marks & looks:
                    problems.append(f"no mark looks like {text.get_text()!r}")
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


QUICK = ("cosine_unet", "linear_unet", "zoom_unet_noise")  # with a U-Net, as the models of `quick`
OF_RUNS = {
    "distances": lambda run, pairs: of_reports.distances(run),
    "losses": lambda run, pairs: of_reports.losses(run),
    "own_compared": lambda run, pairs: of_reports.own_compared(run, run.models),
    "own_schedules": lambda run, pairs: of_reports.own_schedules(run, run.models),
    "losses_beside": of_reports.losses_beside,
    "samples_beside": of_reports.samples_beside,
}
IMAGES = torch.linspace(-0.5, 0.5, 50)[:, None, None].expand(50, 28, 28)
DIGITS = [str(digit) for digit in range(10)]
CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


# --- planted ---


@styled
def plant(x=0.3, y=0.5, slanted=False):
    """A panel with a line, a point and a bar, named below its axes, and a word at a place of the panel."""
    figure = new_figure(50)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="passes", ylabel="loss")
    axes.plot([0, 1], [0.2, 0.2])
    axes.plot(0.6, 0.8, "o")
    axes.bar(0.9, 0.5, 0.1)
    axes.text(0.3, 0.8, "a name")
    turned = {"rotation": 45, "rotation_mode": "anchor"} if slanted else {}
    axes.text(x, y, "over", va="center", ha="center", in_layout=False, **turned)
    return figure


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ((0.33, 0.84), "'over' is over 'a name'"),
        ((0.3, 0.2), "'over' is over a mark"),  # the line
        ((0.6, 0.8), "'over' is over a mark"),  # the point
        ((0.9, 0.3), "'over' is over a mark"),  # the bar
        ((0.0, 0.6), "'over' is over a mark"),  # the axis
        ((1.15, 0.6), "'over' is outside the canvas"),
    ],
)
@pytest.mark.parametrize("slanted", [False, True])
def test_a_planted_word_is_found_at_its_place(place, problem, slanted):
    assert problem in find_overprints(plant(*place, slanted=slanted))


@pytest.mark.parametrize("slanted", [False, True])
def test_a_figure_whose_words_have_room_has_none_and_stays_as_it_is(slanted):
    figure = plant(slanted=slanted)
    before = render(figure, "svg")
    assert find_overprints(figure) == []
    assert render(figure, "svg") == before


@styled
def test_an_axis_without_a_name_and_an_entry_without_a_mark_are_found():
    figure = plant()
    (axes,) = figure.axes
    (line, point), other = axes.lines, Line2D([], [], linestyle="--", color=INK)
    assert find_overprints(figure) + find_unnamed(figure) == []
    axes.set_ylabel("")
    figure.legend([line, point, other], ["a line", "a point", "real images"])
    assert find_unnamed(figure) == ["y of panel 0 has no name", "no mark looks like 'real images'"]


# --- released ---


@pytest.mark.parametrize("name", OF_RUNS)
@pytest.mark.parametrize("release", ["starts", "beyond", "like quick"])
def test_the_figures_of_a_run_have_room_for_their_words(release, name):
    of = None if release == "starts" else [(model, 0) for model in QUICK]
    folder = "starts" if release == "starts" else "beyond"
    run = views.load(PAPER.parent / folder, trainings=of if release == "like quick" else None)
    run = replace(run, beside=drawn.released().beside)
    pairs = counterparts.list_beside(run)
    if release == "like quick":  # a released run has itself for its counterpart, which no report shows
        pairs = [(run.first(model), counterparts.find_counterpart(run.first(model))) for model in QUICK]
    assert pairs
    figure = OF_RUNS[name](run, pairs)
    assert find_overprints(figure) + find_unnamed(figure) == []


def test_the_figure_of_all_changes_has_room_for_its_words():
    assert find_overprints(figures.changes(drawn.released().beside["beyond"])) == []


OF_LESSONS = {
    "schedules": lambda: lessons.schedules({"linear": d.linear(), "cosine": d.cosine()}),
    "by_step": lambda: images.by_step({"linear": IMAGES[:9], "cosine": IMAGES[9:18]}, range(0, 900, 100)),
    "zoom": lambda: lessons.zoom_progression(IMAGES[:25]),
    "reconstructions": lambda: lessons.reconstructions(
        IMAGES[:10], IMAGES[10:20], IMAGES[20:30], [1, 3, 6, 9, 12, 15, 18, 20, 22, 24]
    ),
    "trajectory": lambda: lessons.trajectory(IMAGES[:40].reshape(5, 8, 28, 28), [24, 18, 12, 6, 0]),
    "centre_pixels": lambda: lessons.centre_pixels(np.r_[5000, np.arange(1, 255), 9000]),
    "confusion": lambda: lessons.confusion(99 * np.eye(10) + 1, DIGITS, "digit"),
    "confusion of clothes": lambda: lessons.confusion(99 * np.eye(10) + 1, CLOTHES, "garment"),
    "loss": lambda: curves.losses("zoom", *losses_of("paper/train_zoom-3")),
}


def losses_of(name):
    history = [
        {"epoch": row.epoch, "step": 469 * row.epoch, "test_loss": row.value}
        for row in rows(name, measure="test_loss")
    ]
    return history, [(row.x, row.value) for row in rows(name, measure="step_loss")]


@pytest.mark.parametrize("name", OF_LESSONS)
def test_the_figures_of_the_lessons_have_room_for_their_words(name):
    figure = OF_LESSONS[name]()
    assert find_overprints(figure) + find_unnamed(figure) == []
