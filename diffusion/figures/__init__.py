"""Figures: `draw(results, folder)` writes all of a run, from its records and kept images; see `catalogue`.

The plotting functions take arrays, tensors or records, and return a matplotlib Figure as wide as the report's
text. They read no global state and leave none: the same input gives the same bytes.
"""

from diffusion.figures.catalogue import FIGURES, draw, figures_of
from diffusion.figures.counts import centre_pixels, class_histogram, class_map, classes_along, confusion
from diffusion.figures.curves import (
    common_loss,
    distance_curves,
    losses,
    mix,
    reconstruction_error,
    schedules,
    timestep_loss,
)
from diffusion.figures.evidence import changes
from diffusion.figures.images import (
    grid,
    latents,
    quality,
    reconstructions,
    steps_of,
    trajectory,
    unpicked,
    zoom_progression,
)
from diffusion.figures.style import render, save

__all__ = [
    "FIGURES",
    "centre_pixels",
    "changes",
    "class_histogram",
    "class_map",
    "classes_along",
    "common_loss",
    "confusion",
    "distance_curves",
    "draw",
    "figures_of",
    "grid",
    "latents",
    "losses",
    "mix",
    "quality",
    "reconstruction_error",
    "reconstructions",
    "render",
    "save",
    "schedules",
    "steps_of",
    "timestep_loss",
    "trajectory",
    "unpicked",
    "zoom_progression",
]
