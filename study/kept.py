"""Files that are kept of a run: images for the figures, drawn samples, and a release by its manifest.

OUT/kept/<name>.npz has bytes (..., 28, 28):

blind                       (n,): those that were read by eye               notebook 08
real                        (64,): test images                              notebook 07
samples_<model>-<seed>      (n,): the samples of the finished model         measuring
late_<model>-<seed>         (epochs, n): those of the late checkpoints      measuring
quality_<model>-<seed>      (2, 16): samples of high and of low quality     measuring
effects                     (sets, n): the first samples of each set        notebook 12
"""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from diffusion.files import digest, read_json, sha256, write_bytes
from diffusion.training.run import Run

MANIFEST = "manifest.json"  # of a release: the SHA-256 of each of its files
VERIFIED = "verified.txt"  # beside a report: the table of `make verify`, where one was made


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


@dataclass
class DrawnRun(Run):
    """A training of a workflow's results, whose samples are each drawn once: OUT/samples/<hash>.safetensors.

    The hash is of all that determines them, so that a long measuring which was interrupted goes on.
    """

    @classmethod
    def of(cls, run: Run) -> Self:
        """A training as one whose samples are kept."""
        return cls(**vars(run))

    def sample(
        self, n: int | None = None, seed: int | None = None, epoch: int | None = None, **how: Any
    ) -> Tensor:
        """As `Run.sample`; drawn once, unless it `keeps` nothing."""
        if not self.keeps:
            return super().sample(n, seed, epoch, **how)
        name = digest(self.drawn_by(n, seed, epoch, **how), 16)
        path = self.folder.parent.parent / "samples" / f"{name}.safetensors"
        if path.is_file():
            try:
                return safetensors.torch.load(path.read_bytes())[name]
            except (SafetensorError, KeyError):
                print(f"warning: {path.name} is damaged and is drawn again", flush=True)
        x = super().sample(n, seed, epoch, **how)
        write_bytes(path, safetensors.torch.save({name: x}))
        return x


def verify(folder: Path) -> list[str]:
    """The files of a release, each found to be what its manifest says; else ValueError."""
    remedy = (
        f"get it back with `git checkout -- released/{folder.name}`, or make it again with "
        f"`make retrain PROFILE={folder.name}` and `make release PROFILE={folder.name}`"
    )
    try:
        files = dict(read_json(folder / MANIFEST)["files"])
        whole = files and all(re.fullmatch("[0-9a-f]{64}", one) for one in files.values())
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        whole = False
    if not whole:
        raise ValueError(f"{folder / MANIFEST} is missing or damaged; {remedy}")
    for name, known in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} names {name!r}, a place outside of the release; {remedy}")
        if not path.is_file() or sha256(path) != known:
            raise ValueError(f"{path} is missing or not what was released (its sha256); {remedy}")
    return list(files)
