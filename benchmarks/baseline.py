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


def dataset(split: str, n: int | None = None) -> Dataset:
    """A split of MNIST, scaled to [-0.5, 0.5] item by item; n: only the first n."""
    scale = Compose([ToTensor(), Normalize((0.5,), (1.0,))])
    images = MNIST(str(data.folder()), train=split == "train", transform=scale)
    return images if n is None else Subset(images, range(n))


def loader(images: Dataset, batch_size: int, shuffle: bool = True) -> DataLoader:
    """Batches (B, 1, 28, 28) with labels."""
    return DataLoader(images, batch_size=batch_size, shuffle=shuffle)


class DDPMLoss:
    """Eq. (6): degrade by Eq. (3), predict the noise."""

    def __init__(self, alpha_bar: Tensor, device: torch.device):
        self.T = len(alpha_bar) - 1
        self.alpha_bar = alpha_bar.float().to(device)  # (T + 1,)

    def __call__(self, network: nn.Module, x: Tensor, t: Tensor, eps: Tensor | None = None) -> Tensor:
        eps = torch.randn_like(x) if eps is None else eps
        a = self.alpha_bar[t].view(-1, 1, 1, 1)
        x_t = a.sqrt() * x + (1 - a).sqrt() * eps
        return mse_loss(network(x_t, t / self.T), eps)


def zoom(x: Tensor, t: Tensor) -> Tensor:
    """Each image (1, 28, 28) of a batch cropped and resized by itself."""
    out = []
    for image, level in zip(x, t.tolist(), strict=True):
        size = 28 - level
        first = (level + 1) // 2
        out.append(
            resized_crop(image, first, first, size, size, [28, 28], interpolation=InterpolationMode.NEAREST)
        )
    return torch.stack(out)


class ZoomLoss:
    """Eq. (11): zoom, predict the image."""

    def __init__(self, T: int = 24):
        self.T = T

    def __call__(self, network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        return mse_loss(network(zoom(x, t), t / self.T), x)


def training_steps(
    loss: Loss, T: int, network: nn.Module, batches: DataLoader, device: torch.device, rate: float = 2e-4
) -> Iterator[float]:
    """The training loop, epoch after epoch; yields the loss after every step."""
    network = network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    while True:
        for x, _ in batches:
            x = x.to(device)
            t = torch.randint(1, T + 1, (len(x),), device=device)
            value = loss(network, x, t)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            yield value.item()


@torch.no_grad()
def sampling_steps(
    network: nn.Module, n: int, beta: Tensor, generator: Generator, clip: bool = False
) -> Iterator[Tensor]:
    """Eqs. (4), (5): n images from noise, all in one batch; yields x_T and then x after each of the T steps.

    Args:
        beta: (T + 1,) variances, beta[0] = 0.
        generator: of the noise, on the network's device.
        clip: clip the predicted clean image in each step to [-0.5, 0.5].
    """
    alpha_bar = torch.cumprod(1 - beta, 0)
    device, T = generator.device, len(beta) - 1
    x = torch.randn(n, 1, 28, 28, generator=generator, device=device)
    yield x
    for t in range(T, 0, -1):
        b, a = beta[t].item(), alpha_bar[t].item()
        eps = network(x, torch.full((n,), t / T, device=device))
        if clip:
            x0 = ((x - (1 - a) ** 0.5 * eps) / a**0.5).clamp(-0.5, 0.5)
            eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        x = (x - b / (1 - a) ** 0.5 * eps) / (1 - b) ** 0.5
        if t > 1:
            x = x + b**0.5 * torch.randn(x.shape, generator=generator, device=device)
        yield x
