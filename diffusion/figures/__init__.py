"""Figures: plotting functions that take arrays, tensors or results, and return a matplotlib Figure.

Figures are as wide as the report's text. They do not read or change global state: the same input gives the
same bytes. This module lists the functions that notebooks call.
"""

from diffusion.figures.images import grid as grid
from diffusion.figures.images import latents as latents
from diffusion.figures.style import render as render
