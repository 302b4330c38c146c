"""Figures: plotting functions that take arrays, tensors or results, and return a matplotlib Figure.

It is as wide as the report's text. They read no global state and leave none: the same input gives the same
bytes. Those that notebooks call are named here.
"""

from diffusion.figures.images import grid as grid
from diffusion.figures.images import latents as latents
from diffusion.figures.style import render as render
