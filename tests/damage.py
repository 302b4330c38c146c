"""What can befall a file: each way once, and drawn at random."""

import random
import shutil
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


def flipped(content: bytes, place: int, bit: int = 0) -> bytes:
    """The content with one bit of the byte at this place turned over."""
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


# --- at random: each function does it and says what it did ---


def flip(path: Path, chance: random.Random) -> str:
    content = path.read_bytes()
    place, bit = chance.randrange(len(content)), chance.randrange(8)
    path.write_bytes(flipped(content, place, bit))
    return f"bit {bit} of byte {place} flipped"


def truncate(path: Path, chance: random.Random) -> str:
    content = path.read_bytes()
    length = chance.randrange(len(content))
    path.write_bytes(content[:length])
    return f"cut to {length} of {len(content)} bytes"


def junk(path: Path, chance: random.Random) -> str:
    path.write_bytes(chance.randbytes(chance.randrange(1, 2000)))
    return "replaced by junk"


def zero(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    content[place : place + 512] = bytes(len(content[place : place + 512]))
    path.write_bytes(content)
    return f"512 bytes from {place} zeroed"


def lose(path: Path, chance: random.Random) -> str:
    path.unlink()
    return "deleted"


def exchange(path: Path, chance: random.Random) -> str:
    """Another file of its kind takes its place."""
    others = [p for p in files(path.parents[1]) if p != path and p.suffix == path.suffix]
    if not others:
        return lose(path, chance)
    other = chance.choice(others)
    shutil.copyfile(other, path)
    return f"replaced by a copy of {other.name}"


def edit(path: Path, chance: random.Random) -> str:
    """Change one digit of a text, as a hand would."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    digits = [i for i, c in enumerate(text) if c in "0123456789"]
    if path.suffix not in (".json", ".jsonl", ".ipynb", ".yaml") or not digits:
        return flip(path, chance)
    place = chance.choice(digits)
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :], encoding="utf-8")
    return f"a digit at {place} edited"


KINDS = (flip, flip, flip, truncate, zero, junk, lose, exchange, edit)


def damage(path: Path, chance: random.Random) -> str:
    """Damage, lose or exchange a file."""
    return f"{path.name}: {chance.choice(KINDS)(path, chance)}"


def files(folder: Path) -> list[Path]:
    """The files below a folder that hold something; locks do not count."""
    found = (p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    return sorted(p for p in found if p.suffix != ".lock" and p.name != ".lock")
