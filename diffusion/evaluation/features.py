"""The feature extractors that compare sets of images, by name.

    digits        64 features of a classifier of the data set's classes
    autoencoder   64 features of an autoencoder, trained without labels
    random        64 features of an untrained network, averaged over positions
    photographs   1280 features of EfficientNet-Lite0, trained on ImageNet
    inception     2048 features of InceptionV3 (Szegedy et al. 2015), which define the usual FID

The last two take long and are computed only on request.

Features of a classifier separate its classes, and matching class shares alone may lower a distance in them
(Kynkäänniemi et al. 2023). Two kinds of features are therefore label-free. Features of the autoencoder keep
the layout of the image. Features of the untrained network (Naeem et al. 2020; Lee et al. 2022) are averaged
over positions: they keep grey levels, textures and stroke widths, but hardly any positions.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import metadata

import torch
from torch import Tensor, nn

from diffusion import data
from diffusion.evaluation.classifier import CLASSIFIER
from diffusion.evaluation.photographs import DIMENSION, SHA256, PhotographNetwork
from diffusion.evaluation.small_networks import AUTOENCODER, FeatureNetwork
from diffusion.names import check_known
from diffusion.progress import progress
from diffusion.runtime import seeded

CHANNELS = (16, 32, 64)  # channels of the convolutions of the random network
MORE = ("photographs", "inception")  # kinds of features that take long, and are computed only on request
SCALE = 30.0  # factor of its features, which makes their distances about as large as the other distances


@dataclass
class Extractor:
    """Maps images to features."""

    name: str
    network: Callable[[Tensor], Tensor]  # uint8 (B, C, S, S) -> (B, D)
    device: torch.device
    info: dict  # dimension, sha256 of the weights, ...
    chunk: int = 500  # images per network call; does not change the features

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Return features (N, D), float32 on the CPU, of uint8 images (N, C, S, S)."""
        parts = progress(images.split(self.chunk), f"{self.name} features of {len(images)} images")
        return torch.cat([self.network(part.to(self.device)).float().cpu() for part in parts])


def small(name: str, model: FeatureNetwork, device: torch.device) -> Extractor:
    """Return the extractor of a small measuring network."""
    model = model.to(device)

    def network(images: Tensor) -> Tensor:
        return model.features(images.float() / 255 - 0.5)

    return Extractor(name, network, device, {"dimension": 64, "sha256": model.sha256})


def untrained(device: torch.device, colours: int = 1) -> Extractor:
    """Return the extractor of 64 random features: convolutions, max pooling and an average; S at least 8."""
    with seeded(0):
        widths = zip((colours, *CHANNELS[:-1]), CHANNELS, strict=True)
        layers = [nn.Conv2d(a, b, 3, padding=1) for a, b in widths]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.get_parameter("bias"))
    model = nn.Sequential(*(nn.Sequential(layer, nn.ReLU(), nn.MaxPool2d(2)) for layer in layers)).to(device)

    def network(images: Tensor) -> Tensor:
        return SCALE * model(images.float() / 255 - 0.5).mean((2, 3))  # of (B, 64, S // 8, S // 8)

    return Extractor("random", network, device, {"dimension": CHANNELS[-1]})


def photographs(device: torch.device) -> Extractor:
    """Return the extractor of EfficientNet-Lite0; ValueError: its packages are not installed."""
    # channels_last nearly halves the time on a CPU. Torch's annotations leave out this argument of a module.
    model = PhotographNetwork().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    info = {"dimension": DIMENSION, "sha256": SHA256, "size": model.size}
    return Extractor("photographs", model, device, info, chunk=100)


def inception(device: torch.device) -> Extractor | None:
    """Return the extractor of InceptionV3, loaded by torchmetrics from torch's cache or downloaded.

    Returns None, with a note, if the weights cannot be loaded.
    """
    from torchmetrics.image.fid import NoTrainInceptionV3  # takes two seconds

    try:
        model = NoTrainInceptionV3("inception-v3-compat", ["2048"])
    except Exception as error:  # offline, or a damaged file, for which the unpickler raises many types
        print(f"note: inception features are left out: their weights cannot be loaded ({error})", flush=True)
        return None
    # Nearly halves the time on a CPU. Torch's annotations of a module lack this argument.
    model = model.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def network(images: Tensor) -> Tensor:
        return model(images.expand(-1, 3, -1, -1))  # grey as three equal colours

    # explicit, because torchmetrics changed its default, and with it the distances
    info = {"torchmetrics": metadata.version("torchmetrics"), "antialias": model.use_antialias}
    return Extractor("inception", network, device, {"dimension": 2048} | info, chunk=32)


def extractors(
    dataset: str | data.DataSet | None = "mnist",
    data_dir: str | os.PathLike | None = None,
    more_features: Collection[str] = (),
    device: str | torch.device = "cpu",
    colours: int = 1,
) -> dict[str, Extractor]:
    """Return all extractors of a data set by name; for None, the untrained one and those in more_features.

    Raises:
        ValueError: If the data set cannot be loaded, more_features has an unknown name, or its package
            is not installed.
    """
    for name in more_features:
        check_known("more_features", name, MORE)
    on, known = torch.device(device), []
    if dataset is not None and data.get(dataset).classes:
        known += [small("digits", CLASSIFIER.load_for(dataset, data_dir), on)]
    if dataset is not None:
        known += [small("autoencoder", AUTOENCODER.load_for(dataset, data_dir), on)]
    known += [untrained(on, colours)]
    known += [photographs(on)] if "photographs" in more_features else []
    known += [inception(on)] if "inception" in more_features else []
    return {extractor.name: extractor for extractor in known if extractor}
