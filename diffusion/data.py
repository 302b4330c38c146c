"""Data sets as tensors in [-0.5, 0.5]: those that are known, and your own.

    python -m diffusion.data                      fetch MNIST if it is missing, and say what lies where
    python -m diffusion.data --dataset fashion    the same for another one of `DATASETS`

The files lie in torchvision's layout, such as `<data folder>/FashionMNIST/raw/`; once they do, no network is
needed.
"""

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import platformdirs
import torch
from pydantic import Field
from torch import Tensor

from diffusion.bounds import checked, looks, named, whole
from diffusion.files import sha256
from diffusion.idx import SPLITS, Arrays, DataError, IdxFiles
from diffusion.provenance import checkout


@checked
@dataclass(frozen=True)
class DataSet:
    """Square images, of classes or of none, split into images to train and to test on.

    Training, sampling and `Evaluator` take any; notebooks and profiles those of 28 x 28 grey pixels and of
    classes. One of your own is such an object in a module of yours; name it `module:name` where a name is
    asked for.

    Attributes:
        title: what it is called in text; its letters and digits name its folder in the data folder.
        read: read(split, folder), for "train" and "test" -> images and labels (N,), integers from 0, or
            images alone where there are no classes. Images are uint8, (N, S, S), (N, C, S, S) or
            (N, S, S, 3). `folder` is where its files may lie.
        classes: their names, in the order of the labels; empty: there are none.
        noun: what a class of it is called.
        citation: its key in the report's bibliography.
        to_28: "pad" or "resize" to 28 x 28 grey pixels: by a black border, or so that the longer side is 28
            and then by a border; None: images stay as they are.
    """

    title: Annotated[str, Field(min_length=1)]
    read: Callable[[str, Path], Arrays | np.ndarray]
    classes: tuple[str, ...] = tuple("0123456789")
    noun: str = "class"
    citation: str = ""
    to_28: Literal["pad", "resize"] | None = None


# --- data sets that are known ---

CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

# All that the project knows of its data sets. One is added here, and what it cites to report/references.bib.
DATASETS: dict[str, DataSet] = {
    "mnist": DataSet("MNIST", IdxFiles("MNIST"), noun="digit", citation="lecun1998"),
    "fashion": DataSet("Fashion-MNIST", IdxFiles("FashionMNIST"), CLOTHES, citation="xiao2017"),
    "kmnist": DataSet("KMNIST", IdxFiles("KMNIST"), KANA, citation="clanuwat2018"),
}


def get(dataset: str | DataSet) -> DataSet:
    """The data set of a name in `DATASETS`, or `module:name` of your own; ValueError: it is none."""
    found = named("dataset", dataset, DATASETS)
    if not isinstance(found, DataSet):
        raise ValueError(f"dataset is {looks(found)}; needed: a diffusion.DataSet, such as d.images(folder)")
    return found


# --- where they lie, and what is in them ---


def folder(data_dir: str | os.PathLike | None = None) -> Path:
    """The data folder: the argument, else $MNIST_DIR, else `data/` of a checkout, else the cache folder."""
    if chosen := data_dir or os.environ.get("MNIST_DIR"):
        return Path(chosen).expanduser().absolute()
    if project := checkout():
        return project / "data"
    return Path(platformdirs.user_cache_dir("cold-zoom-diffusion", appauthor=False))


def raw_folder(data_dir: str | os.PathLike | None = None, dataset: str | DataSet = "mnist") -> Path:
    """Folder of a data set's files."""
    return folder(data_dir) / re.sub(r"\W+", "", get(dataset).title) / "raw"


