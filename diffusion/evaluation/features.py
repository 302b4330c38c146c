"""The two feature extractors under which image sets are compared.

    digits      64 features of this project's own classifier of the data set, shipped for MNIST's digits
    inception   2048 features of the InceptionV3 network (Szegedy et al. 2015) that defines the usual FID

An extractor that cannot be had is still an object: `available` is False and `reason` says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torchmetrics
from torch import Tensor

from diffusion import classifier, inception_weights
from diffusion.files import sha256
from diffusion.progress import Progress


@dataclass
class Extractor:
    """Maps grey images to features.

    Attributes:
        name: "digits" or "inception".
        available: whether `features` can be called.
        reason: why not, in a few words; empty if it can.
        info: what identifies the features: dimension, sha256 of the weights, ...
        network: uint8 (B, 1, 28, 28) -> (B, D).
        chunk: images per network call unless the caller says otherwise.
    """

    name: str
    available: bool = True
    reason: str = ""
    info: dict = field(default_factory=dict)
    network: Callable[[Tensor], Tensor] | None = None
    chunk: int = 500
    device: torch.device = torch.device("cpu")

    def features(self, images: Tensor, chunk: int | None = None) -> Tensor:
        """Features (N, D) float32 on the CPU of uint8 images (N, 1, 28, 28); `chunk` does not change them.

        Raises:
            ValueError: the extractor is not available, or the images have another shape or type.
        """
        if not self.available:
            raise ValueError(f"the {self.name} features are not available: {self.reason}")
        check_uint8(images)
        parts = []
        with torch.inference_mode(), Progress(f"{self.name} features", len(images), "image") as progress:
            for part in images.split(chunk or self.chunk):
                parts.append(self.network(part.to(self.device)).float().cpu())
                progress.advance(len(part))
        return torch.cat(parts)


def check_uint8(images: Tensor) -> None:
    """Raise ValueError unless images are uint8 of shape (N, 1, 28, 28) with N >= 1."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != (1, 28, 28) or not len(images):
        raise ValueError(
            f"images are {tuple(images.shape)} of {images.dtype}; needed: (N, 1, 28, 28) of torch.uint8, "
            "N >= 1; convert samples with metrics.to_uint8"
        )


def digits(device: str | torch.device = "cpu", weights: str | Path | None = None) -> Extractor:
    """The 64 features of the classifier with the shipped weights (None) or those of a file.

    Raises ValueError if the weights are missing or damaged.
    """
    model = classifier.load(weights).to(device)

    def network(images: Tensor) -> Tensor:
        return model.features(images.float() / 255 - 0.5)

    info = {
        "dimension": classifier.DIMENSION,
        "sha256": sha256(weights or classifier.SHIPPED),
        "test_accuracy": classifier.about(weights).get("test_accuracy"),
    }
    return Extractor("digits", info=info, network=network, device=torch.device(device))


def inception(weights: str | Path = "auto", device: str | torch.device = "cpu") -> Extractor:
    """The 2048 features of InceptionV3, as torchmetrics computes them.

    Args:
        weights: "auto": torch's hub cache, else a download into it; "off": do without; else a weights file, a
            state dict of torch-fidelity's FeatureExtractorInceptionV3 written by `torch.save`.

    Never raises for want of weights: the extractor is then not available and says why.
    """
    if str(weights) == "off":
        return Extractor("inception", False, "switched off by the parameter inception_weights")
    try:
        model, sha256, source = inception_weights.load(weights)
    except inception_weights.NotAvailable as reason:
        return Extractor("inception", False, str(reason))
    model = model.to(device, memory_format=torch.channels_last)  # nearly halves the time on a CPU

    def network(images: Tensor) -> Tensor:
        return model(images.expand(-1, 3, -1, -1))  # the three colours of grey

    info = {
        "dimension": 2048,
        "sha256": sha256,
        "source": source,
        "torchmetrics": torchmetrics.__version__,
        "antialias": model.use_antialias,  # changed the distances when torchmetrics made it the default
    }
    return Extractor("inception", info=info, network=network, chunk=32, device=torch.device(device))
