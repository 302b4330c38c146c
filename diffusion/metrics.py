"""Measuring samples: bytes from model units, and what else a comparison needs, under one name.

    extractor = metrics.digits()        or metrics.inception()
    reference = metrics.Reference(extractor.features(to_uint8(test_images)))      once
    metrics.frechet(reference, extractor.features(to_uint8(samples)))             one number

The reference is the held-out test split. A distance means something only with its number of images n, its
extractor and its `floor`: the same distance for real images at the same n, which is not zero.
"""

import torch
from torch import Tensor

from diffusion.distances import Reference, frechet, kernel
from diffusion.extractors import Extractor, digits, inception
from diffusion.uncertainty import floor, frechet_gap, frechet_interval

__all__ = [
    "Extractor",
    "Reference",
    "frechet_gap",
    "frechet_interval",
    "digits",
    "floor",
    "frechet",
    "inception",
    "kernel",
    "to_uint8",
]


def to_uint8(x: Tensor) -> Tensor:
    """Images in model units as bytes: clamp to [-0.5, 0.5], then (x + 0.5) * 255, rounded. Never wraps.

    Args:
        x: float (N, 1, 28, 28); samples may leave [-0.5, 0.5].

    Raises:
        ValueError: not floating point (bytes would be scaled twice), another shape, or not finite.
    """
    if not x.is_floating_point() or x.ndim != 4 or x.shape[1:] != (1, 28, 28):
        raise ValueError(
            f"images are {tuple(x.shape)} of {x.dtype}; needed: (N, 1, 28, 28) of floats in model units"
        )
    bad = x.numel() - int(x.isfinite().sum())
    if bad:
        raise ValueError(f"{bad} of {x.numel()} pixels are not finite; the samples cannot be measured")
    return x.float().clamp(-0.5, 0.5).add(0.5).mul(255).round().to(torch.uint8)
