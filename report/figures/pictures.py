"""Figures of kept samples of several training runs."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from report.figures import images
from report.figures.distances import RELEASED, YOURS
from report.figures.lessons import grids
from report.figures.styles import figure, literal
from report.results.counterparts import Pair
from report.results.kept import kept_path
from report.results.views import Results, Training

PAIR, TALLEST = 22, 220  # heights in mm: a row of `samples_beside`, and all its rows
SHOWN = 16  # samples on each side of `samples_beside`
COLUMNS = 8  # samples in a row of `first_samples`


@figure
def first_samples(results: Results, model: str) -> Figure | None:
    """The first samples of a model's first run in one row; None if no samples are kept."""
    name = f"samples_{results.first(model).name}"
    if not kept_path(results.out, name).is_file():
        return None
    return images.grid(results.kept(name)[:COLUMNS], columns=COLUMNS)


@figure
def samples_beside(results: Results, pairs: Sequence[tuple[Training, Pair]]) -> Figure | None:
    """Samples of each model of a run, next to samples of its counterpart, or to further samples of the model.

    Args:
        results: the run.
        pairs: first training runs with their counterparts (`report.results.counterparts.list_beside`).
    """
    blocks = {}
    for training, other in pairs:
        label, x = literal(training.label), results.kept(f"samples_{training.name}")
        blocks[f"{label}: {YOURS}"] = x[:SHOWN]
        if other:
            blocks[f"{label}: {RELEASED}"] = other[0].kept(f"samples_{other[1].name}")[:SHOWN]
        else:
            blocks[f"{label}: the last ones"] = x[-SHOWN:]
    highest = min(TALLEST, max(images.HIGHEST, PAIR * len(pairs)))
    return grids(blocks, across=2, highest=highest) if blocks else None
