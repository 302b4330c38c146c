"""Figures: plotting functions that take arrays, tensors or results, and return a matplotlib Figure.

It is as wide as the report's text. They read no global state and leave none: the same input gives the same
bytes. Those that notebooks call are named here.
"""

from diffusion.figures.curves import (
    centre_pixels,
    confusion,
    loss_by_level,
    losses,
    reconstruction_error,
    running_loss,
    schedules,
)
from diffusion.figures.images import (
    grid,
    latents,
    noised,
    reconstructions,
    steps_of,
    trajectory,
    zoom_progression,
)
from diffusion.figures.style import render, save

__all__ = [
    "centre_pixels",
    "confusion",
    "grid",
    "latents",
    "loss_by_level",
    "losses",
    "noised",
    "reconstruction_error",
    "reconstructions",
    "render",
    "running_loss",
    "save",
    "schedules",
    "steps_of",
    "trajectory",
    "zoom_progression",
]