def load(
    dataset: str | DataSet = "mnist",
    split: str = "train",
    data_dir: str | os.PathLike | None = None,
    n: int | None = None,
) -> tuple[Tensor, Any]:
    """Images and labels of a split, fetched first if need be.

    Args:
        dataset: a name of `DATASETS`, a `DataSet` of your own, or its `module:name`.
        split: "train" or "test".
        data_dir: data folder; None: see `folder`.
        n: only the first n images; None: all.

    Returns:
        images (N, C, S, S) float32, pixel / 255 - 0.5, so in [-0.5, 0.5]; labels (N,) int64, or None where
        there are no classes.

    Raises:
        DataError: the data cannot be had, or are no such images.
        ValueError: unknown split or data set, or n out of range.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; allowed: {', '.join(SPLITS)}")
    known, raw = get(dataset), raw_folder(data_dir, dataset)
    read = known.read(split, raw)
    images, labels = map(np.asarray, read if isinstance(read, tuple) else (read, ()))
    right = labels.shape == (len(images) if known.classes else 0,)
    right = right and {*labels.tolist()} <= {*range(len(known.classes))}
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size or not right:
        needed = f"one an image, 0 to {len(known.classes) - 1}" if known.classes else "none, without classes"
        raise DataError(
            f"{known.title}: images are {looks(images)}, labels {looks(labels)}; needed: (N, S, S), "
            f"(N, C, S, S) or (N, S, S, 3) of uint8, N > 0, and labels {needed}"
        )
    n = n if n is None else whole("n", n, 1, len(images))
    x = _channels_first(torch.from_numpy(np.array(images[:n])))  # (N, C, H, W)
    x = _to_28(x, known) if known.to_28 else x
    if x.shape[2] != x.shape[3]:
        raise DataError(f"{known.title}: images are {looks(images)}; needed: square ones, or to_28='resize'")
    x = x.contiguous().float().div_(255).sub_(0.5)
    return x, torch.from_numpy(np.array(labels[:n])).long() if known.classes else None


def _channels_first(x: Tensor) -> Tensor:
    """(N, H, W), (N, H, W, 3) and (N, H, W, 1) as (N, C, H, W); the rest as it is."""
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] > 3:
        return x.permute(0, 3, 1, 2)
    return x[:, None] if x.ndim == 3 else x


def _to_28(x: Tensor, known: DataSet) -> Tensor:
    """Bytes (N, C, H, W) as (N, 1, 28, 28), as `DataSet.to_28` says."""
    from torchvision.transforms import functional as tv  # takes a second

    x = tv.rgb_to_grayscale(x) if x.shape[1] == 3 else x
    if known.to_28 == "resize":
        x = tv.resize(x, [max(1, round(28 * side / max(x.shape[2:]))) for side in x.shape[2:]])
    if x.shape[1] != 1 or max(x.shape[2:]) > 28:
        raise DataError(
            f"{known.title}: images are {tuple(x.shape)}; to_28 takes grey or coloured ones, and 'pad' none "
            "above 28 pixels: choose 'resize'"
        )
    return tv.center_crop(x, [28, 28])


def content(dataset: str | DataSet = "mnist", data_dir: str | os.PathLike | None = None) -> str:
    """Hash of all images and labels of a data set."""
    parts = [part for split in SPLITS for part in load(dataset, split, data_dir)]
    return sha256(" ".join(fingerprint(part) for part in parts if part is not None).encode())[:16]


def fingerprint(x: Tensor) -> str:
    """SHA-256 of images: what a run knows its data by."""
    return hashlib.sha256(x.detach().cpu().contiguous().numpy()).hexdigest()


def find(sha256: str, n: int, fetch: bool = False) -> Tensor | None:
    """The first n training images of a known data set in the data folder, if they have that hash.

    MNIST is fetched first where that is asked for.
    """
    for name, known in DATASETS.items():
        if known.read.there(raw_folder(dataset=known)) or fetch and name == "mnist":
            x = load(known)[0][:n]
            if fingerprint(x) == sha256:
                return x
    return None


def as_images(x: Any) -> Any:
    """Images as `fit` takes them, (N, C, S, S) in [-0.5, 0.5], where shape and scale are unmistakable.

    Numpy arrays become tensors, (N, S, S) and (N, S, S, 3) become (N, 1, S, S) and (N, 3, S, S), and bytes
    pixel / 255 - 0.5. The rest stays as it is: of floats in [0, 1] nobody can tell.

    Raises:
        ValueError: bytes none of which reaches 128, which may be on another scale, or a pixel that is NaN.
    """
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiu":
        x = torch.tensor(np.ascontiguousarray(x, x.dtype.newbyteorder("=")))
    if not isinstance(x, Tensor):
        return x
    x = _channels_first(x)
    if x.dtype == torch.uint8 and x.numel():
        if (high := int(x.max())) < 128:
            raise ValueError(f"bytes reach {high}; needed: 0 to 255, or floats in [-0.5, 0.5]")
        x = x.float().div_(255).sub_(0.5)
    if x.ndim and len(bad := x.isnan().nonzero()):
        raise ValueError(f"image {int(bad[0, 0])} has a pixel that is NaN")
    return x


def grey_values(x: Tensor) -> Tensor:
    """Images in model units as grey values, uint8 of the same shape; what leaves [-0.5, 0.5] is clamped."""
    return x.clamp(-0.5, 0.5).add(0.5).mul(255).round().to(torch.uint8)


def main(arguments: list[str] | None = None) -> None:
    """Fetch, and say what was found where."""
    parser = argparse.ArgumentParser(
        "python -m diffusion.data", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--dataset", default="mnist", help=f"{', '.join(DATASETS)}, or module:name")
    parser.add_argument("--data-dir", help="data folder")
    chosen = parser.parse_args(arguments)
    try:
        for split in SPLITS:
            images, labels = load(chosen.dataset, split, chosen.data_dir)
            said = "none" if labels is None else labels.bincount().tolist()
            print(f"{split}: {tuple(images.shape)}, classes {said}")
        print(f"{get(chosen.dataset).title} is in {raw_folder(chosen.data_dir, chosen.dataset)}")
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    from diffusion.data import main as of_module  # whose classes are those that a user's module imports

    of_module()
