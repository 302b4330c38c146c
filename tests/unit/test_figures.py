"""The study's figures, and what the report takes of them from executed notebooks."""

import csv
import io

import nbformat
import numpy as np
import pytest
import torch
from nbformat import v4

from diffusion import figures
from helpers import PAPER
from report import figures as tool
from report.figures import curves, images
from report.figures.print_style import render
from report.pages.figures import collect_figures, make_csv, read_figures
from report.results import views as results

RESULTS = results.load(PAPER)
LOSSES = [
    {"epoch": 1, "step": 4, "test_loss": 0.25},
    {"epoch": 2, "step": 8, "test_loss": None},
]
STEPS = [(2, 0.5), (8, 0.25)]


def notebook(path, **cells):
    """An executed notebook whose cells have shown figures, a list each."""

    def shown(figure):
        data = {"text/plain": "nothing"} if figure is None else figure._repr_mimebundle_()[0]
        return v4.new_output("display_data", data)

    made = [v4.new_code_cell("x", id=f"fig-{k}", outputs=[*map(shown, of)]) for k, of in cells.items()]
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# A title"), *made]), path)
    return path


def lines(figure):
    return list(csv.DictReader(io.StringIO(make_csv(figure, PAPER).decode())))


def test_figures_of_notebooks_have_their_bytes_rows_and_names(tmp_path):
    grid, drawn = images.grid(np.zeros((4, 28, 28), np.uint8)), tool.distances(RESULTS)
    paths = [notebook(tmp_path / "04_compare_fid.ipynb", none=[None], distances=[drawn])]
    for model in ("linear", "zoom"):
        shown = {"loss": [curves.losses(model, LOSSES, STEPS)], "grid": [grid]}
        paths.append(notebook(tmp_path / f"02_train-{model}-0.ipynb", **shown))
    found = collect_figures(paths)
    several = {f"{name}{end}" for name in ("loss", "grid") for end in ("", "_linear", "_zoom")}
    assert found.keys() == {"distances"} | several
    assert found["loss"] == found["loss_zoom"] != found["loss_linear"]
    rows = [(row["way"], float(row["x"]), float(row["value"])) for row in lines(found["loss"])]
    assert rows == [("zoom, train", 0.5, 0.5), ("zoom, train", 2, 0.25), ("zoom, test", 1, 0.25)]
    assert [row["source"] for row in lines(found["distances"]) if row["source"]] == drawn.sources != []
    assert (found["grid"].suffix, found["grid"].data) == (".png", render(grid, "png"))
    assert make_csv(found["grid"], PAPER) is None  # a picture of images has no numbers
    with pytest.raises(ValueError, match="cell fig-grid .*two pictures"):
        read_figures(notebook(tmp_path / "twice.ipynb", grid=[grid, grid]))


def marks(axes, marker):
    """The x of all marks of a kind in a panel."""
    return sorted(float(x) for one in axes.lines if one.get_marker() == marker for x in one.get_xdata())


def test_a_grid_takes_images_as_a_training_does_and_refuses_what_are_none():
    x = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    shown = figures.grid(x)._repr_png_()
    channels_last = x.permute(0, 2, 3, 1).contiguous()
    as_bytes = (channels_last + 0.5).mul(255).round().byte()
    for same in (channels_last, channels_last.numpy(), as_bytes, as_bytes.numpy()):
        assert figures.grid(same)._repr_png_() == shown
    grey = figures.grid(x[:, :1])._repr_png_()
    assert grey == figures.grid(x[:, 0].numpy())._repr_png_() != shown
    wrong = {
        "a list": [x],
        "images is 'x'": "x",
        "have 5 channels; .*1 .*3": torch.zeros(4, 5, 16, 16),
        r"\(0, 3, 28, 28\)": x[:0],
        r"\(28, 28\)": x[0, 0],
        "NaN": x * np.nan,
    }
    for said, given in wrong.items():
        with pytest.raises(ValueError, match=said):
            figures.grid(given)
    with pytest.raises(ValueError, match="^grid: columns is 0; expected: greater than or equal to 1$"):
        figures.grid(x, columns=0)
