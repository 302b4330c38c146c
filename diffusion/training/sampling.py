"""Generated images, drawn once and kept: the same network, process, seed and number find them again."""

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from diffusion.processes import DegradationProcess
from diffusion.runtime import autocast, device_of, digest, generator, own_source, progress, write_bytes
from diffusion.training.checkpoints import load_tensors, tensor_bytes, tensors_sha256

SAMPLER = 1  # raise it when a change alters samples: those that are kept are then drawn again


def draw(
    process: DegradationProcess,
    network: nn.Module,
    weights_sha256: str,
    n: int,
    seed: int,
    cache: str | os.PathLike | None,
    precision: str,
    title: str = "sampling",
    chunk: int = 128,
) -> Tensor:
    """n generated images in model units, (n, 1, 28, 28) float32 on the CPU, from the cache if they are there.

    Args:
        weights_sha256: hash of the network's weights file, part of the cache's key.
        cache: folder of kept samples; None: none are kept.
        precision: fp32 or bf16.
        chunk: images per network call; bounds memory, does not change the samples.

    Raises:
        ValueError: n < 1, or the process has not been prepared.
    """
    device = device_of(network)
    key = {
        "process": process.settings() | process.sampling_settings(),
        "code": own_source(type(process)),
        "state": tensors_sha256(process.state()),
        "weights": weights_sha256,
        "n": n,
        "seed": seed,
        "precision": precision,
        "device": device.type,
        "sampler": SAMPLER,
    }
    name = digest(key, 16)
    path = Path(cache) / f"{name}.safetensors" if cache else None
    if path and path.is_file():
        if (x := (load_tensors(path) or {}).get(name)) is not None:
            return x
        print(f"warning: {path.name} is damaged and is drawn again", flush=True)
    with torch.inference_mode(), autocast(device, precision):
        steps = process.reverse(network, n, generator(seed, "sample"), chunk)
        x = next(steps)[1]
        for _, x in progress(steps, title, process.reverse_steps()):  # noqa: B007 - the last one is wanted
            pass
    x = x.float().cpu().contiguous().clone()
    if path:
        write_bytes(path, tensor_bytes({name: x}))  # so named that no other file is taken for it
    return x
