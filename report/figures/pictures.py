"""Figures of kept samples of several training runs."""

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

PAIR, TALLEST = 22, 220  # mm: a row of `samples_beside`, and the whole figure
SHOWN = 16  # samples of each training in `beyond_samples`, and of each side in `samples_beside`
COLUMNS, MOST = 8, 32  # samples of the user's own models: in a row, and in all


def kept(results: Results | None, names: Mapping[str, str], n: int | None) -> dict[str, np.ndarray]:
    """The first n kept images by title; missing ones are left out.

    Args:
        results: the run; None gives no images.
        names: names of kept images (`report.results.kept`) by title.
        n: number of images; None: all.
    """
    known = {
        title: name
        for title, name in names.items()
        if results is not None and kept_path(results.out, name).is_file()
    }
    return {title: results.kept(name)[:n] for title, name in known.items()}


@figure
def own_samples(results: Results, models: Sequence[str]) -> Figure | None:
    """Samples of the first training of each model."""
    firsts = [results.first(model) for model in models]
    names = {literal(training.label): f"samples_{training.name}" for training in firsts}
    samples = kept(results, names, MOST if len(names) <= 4 else MOST // 2)
    return grids(samples, columns=COLUMNS, across=min(2, len(samples))) if samples else None


@figure
def first_samples(results: Results, found: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of the first model of a run.

    Args:
        results: the run.
        found: first training runs with their counterparts (`report.results.counterparts.list_firsts`).
    """
    return images.grid(results.kept(f"samples_{found[0][0].name}")[:UNPICKED], columns=16) if found else None


@figure
def samples_beside(results: Results, found: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of each model of a run, next to samples of its counterpart, or to more of its own.

    Args:
        results: the run.
        found: first training runs with their counterparts (`report.results.counterparts.list_beside`).
    """
    blocks = {}
    for training, other in found:
        label, x = literal(training.label), results.kept(f"samples_{training.name}")
        blocks[f"{label}: {YOURS}"] = x[:SHOWN]
        if other:
            blocks[f"{label}: {RELEASED}"] = other[0].kept(f"samples_{other[1].name}")[:SHOWN]
        else:
            blocks[f"{label}: the last ones"] = x[-SHOWN:]
    highest = min(TALLEST, max(images.HIGHEST, PAIR * len(found)))
    return grids(blocks, across=2, highest=highest) if blocks else None
