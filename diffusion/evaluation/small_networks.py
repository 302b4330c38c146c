"""Small networks that measure images: shipped for MNIST, trained once for other data sets.

The shipped weights are next to this file, because distances are comparable only in the same features.
Networks for another data set are trained on first use and saved with its files:

    <data folder>/FashionMNIST/<name>/<hash of the data>.safetensors
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion import data
from diffusion.files import digest, sha256, write_bytes
from diffusion.pixels import GREY28, Shape, shape_of
from diffusion.progress import progress
from diffusion.runtime import generator, seeded

EPOCHS = 5  # passes over the training images, or more for an autoencoder of few images
# Steps of an autoencoder. After five passes over 270 pictures of shapes, which are 15 steps, shuffled pixels
# were nearer to the pictures than a model's blurred shapes; after 210 steps they are five times as far.
LEAST_STEPS = 250
BATCH = 128
RATE = 2e-3  # learning rate of Adam, at the peak of the one-cycle schedule
DIMENSION = 64  # features per image


class FeatureNetwork(nn.Module):
    """A network with features for comparisons.

    Attributes:
        body (torch.nn.Sequential): Maps images to features.
        sha256 (str): Hash of the file of its weights.
        n_train (int): Number of images that it was trained on. Default 60,000, as for the shipped networks.
    """

    body: nn.Sequential
    sha256: str
    n_train = 60_000

    def features(self, x: Tensor) -> Tensor:
        """Return features, (B, 64), of images x (B, C, S, S) in [-0.5, 0.5]."""
        return self.body(x)


def optimise(
    network: nn.Module,
    n: int,
    loss: Callable[[Tensor], Tensor],
    name: str,
    least_steps: int = 0,
    seed: int = 0,
) -> None:
    """Train a network on n images; deterministic to the bit.

    The loss is a function of the indices of a batch.
    """
    optimiser = torch.optim.Adam(network.train().parameters(), lr=RATE)
    batches = math.ceil(n / BATCH)
    epochs = max(EPOCHS, math.ceil(least_steps / batches))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * batches)
    for epoch in range(epochs):
        order = torch.randperm(n, generator=generator(seed, name, epoch))
        for batch in progress(order.split(BATCH), f"{name}, epoch {epoch + 1}/{epochs}"):
            optimiser.zero_grad()
            loss(batch).backward()
            optimiser.step()
            schedule.step()
    network.eval()


@dataclass(frozen=True)
class MeasuringNetwork:
    """A kind of network that measures."""

    name: str  # name of its file and its folder
    make: Callable[..., FeatureNetwork]  # (image_shape, number of classes) -> the network, untrained
    train: Callable[[Tensor, Any, int, int], FeatureNetwork]  # images, labels, classes, seed -> trained

    def load(self, path: Path | None = None, image_shape: Shape = GREY28, classes: int = 10) -> Any:
        """Return the network in evaluation mode, with weights from a file.

        Args:
            path (Path, optional): The file. If None, loads the shipped weights. Default None.
            image_shape (tuple of int): (C, S, S) of one image. Default (1, 28, 28).
            classes (int): Number of classes. Default 10.
        """
        content = (path or Path(__file__).with_name(f"{self.name}.safetensors")).read_bytes()
        network = self.make(image_shape, classes)
        network.sha256 = sha256(content)
        network.load_state_dict(safetensors.torch.load(content))
        return network.eval().requires_grad_(False)

    def load_for(self, dataset: str | data.DataSet, seed: int = 0) -> Any:
        """Return the network of a data set in evaluation mode: for MNIST and seed 0, the shipped one.

        For other data sets and seeds it is trained on first use, in one to two minutes.
        """
        if dataset == "mnist" and seed == 0:
            return self.load()
        known, (images, labels) = data.get(dataset), data.load(dataset, "train")
        shape, classes = shape_of(images), len(known.classes)
        parts = [data.fingerprint(part) for part in (images, labels) if part is not None]
        folder = data.raw_folder(dataset).with_name(self.name)
        path = folder / f"{digest([shape, classes, parts, LEAST_STEPS, seed])}.safetensors"
        if not path.is_file():
            print(f"training the {self.name} of {known.title}, once: one to two minutes", flush=True)
            network = self.train(images, labels, classes, seed)
            write_bytes(path, safetensors.torch.save(network.state_dict()))
        network = self.load(path, shape, classes)
        network.n_train = len(images)
        return network


# --- the autoencoder ---


class Encoder(FeatureNetwork):
    """The encoder of an autoencoder; for digits, it has about 105 thousand parameters.

    Two 3x3 convolutions and a linear layer. The autoencoder reconstructs an image from its 64 features. They
    therefore describe the appearance of an image beyond its class, which the autoencoder never saw.
    """

    def __init__(self, image_shape: Shape = GREY28, classes: int = 0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(image_shape[0], 16, 3, stride=2, padding=1), nn.GELU()),  # (B, 16, 14, 14) for S = 28
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.GELU()),  # (B, 32, 7, 7)
            *(nn.Flatten(), nn.Linear(32 * quarter(image_shape) ** 2, DIMENSION)),
        )


def quarter(image_shape: Shape) -> int:
    """Return a quarter of S, rounded up."""
    return -(-image_shape[1] // 4)


def train_encoder(images: Tensor, labels: Tensor | None = None, classes: int = 0, seed: int = 0) -> Encoder:
    """Train an encoder on images; labels are not used."""
    shape = shape_of(images)
    side = quarter(shape)
    with seeded(seed):
        encoder = Encoder(shape)
        decode = nn.Sequential(
            *(nn.Linear(DIMENSION, 32 * side**2), nn.GELU(), nn.Unflatten(1, (32, side, side))),
            *(nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.GELU()),  # (B, 16, 14, 14) for S = 28
            nn.ConvTranspose2d(16, shape[0], 4, stride=2, padding=1),  # S rounded up to a multiple of 4
        )

    def loss(batch: Tensor) -> Tensor:
        x = images[batch]
        return F.mse_loss(decode(encoder.features(x))[..., : x.shape[2], : x.shape[3]], x)

    optimise(nn.ModuleList([encoder, decode]), len(images), loss, "autoencoder", LEAST_STEPS, seed)
    return encoder


AUTOENCODER = MeasuringNetwork("autoencoder", Encoder, train_encoder)
