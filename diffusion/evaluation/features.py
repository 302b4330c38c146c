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
from torchmetrics.image.fid import NoTrainInceptionV3

from diffusion.evaluation import classifier
from diffusion.files import sha256
from diffusion.progress import progress


@dataclass
class Extractor:
    """Maps grey images to features.

    Attributes:
        name: "digits" or "inception".
        network: uint8 (B, 1, 28, 28) -> (B, D); None if it cannot be had.
        reason: why it cannot, in a few words.
        info: what identifies the features: dimension, sha256 of the weights, ...
        chunk: images per network call; bounds memory, does not change the features.
    """

    name: str
    network: Callable[[Tensor], Tensor] | None = None
    reason: str = ""
    info: dict = field(default_factory=dict)
    chunk: int = 500
    device: torch.device = torch.device("cpu")

    @property
    def available(self) -> bool:
        """False if `features` cannot be called."""
        return self.network is not None

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Features (N, D) float32 on the CPU of uint8 images (N, 1, 28, 28), N at least 1.

        Raises:
            ValueError: the extractor is not available.
        """
        if not self.available:
            raise ValueError(f"the {self.name} features are not available: {self.reason}")
        title = f"{self.name} features of {len(images)} images"
        parts = progress(images.split(self.chunk), title, unit="batch")
        return torch.cat([self.network(part.to(self.device)).float().cpu() for part in parts])


def digits(device: str | torch.device = "cpu", weights: str | Path | None = None) -> Extractor:
    """The 64 features of the classifier with the shipped weights (None) or those of a file.

    Raises:
        ValueError: the weights are missing or damaged.
    """
    model = classifier.load(weights).to(device)

    def network(images: Tensor) -> Tensor:
        return model.features(images.float() / 255 - 0.5)

    info = {"dimension": classifier.DIMENSION, "sha256": sha256(weights or classifier.SHIPPED)}
    return Extractor("digits", network, info=info, device=torch.device(device))


def inception(weights: str = "auto", device: str | torch.device = "cpu") -> Extractor:
    """The 2048 features of InceptionV3, as torchmetrics loads and computes them.

    Args:
        weights: "auto": torch's hub cache, else a download into it; "off": do without.

    Never raises for want of weights: the extractor is then not available and says why.
    """
    if weights == "off":
        return Extractor("inception", reason="switched off by the parameter inception_weights")
    try:
        model = NoTrainInceptionV3("inception-v3-compat", ["2048"])
    except Exception as error:  # no network; a damaged file makes the unpickler raise nearly anything
        first = str(error).strip().partition("\n")[0][:200]
        return Extractor(
            "inception", reason=f"its weights cannot be loaded ({type(error).__name__}: {first})"
        )
    model = model.to(device, memory_format=torch.channels_last)  # nearly halves the time on a CPU

    def network(images: Tensor) -> Tensor:
        return model(images.expand(-1, 3, -1, -1))  # the three colours of grey

    info = {
        "dimension": 2048,
        "torchmetrics": torchmetrics.__version__,
        "antialias": model.use_antialias,  # changed the distances when torchmetrics made it the default
    }
    return Extractor("inception", network, info=info, chunk=32, device=torch.device(device))
