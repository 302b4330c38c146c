"""The manifest of a release: the SHA-256 of each of its files, checked wherever the release is read."""

import re
from pathlib import Path

from diffusion.files import read_json, sha256

MANIFEST = "manifest.json"
VERIFIED = "verified.txt"  # beside a report: the table of `make verify`, where one was made


def verify(folder: Path) -> list[str]:
    """The files of a release, each found to be what its manifest says; else ValueError."""
    remedy = (
        f"get it back with `git checkout -- released/{folder.name}`, or make it again with "
        f"`make retrain PROFILE={folder.name}` and `make release PROFILE={folder.name}`"
    )
    try:
        files = dict(read_json(folder / MANIFEST)["files"])
        whole = files and all(re.fullmatch("[0-9a-f]{64}", one) for one in files.values())
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        whole = False
    if not whole:
        raise ValueError(f"{folder / MANIFEST} is missing or damaged; {remedy}")
    for name, known in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} names {name!r}, a place outside of the release; {remedy}")
        if not path.is_file() or sha256(path) != known:
            raise ValueError(f"{path} is missing or not what was released (its sha256); {remedy}")
    return list(files)
