"""Priors: what sampling starts from. Of the zoom, distributions over the few pixels of its deepest level.

A prior is fitted on what training images become at t = T (`process.to_pixels`), and then draws such pixels:

    fit(pixels) -> what draws, itself or another object        pixels (N, C, p, p) in [-0.5, 0.5]
    draw(n, generator) -> (n, C, p, p)

A run fits a prior that has `fit` on its own training images and keeps what comes of it; one that has only
`draw` is taken as it is.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from diffusion.bounds import Count, Typeable, checked, make, summarise


class Unfitted(Typeable):
    """A prior that draws nothing itself: `fit` returns what draws."""

    def draw(self, n: int, generator: Generator) -> Tensor:
        raise ValueError(f"{self} is not fitted; call draw of what its fit(pixels) returns")


@dataclass(frozen=True, repr=False)
class Pixels(Unfitted):
    """Independent central pixels of training images: the prior of Vrikkis (2024), Sec. 3.2."""

    def fit(self, pixels: Tensor) -> "PixelCounts":
        counts = (pixels + 0.5).mul(255).round().long().flatten().bincount(minlength=256)
        return PixelCounts(counts, pixels.shape[3], pixels.shape[1])


@dataclass(frozen=True, eq=False, repr=False)
class PixelCounts(Typeable):
    """A categorical distribution over the 256 grey values, the same for all pixels.

    Attributes:
        counts: (256,) how often each grey value occurs in the central pixels of all training images.
        side: pixels along one side.
        channels: colours, which are independent too.
    """

    counts: Tensor
    side: int
    channels: int = 1

    def draw(self, n: int, generator: Generator) -> Tensor:
        # The same as torch.distributions.Categorical, which takes no generator.
        shape = n, self.channels, self.side, self.side
        value = torch.multinomial(self.counts.double(), math.prod(shape), True, generator=generator)
        return value.float().div(255).sub(0.5).view(shape)


@dataclass(frozen=True, repr=False)
class Patches(Unfitted):
    """Whole central patches of training images, which keep what neighbouring pixels have in common."""

    def fit(self, pixels: Tensor) -> "RealPatches":
        return RealPatches(pixels.clone())


@dataclass(frozen=True, eq=False, repr=False)
class RealPatches(Typeable):
    """Patches (N, C, p, p) of which one is drawn at random."""

    patches: Tensor

    def draw(self, n: int, generator: Generator) -> Tensor:
        return self.patches[torch.randint(len(self.patches), (n,), generator=generator)]


MOST = 20_000  # patches that a mixture is fitted to
FLOOR = 1e-4  # added to its variances: some pixels are black in nearly every patch


@checked
@dataclass(frozen=True, repr=False)
class Mixture(Unfitted):
    """A mixture of Gaussians over all pixels of a patch: correlated pixels, without copies of real patches.

    Fitted by expectation maximisation (scikit-learn) to at most `MOST` patches.

    Args:
        components: number of Gaussians.

    Raises:
        ValueError: `fit` with fewer patches than components.
    """

    components: Count = 50

    def fit(self, pixels: Tensor) -> "Gaussians":
        # They take a second, which those without a mixture need not wait.
        from sklearn.mixture import GaussianMixture
        from threadpoolctl import threadpool_limits

        if pixels.ndim != 4:
            raise ValueError(f"pixels is {summarise(pixels)}; expected: (N, C, p, p)")
        if len(pixels) < self.components:
            raise ValueError(f"{self.components} components need as many patches; there are {len(pixels)}")
        values = pixels[:MOST].flatten(1).double().numpy()
        size = f"{len(values)} patches of {values.shape[1]} pixels"
        print(f"fitting a mixture of {self.components} Gaussians to {size}, once", flush=True)
        with threadpool_limits(1):  # for products so small threads only wait for one another
            mixture = GaussianMixture(self.components, reg_covar=FLOOR, random_state=0).fit(values)
        spread = torch.linalg.cholesky(torch.from_numpy(mixture.covariances_))
        weights, means = torch.from_numpy(mixture.weights_), torch.from_numpy(mixture.means_)
        return Gaussians(weights, means, spread, pixels.shape[1])


@dataclass(frozen=True, eq=False, repr=False)
class Gaussians(Typeable):
    """Weighted Gaussians over the D pixels of a patch.

    Attributes:
        weights, means, spread: (components,), (components, D) and (components, D, D), in float64.
        channels: C of the patches.
    """

    weights: Tensor
    means: Tensor
    spread: Tensor
    channels: int = 1

    def draw(self, n: int, generator: Generator) -> Tensor:
        """n patches, (n, C, p, p), clipped to [-0.5, 0.5]."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn((n, self.means.shape[1], 1), generator=generator, dtype=torch.float64)
        values = self.means[which] + (self.spread[which] @ noise)[..., 0]  # (n, D)
        side = round((values.shape[1] / self.channels) ** 0.5)
        return values.float().clamp(-0.5, 0.5).view(n, self.channels, side, side)


PRIORS: dict[str, type] = {"pixels": Pixels, "patches": Patches, "mixture": Mixture}


def prior(name: Any, **options: Any) -> Any:
    """A prior by its name in `PRIORS`, or `module:Class` of your own, made with the options.

    ValueError: there is none of that name, it refuses its options, or it does not draw.
    """
    return make("prior", name, PRIORS, options, has="fit draw")


def fitted(given: Any, pixels: Tensor) -> Any:
    """The prior, fitted on pixels (N, C, p, p) if it has `fit`."""
    given = prior(given)
    result = given.fit(pixels) if hasattr(given, "fit") else given
    return given if result is None else result
