"""The figures of a run: functions of its results, which notebooks call.

Each returns a Figure that says from which rows it is drawn, or None where it does not apply. To add one,
write a function beneath `@figure` in a module of this folder, and a cell `fig-NAME` that calls it.
"""

# ruff: noqa: F401 - for who calls them
from report.figures.calls import few_calls
from report.figures.changes import changes
from report.figures.distances import distances, losses, losses_beside
from report.figures.own import own_compared, own_schedules
from report.figures.pictures import first_samples, samples_beside
