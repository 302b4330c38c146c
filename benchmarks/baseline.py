"""Textbook code: training and sampling as most tutorials write them, with the same network and mathematics.

It uses torchvision's MNIST with `ToTensor` and `Normalize` for each item in a `DataLoader`, float32, eager
mode, torchvision's `resized_crop` for one image at a time, and `loss.item()` in every step. Nothing is slowed
down on purpose, and options stay at the defaults that a tutorial would use.
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
    """The first n training images of MNIST, each scaled to [-0.5, 0.5] when it is read."""
    scale = Compose([ToTensor(), Normalize((0.5,), (1.0,))])
    return Subset(MNIST(str(data.folder()), transform=scale), range(n))


def ddpm_loss(alpha_bar: Tensor) -> Loss:
    """Eq. (6): degrade with Eq. (3), and predict the noise; alpha_bar is (T + 1,)."""
    T = len(alpha_bar) - 1

    def loss(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        eps = torch.randn_like(x)
        a = alpha_bar.float().to(x.device)[t].view(-1, 1, 1, 1)
        return mse_loss(network(a.sqrt() * x + (1 - a).sqrt() * eps, t / T), eps)

    return loss


def zoom(x: Tensor, t: Tensor) -> Tensor:
    """Crop and resize each image (1, 28, 28) of a batch separately."""
    boxes = [[(level + 1) // 2] * 2 + [28 - level] * 2 for level in t.tolist()]
    nearest = InterpolationMode.NEAREST
    return torch.stack([resized_crop(x[i], *box, [28, 28], nearest) for i, box in enumerate(boxes)])


def zoom_loss(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """Eq. (11): zoom with T = 24, and predict the image."""
    return mse_loss(network(zoom(x, t), t / 24), x)


def training_steps(loss: Loss, T: int, network: nn.Module, batches: DataLoader) -> Iterator[float]:
    """The training loop over all epochs; yields the loss after every step."""
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
    """Eqs. (4), (5): sample n images in one batch; yields x_T, and x after each of the T steps.

    Args:
        network: predicts the noise.
        n: number of images.
        beta: variances (T + 1,), with beta[0] = 0.
        generator: generator of the noise, on the device of the network.
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
