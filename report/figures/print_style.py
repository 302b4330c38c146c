"""The style of all figures: size, type, and saving.

Figures are as wide as the report's text, so a point in a figure is a point on the page. The font is Computer
Modern, as in the report's text; matplotlib includes it, so text looks the same on all machines.
"""

import base64
import functools
import io
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

TEXT_WIDTH = 5.75  # inches: the report's text width, 146 mm
DPI = 200  # pixels per inch of saved pictures
INK, MUTED, AXIS = "#222222", "#767676", "#9A9A9A"  # text and real images; floors; axes
FONT_SIZE, SMALL = 9.0, 8.5  # points: axis labels; ticks, legends and labels of pictures

SVG, PNG = "image/svg+xml", "image/png"
ABOUT = "application/vnd.cold-zoom.figure+json"  # next to the picture in a cell's output; viewers ignore it

# At these codes cmr10 has ligatures and accents; mathematics is unaffected.
MISPLACED = re.compile(r"[\u00a1-\u00c4]|^[^$]*[_<>{|}\\][^$]*$")

THEME = {
    **matplotlib.style.library["seaborn-v0_8-whitegrid"],  # as in seaborn, whose import takes two seconds
    "patch.edgecolor": "white",
    "patch.force_edgecolor": True,
    "patch.linewidth": 0.8,
    "font.family": ["cmr10", "STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "cm",
    "axes.formatter.use_mathtext": True,  # the font lacks a minus sign
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
    "legend.frameon": False,
    "legend.handlelength": 3.0,  # em; long enough for a whole dash pattern
    "svg.fonttype": "path",  # readers then do not need the font
    "svg.hashsalt": "cold-zoom-diffusion",  # element ids are random otherwise
}


class PrintFigure(Figure):
    """A Figure that a notebook displays in the bytes of the saved file, with the data behind it.

    Attributes:
        suffix (str): "svg" for curves, "png" for images, which dark pages do not invert.
        model (str): The model, if one cell shows a figure per model.
        sources (list of str): Names of the rows of results that it shows (`report.results.table`).
        numbers (list of tuple): Plotted numbers that are not in any row: series, x and value.
    """

    suffix, model = "svg", ""

    def __init__(self, *args: Any, **named: Any):
        super().__init__(*args, **named)
        self.sources: list[str] = []
        self.numbers: list[tuple[str, float, float]] = []

    def plots(self, series: str, x: Iterable[float], values: Iterable[float]) -> None:
        """Record plotted numbers, to six digits; values that are not finite are left out."""
        pairs = ((float(f"{a:.6g}"), float(f"{b:.6g}")) for a, b in zip(x, values, strict=True))
        self.numbers += [(series, a, b) for a, b in pairs if math.isfinite(b)]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        about = {"model": self.model, "sources": self.sources, "numbers": self.numbers}
        picture, bundle = render(self, self.suffix), {"text/plain": repr(self), ABOUT: about}
        if self.suffix == "svg":
            return bundle | {SVG: picture.decode()}, {}
        shown = {"width": round(self.get_figwidth() * 120)}  # CSS pixels
        return bundle | {PNG: base64.b64encode(picture).decode()}, {PNG: shown}


def theme() -> Any:
    """Return a context with matplotlib's defaults and `THEME`, regardless of the caller's settings."""
    return matplotlib.style.context(THEME, after_reset=True)


def styled(function: Callable[..., Figure | None]) -> Callable[..., Figure | None]:
    """Build figures inside the theme, with a fixed layout: drawing again gives the same bytes."""

    @functools.wraps(function)
    def build(*args: Any, **kwargs: Any) -> Figure | None:
        with theme():
            if (figure := function(*args, **kwargs)) is None:
                return None
            for text in figure.findobj(Text):
                if MISPLACED.search(text.get_text()):
                    text.set_fontfamily(["STIXGeneral", "DejaVu Serif"])
            if figure.get_layout_engine():
                figure.draw_without_rendering()  # creates the ticks, which read the settings at this point
                figure.set_layout_engine("none")
            return figure

    return build


def new_figure(height: float, layout: str | None = "constrained") -> PrintFigure:
    """Return an empty figure, as wide as the text and `height` mm high."""
    return PrintFigure(figsize=(TEXT_WIDTH, height / 25.4), dpi=DPI, layout=layout)


def render(figure: Figure, suffix: str) -> bytes:
    """Return a figure as the bytes of an "svg" or a "png" (200 dpi); equal figures give equal bytes."""
    metadata = {"svg": dict.fromkeys(("Creator", "Date", "Format", "Type")), "png": {"Software": None}}
    buffer = io.BytesIO()
    with theme():
        figure.savefig(buffer, format=suffix, dpi=DPI, metadata=metadata[suffix])
    if suffix == "svg":
        return buffer.getvalue()
    # The same picture without transparency, and with one channel if it is grey.
    picture, buffer = Image.open(buffer).convert("RGB"), io.BytesIO()
    red, green, blue = picture.split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    (red if grey else picture).save(buffer, "PNG", optimize=True, dpi=(DPI, DPI))
    return buffer.getvalue()
