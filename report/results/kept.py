"""Files of a run: images for figures, drawn samples, and the manifest of a release.

OUT/kept/<name>.npz contains bytes (..., S, S), or (..., S, S, 3) in colour:

real                        (64,): test images                              notebook 07
samples_<model>-<seed>      (n,): samples of the finished model             measuring
quality_<model>-<seed>      (2, 16): samples of high and of low quality     measuring
intervention                (sets, n): first samples of each set            notebook 13
"""

import io
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffusion.files import digest, sha256, write_bytes
from diffusion.once import once
from diffusion.own import code_of
from diffusion.pixels import channels_first
from diffusion.places import PACKAGE
from diffusion.saved import to_plain, to_settings
from diffusion.training.run import Run
from report.files import read_json

MANIFEST = "manifest.json"  # contains the SHA-256 of each file of a release
# Code that determines the samples of a network.
SAMPLING = [PACKAGE / "runtime.py", *sorted((PACKAGE / "processes").glob("*.py"))]
SAMPLING += [PACKAGE / "training" / name for name in ("network.py", "sampling.py", "run.py")]


def kept_path(out: Path, name: str) -> Path:
    return out / "kept" / f"{name}.npz"


def keep(out: Path, name: str, images: np.ndarray) -> Path:
    """Write images, uint8 (..., S, S[, 3]), and return the path; equal images give equal files."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=np.ascontiguousarray(images, dtype=np.uint8))
    return write_bytes(kept_path(out, name), buffer.getvalue())


def read_kept(out: Path, name: str) -> np.ndarray:
    """Read kept images, uint8 (..., S, S[, 3]); OSError: the file is missing."""
    with np.load(kept_path(out, name), allow_pickle=False) as file:
        return file["images"]


def kept_samples(run: Run, n: int) -> Tensor:
    """The first n samples of a released run, (n, C, S, S) in [-0.5, 0.5].

    Args:
        run: a run opened by `diffusion.released`.
        n: number of samples.
    """
    images = torch.from_numpy(read_kept(run.folder.parents[1], f"samples_{run.name}")[:n])
    return channels_first(images).float() / 255 - 0.5


class Drawn:
    """Draws sets of samples of a training run, and keeps each: FOLDER/mixture-500.safetensors.

    The file contains a hash of everything that determines the samples: weights, sampler, prior, seed, and the
    code that draws. A set is therefore drawn once, and drawn again when any of these changes.
    """

    def __init__(self, folder: Path, run: Run, seed: int):
        self.folder, self.run, self.seed = folder, run, seed

    def __call__(self, n: int, run: Run | None = None, variant: str = "", epoch: int | None = None) -> Tensor:
        """Draw n samples, (n, C, S, S), or read them if they are kept.

        Args:
            n: number of samples.
            run: the training run as a variant samples it; None: as it samples by default.
            variant: name of the variant.
            epoch: epoch of the weights; None: the last.
        """
        run = run or self.run
        if epoch == len(run.history):
            epoch = None  # the last checkpoint is the finished model
        last, average = len(run.history) if epoch is None else epoch, getattr(run, "average", 1)
        content = {
            "weights": [line["sha256"] for line in run.history[max(0, last - average) : last]],
            "sampling": [to_settings(to_plain(part, "the sampling")) for part in (run.sampler, run.prior)],
            "drawn": [n, self.seed, run.precision, run.device.type],
            "code": code_of(SAMPLING),
        }
        label = re.sub(r"[^\w.]+", "-", variant)
        parts = [label, f"epoch-{epoch:04d}" if epoch else "", str(n)]
        path = self.folder / f"{'-'.join(filter(None, parts))}.safetensors"
        made = once(path, {"drawn": digest(content)}, lambda: {"samples": run.sample(n, self.seed, epoch)})
        return made["samples"]


def read_or_draw(run: Run, n: int, seed: int, out: Path) -> Tensor:
    """n samples of a run, (n, C, S, S) in [-0.5, 0.5]: kept ones, or new ones if fewer are kept.

    Args:
        run: a run in the folder of its results, OUT/runs/NAME.
        n: number of samples.
        seed: seed of drawn samples.
        out: results folder for drawn samples.
    """
    place = run.folder.parents[1]
    if kept_path(place, f"samples_{run.name}").is_file() and len(x := kept_samples(run, n)) == n:
        return x
    return Drawn(out / "samples" / place.name / run.name, run, seed)(n).clamp(-0.5, 0.5)


def verify(folder: Path) -> list[str]:
    """Check the files of a release against its manifest, and return their names.

    Raises:
        ValueError: a file is missing or differs.
    """
    try:
        hashes = dict(read_json(folder / MANIFEST)["files"])
    except (ValueError, KeyError, TypeError):
        hashes = {}
    for name in hashes:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} lists {name!r}, which is outside of the release")
    paths = {folder / name: known for name, known in hashes.items()} or {folder / MANIFEST: ""}
    for path, known in paths.items():
        if not path.is_file() or sha256(path) != known:
            raise ValueError(
                f"{path} is missing or differs from the release (sha256); restore it with `git checkout -- "
                f"released/{folder.name}`, or rebuild it with `make retrain PROFILE={folder.name}` and "
                f"`make release PROFILE={folder.name}`"
            )
    return list(hashes)
