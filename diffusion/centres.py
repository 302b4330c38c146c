"""Dark and white centres: the 4 x 4 pixels that the deepest zoom level leaves of an image."""

from torch import Tensor

from diffusion.zoom import central_patch

PATCH = 4  # pixels across
BLACK, WHITE = -0.5 + 0.1, 0.5 - 0.1  # a pixel counts as such in the lowest or highest tenth of the range
MOSTLY = 12  # of the 16 central pixels: a centre with at least so many of them is dark, or white


def dark(x: Tensor) -> Tensor:
    """Which of the images x, (N, 1, 28, 28) in model units, have a dark centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) < BLACK).sum(1) >= MOSTLY


def white(x: Tensor) -> Tensor:
    """Which of the images x, (N, 1, 28, 28) in model units, have a white centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) > WHITE).sum(1) >= MOSTLY


def extreme(x: Tensor) -> dict[str, float]:
    """How many of the images x, (N, 1, 28, 28) in model units, have a dark and how many a white centre.

    Returns:
        {"n", "dark", "white"}: the number of images and the two shares.
    """
    return {"n": len(x), "dark": float(dark(x).double().mean()), "white": float(white(x).double().mean())}
