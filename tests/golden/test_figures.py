"""The paper's figures, as the cells of notebooks draw them, against the numbers that are released with it."""

import pytest

from helpers import PAPER, defined
from report.figures.print_style import PrintFigure
from report.files import read_json
from report.jobs.release import SHOWN, summarise_plotted
from report.pages.figures import Drawing, make_csv

NOT_HERE = {"changes", "losses_beside"}  # figures of notebook 14, which is about another run
NOT_HERE |= {"few_calls"}  # until the next release
NOT_HERE |= {"confusion", "confusion_zoom"}  # of restorations, which another processor rounds otherwise
RELEASED = {name.removesuffix(".csv"): shown for name, shown in read_json(PAPER / SHOWN).items() if shown}
PLOTTED = sorted(RELEASED.keys() - NOT_HERE)
CLOSE = 1e-9  # relative difference that another processor's rounding may make
ALONE = {  # notebook -> cells that figures rest on, and parameters
    "01_schedules": ("linear cosine", {"released": "paper"}),
    "07_yardstick": ("rows", {"released": "paper"}),
    "09_level": ("results", {}),
    "11_models": ("results", {}),
    "report_figures": ("results", {"released": "paper"}),
}
OF_TRAININGS = {  # model -> the same
    "linear": ("02_train_ddpm", "data fit", {}),
    "cosine": ("02_train_ddpm", "data fit", {"schedule": "cosine"}),
    "zoom": ("03_train_zoom", "data fig-centre_pixels starts fit", {"n_train": None}),
}


def drawn(notebook: str, cells: str, **given) -> dict[str, PrintFigure]:
    """Name -> figure, as `report.pages.figures` calls it."""
    plotted = {f"fig-{name}" for name in PLOTTED} | {"fig-classes_along"}
    shown = defined(notebook, *cells.split(), *plotted, **given)["shown"]
    figures = [(cell, one) for cell, one in shown if isinstance(one, PrintFigure)]
    return {"_".join(filter(None, (cell.removeprefix("fig-"), one.model))): one for cell, one in figures}


def test_the_papers_figures_show_the_numbers_that_are_released(mnist_dir):
    found = {}
    for notebook, (cells, given) in ALONE.items():
        found |= drawn(notebook, cells, **given)
    for model, (notebook, cells, given) in OF_TRAININGS.items():
        of = drawn(notebook, cells, released="paper", model=model, **given)
        found |= {f"{name}_{model}": figure for name, figure in of.items()}
        found |= of if model == "zoom" else {}
    assert len(PLOTTED) > 15
    assert not {*PLOTTED} - found.keys()
    for name in PLOTTED:
        figure, known = found[name], RELEASED[name]
        shown = summarise_plotted(make_csv(Drawing("", "", "", b"", figure.sources, figure.numbers), PAPER))
        assert known[0]
        assert shown == pytest.approx(known, rel=CLOSE, abs=1e-9), name
