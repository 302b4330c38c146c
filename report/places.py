"""Places in a checkout. Of the tool only this file names the paper's package, without which the tool runs."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "paper"  # our paper: its text, claims and figures, with notebooks and profiles of its own
OF_PAPER = f"{PAPER.name}/**/*"  # its files, from the checkout
HOUSES = (ROOT, PAPER)  # each has the folders notebooks/ and profiles/
PROFILES = ROOT / "profiles"
PLAY = ROOT / "released" / "page" / "cold-zoom.html"  # the page to play with


def paper() -> ModuleType:
    """Import the module that writes the paper; ValueError: this checkout does not contain it."""
    if not (PAPER / "__init__.py").is_file():
        raise ValueError(
            f"kind is {PAPER.name!r}, and this checkout has no folder {PAPER.name}/; remove `kind`"
        )
    return import_module(f"{PAPER.name}.contents")


def profiles() -> dict[str, Path]:
    """The files of all profiles, by name."""
    return {path.stem: path for house in HOUSES for path in sorted(house.glob("profiles/*.yaml"))}


def notebooks() -> dict[str, Path]:
    """The files of all notebooks, by name."""
    return {path.stem: path for house in HOUSES for path in sorted(house.glob("notebooks/*.ipynb"))}


def notebook(name: str) -> Path:
    """The file of a notebook; ValueError: there is none of this name."""
    if name not in (known := notebooks()):
        raise ValueError(f"there is no notebook {name!r}; there are {', '.join(known)}")
    return known[name]
