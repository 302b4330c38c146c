"""The figures of a run: functions of its results, which notebooks 04, 06, 07, 09 and 11 call.

Each returns a Figure that says from which rows it is drawn, or None where it does not apply. To add one,
write a function beneath `@figure` in a module of this folder, and a cell `fig-NAME` that calls it.
"""

# ruff: noqa: F401 - for who calls them
from study.figures.answer import answer
from study.figures.beyond import beyond, changes
from study.figures.classes import class_map, mix
from study.figures.distances import distances, losses, losses_beside
from study.figures.effects import effects, few_calls
from study.figures.evidence import offset_response, quality_calls, recognised_kinds, yardstick
from study.figures.own import own_compared, own_schedules
from study.figures.pictures import (
    beyond_samples,
    first_samples,
    front,
    own_samples,
    quality,
    samples_beside,
    unpicked,
)
from study.figures.starts import blank, intervention, starts
