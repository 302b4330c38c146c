"""Data sets as tensors in [-0.5, 0.5]: built-in ones and your own.

    x, labels = load("fashion")     # downloads the files if they are missing

Files are stored in torchvision's layout, for example `<data folder>/FashionMNIST/raw/`. Once they are there,
no network is needed.
"""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import platformdirs
import torch
from PIL import ImageOps
from pydantic import Field
from torch import Tensor

from diffusion.arguments import check_whole, checked, summarise
from diffusion.idx import SPLITS, Arrays, DataError, IdxFiles
from diffusion.names import check_known, look_up
from diffusion.pixels import GREY28, Shape, channels_first, shape_of
from diffusion.places import checkout
from diffusion.runtime import generator


@checked
@dataclass(frozen=True)
class DataSet:
    """Square images with optional class labels, split into training and test images.

    Training, sampling and `Evaluator` accept any data set. Notebooks and profiles need classes; they refer to
    your own data set as `module:name`.

    Attributes:
        title (str): Name of the data set in text. Its letters and digits name its folder in the data folder.
        read (Callable): Called as `read(split, folder)` with split "train" or "test", and the folder for its
            files. Returns images and labels (N,), integers from 0; without classes, images only. Images are
            uint8 of shape (N, S, S), (N, C, S, S) or (N, S, S, 3).
        classes (tuple of str): Class names in the order of the labels; empty without classes. Default "0" to
            "9".
        noun (str): Noun for one class. Default "class".
        citation (str): Key in the report's bibliography. Default "".

    Example:
        >>> import diffusion as d
        >>> import numpy as np
        >>> def read(split, folder):
        ...     return np.zeros((6, 8, 8), np.uint8)
        >>> x, labels = d.load(d.DataSet("Black", read, classes=()))
        >>> x.shape, labels
        (torch.Size([6, 1, 8, 8]), None)
    """

    title: Annotated[str, Field(min_length=1)]
    read: Callable[[str, Path], Arrays | np.ndarray]
    classes: tuple[str, ...] = tuple("0123456789")
    noun: str = "class"
    citation: str = ""


# --- built-in data sets ---

CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

# The data sets. Add one here, and its citation to report/pages/references.bib.
DATASETS: dict[str, DataSet] = {
    "mnist": DataSet("MNIST", IdxFiles("MNIST"), noun="digit", citation="lecun1998"),
    "fashion": DataSet("Fashion-MNIST", IdxFiles("FashionMNIST"), CLOTHES, citation="xiao2017"),
    "kmnist": DataSet("KMNIST", IdxFiles("KMNIST"), KANA, citation="clanuwat2018"),
}


def get(dataset: str | DataSet) -> DataSet:
    """Return a data set by its name in `DATASETS`, or by `module:name`.

    Raises:
        ValueError: If the data set is unknown.
    """
    chosen = look_up("dataset", dataset, DATASETS)
    if not isinstance(chosen, DataSet):
        raise ValueError(f"dataset is {summarise(chosen)}; expected: a DataSet, such as d.images(...)")
    return chosen


# --- files, and loading them ---


def folder() -> Path:
    """Return the data folder: $MNIST_DIR, else `data/` of a checkout, else the user's cache folder."""
    if chosen := os.environ.get("MNIST_DIR"):
        return Path(chosen).expanduser().absolute()
    if project := checkout():
        return project / "data"
    return Path(platformdirs.user_cache_dir("cold-zoom-diffusion", appauthor=False))


def raw_folder(dataset: str | DataSet = "mnist") -> Path:
    """Return the folder of a data set's files."""
    return folder() / re.sub(r"\W+", "", get(dataset).title) / "raw"


def load(dataset: str | DataSet = "mnist", split: str = "train", n: int | None = None) -> tuple[Tensor, Any]:
    """Load images and labels of a data set, downloading the files if needed.

    The files are in the folder $MNIST_DIR, else in `data/` of a checkout, else in the user's cache folder.

    Args:
        dataset (str or DataSet): A built-in data set ("mnist", "fashion" or "kmnist"), a `DataSet`, or
            your own `module:name`. Default "mnist".
        split (str): "train" or "test". Default "train".
        n (int, optional): Number of images, at most, taken from the start. If the split has fewer, loads all
            and prints a note. If None, loads all. Default None.

    Returns:
        tuple: Images (N, C, S, S), float32 in [-0.5, 0.5] (pixel / 255 - 0.5), and labels (N,), int64. Labels
        are None for a data set without classes.

    Raises:
        DataError: If the files cannot be downloaded or read, or `read` returns something else.
        ValueError: If the split or the data set is unknown, or `n` is below 1.

    Example:
        >>> import diffusion as d
        >>> x, labels = d.load("mnist", "test", n=3)
        >>> x.shape, labels
        (torch.Size([3, 1, 28, 28]), tensor([7, 2, 1]))
    """
    check_known("split", split, SPLITS)
    known, raw = get(dataset), raw_folder(dataset)
    read = known.read(split, raw)
    images, labels = map(np.asarray, read if isinstance(read, tuple) else (read, ()))
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
        expected = "(N, S, S), (N, C, S, S) or (N, S, S, 3) of uint8, N > 0"
        raise DataError(f"{known.title}: images are {summarise(images)}; expected: {expected}")
    expected = f"one label per image, 0 to {len(known.classes) - 1}" if known.classes else "no labels"
    number = len(images) if known.classes else 0
    if labels.shape != (number,) or {*labels.tolist()} - {*range(len(known.classes))}:
        raise DataError(f"{known.title}: labels are {summarise(labels)}; expected: {expected}")
    if n is not None and check_whole("n", n, 1) > len(images):
        few = f"{known.title} has only {len(images)} {split} images instead of {n}; all are used"
        print(f"note: {few}", flush=True)
    x = channels_first(torch.from_numpy(np.array(images[:n])))  # (N, C, H, W)
    if x.shape[2] != x.shape[3]:
        raise DataError(f"{known.title}: images are {summarise(images)}; expected: square images")
    x = x.contiguous().float().div_(255).sub_(0.5)
    return x, torch.from_numpy(np.array(labels[:n])).long() if known.classes else None


