"""Cold diffusion: a deterministic degradation, and a network that learns to undo it in one go.

Equations (10), (11) and Algorithms 1 and 2 of the study; Bansal et al. (2022). A degradation of your own
derives from `ColdDiffusion` and says two things: how to degrade, and where sampling starts.
"""

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.process import DegradationProcess, Network, check_count, check_images, in_chunks


class ColdDiffusion(DegradationProcess):
    """A process whose `degrade(x, t)` has no randomness."""

    @abstractmethod
    def seeds(self, n: int, generator: Generator) -> Tensor:
        """n fully degraded images to start sampling from, (n, 1, 28, 28)."""

    def loss(self, network: Network, x: Tensor, generator: Generator, part: slice = slice(None)) -> Tensor:
        """Algorithm 1 and Eq. (11): the mean squared error of the reconstruction, over pixels and batch."""
        check_images(x)
        t = self.draw_steps(len(x), generator)[part].to(x.device)
        x = x[part]
        return mse_loss(network(self.degrade(x, t), t / self.T).float(), x)

    def reverse(
        self, network: Network, n: int, generator: Generator, chunk: int = 128
    ) -> Iterator[tuple[int, Tensor]]:
        """Algorithm 2: predict the image, degrade it a little less, and again."""
        check_count(n)
        device = next(network.parameters()).device if hasattr(network, "parameters") else "cpu"
        x_t = self.seeds(n, generator).to(device)
        yield self.T, x_t
        for s in range(self.T, 0, -1):
            x_hat = in_chunks(network, x_t, s, self.T, chunk)
            x_t = self.degrade(x_hat, torch.full((n,), s - 1, device=device))
            yield s - 1, x_t
