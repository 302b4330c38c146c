"""Figures of images: samples of several trainings, as they are kept."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from diffusion.figures import images
from report.figures.distances import RELEASED, YOURS
from report.figures.lessons import grids
from report.figures.styles import figure, literal
from report.results.counterparts import Pair
from report.results.kept import kept_path
from report.results.views import Results, Training

PAIR, TALLEST = 22, 220  # mm: a row of `samples_beside`, and all of them
SHOWN = 16  # samples of each side of `samples_beside`
COLUMNS = 8  # samples of a row of `first_samples`


def kept(results: Results | None, names: Mapping[str, str], n: int | None) -> dict[str, np.ndarray]:
    """Title -> the first n of kept images (None: all), where there are any; names are given by title."""
    there = {k: name for k, name in names.items() if results and kept_path(results.out, name).is_file()}
    return {title: results.kept(name)[:n] for title, name in there.items()}


@figure
def first_samples(results: Results, model: str) -> Figure | None:
    """The first samples of a model's first run in one row, None where none are kept."""
    name = f"samples_{results.first(model).name}"
    if not kept_path(results.out, name).is_file():
        return None
    return images.grid(results.kept(name)[:COLUMNS], columns=COLUMNS)


@figure
def samples_beside(results: Results, found: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of each model of a run, beside those of its counterpart, or more of its own."""
    blocks = {}
    for one, other in found:
        label, x = literal(one.label), results.kept(f"samples_{one.name}")
        blocks[f"{label}: {YOURS}"] = x[:SHOWN]
        if other:
            blocks[f"{label}: {RELEASED}"] = other[0].kept(f"samples_{other[1].name}")[:SHOWN]
        else:
            blocks[f"{label}: the last ones"] = x[-SHOWN:]
    highest = min(TALLEST, max(images.HIGHEST, PAIR * len(found)))
    return grids(blocks, across=2, highest=highest) if blocks else None
