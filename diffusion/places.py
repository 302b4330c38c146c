"""Paths of the package and of the releases, and the versions of libraries that results depend on."""

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import torch

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Return the project's folder if the package is in a checkout, or None if it is installed."""
    return PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None


def releases() -> Path:
    """Return the folder of released results, in the checkout or in the installed package."""
    project = checkout()
    return project / "released" if project else PACKAGE / "_released"


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Return versions of the libraries that compute, and of further packages: results depend on them."""
    return {"torch": torch.__version__} | {name: metadata.version(name) for name in ("numpy", *more)}
