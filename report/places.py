"""Paths in a checkout. In the tool only this file names the package `paper`, and the tool runs without it."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "paper"  # our paper: text, claims, figures, notebooks and profiles
OF_PAPER = f"{PAPER.name}/**/*"  # pattern for its files, relative to the checkout
HOUSES = (ROOT, PAPER)  # each contains the folders notebooks/ and profiles/
PROFILES = ROOT / "profiles"
PLAY = ROOT / "released" / "page" / "cold-zoom.html"  # the play page


def paper() -> ModuleType:
    """Import the module that writes the paper; ValueError: this checkout does not contain it."""
    if not (PAPER / "__init__.py").is_file():
        raise ValueError(
            f"kind is {PAPER.name!r}, but this checkout lacks the folder {PAPER.name}/; remove `kind`"
        )
    return import_module(f"{PAPER.name}.contents")


def profiles() -> dict[str, Path]:
    """The files of all profiles, by name."""
    return {path.stem: path for house in HOUSES for path in sorted(house.glob("profiles/*.yaml"))}


def notebooks() -> dict[str, Path]:
    """The files of all notebooks, by name."""
    return {path.stem: path for house in HOUSES for path in sorted(house.glob("notebooks/*.ipynb"))}


def notebook(name: str) -> Path:
    """The file of a notebook; ValueError: no notebook has this name."""
    if name not in (known := notebooks()):
        raise ValueError(f"no notebook is named {name!r}; notebooks: {', '.join(known)}")
    return known[name]
