"""A hostile pickle, and one like that of the MNIST archive, for tests of readers."""

import gzip
import os
import struct

import numpy as np


class Code:
    """An object whose pickle runs a command when it is read carelessly."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def in_few_words(code: Code) -> bytes:
    """A pickle that runs the command with nothing but the instructions that the MNIST archive has."""
    command = f"touch {code.target}".encode()
    return b"\x80\x02cos\nsystem\nU" + bytes([len(command)]) + command + b"\x85R."


def archive(*parts: tuple[np.ndarray, np.ndarray]) -> bytes:
    """Pairs of float32 and int64 arrays as the MNIST archive packs them, in the words of an old numpy."""
    packed = b"".join(_array(x, b"f4") + _array(y, b"i8") + b"\x86" for x, y in parts)
    return gzip.compress(b"\x80\x02(" + packed + b"t.", mtime=0)


def _array(value: np.ndarray, code: bytes) -> bytes:
    content, shape = value.tobytes(), b"".join(b"J" + struct.pack("<i", size) for size in value.shape)
    kind = (
        b"cnumpy\ndtype\nU\x02" + code + b"K\0K\1\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
    return (
        made + b"(K\1(" + shape + b"t" + kind + b"\x89T" + struct.pack("<i", len(content)) + content + b"tb"
    )
