"""The figure of changes: the changes of each model, and the quality of its samples."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.figure import Figure

from diffusion.figures.style import SMALL, TEXT_WIDTH, new_figure
from report.figures.styles import MODELS, figure, on_logs
from report.results.changes import Way, describe, table
from report.results.views import Results, mean

ROW, ABOVE, BELOW, CHARACTER = 3.6, 20, 10, 1.55  # mm: a row; column heads; the axis; a character of a name
OF_PROCESS = {"ddpm": ("DDPM", MODELS["linear"].colour), "zoom": ("Zoom", MODELS["zoom"].colour)}
MIXTURE = "diffusion:Mixture"
# Column of the figure -> test of a model, from the settings that differ from the base.
TICKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "RMS norm": lambda changed: changed.get("norm") == "rms",
    "dilated": lambda changed: changed.get("dilations"),
    "U-Net": lambda changed: changed.get("network") == "diffusion:UNet",
    "joint start": lambda changed: changed.get("prior") == MIXTURE,
    "training noise": lambda changed: changed.get("image_noise"),
    "sampling noise": lambda changed: changed.get("noise") or changed.get("grey_noise"),
}
IN_TICKS = {"network", "norm", "dilations", "image_noise", "noise"}  # settings that a row's name leaves out


@figure
def changes(results: Results, names: Sequence[str] | None = None) -> Figure:
    """A row for each model or variant: its changes, the distance of each training, the mean share of digits.

    Args:
        results: the run.
        names: models and variants to show, such as "zoom" or "zoom.mixture". If None, shows all.
    """
    known = {row.name: row for row in table(results)}
    rows = [known[name] for name in (known if names is None else names) if name in known]
    high, wide, labels = (
        ABOVE + ROW * len(rows) + BELOW,
        25.4 * TEXT_WIDTH,
        [_name(row) for row in rows],
    )  # mm
    drawn, beside = new_figure(high, layout=None), CHARACTER * (2 + max(map(len, labels))) / wide
    grid = {"left": beside, "right": 0.995, "bottom": BELOW / high, "top": 1 - ABOVE / high, "wspace": 0.08}
    left, middle, right = drawn.subplots(1, 3, sharey=True, width_ratios=(1.5, 1.5, 1.1), gridspec_kw=grid)
    for place, row in enumerate(rows):
        colour = OF_PROCESS[row.process][1]
        ticked = [i for i, has in enumerate(TICKS.values()) if has(row.changes)]
        left.plot(range(len(TICKS)), [place] * len(TICKS), ".", color="#D5D5D5", markersize=3)
        left.plot(ticked, [place] * len(ticked), "o", color=colour, markersize=5)
        distances = [distance.value for distance in row["frechet"]]
        middle.plot([min(distances), max(distances)], [place] * 2, color=colour, linewidth=0.8)
        middle.plot(distances, [place] * len(distances), "o", color=colour, markersize=3.6)
        digits = f"{100 * mean(row['digit']):.0f} %" if "digit" in row else "–"
        look = {"va": "center", "ha": "right", "fontsize": SMALL, "color": colour}
        right.text(0.64, place, " and ".join(f"{d:.1f}" for d in distances), **look)
        right.text(1, place, digits, **look)
    left.set_yticks(range(len(rows)), labels)
    left.set(xlim=(-0.6, len(TICKS) - 0.4), ylim=(len(rows) - 0.4, -0.6))
    left.set_xticks(range(len(TICKS)), list(TICKS), rotation=45, ha="left", rotation_mode="anchor")
    right.set(xlim=(0, 1))
    right.set_xticks((0.64, 1), ("distances", "digits"), ha="right")
    on_logs(middle.xaxis)
    middle.set(xlabel="Fréchet distance")
    middle.margins(x=0.06)
    middle.grid(False, axis="y")
    for axes in (left, right):
        axes.xaxis.tick_top()
        axes.grid(False)
        axes.spines[:].set_visible(False)
    for axes in (left, middle, right):
        axes.tick_params(length=0)
    return drawn


def _name(row: Way) -> str:
    """The kind of model, and changes that have no column."""
    rest = {name: value for name, value in row.changes.items() if name not in IN_TICKS and value != MIXTURE}
    name = OF_PROCESS[row.process][0]
    return f"{name}, {describe(rest)}" if rest else name
