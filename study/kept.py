"""Kept images, for the figures: OUT/kept/<name>.npz has bytes (..., 28, 28).

blind                       (n,): those that were read by eye               notebook 08
real                        (64,): test images                              notebook 07
samples_<model>-<seed>      (n,): the samples of the finished model         measuring
late_<model>-<seed>         (epochs, n): those of the late checkpoints      measuring
quality_<model>-<seed>      (2, 16): samples of high and of low quality     measuring
effects                     (sets, n): the first samples of each set        notebook 12
"""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from diffusion.files import write_bytes


def kept_path(out: Path, name: str) -> Path:
    return out / "kept" / f"{name}.npz"


def keep(out: Path, name: str, images: np.ndarray) -> Path:
    """Keep images, uint8 (..., 28, 28), for the figures; returns the path. Equal images give equal files."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=np.ascontiguousarray(images, dtype=np.uint8))
    return write_bytes(kept_path(out, name), buffer.getvalue())


def read_kept(out: Path, name: str) -> np.ndarray:
    """Kept images, uint8 (..., 28, 28); ValueError: missing, or not such an array."""
    path = kept_path(out, name)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = file["images"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} holds no images ({error}); `make report` makes it again") from None
    if found.dtype != np.uint8 or found.ndim < 3 or found.shape[-2:] != (28, 28):
        raise ValueError(f"{path} is not (..., 28, 28) bytes; `make report` makes it again")
    return found
