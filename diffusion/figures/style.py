"""The one visual language of all figures: size, type, palette, what stands for which model, how to save them.

Figures are set at the report's text width, so that a point here is a point on the page.
Colours are Paul Tol's high-contrast scheme (blue, red, yellow; "Colour Schemes", SRON/EPS/TN/09-002), the
yellow a little darker for thin lines: apart for colour-blind readers, and apart in lightness in a grey print.
Type is STIX, which matplotlib carries itself, so every machine sets the same text.
"""

import base64
import functools
import io
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.style
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath

from diffusion.figure_input import literal
from diffusion.files import write_bytes

TEXT_WIDTH = 5.75  # inches: the article's text width, 146 mm
DPI = 200  # pixels an inch of saved pictures
FONT_SIZE = 9.0  # points: axis labels
SMALL = FONT_SIZE - 0.5  # points: ticks, legends, labels of pictures
INK, MUTED = "#222222", "#767676"  # text and real images; the floor
AXIS = "#9A9A9A"
FONTS = ["STIXGeneral", "DejaVu Serif"]

THEME = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("paper"),
    "font.family": FONTS,
    "mathtext.fontset": "stix",
    "font.size": FONT_SIZE,
    **dict.fromkeys(("axes.labelsize", "axes.titlesize"), FONT_SIZE),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), AXIS),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(("xtick.bottom", "ytick.left"), True),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.7),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    **dict.fromkeys(("xtick.minor.size", "ytick.minor.size"), 0.0),
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.2,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.handlelength": 3.0,  # em: long enough for a whole dash pattern
    "legend.handletextpad": 0.6,  # em
    "legend.columnspacing": 1.6,  # em
    "svg.fonttype": "path",  # no reader needs the font
    "svg.hashsalt": "cold-zoom-diffusion",  # element ids are random otherwise
}


class ModelStyle(NamedTuple):
    """What stands for one model in every figure."""

    colour: str
    line: Any  # line style, where lines are told apart by model
    marker: str
    hatch: str  # of bars


MODELS = {
    "linear": ModelStyle("#004488", "-", "o", ""),
    "cosine": ModelStyle("#BB5566", (0, (6, 1.6)), "s", ""),
    "zoom": ModelStyle("#CC9922", (0, (5, 1.3, 1.2, 1.3)), "^", ""),
}
FURTHER = (
    ModelStyle("#228833", (0, (1.2, 1.2)), "D", "////"),
    ModelStyle("#33BBEE", (0, (3, 1, 1, 1, 1, 1)), "v", r"\\\\"),
    ModelStyle("#882255", (0, (8, 1.2, 3, 1.2)), "P", "xxxx"),
)
TRAIN_LINE, TEST_LINE = "-", (0, (2.6, 1.4))  # where lines are told apart by split


def model_styles(names: Iterable[str]) -> dict[str, ModelStyle]:
    """The style of each model: fixed for linear, cosine and zoom; other names take the further ones in order.

    From the fourth other name on, colours come again with another marker.
    """
    names = list(dict.fromkeys(names))
    further = itertools.chain(FURTHER, (s._replace(marker=m) for m in "X*hpd<>8" for s in FURTHER))
    unknown = [name for name in names if name not in MODELS]
    others = dict(zip(unknown, itertools.cycle(further), strict=False))
    return {name: MODELS.get(name) or others[name] for name in names}


class PrintFigure(Figure):
    """A Figure that a notebook shows at reading size and in full resolution.

    Built without pyplot, so that nothing stays registered and nothing is shown twice. IPython shows such a
    figure by itself only after pyplot has chosen a backend, hence the method.
    """

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        png = base64.b64encode(render(self, "png")).decode()
        shown = {"width": round(self.get_figwidth() * 120)}  # CSS pixels
        return {"image/png": png, "text/plain": repr(self)}, {"image/png": shown}


@contextmanager
def theme() -> Iterator[None]:
    """Matplotlib's defaults with ours on top, whatever the caller has set; afterwards that is back."""
    with matplotlib.style.context(THEME, after_reset=True):
        yield


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Build figures inside the theme and fix their layout: later drawing depends on nothing outside."""

    @functools.wraps(function)
    def build(*args: Any, **kwargs: Any) -> Figure:
        with theme():
            figure = function(*args, **kwargs)
            if figure.get_layout_engine():
                figure.draw_without_rendering()  # makes the ticks, which read the settings only now
                figure.set_layout_engine("none")  # drawing again would move the axes by a rounding error
            return figure

    return build


def new_figure(height: float, layout: str | None = "constrained") -> PrintFigure:
    """An empty figure, as wide as the text and `height` mm high."""
    return PrintFigure(figsize=(TEXT_WIDTH, height / 25.4), dpi=DPI, layout=layout)


def text_width(label: str, size: float = SMALL) -> float:
    """Width in points of one line of text at `size` points."""
    return (
        TextPath((0, 0), label, prop=FontProperties(family=FONTS, size=size)).get_extents().width
        if label
        else 0.0
    )


def sample(style: ModelStyle, **kwargs: Any) -> Line2D:
    """A model's line and marker, for a legend."""
    return Line2D(
        [], [], **{"color": style.colour, "marker": style.marker, "linestyle": style.line, **kwargs}
    )


Entry = tuple[str, Any]  # of a legend: its text and the artist, or tuple of artists, that it explains


def legend(figure: Figure, entries: Sequence[Entry]) -> None:
    """One legend above all axes, in as few rows as fit the text width."""
    labels = [literal(label) for label, _ in entries]
    widths = [
        text_width(label) + 5.2 * SMALL for label in labels
    ]  # handle and spaces, in em, as in the theme
    n = len(labels)
    rows = next((r for r in range(1, n) if _columns_width(widths, math.ceil(n / r)) < TEXT_WIDTH * 72), n)
    figure.legend(
        [handle for _, handle in entries],
        labels,
        loc="outside upper center",
        ncols=math.ceil(n / rows),
        handler_map={tuple: HandlerTuple(ndivide=1)},
    )


def _columns_width(widths: Sequence[float], columns: int) -> float:
    """Width of entries set in so many columns, filled column by column as matplotlib does."""
    rows = math.ceil(len(widths) / columns)
    return sum(max(widths[i : i + rows]) for i in range(0, len(widths), rows))


def render(figure: Figure, suffix: str) -> bytes:
    """A figure as the bytes of an "svg" or a "png" (200 dpi): the same figure, the same bytes, on any day."""
    metadata = {"svg": dict.fromkeys(("Creator", "Date", "Format", "Type")), "png": {"Software": None}}
    buffer = io.BytesIO()
    with theme():
        figure.savefig(buffer, format=suffix, dpi=DPI, metadata=metadata[suffix])
    return buffer.getvalue()


def save(figure: Figure, path: str | os.PathLike) -> Path:
    """Write a figure to `path` (.svg or .png) atomically, making its folder; returns the path.

    Raises:
        ValueError: another suffix.
        OSError: the folder cannot be written.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in ("svg", "png"):
        raise ValueError(f"cannot save a figure as {Path(path).name!r}; end the name in .svg or .png")
    return write_bytes(path, render(figure, suffix))
