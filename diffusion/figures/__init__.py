"""Every figure of the report: a function from arrays to a matplotlib Figure, and `save` to write it.

    figure of the study        function                 file with the code
    1                          schedules                curves.py
    2                          latents                  pictures.py
    3, 9, one model's loss     losses                   curves.py
    4, 13                      distance_panels          curves.py
    5, 6, 14                   quality                  pictures.py
    7                          zoom_progression         pictures.py
    8                          pixel_histogram          histograms.py
    10, 11                     reconstructions          pictures.py
    12                         trajectory               pictures.py
    beyond the study           grid                     pictures.py
                               class_histogram          histograms.py
                               classes_along            histograms.py
                               confusion                histograms.py
                               reconstruction_error     curves.py
                               timestep_loss            curves.py

All take NumPy arrays, tensors or lists, and raise one ValueError for wrong input. They read no global
state and leave none: the same arrays give the same bytes. All are as wide as the report's text, 146 mm.
"""

from diffusion.curves import (
    distance_panels,
    distances,
    losses,
    reconstruction_error,
    schedules,
    timestep_loss,
)
from diffusion.figure_style import save
from diffusion.histograms import class_histogram, classes_along, confusion, pixel_histogram
from diffusion.pictures import grid, latents, quality, reconstructions, trajectory, zoom_progression

__all__ = [
    "class_histogram",
    "classes_along",
    "confusion",
    "distance_panels",
    "distances",
    "grid",
    "latents",
    "losses",
    "pixel_histogram",
    "quality",
    "reconstruction_error",
    "reconstructions",
    "save",
    "schedules",
    "timestep_loss",
    "trajectory",
    "zoom_progression",
]
