"""Shared by figures of runs: sources, colours and titles of training runs, names at the ends of curves."""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from diffusion.evaluation.statistics import Interval
from report.figures.curves import PLAIN, STYLES, Styles, legend, styles_of
from report.figures.print_style import INK, SMALL, styled
from report.results.table import reading
from report.results.views import STUDY, Results, Training

FRAME = 203  # grey of the line around an image
LINE = 1.15 * SMALL  # points between names at the ends of curves
LINES = ("-", "--", ":", "-.", (0, (7, 1.2, 3, 1.2)), (0, (3, 1, 1, 1, 1, 1)))  # of the seeds of a model
MODELS = dict(zip(STUDY, STYLES, strict=False))  # styles of the original study's models, in every run


def figure(function: Callable[..., Figure | None]) -> Callable[..., Figure | None]:
    """Decorate a function of results that draws a figure; the figure then knows its rows and its model."""

    @functools.wraps(function)
    def draw(results: Results, *given: Any) -> Figure | None:
        with reading() as seen:
            drawn = styled(function)(results, *given)
        if drawn is not None:
            drawn.sources = [source for source in seen if source.rpartition("#")[2].isdigit()]
            drawn.model = next((name for name in given if isinstance(name, str)), "")
        return drawn

    return draw


def literal(text: str) -> str:
    """Escape dollar signs, between which matplotlib would read mathematics."""
    return text.replace("$", r"\$")


def plural(noun: str) -> str:
    """The plural of a data set's noun: digits, classes."""
    return noun + ("es" if noun.endswith("s") else "s")


def model_styles(results: Results) -> Styles:
    """The style of each model of a run: fixed for the original study's models, else the next free one."""
    others = [model for model in results.models if model not in MODELS]
    studied = len(others) < len(results.models)
    every = MODELS | styles_of(others, STYLES[len(MODELS) :] if studied else STYLES)
    return {m: every[m]._replace(label=literal(results.first(m).label)) for m in results.models}


def title_of(results: Results, training: Training) -> str:
    """The title of a training run, with its seed if its model has several."""
    return literal(results.titled(training))


def colour_of(results: Results, training: Training) -> str:
    """The colour of a training run: the colour of its model; further seeds are lighter or darker."""
    rgb = to_rgb(model_styles(results)[training.model].colour)
    step = min(0.45 * results.seeds(training.model).index(training.seed), 0.7)
    return to_hex([c * (1 - step) + (step if max(rgb) < 0.65 else 0) for c in rgb])


def lines_of(seeds: Iterable[int]) -> dict[int, Any]:
    """The line style of each seed: the same for all models of a figure; repeats after six seeds."""
    return dict(zip(sorted(set(seeds)), itertools.cycle(LINES), strict=False))


def key(drawn: Figure, looks: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw a legend of lines, from the look of each by name."""
    if looks:
        legend(drawn, [(name, Line2D([], [], **look)) for name, look in looks.items()])


# --- rows of samples next to plots; lengths in inches, from the left and the bottom of a figure ---


def add_axes(drawn: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a position of a figure without a layout."""
    wide, high = drawn.get_size_inches()
    return drawn.add_axes((left / wide, bottom / high, width / wide, height / high))


def write(drawn: Figure, left: float, middle: float, text: str, colour: str = INK) -> None:
    """Write a small text."""
    wide, high = drawn.get_size_inches()
    drawn.text(left / wide, middle / high, text, va="center", size=SMALL, color=colour)


def strip(drawn: Figure, images: np.ndarray, left: float, middle: float, side: float) -> None:
    """Draw a row of images, bytes (n, 28, 28), each with a frame and of width `side`."""
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=FRAME)
    axes = add_axes(drawn, left, middle - side / 2, side * len(images), side)
    axes.imshow(np.hstack(framed), cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
    axes.set_axis_off()


def dot(axes: Axes, number: Interval, y: float, colour: str, times: float = 1) -> None:
    """Draw a number as a dot, with its interval if it has one; values are multiplied by `times`."""
    axes.plot(times * number.value, y, "o", color=colour, markersize=4)
    if number.low is not None:
        axes.plot([times * number.low, times * number.high], [y, y], color=colour, linewidth=1)


def on_logs(axis: Axis) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2 and 5."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(PLAIN)


def height_of(names: int, least: float) -> float:
    """The height of a figure, in mm, with room for `names` at the ends of its curves; at least `least`."""
    return max(least, 15 + 25.4 / 72 * LINE * names)


def name_ends(axes: Axes, ends: Iterable[tuple[float, str, str]]) -> None:
    """Write names right of the axes, at the heights of the ends of curves; the axes must be set before.

    A name that would overlap another moves up, or down from the upper edge.

    Args:
        axes: the axes.
        ends: y, name and colour for each curve.
    """
    axes.figure.draw_without_rendering()  # lays the figure out
    ends = sorted(ends, key=lambda end: end[0])
    points = [72 / axes.figure.dpi * axes.transData.transform((0, y))[1] for y, *_ in ends]
    top, heights = 72 / axes.figure.dpi * axes.bbox.y1, []
    for at in points:
        heights.append(max([at, *(height + LINE for height in heights[-1:])]))
    for above, index in enumerate(reversed(range(len(ends)))):
        heights[index] = min(heights[index], top - LINE * above)
    for (y, name, colour), at, height in zip(ends, points, heights, strict=True):
        look = {"textcoords": "offset points", "va": "center", "color": colour, "fontsize": SMALL}
        position = {"xy": (1, y), "xycoords": axes.get_yaxis_transform(), "xytext": (5, height - at)}
        axes.annotate(name, **position, **look, annotation_clip=False)
