"""Priors of the zoom: distributions over the few pixels of its deepest level, where sampling starts."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor


class PixelPrior:
    """Independent central pixels, the study's prior: the values that training images have there (Sec. 3.2).

    A categorical distribution over the 256 grey values, fitted on the central patch of every training image.

    Attributes:
        counts: (256,) how often each grey value occurs in the central patches.
    """

    name = "pixels"

    def fit(self, patches: Tensor) -> None:
        """Count the values of patches (N, 1, p, p) in [-0.5, 0.5]."""
        pixels = (patches + 0.5).mul(255).round().long()
        self.counts, self.side = pixels.flatten().bincount(minlength=256), patches.shape[-1]

    def draw(self, n: int, generator: Generator) -> Tensor:
        """n patches, (n, 1, p, p), of independent pixels."""
        size = n * self.side**2
        # The same as torch.distributions.Categorical, which takes no generator.
        value = torch.multinomial(self.counts.double(), size, replacement=True, generator=generator)
        return value.float().div(255).sub(0.5).view(n, 1, self.side, self.side)

    def state(self) -> dict[str, Tensor]:
        return {"counts": self.counts, "side": torch.tensor(self.side)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.counts, self.side = state["counts"], int(state["side"])


class PatchPrior:
    """Whole central patches of training images, which keep what neighbouring pixels have in common."""

    name = "patches"

    def fit(self, patches: Tensor) -> None:
        self.patches = patches.clone()

    def draw(self, n: int, generator: Generator) -> Tensor:
        return self.patches[torch.randint(len(self.patches), (n,), generator=generator)]

    def state(self) -> dict[str, Tensor]:
        return {"patches": self.patches}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.patches = state["patches"]


class MixturePrior:
    """A mixture of Gaussians over all pixels of a patch: correlated pixels, without copies of real patches.

    Fitted by expectation maximisation (scikit-learn) to at most `MOST` patches.

    Args:
        components: number of Gaussians.

    Raises:
        ValueError: fewer than 1 component, or `fit` with fewer patches than components.
    """

    name = "mixture"
    MOST = 20_000
    FLOOR = 1e-4  # added to variances: some pixels are black in nearly every patch

    def __init__(self, components: int = 50):
        if not isinstance(components, int) or components < 1:
            raise ValueError(f"components is {components!r}; needed: a whole number, 1 or more")
        self.components = components

    def fit(self, patches: Tensor) -> None:
        from sklearn.mixture import GaussianMixture  # takes a second, which those without it need not wait

        if len(patches) < self.components:
            raise ValueError(f"{self.components} components need as many patches; there are {len(patches)}")
        values = patches[: self.MOST].flatten(1).double().numpy()
        found = GaussianMixture(self.components, reg_covar=self.FLOOR, random_state=0).fit(values)
        self.weights, self.means = torch.from_numpy(found.weights_), torch.from_numpy(found.means_)
        self.spread = torch.linalg.cholesky(torch.from_numpy(found.covariances_))  # (components, D, D)

    def draw(self, n: int, generator: Generator) -> Tensor:
        """n patches, (n, 1, p, p), clipped to [-0.5, 0.5]."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn((n, self.means.shape[1], 1), generator=generator, dtype=torch.float64)
        values = self.means[which] + (self.spread[which] @ noise)[..., 0]  # (n, D)
        side = round(values.shape[1] ** 0.5)
        return values.float().clamp(-0.5, 0.5).view(n, 1, side, side)

    def state(self) -> dict[str, Tensor]:
        return {"weights": self.weights, "means": self.means, "spread": self.spread}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.weights, self.means, self.spread = (state[k] for k in ("weights", "means", "spread"))


PRIORS = {"pixels": PixelPrior, "patches": PatchPrior, "mixture": MixturePrior}
