"""Figures of images: samples of several trainings, as they are kept."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from diffusion.figures import images
from report.figures.distances import RELEASED, YOURS
from report.figures.lessons import grids
from report.figures.styles import figure, literal
from report.results.counterparts import Pair
from report.results.definitions import UNPICKED
from report.results.kept import kept_path
from report.results.views import Results, Training

PAIR, TALLEST = 22, 220  # mm: a row of `samples_beside`, and all of them
SHOWN = 16  # samples of each training of `beyond_samples`, and of each side of `samples_beside`
COLUMNS, MOST = 8, 32  # of one's own models: samples in a row, and in all


def kept(results: Results | None, names: Mapping[str, str], n: int | None) -> dict[str, np.ndarray]:
    """Title -> the first n of kept images (None: all), where there are any; names are given by title."""
    there = {k: name for k, name in names.items() if results and kept_path(results.out, name).is_file()}
    return {title: results.kept(name)[:n] for title, name in there.items()}


@figure
def own_samples(results: Results, models: Sequence[str]) -> Figure | None:
    """Samples of some models, their first trainings."""
    names = {literal(one.label): f"samples_{one.name}" for one in map(results.first, models)}
    found = kept(results, names, MOST if len(names) <= 4 else MOST // 2)
    return grids(found, columns=COLUMNS, across=min(2, len(found))) if found else None


@figure
def first_samples(results: Results, found: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of the first model of a run. See `report.results.counterparts.firsts`."""
    return images.grid(results.kept(f"samples_{found[0][0].name}")[:UNPICKED], columns=16) if found else None


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
