"""The weights of InceptionV3: from a file, from torch's hub cache, or downloaded into it."""

import hashlib
import io
import socket
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torchmetrics.image.fid import NoTrainInceptionV3

PATIENCE = 20.0  # seconds without an answer before a download is given up


class NotAvailable(Exception):
    """Why there are no Inception weights, in a few words without addresses."""


def load(weights: str | Path = "auto") -> tuple[nn.Module, str, str]:
    """The network in evaluation mode, the SHA-256 of its weights file, and where that is from.

    Args:
        weights: "auto": torch's hub cache, else a download into it; otherwise a weights file.

    Raises:
        NotAvailable: the weights cannot be had, or are not those of this network.
    """
    path, source = _from_hub() if str(weights) == "auto" else (Path(weights), "file")
    return *_read(path), source


def _read(path: Path) -> tuple[nn.Module, str]:
    """The network with the weights in `path`, and the file's SHA-256."""
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
    """The weights file in torch's hub cache, downloaded if it is not there or damaged."""
    name = Path(urllib.parse.urlparse(URL_INCEPTION_V3).path).name
    prefix = Path(name).stem.rsplit("-", 1)[1]  # torch's convention: the hash's first digits end the name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    try:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest().startswith(prefix):
            return path, "cache"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _patience(PATIENCE):
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(path), hash_prefix=prefix, progress=False)
    except (OSError, RuntimeError, ValueError) as error:
        state = "damaged in the cache" if path.is_file() else "not in the cache"
        raise NotAvailable(f"the weights are {state} and the download failed ({_short(error)})") from error
    return path, "download"


def _short(error: BaseException) -> str:
    """What went wrong, without the addresses that some messages carry."""
    if isinstance(error, RuntimeError):
        return "wrong hash"
    reason = getattr(error, "reason", error)
    text = reason if isinstance(reason, str) else getattr(reason, "strerror", None)
    return text if text and "://" not in text else type(error).__name__


@contextmanager
def _patience(seconds: float):
    """Give up on a silent connection; torch's downloader sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
