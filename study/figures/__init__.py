"""The figures of a run: `draw(results, folder)` writes all of them, from its records and kept images."""

from study.figures.beyond import changes
from study.figures.catalogue import draw, figures_of, quality
from study.figures.distances import class_map, classes_along, distances, losses, mix
from study.figures.evidence import offset_response, quality_calls, yardstick
from study.figures.starts import starts
from study.figures.styles import FIGURES

__all__ = [
    "FIGURES",
    "changes",
    "class_map",
    "classes_along",
    "distances",
    "draw",
    "figures_of",
    "losses",
    "mix",
    "offset_response",
    "quality",
    "quality_calls",
    "starts",
    "yardstick",
]
