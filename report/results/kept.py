"""Files that are kept of a run: images for the figures, drawn samples, and a release by its manifest.

OUT/kept/<name>.npz has bytes (..., 28, 28):

blind                       (n,): those that were read by eye               notebook 08
real                        (64,): test images                              notebook 07
samples_<model>-<seed>      (n,): the samples of the finished model         measuring
quality_<model>-<seed>      (2, 16): samples of high and of low quality     measuring
intervention                (sets, n): the first samples of each set        notebook 13
"""

import io
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from diffusion.code import code_of
from diffusion.files import digest, sha256, write_bytes
from diffusion.provenance import PACKAGE
from diffusion.training.run import Run
from diffusion.values import to_json, tree
from report.files import read_json

MANIFEST = "manifest.json"  # of a release: the SHA-256 of each of its files
# Files that decide which samples a network draws.
SAMPLING = [PACKAGE / "runtime.py", *sorted((PACKAGE / "processes").glob("*.py"))]
SAMPLING += [PACKAGE / "training" / name for name in ("network.py", "sampling.py", "run.py")]


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
            images = file["images"]
        if images.dtype != np.uint8 or images.shape[-2:] != (28, 28):
            raise ValueError(f"{images.dtype} {images.shape}, not (..., 28, 28) bytes")
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} holds no images ({error}); `make report` makes it again") from None
    return images


def kept_samples(run: Run, n: int) -> Tensor:
    """The first n samples kept with a released training, (n, 1, 28, 28) in [-0.5, 0.5]."""
    images = read_kept(run.folder.parents[1], f"samples_{run.name}")[:n, None]
    return torch.from_numpy(images).float() / 255 - 0.5


class Drawn:
    """The samples of a training, each set drawn once and kept: FOLDER/mixture-epoch-0005-500.safetensors.

    A long measuring that was interrupted so goes on. A set is drawn again where the weights, the way to
    sample or the code that draws is another.
    """

    def __init__(self, folder: Path, run: Run, seed: int):
        self.folder, self.run, self.seed = folder, run, seed

    def __call__(
        self, n: int, of: Run | None = None, way: str = "", epoch: int | None = None, average: int = 1
    ) -> Tensor:
        """n samples (n, 1, 28, 28) of the training, or as `of` samples it in a way."""
        of = self.run if of is None else of
        lines = of.history[-average:] if epoch is None else of.history[epoch - average : epoch]
        about = {
            "weights": [line["sha256"] for line in lines],
            "way": [to_json(tree(one, "the way to sample")) for one in (of.sampler, of.prior)],
            "drawn": [n, self.seed, of.precision, of.device.type],
            "code": code_of(SAMPLING),
        }
        parts = [re.sub(r"[^\w.]+", "-", way), f"epoch-{epoch:04d}" if epoch else "", str(n)]
        path, known = self.folder / f"{'-'.join(filter(None, parts))}.safetensors", digest(about, 16)
        if path.is_file():
            try:
                return safetensors.torch.load(path.read_bytes())[known]
            except SafetensorError:
                print(f"{path.name} is damaged; its samples are drawn again", flush=True)
            except KeyError:
                print(f"{path.name} is drawn again: its weights, sampler or code have changed", flush=True)
        x = of.sample(n, self.seed, epoch, average=average)
        write_bytes(path, safetensors.torch.save({known: x}))
        return x


def verify(folder: Path) -> list[str]:
    """The files of a release, each found to be what its manifest says; else ValueError."""
    try:
        hashes = dict(read_json(folder / MANIFEST)["files"])
    except (ValueError, KeyError, TypeError):
        hashes = {}
    for name in hashes:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} names {name!r}, a place outside of the release")
    paths = {folder / name: known for name, known in hashes.items()} or {folder / MANIFEST: ""}
    for path, known in paths.items():
        if not path.is_file() or sha256(path) != known:
            raise ValueError(
                f"{path} is missing or not what was released (its sha256); get it back with `git checkout -- "
                f"released/{folder.name}`, or make it again with `make retrain PROFILE={folder.name}` and "
                f"`make release PROFILE={folder.name}`"
            )
    return list(hashes)
