"""Feature extractors, which compare sets of images, and the real images in their features.

    digits        64 features of a classifier of the data set's classes
    autoencoder   64 features of an autoencoder, trained without labels
    random        64 features of an untrained network, averaged over positions

Features of a classifier separate its classes, and matching class shares alone may lower a distance in them
(Kynkäänniemi et al. 2023). Two kinds of features are therefore label-free. Features of the autoencoder keep
the layout of the image. Features of the untrained network (Naeem et al. 2020; Lee et al. 2022) are averaged
over positions: they keep grey levels, textures and stroke widths, but hardly any positions.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.evaluation import frechet
from diffusion.evaluation.frechet import Reference, to_uint8
from diffusion.evaluation.small_networks import DIMENSION, FeatureNetwork
from diffusion.evaluation.statistics import Interval
from diffusion.once import of_data
from diffusion.progress import progress
from diffusion.runtime import seeded

WIDTHS = (16, 32, DIMENSION)  # channels of the convolutions of the untrained network
SCALE = 30.0  # factor of its features, which makes their distances about as large as the other distances


@dataclass
class Extractor:
    """Maps images to features. Pass your own to `Evaluator(more_features=[...])`.

    Attributes:
        name (str): Name of the features; measures in them are `frechet_NAME` and `kid_NAME`.
        network (Callable): Maps bytes (B, C, S, S) on the device to features (B, D).
        device (torch.device): Device of the network. Default the CPU.
        info (dict): What the features depend on, such as the sha256 of the weights. Default {}.
        chunk (int): Images per network call. Limits memory and does not change the features. Default 100.
        key (object): A network, or values that JSON can express, which together with the images determine
            the features. If given, features of real images are kept on disk. Default None.
    """

    name: str
    network: Callable[[Tensor], Tensor]
    device: torch.device = torch.device("cpu")
    info: dict[str, Any] = field(default_factory=dict)
    chunk: int = 100  # stays in the processor's cache, which is a third faster than 500
    key: Any = None

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Return features (N, D), float32 on the CPU, of bytes (N, C, S, S)."""
        parts = progress(images.split(self.chunk), f"{self.name} features of {len(images)} images")
        return torch.cat([self.network(part.to(self.device)).float().cpu() for part in parts])


def small(name: str, model: FeatureNetwork, device: torch.device) -> Extractor:
    """Return the extractor of a small measuring network."""
    model = copy.deepcopy(model).to(device)  # the evaluator reads labels with the original, on the CPU

    def network(images: Tensor) -> Tensor:
        return model.features(images.float() / 255 - 0.5)

    return Extractor(name, network, device, {"dimension": DIMENSION, "sha256": model.sha256}, key=model)


def untrained(device: torch.device, colours: int = 1) -> Extractor:
    """Return the extractor of 64 random features: convolutions, max pooling and an average; S at least 8."""
    with seeded(0):
        widths = zip((colours, *WIDTHS[:-1]), WIDTHS, strict=True)
        layers = [nn.Conv2d(a, b, 3, padding=1) for a, b in widths]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.get_parameter("bias"))
    model = nn.Sequential(*(nn.Sequential(layer, nn.ReLU(), nn.MaxPool2d(2)) for layer in layers)).to(device)

    def network(images: Tensor) -> Tensor:
        return SCALE * model(images.float() / 255 - 0.5).mean((2, 3))  # of (B, 64, S // 8, S // 8)

    return Extractor("random", network, device, {"dimension": DIMENSION}, key=model)


@dataclass(eq=False, repr=False)
class FeatureSpace:
    """The real images in the features of one extractor, and distances of real images from them.

    Attributes:
        extractor (Extractor): Computes the features.
        ending (str): Ending of the names of measures in these features.
        x_train (Tensor): Training images (N, C, S, S) in model units.
        x_test (Tensor): Test images (M, C, S, S), the reference.
        floor_repeats (int): Draws of training images behind a floor.
        seed (int): Seeds the draws.
        floors (dict): Number of images -> floor, as far as computed.
    """

    extractor: Extractor
    ending: str
    x_train: Tensor
    x_test: Tensor
    floor_repeats: int
    seed: int
    floors: dict[int, Interval] = field(default_factory=dict)

    @cached_property
    def reference(self) -> Reference:
        """Reference: The test images in these features."""
        return Reference(self._real(self.x_test))

    @cached_property
    def train(self) -> Tensor:
        """Tensor: Features (N, D) of the training images."""
        return self._real(self.x_train)

    def _real(self, x: Tensor) -> Tensor:
        """Return features of real images, which are computed once."""
        extractor = self.extractor
        if extractor.key is None:
            return self.features(x)
        arguments = extractor.key, extractor.device.type, x
        return of_data("features", lambda: {"features": self.features(x)}, *arguments)["features"]

    def features(self, x: Tensor) -> Tensor:
        """Return features (n, D) of images (n, C, S, S) in model units."""
        return self.extractor.features(to_uint8(x))

    def floor(self, n: int) -> Interval | None:
        """Return the real-vs-real distance at n >= 2 images, or None with fewer training images."""
        if n not in self.floors and n <= len(self.x_train):
            self.floors[n] = frechet.floor(self.train, self.reference, n, self.floor_repeats, self.seed)
        return self.floors.get(n)
