"""The figures of a run: `draw(results, folder)` writes all of them, from its records and kept images."""

from study.figures.beyond import beyond, changes
from study.figures.catalogue import (
    beyond_samples,
    draw,
    first_samples,
    mix,
    quality,
    unpicked,
)
from study.figures.distances import class_map, classes_along, common_loss, distances, losses
from study.figures.evidence import (
    offset_response,
    quality_calls,
    recognised_kinds,
    sampling_noise,
    yardstick,
)
from study.figures.starts import starts
from study.figures.styles import FIGURES

__all__ = [
    "FIGURES",
    "beyond",
    "beyond_samples",
    "changes",
    "class_map",
    "classes_along",
    "common_loss",
    "distances",
    "draw",
    "first_samples",
    "losses",
    "mix",
    "offset_response",
    "quality",
    "quality_calls",
    "recognised_kinds",
    "sampling_noise",
    "starts",
    "unpicked",
    "yardstick",
]
