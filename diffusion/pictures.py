"""A folder of pictures (PNG, JPEG, ...) as a data set, with sub-folders as classes."""

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from diffusion.bounds import checked
from diffusion.data import SPLITS, Arrays, DataError, DataSet
from diffusion.files import expanded, sha256

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
GREY = ("1", "L", "LA")  # Pillow's modes of a picture without colour
DEEP = ("I", "F")  # beginnings of those of more than 8 bits a channel
SHOWN = 4  # sizes that a message lists


@checked
def images(
    folder: str | os.PathLike,
    *,
    size: Annotated[int | None, Field(ge=2, le=4096, description="pixels a side; None: as they are")] = None,
    colour: Annotated[bool | None, Field(description="None: where any picture is in colour")] = None,
    held_out: Annotated[float, Field(gt=0, lt=1, description="share of pictures to test on")] = 0.1,
    title: str | None = None,
) -> DataSet:
    """The pictures of a folder as a data set, for `diffusion.load`, `Evaluator` and profiles.

    Sub-folders are classes, in the order of their names, as of torchvision's ImageFolder; without any, there
    are none. Two folders `train` and `test` are taken as the splits. Otherwise a share of each class is held
    out to test on, which a hash of the file's name chooses: the same one in every call. It also orders the
    pictures of a split, so that the first ones are of all classes.

    Args:
        size: a picture is scaled until it covers such a square, and what is over is cut off at both sides;
            None: all must be squares of one size.
        colour: True: three channels; False: grey.
        title: what the data set is called; None: the folder's name.

    Raises:
        DataError: there are no pictures, one of them cannot be read, or they differ in size; a class has no
            picture to train or to test on.
        ValueError: another argument out of range.
    """
    root = expanded(folder).absolute()
    splits = _splits(root, held_out)
    classes = sorted({name for found in splits.values() for name in found})
    if len(classes) == 1 and classes[0]:
        raise DataError(f"{root} has one sub-folder, {classes[0]!r}; needed: two classes or more, or none")
    for split, found in splits.items():
        if lacks := [name for name in classes if not found.get(name)]:
            where = f"the class {lacks[0]!r} of {root}" if lacks[0] else str(root)
            raise DataError(f"{where} has no picture to {split} on; needed: at least two, one is to test on")
    pictures = {
        one: _opened(one, size) for found in splits.values() for each in found.values() for one in each
    }
    sizes = Counter(one.size for one in pictures.values())
    width, height = next(iter(sizes))
    if len(sizes) > 1 or width != height:
        said = ", ".join(f"{w} x {h}" for (w, h), _ in sizes.most_common(SHOWN))
        raise DataError(f"pictures in {root} are of {said} pixels; needed: squares of one size, or size=")
    any_colour = any(one.mode == "RGB" for one in pictures.values())
    mode, names = "RGB" if (any_colour if colour is None else colour) else "L", tuple(filter(None, classes))

    def read(split: str, folder: Path) -> Arrays | np.ndarray:
        chosen = [(path, label) for label, name in enumerate(classes) for path in splits[split][name]]
        chosen.sort(key=lambda one: _mixed(root, one[0]))  # so that the first n are of all classes
        pixels = np.stack([np.asarray(pictures[path].convert(mode)) for path, _ in chosen])
        return (pixels, np.array([label for _, label in chosen])) if names else pixels

    return DataSet(root.name if title is None else title, read, names)


def _mixed(root: Path, path: Path) -> str:
    """A place in an order that mixes classes, the same in every call."""
    return sha256(path.relative_to(root).as_posix().encode())


def _splits(root: Path, held_out: float) -> dict[str, dict[str, list[Path]]]:
    """Split -> class -> pictures: what lies in the folders `train` and `test`, or a share held out."""
    if all((root / split).is_dir() for split in SPLITS):
        return {split: _by_class(root / split) for split in SPLITS}
    splits: dict[str, dict[str, list[Path]]] = {split: {} for split in SPLITS}
    for name, paths in _by_class(root).items():
        n = max(1, round(held_out * len(paths)))
        mixed = sorted(paths, key=lambda path: _mixed(root, path))
        splits["test"][name], splits["train"][name] = mixed[:n], mixed[n:]
    return splits


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures in each sub-folder, or those of the folder itself under an empty name."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        said = "holds no pictures" if folder.is_dir() else "is no folder"
        raise DataError(f"{folder} {said}; needed: files that end in {', '.join(SUFFIXES)}")
    by_class: dict[str, list[Path]] = {}
    for path in found:
        *above, _ = path.relative_to(folder).parts
        by_class.setdefault(above[0] if above else "", []).append(path)
    if "" in by_class and len(by_class) > 1:
        raise DataError(f"{by_class[''][0]} lies beside sub-folders of pictures; put it into one of them")
    return by_class


def _opened(path: Path, size: int | None) -> Image.Image:
    """A picture, "RGB" where it is in colour and else "L", which fills a square of that size."""
    try:
        with Image.open(path) as found:
            picture = ImageOps.exif_transpose(found)
        made = picture.convert("L" if picture.mode in GREY else "RGB")
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's, of damaged files
        raise DataError(f"{path} cannot be read as a picture ({error}); remove or repair it") from None
    if picture.mode.startswith(DEEP):
        raise DataError(f"{path} has more than 8 bits a channel ({picture.mode}); save it with 8")
    return ImageOps.fit(made, (size, size)) if size else made
