"""What can befall a file, each way once."""

import json
import random
from collections.abc import Callable
from pathlib import Path

WAYS = {  # old content -> new
    "empty": lambda old: b"",
    "half": lambda old: old[: len(old) // 2],
    "cut": lambda old: old[:-1],
    "longer": lambda old: old + b"\0",
    "first bit": lambda old: bytes([old[0] ^ 1]) + old[1:],
    "a bit within": lambda old: (
        old[: len(old) // 2] + bytes([old[len(old) // 2] ^ 4]) + old[len(old) // 2 + 1 :]
    ),
    "other": lambda old: b"nothing of ours",
}


def flipped(content: bytes, chance: random.Random) -> bytes:
    """The content with one bit turned over."""
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def changed(path: Path, change: Callable[[dict], object]) -> None:
    """Edit the JSON in a file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
