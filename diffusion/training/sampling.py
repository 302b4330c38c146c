"""Generated images, drawn once and kept.

The same network, process, seed and number of images find the file of the first time.
"""

import hashlib
import json
import os
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from diffusion import devices, fingerprints
from diffusion.files import digest, write_bytes
from diffusion.process import DegradationProcess
from diffusion.progress import Progress
from diffusion.randomness import generator

DETERMINED_BY = ("network", "sampling", "randomness", "devices")  # beside the modules of the process


def draw(
    process: DegradationProcess,
    network: nn.Module,
    weights_sha256: str,
    n: int,
    seed: int,
    cache: str | os.PathLike,
    precision: str,
    title: str = "sampling",
    chunk: int = 128,
) -> Tensor:
    """n generated images in model units, (n, 1, 28, 28) float32 on the CPU, from the cache if they are there.

    Args:
        weights_sha256: hash of the network's weights file, part of the cache's key.
        precision: fp32 or bf16.
        chunk: images per network call; bounds memory, does not change the samples.

    Raises:
        ValueError: n < 1.
    """
    device = next(network.parameters()).device
    key = {
        "process": process.settings() | process.sampling_settings(),
        "weights": weights_sha256,
        "n": n,
        "seed": seed,
        "precision": precision,
        "device": device.type,
        "code": [fingerprints.of_modules(DETERMINED_BY), fingerprints.of_class(type(process))],
    }
    path = Path(cache) / f"{digest(key, 16)}.safetensors"
    if path.is_file():
        if (kept := _kept(path)) is not None:
            return kept
        print(f"warning: {path.name} is damaged and is drawn again", flush=True)
    with torch.inference_mode(), devices.autocast(device, precision):
        steps = process.reverse(network, n, generator(seed, "sample"), chunk)
        with Progress(title, process.reverse_steps()) as progress:
            x = next(steps)[1]
            for _, x in steps:  # noqa: B007 - the last one is wanted
                progress.advance()
    x = x.float().cpu().contiguous().clone()
    write_bytes(path, safetensors.torch.save({"samples": x}, {"sha256": _sha256(x)}))
    return x


def _kept(path: Path) -> Tensor | None:
    """The samples of a file, or None if they are not those that were written."""
    try:
        content = path.read_bytes()
        x = safetensors.torch.load(content)["samples"]
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return x if header["__metadata__"]["sha256"] == _sha256(x) else None
    except Exception:  # a damaged cache is only a cache
        return None


def _sha256(x: Tensor) -> str:
    return hashlib.sha256(x.numpy()).hexdigest()
