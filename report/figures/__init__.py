"""The figures of a run: functions of its results, for the cells of notebooks.

Each function returns a Figure that knows the rows it is drawn from, or None if the figure does not apply to
the run. To add a figure, write a function with the decorator `@figure` in a module of this folder, and call
it in a cell `fig-NAME`.
"""

# ruff: noqa: F401 - notebooks import them from here
from report.figures.distances import distances, losses, losses_beside
from report.figures.own import own_compared, own_schedules
from report.figures.pictures import first_samples, samples_beside
