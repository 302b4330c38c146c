"""The two feature extractors under which image sets are compared.

    digits      64 features of this project's own classifier of the data set, shipped for MNIST's digits
    inception   2048 features of the InceptionV3 network (Szegedy et al. 2015) that defines the usual FID

An extractor that cannot be had is still an object: `available` is False and `reason` says why.
"""

import hashlib
import io
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torchmetrics
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torchmetrics.image.fid import NoTrainInceptionV3

from diffusion.evaluation import classifier
from diffusion.files import sha256
from diffusion.progress import progress

PATIENCE = 20.0  # seconds without an answer before a download is given up


@dataclass
class Extractor:
    """Maps grey images to features.

    Attributes:
        name: "digits" or "inception".
        available: False if `features` cannot be called.
        reason: why not, in a few words; empty if it can.
        info: what identifies the features: dimension, sha256 of the weights, ...
        network: uint8 (B, 1, 28, 28) -> (B, D).
        chunk: images per network call; bounds memory, does not change the features.
    """

    name: str
    available: bool = True
    reason: str = ""
    info: dict = field(default_factory=dict)
    network: Callable[[Tensor], Tensor] | None = None
    chunk: int = 500
    device: torch.device = torch.device("cpu")

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Features (N, D) float32 on the CPU of uint8 images (N, 1, 28, 28), N at least 1.

        Raises:
            ValueError: the extractor is not available, or the images have another shape or type.
        """
        if not self.available:
            raise ValueError(f"the {self.name} features are not available: {self.reason}")
        if images.dtype != torch.uint8 or images.shape[1:] != (1, 28, 28) or not len(images):
            raise ValueError(
                f"images are {tuple(images.shape)} of {images.dtype}; needed: (N, 1, 28, 28) of torch.uint8, "
                "N >= 1; convert samples with frechet.to_uint8"
            )
        parts = progress(
            images.split(self.chunk), f"{self.name} features of {len(images)} images", unit="batch"
        )
        return torch.cat([self.network(part.to(self.device)).float().cpu() for part in parts])


def digits(device: str | torch.device = "cpu", weights: str | Path | None = None) -> Extractor:
    """The 64 features of the classifier with the shipped weights (None) or those of a file.

    Raises ValueError if the weights are missing or damaged.
    """
    model = classifier.load(weights).to(device)

    def network(images: Tensor) -> Tensor:
        return model.features(images.float() / 255 - 0.5)

    info = {"dimension": classifier.DIMENSION, "sha256": sha256(weights or classifier.SHIPPED)}
    return Extractor("digits", info=info, network=network, device=torch.device(device))


# --- Inception ---


class NotAvailable(Exception):
    """Inception weights cannot be had; the reason in a few words without addresses."""


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
        path, source = _from_hub() if str(weights) == "auto" else (Path(weights), "file")
        model, digest = _read(path)
    except NotAvailable as reason:
        return Extractor("inception", False, str(reason))
    model = model.to(device, memory_format=torch.channels_last)  # nearly halves the time on a CPU

    def network(images: Tensor) -> Tensor:
        return model(images.expand(-1, 3, -1, -1))  # the three colours of grey

    info = {
        "dimension": 2048,
        "sha256": digest,
        "source": source,
        "torchmetrics": torchmetrics.__version__,
        "antialias": model.use_antialias,  # changed the distances when torchmetrics made it the default
    }
    return Extractor("inception", info=info, network=network, chunk=32, device=torch.device(device))


def _read(path: Path) -> tuple[nn.Module, str]:
    """The network with the weights in `path`, in evaluation mode, and the file's SHA-256."""
    if not path.is_file():
        raise NotAvailable(f"there is no weights file {path}")
    try:
        content = path.read_bytes()
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        # The network's constructor would unpickle anything: give it a file written here, of tensors alone.
        safe = io.BytesIO()
        torch.save({name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}, safe)
        safe.seek(0)
        model = NoTrainInceptionV3("inception-v3-compat", ["2048"], safe)
    except Exception as error:  # a malformed file can make the unpickler raise nearly anything
        raise NotAvailable(
            f"the file {path.name} does not hold weights of that network ({type(error).__name__})"
        ) from error
    return model, hashlib.sha256(content).hexdigest()


def _from_hub() -> tuple[Path, str]:
    """The weights file in torch's hub cache, downloaded if it is not there or damaged, and its source."""
    name = Path(urllib.parse.urlparse(URL_INCEPTION_V3).path).name
    prefix = Path(name).stem.rsplit("-", 1)[1]  # torch's convention: the hash's first digits end the name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    try:
        if path.is_file() and sha256(path).startswith(prefix):
            return path, "cache"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _patience(PATIENCE):
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(path), hash_prefix=prefix, progress=False)
    except (OSError, RuntimeError, ValueError) as error:
        state = "damaged in the cache" if path.is_file() else "not in the cache"
        raise NotAvailable(f"the weights are {state} and the download failed ({_short(error)})") from error
    return path, "download"


def _short(error: BaseException) -> str:
    """Message of an error, without the addresses that some carry."""
    if isinstance(error, RuntimeError):
        return "wrong hash"
    reason = getattr(error, "reason", error)
    text = reason if isinstance(reason, str) else getattr(reason, "strerror", None)
    return text if text and "://" not in text else type(error).__name__


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Give up on a silent connection; torch's downloader sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
