"""The figure on the main question: samples, recognised digits and two distances of each process."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, PercentFormatter

from diffusion.evaluation.statistics import Interval
from paper.figures.pictures import kept
from paper.question import CONDITIONS, Comparison
from report.figures.curves import legend
from report.figures.print_style import INK, SMALL, new_figure
from report.figures.styles import MODELS, add_axes, figure, on_logs, strip, write
from report.results.table import Record
from report.results.views import Results

SHOWN = 8  # samples of a run
ROW, SIDE = 0.24, 0.21  # inches: a row; a sample
LEFT, PANEL, GAP = 1.02, 0.84, 0.16  # inches: names of rows; a panel; the gap before it
KEY, TITLES, TICKS = 0.3, 0.52, 0.25  # inches: the legend, titles and ticks of the panels
HEADS = {
    "long": "Original network, original recipe",
    "short": "Original network, ten-epoch recipe",
    "unet": "U-Net, ten-epoch recipe",
}
SAMPLES = {"long": ("", ""), "short": ("equal", ""), "unet": ("equal", "_unet")}  # release, ending of models
NAMES = {"linear": "linear DDPM", "cosine": "cosine DDPM", "zoom": "zoom", "joint": "zoom, joint prior"}
PICTURED = ("linear", "zoom")  # processes whose first samples are shown
PANELS = {  # measure -> title, and the measure of real digits
    "share": ("recognised\ndigits", "digit"),
    "digits": ("distance,\ndigit\nfeatures", "floor"),
    "autoencoder": ("distance,\nautoencoder\nfeatures", "floor_autoencoder"),
}
ROWS = [(condition, process) for condition in CONDITIONS for process in ("", *NAMES)]  # "": a heading


@figure
def answer(results: Results) -> Figure | None:
    """A row for each process in each condition: first samples, the share of recognised digits, two distances.

    Dots are runs, hollow for the published weights; a diamond is their mean with its 95% interval.
    """
    record = results.jobs.get("question")
    if not record or not all(condition in record for condition in CONDITIONS):
        return None
    high = ROW * (1 + len(ROWS))
    drawn = new_figure(25.4 * (KEY + TITLES + high + TICKS), layout=None)
    write(drawn, 0, TICKS + high - ROW / 2, "real digits", INK)
    _samples(drawn, results, "real", TICKS + high - ROW / 2)
    for i, (condition, process) in enumerate(ROWS):
        middle = TICKS + high - ROW * (i + 1.5)
        write(drawn, 0, middle, NAMES.get(process, HEADS[condition]), _colour(process))
        release, ending = SAMPLES[condition]
        if process in PICTURED and (source := results.beside.get(release) if release else results):
            _samples(drawn, source, f"samples_{process}{ending}-0", middle)
    for i, measure in enumerate(PANELS):
        axes = add_axes(drawn, LEFT + SHOWN * SIDE + GAP + i * (PANEL + GAP), TICKS, PANEL, high)
        axes.set(title=PANELS[measure][0], ylim=(len(ROWS) + 0.5, -0.5), yticks=())
        _panel(axes, record, measure)
    dot = {"color": INK, "linestyle": "none", "marker": "o", "markersize": 4}
    entries = {
        "run": Line2D([], [], **dot),
        "published weights": Line2D([], [], markerfacecolor="white", **dot),
        "mean over runs, 95% interval": Line2D([], [], marker="d", color=INK, linewidth=1.4),
    }
    legend(drawn, [*entries.items()])
    drawn.suffix = "png"
    return drawn


def _colour(process: str) -> str:
    return MODELS["zoom" if process == "joint" else process].colour if process else INK


def _samples(drawn: Figure, results: Results, name: str, middle: float) -> None:
    for images in kept(results, {name: name}, SHOWN).values():
        strip(drawn, images, LEFT, middle, SIDE)


def _panel(axes: Axes, record: Record, measure: str) -> None:
    """Draw a panel with one measure: row i is at y = i, and real digits are at 0."""
    shown, means = [], {}
    for y, (condition, process) in enumerate(ROWS, 1):
        if not process:
            continue
        answer, colour = Comparison(record, condition, measure), _colour(process)
        for row, value in zip(answer.rows[process], answer.each[process], strict=True):
            face = "white" if row.way == "published" else colour
            axes.plot(value, y, "o", color=colour, markerfacecolor=face, markersize=4)
        means[y] = answer.means[process]
        shown += answer.each[process]
        name = f"{HEADS[condition]}, {NAMES[process]}, {measure}"
        axes.figure.plots(name, [y] * answer.n[process], answer.each[process])
        ends = [end for end in means[y].ends if end is not None]  # a single run has no interval
        axes.figure.plots(f"{name}, mean and interval", range(len(ends)), ends)
    real = record["floor"][PANELS[measure][1]].value
    if measure == "share":
        axes.set(xlim=(0, 1.06), xticks=(0, 0.5, 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.plot(real, 0, "X", color=INK, markersize=5)
    else:
        on_logs(axes.xaxis)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=9))
        axes.set_xlim(min(shown) / 1.3, max(shown) * 1.3)
        text = rf"$\leftarrow$ {real:.2f}"
        axes.text(0.03, 0, text, transform=axes.get_yaxis_transform(), size=SMALL, color=INK, va="center")
    axes.grid(visible=False, axis="y")
    for y, mean in means.items():
        _mean(axes, mean, y, _colour(ROWS[y - 1][1]))


def _mean(axes: Axes, mean: Interval, y: float, colour: str) -> None:
    """Draw a mean with its interval, and an arrow if the interval extends beyond the panel."""
    axes.plot(mean.value, y, "d", color=colour, markersize=5)
    if mean.low is not None:
        left, right = axes.get_xlim()
        axes.plot(np.clip([mean.low, mean.high], left, right), [y, y], color=colour, linewidth=1.4)
        for end, arrow, beyond in ((left, "<", mean.low < left), (right, ">", mean.high > right)):
            if beyond:
                axes.plot(end, y, arrow, color=colour, markersize=5, clip_on=False)
