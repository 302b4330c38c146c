"""Dark and white centres: the 4 x 4 pixels that the deepest zoom level leaves of an image."""

from torch import Tensor

from diffusion.intervals import wilson
from diffusion.zoom import central_patch

PATCH = 4  # pixels across
BLACK, WHITE = (
    -0.5 + 0.1,
    0.5 - 0.1,
)  # a pixel counts as such in the lowest or highest tenth of the grey scale
MOSTLY = 12  # of the 16 central pixels: a centre with at least so many of them is dark, or white


def dark(x: Tensor) -> Tensor:
    """Which of the images x, (N, 1, 28, 28) in model units, have a dark centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) < BLACK).sum(1) >= MOSTLY


def white(x: Tensor) -> Tensor:
    """Which of the images x, (N, 1, 28, 28) in model units, have a white centre: (N,) bool."""
    return (central_patch(x, PATCH).flatten(1) > WHITE).sum(1) >= MOSTLY


def extreme(x: Tensor) -> dict[str, float]:
    """How many of the images x, (N, 1, 28, 28) in model units, have a dark or a white centre.

    Returns:
        {"dark", "white", "share" (either), "low", "high" (Wilson, of either)}.
    """
    n, n_dark, n_white = len(x), int(dark(x).sum()), int(white(x).sum())
    low, high = wilson(n_dark + n_white, n)
    share = (n_dark + n_white) / n
    return {"dark": n_dark / n, "white": n_white / n, "share": share, "low": low, "high": high}
