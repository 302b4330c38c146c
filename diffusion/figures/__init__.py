"""Figures: plotting functions that take arrays, tensors or results, and return a matplotlib Figure.

It is as wide as the report's text. They read no global state and leave none: the same input gives the same
bytes. Those that notebooks call are named here.
"""

from diffusion.figures.curves import centre_pixels as centre_pixels
from diffusion.figures.curves import confusion as confusion
from diffusion.figures.curves import losses as losses
from diffusion.figures.curves import reconstruction_error as reconstruction_error
from diffusion.figures.curves import running_loss as running_loss
from diffusion.figures.curves import schedules as schedules
from diffusion.figures.images import grid as grid
from diffusion.figures.images import latents as latents
from diffusion.figures.images import noised as noised
from diffusion.figures.images import reconstructions as reconstructions
from diffusion.figures.images import steps_of as steps_of
from diffusion.figures.images import trajectory as trajectory
from diffusion.figures.images import zoom_progression as zoom_progression
from diffusion.figures.style import render as render
from diffusion.figures.style import save as save
