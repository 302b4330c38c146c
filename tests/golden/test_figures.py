"""The paper's figures, as executed notebooks show them, against the numbers that are released with it.

Of notebooks that train, the cells after the last such figure are left out: they only cost time.
"""

import csv
import io
from pathlib import Path

import nbformat
import pytest
from papermill import execute_notebook

from report.figures import csv_of, figures_in
from workflow.release import RELEASED

PAPER = RELEASED / "paper"
OF_ANOTHER = {"changes", "losses_beside"}  # figures of notebook 06, which is about another run
PLOTTED = sorted({path.stem for path in (PAPER / "figures").glob("*.csv")} - OF_ANOTHER)
CLOSE = 1e-9  # relative difference that another processor's rounding may make
NOTEBOOKS = {  # executed notebook -> its parameters
    "01_schedules": {},
    "02_train_ddpm-linear-0": {"model": "linear", "n_test": 500},
    "02_train_ddpm-cosine-0": {"model": "cosine", "schedule": "cosine", "n_test": 500},
    "03_train_zoom-zoom-0": {"model": "zoom", "n_train": None, "n_test": None, "n_reconstruct": 100},
    "07_yardstick": {},
    "09_level": {"beyond": "beyond", "starts": "starts"},
    "11_models": {"beyond": "beyond", "original": "original"},
}
LAST = {"02_train_ddpm": "fig-loss", "03_train_zoom": "fig-confusion"}  # cells


@pytest.fixture(scope="module")
def shown(root, tmp_path_factory, mnist_dir):
    """Name of a figure -> its numbers."""
    out = tmp_path_factory.mktemp("figures")
    for name, parameters in NOTEBOOKS.items():
        source = shortened(root / "notebooks" / f"{name.partition('-')[0]}.ipynb", out / "shortened")
        given = {"released": "paper", "out_dir": str(out / "results"), **parameters}
        execute_notebook(source, out / f"{name}.ipynb", given, cwd=root, progress_bar=False)
    found = figures_in(sorted(out.glob("*.ipynb")))
    return {name: numbers(csv_of(figure, PAPER)) for name, figure in found.items() if figure.suffix == ".svg"}


def shortened(notebook: Path, folder: Path) -> Path:
    """A copy of a notebook in a folder, without the cells after the last that is wanted of it."""
    content = nbformat.read(notebook, as_version=4)
    if last := LAST.get(notebook.stem):
        content.cells = content.cells[: 1 + [cell.id for cell in content.cells].index(last)]
    folder.mkdir(exist_ok=True)
    nbformat.write(content, folder / notebook.name)
    return folder / notebook.name


def numbers(content: bytes) -> list[float]:
    """The values of rows, and the ends of their intervals."""
    rows = csv.DictReader(io.StringIO(content.decode()))
    return sorted(float(row[key]) for row in rows for key in ("value", "low", "high") if row[key])


def test_the_papers_figures_show_the_numbers_that_are_released(shown):
    assert len(PLOTTED) > 15
    assert not {*PLOTTED} - shown.keys()
    for name in PLOTTED:
        known = numbers((PAPER / "figures" / f"{name}.csv").read_bytes())
        assert known
        assert shown[name] == pytest.approx(known, rel=CLOSE, abs=1e-9), name
