"""Atomic writing of files, hashes, and differences between settings."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write_bytes(path: str | os.PathLike, content: bytes) -> Path:
    """Write `content` to `path` atomically, and return the path. The folder is created if needed.

    Raises:
        OSError: If the file cannot be written, or the disk is full. An earlier file at `path` stays
            unchanged.
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
            error.filename = os.fspath(path)  # a failed write does not name the file
        raise
    return path


def sha256(source: bytes | str | os.PathLike) -> str:
    """Return the hexadecimal SHA-256 of bytes, or of the file at a path."""
    return hashlib.sha256(source if isinstance(source, bytes) else Path(source).read_bytes()).hexdigest()


def digest(content: Any, length: int = 12) -> str:
    """Return a short hash of a JSON-like value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]


def differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> Iterator[tuple]:
    """Yield the name, the recorded value and the wanted value of each difference of two nested settings.

    Example:
        >>> from diffusion.files import differences
        >>> [*differences({"seed": 0, "data": {"n": 1}}, {"seed": 0, "data": {"n": 2}})]
        [('data.n', 1, 2)]
    """
    for key in {**recorded, **wanted}:
        a, b = recorded.get(key), wanted.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from differences(a, b, f"{prefix}{key}.")
        elif a != b or type(a) is not type(b) and isinstance(a, bool | int | float):
            yield f"{prefix}{key}", a, b
