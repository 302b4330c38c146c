"""The figure of changes: the changes of each model, and the quality of its samples."""

from collections.abc import Callable, Sequence
from statistics import geometric_mean
from typing import Any

from matplotlib.figure import Figure

from report.figures.print_style import SMALL, TEXT_WIDTH, new_figure
from report.figures.styles import MODELS, figure, on_logs
from report.results.changes import Way, describe, table
from report.results.views import Results, mean

ROW, ABOVE, BELOW, CHARACTER = 3.8, 20, 10, 1.45  # mm: a row; the headings; the axis; a character
TICKED, VALUES, APART = 26, 25, 4  # widths in mm: the panel of changes; the panel of means; between panels
OF_PROCESS = {"ddpm": ("DDPM", MODELS["linear"].colour), "zoom": ("Zoom", MODELS["zoom"].colour)}
MIXTURE = "diffusion:Mixture"
# Column of the figure -> test of a model, from the settings that differ from the base.
TICKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "RMS norm": lambda changed: changed.get("norm") == "rms",
    "dilated": lambda changed: changed.get("dilations"),
    "U-Net": lambda changed: changed.get("network") == "diffusion:UNet",
    "joint prior": lambda changed: changed.get("prior") == MIXTURE,
    "training noise": lambda changed: changed.get("image_noise"),
    "sampling noise": lambda changed: changed.get("noise") or changed.get("grey_noise"),
}
IN_TICKS = {"network", "norm", "dilations", "image_noise", "noise"}  # a row's name omits these


@figure
def changes(results: Results, names: Sequence[str] | None = None) -> Figure:
    """A row for each model or sampling variant: its changes, a dot for each run's distance, and two means."""
    by_name = {row.name: row for row in table(results)}
    rows = [by_name[name] for name in (by_name if names is None else names) if name in by_name]
    labels = [_name(row) for row in rows]
    high, wide = ABOVE + ROW * len(rows) + BELOW, 25.4 * TEXT_WIDTH  # mm
    left_edge = CHARACTER * (2 + max(map(len, labels)))
    drawn, x, panels = new_figure(high, layout=None), left_edge, []
    for width in (TICKED, wide - left_edge - TICKED - VALUES - 2 * APART, VALUES):
        panels.append(drawn.add_axes((x / wide, BELOW / high, width / wide, 1 - (ABOVE + BELOW) / high)))
        x += width + APART
    left, middle, right = panels
    for y, row in enumerate(rows):
        colour = OF_PROCESS[row.process][1]
        ticked = [i for i, has in enumerate(TICKS.values()) if has(row.changes)]
        left.plot(range(len(TICKS)), [y] * len(TICKS), ".", color="#D5D5D5", markersize=3)
        left.plot(ticked, [y] * len(ticked), "o", color=colour, markersize=4.5)
        distances = [number.value for number in row["frechet"]] if "frechet" in row else []
        middle.plot(distances, [y] * len(distances), "o-", color=colour, markersize=3.6, linewidth=0.8)
        digits = f"{100 * mean(row['digit']):.0f}%" if "digit" in row else "–"
        look = {"va": "center", "ha": "right", "fontsize": SMALL, "color": colour}
        right.text(0.42, y, f"{geometric_mean(distances):.1f}" if distances else "–", **look)
        right.text(1, y, digits, **look)
    for axes in panels:
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(length=0)
        axes.set_yticks(range(len(rows)), labels if axes is left else [""] * len(rows))
    left.set_xlim(-0.6, len(TICKS) - 0.4)
    left.set_xticks(range(len(TICKS)), list(TICKS), rotation=45, ha="left", rotation_mode="anchor")
    right.set_xlim(0, 1)
    right.set_xticks((0.42, 1), ("distance", "recognised\ndigits"), ha="right")
    on_logs(middle.xaxis)
    middle.set_xlabel("Fréchet distance of each run")
    middle.margins(x=0.06)
    middle.grid(False, axis="y")
    for axes in (left, right):
        axes.xaxis.tick_top()
        axes.grid(False)
        axes.spines[:].set_visible(False)
    return drawn


def _name(row: Way) -> str:
    """The kind of model, and changes without a column."""
    rest = {name: value for name, value in row.changes.items() if name not in IN_TICKS and value != MIXTURE}
    name = OF_PROCESS[row.process][0]
    return f"{name}, {describe(rest)}" if rest else name
