"""The textbook user: what most tutorials write, fairly, with the same network and mathematics.

torchvision's MNIST with `ToTensor` and `Normalize` per item in a `DataLoader`; float32, eager; the zoom one
image at a time by torchvision's `resized_crop`; `loss.item()` in every step. Nothing here is slowed down on
purpose, and no knob is set that a tutorial would leave alone.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, InterpolationMode, Normalize, ToTensor
from torchvision.transforms.functional import resized_crop

from diffusion import data

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]  # network, images, time steps -> mean squared error


def dataset(n: int) -> Dataset:
    """The first n training images of MNIST, scaled to [-0.5, 0.5] item by item."""
    scale = Compose([ToTensor(), Normalize((0.5,), (1.0,))])
    return Subset(MNIST(str(data.folder()), transform=scale), range(n))


def ddpm_loss(alpha_bar: Tensor) -> Loss:
    """Eq. (6): degrade by Eq. (3), predict the noise; alpha_bar is (T + 1,)."""
    T = len(alpha_bar) - 1

    def loss(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        eps = torch.randn_like(x)
        a = alpha_bar.float().to(x.device)[t].view(-1, 1, 1, 1)
        return mse_loss(network(a.sqrt() * x + (1 - a).sqrt() * eps, t / T), eps)

    return loss


def zoom(x: Tensor, t: Tensor) -> Tensor:
    """Each image (1, 28, 28) of a batch cropped and resized by itself."""
    boxes = [[(level + 1) // 2] * 2 + [28 - level] * 2 for level in t.tolist()]
    nearest = InterpolationMode.NEAREST
    return torch.stack([resized_crop(x[i], *box, [28, 28], nearest) for i, box in enumerate(boxes)])


def zoom_loss(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """Eq. (11): zoom, predict the image; T is 24."""
    return mse_loss(network(zoom(x, t), t / 24), x)


def training_steps(loss: Loss, T: int, network: nn.Module, batches: DataLoader) -> Iterator[float]:
    """The training loop, epoch after epoch; yields the loss after every step."""
    device = next(network.parameters()).device
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-4)
    while True:
        for x, _ in batches:
            x = x.to(device)
            value = loss(network, x, torch.randint(1, T + 1, (len(x),), device=device))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            yield value.item()


@torch.no_grad()
def sampling_steps(network: nn.Module, n: int, beta: Tensor, generator: Generator) -> Iterator[Tensor]:
    """Eqs. (4), (5): n images from noise, all in one batch; yields x_T and then x after each of the T steps.

    The variances beta are (T + 1,), beta[0] = 0; the generator of the noise is on the network's device.
    """
    alpha_bar, device, T = torch.cumprod(1 - beta, 0), generator.device, len(beta) - 1
    x = torch.randn(n, 1, 28, 28, generator=generator, device=device)
    yield x
    for t in range(T, 0, -1):
        b, a = beta[t].item(), alpha_bar[t].item()
        eps = network(x, torch.full((n,), t / T, device=device))
        x = (x - b / (1 - a) ** 0.5 * eps) / (1 - b) ** 0.5
        if t > 1:
            x = x + b**0.5 * torch.randn(x.shape, generator=generator, device=device)
        yield x
