"""Figures of the user's own models: a comparison by several measures, and their noise schedules."""

from collections.abc import Sequence

from matplotlib.figure import Figure

import diffusion as d
from report.figures.curves import PLAIN, legend
from report.figures.lessons import schedules
from report.figures.print_style import INK, MUTED, new_figure
from report.figures.styles import dot, figure, literal, model_styles, on_logs
from report.results.views import Results

ROW, AROUND = 5.5, 22  # mm: a row; the axis and the legend
REAL = {"color": MUTED, "linewidth": 1.1, "linestyle": (0, (3, 2))}


@figure
def own_compared(results: Results, models: Sequence[str]) -> Figure | None:
    """A row for each set of samples, a panel for each measure: numbers with their 95% intervals.

    Sets of samples that are all one image are left out. A dashed line shows real images.
    """
    sets = {literal(name): training.measured[variant] for name, training, variant in results.sets(models)}
    if not (rows := {name: samples for name, samples in sets.items() if not samples.one_image}):
        return None
    training = next(training for training in results.trainings.values() if training.model in models)
    final, real_images = training.final, training.real
    accepted = "share of digits" if training.train.data.name == "mnist" else "accepted"
    panels = {"Fréchet distance": ("frechet", final["floor"].value)} if "floor" in final else {}
    for title, measure in {accepted: "digit", "coverage": "coverage"}.items():
        if measure in real_images:
            panels[title] = measure, real_images[measure].value
    drawn = new_figure(AROUND + ROW * len(rows))
    grid = drawn.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, (measure, real)) in zip(grid, panels.items(), strict=True):
        line = axes.axvline(real, **REAL)
        numbers = {y: samples[measure] for y, samples in enumerate(rows.values()) if measure in samples}
        for y, number in numbers.items():
            dot(axes, number, y, INK)
        largest = max([real, *(number.high for number in numbers.values())])
        if largest > 1:
            on_logs(axes.xaxis)
        elif measure == "frechet":
            axes.set_xlim(0, 1.05 * largest)
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
    """The noise schedules of the DDPMs among the models, from their run folders."""
    ddpms = [training for training in map(results.first, models) if training.process == "ddpm"]
    runs = {literal(training.label): d.open(results.out / training.train.run) for training in ddpms}
    styles = {style.label: style for style in model_styles(results).values()}
    return schedules({label: run.process.schedule for label, run in runs.items()}, styles) if runs else None
