"""A folder of pictures (PNG, JPEG, ...) as a data set, with sub-folders as classes."""

import os
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from diffusion.bounds import checked
from diffusion.data import SPLITS, Arrays, DataError, DataSet
from diffusion.files import sha256

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
GREY = ("1", "L", "LA")  # Pillow's modes of a picture without colour
DEEP = ("I", "F")  # beginnings of those of more than 8 bits a channel


@checked
def images(
    folder: str | os.PathLike,
    *,
    size: Annotated[int | None, Field(ge=2, le=4096)] = None,
    colour: bool | None = None,
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1,
    title: str | None = None,
) -> DataSet:
    """The pictures of a folder as a data set, for `diffusion.load`, `Evaluator` and profiles.

    Sub-folders are classes, in the order of their names, as of torchvision's ImageFolder; without any, there
    are none. Two folders `train` and `test` are taken as the splits. Otherwise a share of each class is held
    out to test on, which a hash of the file's name chooses: the same one in every call. It also orders the
    pictures of a split, so that the first ones are of all classes.

    Args:
        size: pixels a side: a picture is scaled until it covers such a square, and what is over is cut off at
            both sides; None: all must be squares of one size.
        colour: True: three channels; False: grey; None: three where any picture is in colour.
        held_out: share of pictures to test on.
        title: what the data set is called; None: the folder's name.

    Raises:
        DataError: there are no pictures, one of them cannot be read, or they differ in size; a class has no
            picture to train or to test on.
        ValueError: another argument out of range.
    """
    root = Path(folder).expanduser().absolute()

    def mixed(path: Path) -> str:
        """A place in an order that mixes classes, the same in every call."""
        return sha256(path.relative_to(root).as_posix().encode())

    splits: dict[str, dict[str, list[Path]]] = {split: {} for split in SPLITS}
    if all((root / split).is_dir() for split in SPLITS):
        splits = {split: _by_class(root / split) for split in SPLITS}
    else:
        for name, paths in _by_class(root).items():
            n = max(1, round(held_out * len(paths)))
            paths.sort(key=mixed)
            splits["test"][name], splits["train"][name] = paths[:n], paths[n:]
    classes = sorted({name for found in splits.values() for name in found})
    for split, found in splits.items():
        if lacks := [name for name in classes if not found.get(name)]:
            where = f"the class {lacks[0]!r} of {root}" if lacks[0] else str(root)
            raise DataError(f"{where} has no picture to {split} on; needed: at least two, one is to test on")
    pictures = {
        path: _opened(path, size) for found in splits.values() for paths in found.values() for path in paths
    }
    width, *more = {side for picture in pictures.values() for side in picture.size}
    if more:
        raise DataError(f"pictures in {root} have sides of {width}, {more[0]}, ... pixels; needed: size=")
    coloured = any(picture.mode == "RGB" for picture in pictures.values()) if colour is None else colour
    names = tuple(filter(None, classes))

    def read(split: str, folder: Path) -> Arrays | np.ndarray:
        chosen = [(path, label) for label, name in enumerate(classes) for path in splits[split][name]]
        chosen.sort(key=lambda pair: mixed(pair[0]))
        pixels = np.stack(
            [np.asarray(pictures[path].convert("RGB" if coloured else "L")) for path, _ in chosen]
        )
        return (pixels, np.array([label for _, label in chosen])) if names else pixels

    return DataSet(root.name if title is None else title, read, names)


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures in each sub-folder, or those of the folder itself under an empty name."""
    by_class: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("[!.]*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            inner = path.relative_to(folder).parts
            by_class.setdefault(inner[0] if len(inner) > 1 else "", []).append(path)
    if not by_class:
        raise DataError(f"{folder} holds no pictures; needed: files that end in {', '.join(SUFFIXES)}")
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
