"""The place of the package and of the releases, and the versions of libraries that results depend on."""

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import torch

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The project's folder when the package lies in a checkout; None where it is installed."""
    return PACKAGE.parent if (PACKAGE.parent / "report" / "jobs" / "Snakefile").is_file() else None


def releases() -> Path:
    """The folder of released results, in the checkout or in the installed package."""
    project = checkout()
    return project / "released" if project else PACKAGE / "_released"


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Versions of what computes, and of further packages: the numbers of a result depend on these."""
    return {"torch": torch.__version__} | {name: metadata.version(name) for name in ("numpy", *more)}
