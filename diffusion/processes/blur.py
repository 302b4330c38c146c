"""Cold diffusion by blurring: an example of a custom degradation, used by notebook 05.

The Gaussian blur follows Bansal et al. (2022); the start is a Gaussian fitted to blurred images.
"""

from functools import lru_cache
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from diffusion.arguments import Native, checked
from diffusion.processes.base import ColdDiffusion, levels


class ColdBlur(ColdDiffusion):
    """Cold diffusion by blurring: level t blurs with a Gaussian of standard deviation 0.4 t pixels.

    The method is from Bansal et al. (2022). At level 20, an MNIST digit is little more than a spot.

    Args:
        T (int): The deepest level, 1 to 10,000. Default 20.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=2)
        >>> bool(d.ColdBlur().degrade(x, 20).std() < x.std())
        True
    """

    @checked
    def __init__(self, T: Annotated[int, Native, Field(ge=1, le=10_000)] = 20):
        self.T = T

    def degrade(self, x: Tensor, t: Tensor) -> Tensor:
        """Blur the rows and columns of images (B, C, S, S), each image at its own level, (B,)."""
        blur = _blurs(self.T, x.shape[-1], x.device)[levels(x, t, self.T)][:, None]  # (B, 1, S, S)
        return blur @ x @ blur.mT

    def prepare(self, x: Tensor) -> None:
        """Fit a Gaussian to the fully blurred training images."""
        deepest = self.to_pixels(x).flatten(1)  # (N, C S S)
        variance, direction = torch.linalg.eigh(torch.cov(deepest.T))
        self.mean, self.spread = deepest.mean(0), direction * variance.clamp(min=0).sqrt()

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """Draw n images (n, C, S, S) from the Gaussian that `prepare` fitted."""
        draws = torch.randn(n, len(self.mean), generator=generator)
        return (self.mean + draws @ self.spread.T).view(n, *self.image_shape)


@lru_cache
def _blurs(T: int, side: int, device: torch.device) -> Tensor:
    """Return the matrix of each level, (T + 1, S, S), which blurs from the left and from the right."""
    place = torch.arange(float(side))
    distance = place[:, None] - place  # (S, S), between pixels of a row
    sigma = (0.4 * torch.arange(T + 1.0)).clamp(min=1e-3)  # level 0: no blur
    weight = torch.exp(-0.5 * (distance / sigma[:, None, None]) ** 2)
    return (weight / weight.sum(2, keepdim=True)).to(device)