def image_shape(dataset: str | DataSet) -> Shape:
    """Return (C, S, S) of a data set's images; files of a built-in data set are not read."""
    if isinstance(get(dataset).read, IdxFiles):
        return GREY28
    return shape_of(load(dataset, "test", 1)[0])


# --- folders of pictures (PNG, JPEG, ...) ---


@checked
def images(
    folder: str | os.PathLike, *, size: Annotated[int, Field(ge=2, le=4096)], colour: bool = False
) -> DataSet:
    """Make a data set from pictures in `folder/train/CLASS/` and `folder/test/CLASS/`.

    torchvision's ImageFolder reads the pictures (PNG, JPEG and others). Their order is random, but the same
    in each call, which mixes the classes. With a single class, the data set is without classes. Capital
    letters in "train" and "test" do not matter.

    Args:
        folder (path): The folder of pictures.
        size (int): Side in pixels, 2 to 4096. Scales each picture to cover a square of this size and crops it
            around its centre.
        colour (bool): True for three channels, False for grey. Default False.

    Returns:
        DataSet: For `load`, `Evaluator` and profiles.

    Raises:
        DataError: If the folder does not contain exactly the two folders, they have different classes or no
            pictures, or a picture cannot be read.
        ValueError: If another argument is out of range.

    Example:
        >>> import diffusion as d
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from PIL import Image
        >>> folder = Path(mkdtemp())
        >>> for split in ("train", "test"):
        ...     (folder / split / "squares").mkdir(parents=True)
        ...     Image.new("L", (9, 8), color=80).save(folder / split / "squares" / "first.png")
        >>> x, labels = d.load(d.images(folder, size=8))
        >>> x.shape, labels
        (torch.Size([1, 1, 8, 8]), None)
    """
    root, mode = Path(folder).expanduser().absolute(), "RGB" if colour else "L"
    splits = {path.name.lower(): path for path in root.glob("[!._]*/")}
    if {*splits} != {*SPLITS}:
        names = ", ".join(sorted(splits)) or "no folder"
        raise DataError(f"{root} contains {names}; expected: train and test; rename or move other folders")
    classes = sorted(path.name for path in splits["train"].glob("*/"))

    def read(split: str, folder: Path) -> Arrays | np.ndarray:
        from torchvision.datasets import ImageFolder  # takes a second

        try:
            files = ImageFolder(str(splits[split]))
            order = torch.randperm(len(files), generator=generator("pictures", split)).tolist()
            pictures = [np.asarray(ImageOps.fit(files[i][0].convert(mode), (size, size))) for i in order]
        except OSError as error:
            raise DataError(f"pictures in {splits[split]} cannot be read: {error}") from None
        if files.classes != classes:
            message = f"has the classes {files.classes}; expected: {classes}, as in train"
            raise DataError(f"{splits[split]} {message}")
        pixels = np.stack(pictures)
        return (pixels, np.array(files.targets)[order]) if len(classes) > 1 else pixels

    return DataSet(root.name, read, tuple(classes) if len(classes) > 1 else ())


# --- by hash ---


def fingerprint(x: Tensor) -> str:
    """Return the SHA-256 of images, by which a run identifies its data."""
    return hashlib.sha256(x.detach().cpu().contiguous().numpy().data).hexdigest()


def find(sha256: str, n: int, fetch: bool = False) -> Tensor | None:
    """Return the first n training images of the data set whose images have this hash, or None.

    Args:
        sha256 (str): Hash of the images, from `fingerprint`.
        n (int): Number of images.
        fetch (bool): Whether to download MNIST if it is missing. Default False.
    """
    for name, known in DATASETS.items():
        if known.read.there(raw_folder(known)) or fetch and name == "mnist":
            x = load(known)[0][:n]
            if fingerprint(x) == sha256:
                return x
    return None
