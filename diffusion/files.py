"""Files that are whole or absent, hashes, and how two settings differ."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write_bytes(path: str | os.PathLike, content: bytes) -> Path:
    """Write `content` to `path` atomically, making its folder; returns the path.

    OSError: it cannot be written, or the disk is full; an earlier file at `path` is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part-{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = os.fspath(path)  # a write that fails names no file by itself
        raise
    return path


def sha256(source: bytes | str | os.PathLike) -> str:
    """Hexadecimal SHA-256 of bytes, or of the content of a file, by its path."""
    return hashlib.sha256(source if isinstance(source, bytes) else Path(source).read_bytes()).hexdigest()


def digest(content: Any, length: int = 12) -> str:
    """Short hash of a JSON-like value, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]


def differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The differences between two nested settings, in words.

    >>> list(differences({"seed": 0, "data": {"n": 1}}, {"seed": 0, "data": {"n": 2}}))
    ['data.n was 1, is 2']
    """
    for key in sorted(recorded.keys() | wanted.keys()):
        a, b = recorded.get(key), wanted.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from differences(a, b, f"{prefix}{key}.")
        elif a != b or type(a) is not type(b) and isinstance(a, bool | int | float):
            yield f"{prefix}{key} was {a!r}, is {b!r}"
