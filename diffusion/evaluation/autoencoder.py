"""The autoencoder whose 64 features never saw a label: it draws an image again from 64 numbers.

Such features hold what an image looks like, also where that does not tell its class.
Only the half that encodes is kept.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from diffusion.evaluation.shipped import FeatureNetwork, MeasuringNetwork, fitted
from diffusion.processes.base import GREY28, Shape, shape_of
from diffusion.runtime import seeded

SHA256 = "b09297a692413815094ac7e5bab3a0899846c4e2ae951fc1c4fbd860cb82ca9a"
DIMENSION = 64  # numbers per image


class Encoder(FeatureNetwork):
    """Two 3x3 convolutions and a linear layer; of digits, about 105 thousand parameters."""

    def __init__(self, image_shape: Shape = GREY28, classes: int = 0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(image_shape[0], 16, 3, stride=2, padding=1), nn.GELU()),  # (B, 16, 14, 14) for S = 28
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.GELU()),  # (B, 32, 7, 7)
            *(nn.Flatten(), nn.Linear(32 * quarter(image_shape) ** 2, DIMENSION)),
        )


def quarter(image_shape: Shape) -> int:
    """A quarter of S, rounded up."""
    return -(-image_shape[1] // 4)


def train(images: Tensor, labels: Tensor | None = None, classes: int = 0) -> Encoder:
    """The encoder of images; labels are not used."""
    shape = shape_of(images)
    side = quarter(shape)
    with seeded(0):
        encoder = Encoder(shape)
        decode = nn.Sequential(
            *(nn.Linear(DIMENSION, 32 * side**2), nn.GELU(), nn.Unflatten(1, (32, side, side))),
            *(nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.GELU()),  # (B, 16, 14, 14) for S = 28
            nn.ConvTranspose2d(16, shape[0], 4, stride=2, padding=1),  # S rounded up to a multiple of 4
        )

    def loss(batch: Tensor) -> Tensor:
        x = images[batch]
        return F.mse_loss(decode(encoder.features(x))[..., : x.shape[2], : x.shape[3]], x)

    fitted(nn.ModuleList([encoder, decode]), len(images), loss, "autoencoder")
    return encoder


AUTOENCODER = MeasuringNetwork("autoencoder", SHA256, Encoder, train)
