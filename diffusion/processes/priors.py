"""Priors: distributions of the start of sampling. For a zoom, the few pixels of its deepest level.

A prior is fitted on training images degraded to t = T (`process.to_pixels`), and then draws such pixels:

    fit(pixels) -> an object with draw      # pixels (N, C, p, p) in [-0.5, 0.5]
    draw(n, generator) -> (n, C, p, p)

A run fits a prior on its own training images and keeps the result. A prior with `draw` but without `fit` is
used unchanged.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from diffusion.arguments import Count, checked
from diffusion.names import create
from diffusion.once import of_data


@dataclass(frozen=True)
class Pixels:
    """Independent central pixels: each one drawn from the grey values of training images.

    The prior of Vrikkis (2024), Sec. 3.2.

    Example:
        >>> import diffusion as d
        >>> import torch
        >>> fitted = d.Pixels().fit(torch.rand(100, 1, 4, 4) - 0.5)
        >>> fitted.draw(5, torch.Generator()).shape
        torch.Size([5, 1, 4, 4])
    """

    def fit(self, pixels: Tensor) -> "PixelCounts":
        """Count the grey values of pixels (N, C, p, p) in [-0.5, 0.5]."""
        counts = (pixels + 0.5).mul(255).round().long().flatten().bincount(minlength=256)
        return PixelCounts(counts, pixels.shape[3], pixels.shape[1])


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """A categorical distribution over the 256 grey values, the same for all pixels.

    Attributes:
        counts (Tensor): (256,), how often each grey value occurs in the central pixels of the training
            images.
        side (int): Pixels along one side.
        channels (int): Number of colours, which are independent. Default 1.
    """

    counts: Tensor = field(repr=False)
    side: int
    channels: int = 1

    def draw(self, n: int, generator: Generator) -> Tensor:
        # The same as torch.distributions.Categorical, which takes no generator.
        """Draw n patches, (n, C, p, p), in [-0.5, 0.5]."""
        shape = n, self.channels, self.side, self.side
        value = torch.multinomial(self.counts.double(), math.prod(shape), True, generator=generator)
        return value.float().div(255).sub(0.5).view(shape)


@dataclass(frozen=True)
class Patches:
    """Whole central patches of training images, which keep the correlations between neighbouring pixels.

    Example:
        >>> import diffusion as d
        >>> import torch
        >>> fitted = d.Patches().fit(torch.rand(100, 1, 4, 4) - 0.5)
        >>> fitted.draw(5, torch.Generator()).shape
        torch.Size([5, 1, 4, 4])
    """

    def fit(self, pixels: Tensor) -> "RealPatches":
        """Keep the patches (N, C, p, p)."""
        return RealPatches(pixels.clone())


@dataclass(frozen=True, eq=False)
class RealPatches:
    """Patches (N, C, p, p) to draw from at random, with replacement."""

    patches: Tensor = field(repr=False)

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Draw n patches, (n, C, p, p)."""
        return self.patches[torch.randint(len(self.patches), (n,), generator=generator)]


MOST = 20_000  # patches that a mixture is fitted to
FLOOR = 1e-4  # added to its variances: some pixels are black in nearly every patch


@checked
@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians over central patches: correlated pixels, but no copies of real patches.

    It is fitted by expectation maximisation (scikit-learn) to at most 20,000 patches.

    Args:
        components (int): Number of Gaussians. Default 50.

    Example:
        >>> import diffusion as d
        >>> import torch
        >>> patches = torch.rand(100, 1, 4, 4) - 0.5
        >>> fitted = d.Mixture(2).fit(patches)
        fitting a mixture of 2 Gaussians to 100 patches of 16 pixels, once
        >>> fitted.draw(5, torch.Generator()).shape
        torch.Size([5, 1, 4, 4])
    """

    components: Count = 50

    def fit(self, pixels: Tensor) -> "Gaussians":
        """Fit the mixture to patches (N, C, p, p) in [-0.5, 0.5].

        Raises:
            ValueError: If there are fewer patches than components.
        """
        if len(pixels) < self.components:
            raise ValueError(
                f"components is {self.components}; expected: at most {len(pixels)}, the number of patches"
            )
        values = pixels[:MOST].flatten(1).double()
        made = of_data("mixture", lambda: fit_gaussians(values, self.components), values, self.components)
        spread = torch.linalg.cholesky(made["covariances"])
        return Gaussians(made["weights"], made["means"], spread, pixels.shape[1])


def fit_gaussians(values: Tensor, components: int) -> dict[str, Tensor]:
    """Fit a mixture to values (N, D) in float64, and return its weights, means and covariances by name."""
    # They take a second, which those without a mixture need not wait.
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    size = f"{len(values)} patches of {values.shape[1]} pixels"
    print(f"fitting a mixture of {components} Gaussians to {size}, once", flush=True)
    with threadpool_limits(1):  # for products so small threads only wait for one another
        mixture = GaussianMixture(components, reg_covar=FLOOR, random_state=0).fit(values.numpy())
    parts = {"weights": mixture.weights_, "means": mixture.means_, "covariances": mixture.covariances_}
    return {name: torch.from_numpy(part) for name, part in parts.items()}


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Weighted Gaussians over the D pixels of a patch, in float64.

    Attributes:
        weights (Tensor): (components,).
        means (Tensor): (components, D).
        spread (Tensor): (components, D, D), Cholesky factors of the covariances.
        channels (int): Number of channels of a patch. Default 1.
    """

    weights: Tensor = field(repr=False)
    means: Tensor = field(repr=False)
    spread: Tensor = field(repr=False)
    channels: int = 1

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Draw n patches, (n, C, p, p), clipped to [-0.5, 0.5]."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn((n, self.means.shape[1], 1), generator=generator, dtype=torch.float64)
        values = self.means[which] + (self.spread[which] @ noise)[..., 0]  # (n, D)
        side = round((values.shape[1] / self.channels) ** 0.5)
        return values.float().clamp(-0.5, 0.5).view(n, self.channels, side, side)


PRIORS: dict[str, type] = {"pixels": Pixels, "patches": Patches, "mixture": Mixture}


def prior(name: Any, **options: Any) -> Any:
    """Make a prior by name.

    Args:
        name (str, type or object): "pixels", "patches" or "mixture"; your own `module:Class`; or a class or
            object.
        **options: Arguments of the class.

    Returns:
        object: The prior.

    Raises:
        ValueError: If the name is unknown, the object has neither `fit` nor `draw`, or the class refuses an
            option.

    Example:
        >>> import diffusion as d
        >>> d.prior("mixture", components=10)
        Mixture(components=10)
    """
    return create("prior", name, PRIORS, options, has="fit draw")


def fitted(given: Any, pixels: Tensor) -> Any:
    """Fit a prior on pixels (N, C, p, p) if it has `fit`, and return the object that draws."""
    given = prior(given)
    result = given.fit(pixels) if hasattr(given, "fit") else given
    return given if result is None else result
