"""Figures: `draw(results, folder)` writes all of a run, from its records and kept images; see `catalogue`.

The plotting functions take arrays, tensors or records, and return a matplotlib Figure as wide as the report's
text. They read no global state and leave none: the same input gives the same bytes. Those that notebooks call
are named here.
"""

from diffusion.figures.catalogue import FIGURES, draw, figures_of, quality
from diffusion.figures.counts import centre_pixels, confusion
from diffusion.figures.curves import loss_by_level, losses, reconstruction_error, schedules
from diffusion.figures.evidence import changes
from diffusion.figures.images import grid, latents, reconstructions, steps_of, trajectory, zoom_progression
from diffusion.figures.style import render, save

__all__ = [
    "FIGURES",
    "centre_pixels",
    "changes",
    "confusion",
    "draw",
    "figures_of",
    "grid",
    "latents",
    "loss_by_level",
    "losses",
    "quality",
    "reconstruction_error",
    "reconstructions",
    "render",
    "save",
    "schedules",
    "steps_of",
    "trajectory",
    "zoom_progression",
]
