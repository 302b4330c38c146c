"""The IDX format, in which all the data sets come: a header with the sizes, then the bytes.

two zero bytes, type 8 (unsigned byte), number of dimensions, the sizes as big-endian uint32, the data
"""

import os
import struct
from pathlib import Path

import numpy as np


class DataError(ValueError):
    """A data set cannot be had, written or trusted; the message says which, and what to do."""


def idx_bytes(array: np.ndarray) -> bytes:
    """A uint8 array in the IDX format."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array, dtype=np.uint8).tobytes()


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Read one uint8 IDX file.

    Raises:
        DataError: not an IDX file of bytes, its length disagrees with its header, or it cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); run `python -m diffusion.data`"
        ) from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise DataError(
            f"{path} is not an IDX file of unsigned bytes; delete it and run `python -m diffusion.data`"
        )
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    body = len(content) - 4 - 4 * len(shape)
    expected = 1
    for size in shape:
        expected *= size  # python integers: a hostile header cannot overflow
    if body != expected:
        raise DataError(f"{path} holds {body} values, its header says {shape}; delete it and fetch again")
    values = np.frombuffer(content[len(content) - body :], np.uint8)
    try:
        return values.reshape(shape)
    except ValueError as error:  # more dimensions, or larger ones beside a zero, than numpy admits
        raise DataError(
            f"{path} has the shape {shape}, which no array can have; delete it and fetch again"
        ) from error
