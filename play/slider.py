"""A slider through images, for notebooks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from diffusion.figures import Grid, grid
from diffusion.pixels import channels_first, channels_last, grey_values
from diffusion.progress import live

STRIP = 9  # maximum number of images in a strip
ENLARGED = 7  # output pixels for each pixel of the slider's images


def slide(rows: Mapping[str, Any], steps: Sequence[Any], name: str = "t") -> Grid:
    """Show images of several steps: a strip of at most nine steps and, in a live notebook, a slider.

    Prints the steps of the strip.

    Args:
        rows: images (K, S, S) or (K, C, S, S) in [-0.5, 0.5] by name; values outside are clipped.
        steps: labels of the K steps.
        name: name of a step, next to the slider. Default "t".

    Returns:
        The strip, a row for each name.
    """
    rows = {key: channels_first(torch.as_tensor(images)) for key, images in rows.items()}
    if live():
        _show_slider(rows, steps, name)
    few = np.linspace(0, len(steps) - 1, min(STRIP, len(steps))).round().astype(int).tolist()
    print(f"{name} = {', '.join(str(steps[i]) for i in few)}")
    return grid(torch.cat([images[few] for images in rows.values()]), len(few), [*rows])


def _show_slider(rows: Mapping[str, torch.Tensor], steps: Sequence[Any], name: str) -> None:
    try:
        import ipywidgets
    except ImportError:  # ipywidgets is optional; the strip is still shown
        return

    def at(i: int) -> Image.Image:
        pixels = grey_values(torch.cat([images[i, None] for images in rows.values()], 3))
        return Image.fromarray(channels_last(pixels)[0].numpy().repeat(ENLARGED, 0).repeat(ENLARGED, 1))

    print(" | ".join(rows))
    options = [(str(step), i) for i, step in enumerate(steps)]
    ipywidgets.interact(at, i=ipywidgets.SelectionSlider(options=options, description=name))
