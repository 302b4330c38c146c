"""The figures of models of one's own: all of them, by every measure, and their noise schedules."""

from collections.abc import Sequence

from matplotlib.figure import Figure

import diffusion as d
from diffusion.figures.style import INK, MUTED, new_figure
from report.figures.curves import PLAIN, legend
from report.figures.lessons import schedules
from report.figures.styles import dot, figure, literal, on_logs
from report.results.views import Results

ROW, AROUND = 5.5, 22  # mm: a row; the axis and the legend
REAL = {"color": MUTED, "linewidth": 1.1, "linestyle": (0, (3, 2))}


@figure
def own_compared(results: Results, models: Sequence[str]) -> Figure | None:
    """A row for each set of samples, a panel for each measure: the number, with its 95 % interval.

    Samples that are one image are left out; a dashed line is what real images have.
    """
    sets = {literal(name): one.measured[way] for name, one, way in results.sets(models)}
    if not (rows := {name: samples for name, samples in sets.items() if not samples.one_image}):
        return None
    one = next(one for one in results.trainings.values() if one.model in models)
    accepted = "digits" if one.train.data.name == "mnist" else "accepted"
    panels = {"Fréchet distance": ("frechet", one.final["floor"].value)} if "floor" in one.final else {}
    for title, measure in {accepted: "digit", "coverage": "coverage"}.items():
        if measure in one.real:
            panels[title] = measure, one.real[measure].value
    drawn = new_figure(AROUND + ROW * len(rows))
    grid = drawn.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, (measure, real)) in zip(grid, panels.items(), strict=True):
        line = axes.axvline(real, **REAL)
        found = {y: samples[measure] for y, samples in enumerate(rows.values()) if measure in samples}
        for y, each in found.items():
            dot(axes, each, y, INK)
        if any(each.high > 1 for each in found.values()):
            on_logs(axes.xaxis)
        else:
            axes.set(xlim=(0, 1.02), xticks=(0, 0.5, 1))
            axes.xaxis.set_major_formatter(PLAIN)
        axes.set_xlabel(title)
        axes.grid(visible=False, axis="y")
    grid[0].set_yticks(range(len(rows)), rows)
    grid[0].set_ylim(len(rows) - 0.5, -0.5)
    legend(drawn, [("real images", line)])
    return drawn


@figure
def own_schedules(results: Results, models: Sequence[str]) -> Figure | None:
    """The noise schedules of the DDPMs among some models, as their runs keep them."""
    ones = [one for one in map(results.first, models) if one.process == "ddpm"]
    found = {literal(one.label): d.open(results.out / one.train.run).process.schedule for one in ones}
    return schedules(found) if found else None
