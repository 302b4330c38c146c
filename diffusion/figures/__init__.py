"""Figures: `draw(results, folder)` writes all of a run, from its records and kept images; see `catalogue`.

The plotting functions take arrays, tensors or records, and return a matplotlib Figure as wide as the report's
text. They read no global state and leave none: the same input gives the same bytes.
"""

from diffusion.figures.catalogue import FIGURES, draw, figures_of
from diffusion.figures.counts import centre_pixels, class_histogram, classes_along, confusion
from diffusion.figures.curves import (
    distance_curves,
    losses,
    reconstruction_error,
    schedules,
    timestep_loss,
)
from diffusion.figures.images import (
    grid,
    latents,
    quality,
    reconstructions,
    steps_of,
    trajectory,
    zoom_progression,
)
from diffusion.figures.style import render, save

__all__ = [
    "FIGURES",
    "centre_pixels",
    "class_histogram",
    "classes_along",
    "confusion",
    "distance_curves",
    "draw",
    "figures_of",
    "grid",
    "latents",
    "losses",
    "quality",
    "reconstruction_error",
    "reconstructions",
    "render",
    "save",
    "schedules",
    "steps_of",
    "timestep_loss",
    "trajectory",
    "zoom_progression",
]
