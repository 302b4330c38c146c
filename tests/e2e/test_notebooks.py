"""The notebooks: what their cells promise, what they compute and draw, and what is recorded of them."""

import re
import sys
from pathlib import Path

import pytest
import torch
from papermill import execute_notebook, inspect_notebook

import diffusion as d
from diffusion.processes.samplers import Improved
from helpers import NOTEBOOKS, PAPER, ROOT, defined
from report.files import read_json
from report.pages.names import repository
from report.results import table
from report.results import views as results

CELLS = {name: read_json(path)["cells"] for name, path in NOTEBOOKS.items()}
SEVERAL = ("02", "03", "05")  # notebooks whose figures others may show, too


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", ())


def visible(name):
    """The ids of a notebook's cells of code but for those that are folded as plumbing."""
    cells = (cell for cell in CELLS[name] if cell["cell_type"] == "code")
    return [cell["id"] for cell in cells if not tagged(cell, "hide-input")]


# --- the cells ---


@pytest.mark.parametrize("name", CELLS)
def test_papermill_lists_every_parameter_with_type_and_meaning(name):
    found = inspect_notebook(NOTEBOOKS[name])
    (cell,) = (cell for cell in CELLS[name] if tagged(cell, "parameters"))
    assert len(cell["source"]) == 1 + len(found) <= 25  # a line each, and one that says how to change them
    for key, shown in found.items():
        assert shown["help"].strip(), key
        assert shown["inferred_type_name"] in ("int", "float", "str", "bool", "list", "dict"), key


def test_one_cell_installs_what_a_hosted_notebook_lacks_from_the_address_that_is_cited(monkeypatch):
    found = ["".join(cell["source"]) for cells in CELLS.values() for cell in cells if tagged(cell, "colab")]
    assert len(found) == 6
    (cell,), line, called = {*found}, f'repository = "{repository()}"', []
    assert line in cell
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.check_call", called.append)
    monkeypatch.setattr("sys.path", sys.path.copy())
    with pytest.raises(SystemExit, match="make lab"):
        exec(cell.replace(line, 'repository = ""'))
    exec(cell.replace(line, 'repository = "https://a.org/b"'))
    assert called[0][-2:] == ["https://a.org/b", sys.path[0]]
    assert called[1][-3:] == [sys.path[0], "anywidget", "papermill"]


def test_a_solution_is_under_a_heading_of_its_own_that_is_collapsed():
    """JupyterLab shows the outputs of a cell that is run, but not what is under such a heading."""
    found = [
        (cells[i - 1], cells[i + 1])
        for cells in CELLS.values()
        for i, cell in enumerate(cells)
        if tagged(cell, "solution")
    ]
    assert len(found) == 9
    for before, after in found:
        assert before["metadata"]["jp-MarkdownHeadingCollapsed"]
        assert before["source"] == ["#### Solution"]
        assert any(re.match("#{1,4} ", line) for line in after["source"])  # which ends what is collapsed


def test_no_figure_has_two_cells_and_each_of_the_text_has_one():
    """But for those of trainings."""
    ids = {name: [cell["id"] for cell in cells if cell["id"][:4] == "fig-"] for name, cells in CELLS.items()}
    once = [one for name, found in ids.items() if name[:2] not in SEVERAL for one in found]
    assert len(once) == len({*once}) > 20
    text = "".join(
        path.read_text("utf-8")
        for path in [*ROOT.glob("report/pages/text/**/*.md"), *ROOT.glob("paper/text/*.md")]
    )
    shown = {*re.findall(r"\]\(figures/(\w+)\.\w+\)", text)}
    known = {one.removeprefix("fig-") for found in ids.values() for one in found}
    assert len(shown) > 30
    assert not [name for name in shown if name not in known and name.rpartition("_")[0] not in known]


# --- what they compute, cell by cell, of released models ---


def test_the_lines_of_the_ddpm_are_the_studys(mnist_dir, tmp_path):
    """Visible cells need no hidden ones; each of their lines, against the process and what is released."""
    few = {"n_test": 20, "n_keep": 16, "sampler_options": {"steps": 20, "clip_x0": True}}
    cells = {"released": "paper", "n_train": None, "batch_size": 128, "out_dir": str(tmp_path)} | few
    predict = defined("02_train_ddpm", "data", "fit", "predict", **cells)
    found = defined("02_train_ddpm", *visible("02_train_ddpm"), **cells)
    g, alpha_bar = found["g"], found["alpha_bar"]

    def has_noise(x_t, x_hat, eps, t):
        """These are the latents of images that are to have this noise."""
        a = alpha_bar[t].view(-1, 1, 1, 1)
        torch.testing.assert_close(a.sqrt() * x_hat + (1 - a).sqrt() * eps, x_t, atol=1e-4, rtol=1e-4)

    has_noise(*(predict[name] for name in ("x_t", "x_hat", "eps_hat", "t")))
    times = torch.tensor(found["times"])
    with torch.inference_mode():
        for z, x_hat in zip(found["z"], found["x_hat"], strict=True):
            has_noise(z, x_hat, g(z, times / 1000), times)
    off = (alpha_bar[1:, None] - torch.tensor(found["levels"])).abs()
    assert found["steps"] == (off.argmin(0) + 1).tolist()
    rows = table.Record(PAPER, "train_linear-0")
    for way, losses in zip(("printed", "used"), found["rates"].values(), strict=True):
        near = pytest.approx([row.value for row in rows[way]["loss_of_steps"]], rel=0.05)
        assert [losses[0], losses[-1]] == near  # of 128 images a step, in place of 32


@torch.inference_mode()
def test_the_lines_of_the_zoom_are_the_studys(mnist_dir, tmp_path):
    few = {"n_train": 1000, "n_test": 200, "n_keep": 16, "n_reconstruct": 20}
    found = defined(
        "03_train_zoom", *visible("03_train_zoom"), released="paper", out_dir=str(tmp_path), **few
    )
    process, g, x = found["process"], found["g"], found["x_test"][:20]
    for t in (1, 24):
        restored = g(process.degrade(x, torch.full((20,), t)), t / torch.full((20,), 24.0))
        assert found["mean"][t - 1] == pytest.approx((restored - x).square().mean().item(), rel=1e-4)
    (drawn,) = (one for cell, one in found["shown"] if cell == "fig-reconstructions")
    rows = drawn.axes[0].images[0].get_array()
    original, degraded, restored = (rows[i * (len(rows) // 3) :][: len(rows) // 3] for i in range(3))
    assert abs(original - restored).mean() < abs(original - degraded).mean()


def test_the_sets_of_the_comparison_are_what_they_are_called(mnist_dir):
    found = defined("04_compare_fid", released="paper", n=64, n_test=200, floor_repeats=2)
    some = {*found["y_train"][found["some"]].tolist()}
    assert some == {*range(10)} - {1, 7, 9}
    assert torch.equal(found["sets"]["without 1, 7 and 9"], found["x_train"][found["some"]][:64])


# --- what they leave ---


@pytest.mark.slow
def test_a_training_of_other_settings_is_measured_but_for_a_class_that_was_typed_elsewhere(
    tmp_path, mnist_dir, monkeypatch
):
    """From another folder; the notebook's own lines stay the study's algorithms."""
    monkeypatch.chdir(tmp_path)
    small = {"n_train": 200, "n_test": 100, "n_keep": 4, "epochs": 1, "out_dir": "o"}
    small |= {"network_options": {"channels": [2]}}
    other = {"image_noise": 0.2, "sampler": "improved", "sampler_options": {"noise": 0.1, "levels": 6}}
    other |= {"prior": "mixture", "prior_options": {"components": 5}, "n_reconstruct": 50}
    zoom = defined("03_train_zoom", **small | other)["run"]
    assert (zoom.process.image_noise, zoom.sampler) == (0.2, Improved(noise=0.1, levels=6))
    execute_notebook(NOTEBOOKS["05_your_degradation"], "out.ipynb", small, progress_bar=False)
    defined("04_compare_fid", "measured", out_dir="o", n_test=200, floor_repeats=2)
    found = results.load(Path("o")).first("zoom")
    assert found.final["frechet"].n == 64
    assert d.open(Path("o") / found.train.run).weights_sha256() == zoom.weights_sha256()
    assert [path.name for path in Path("o/metrics").glob("*pixelate*")] == []
    assert {path.name for path in tmp_path.iterdir()} == {"o", "out.ipynb"}


FEW = """
import numpy as np
from diffusion import DataSet

def read(split, folder):
    n = {"train": 50, "test": 30}[split]
    images = np.random.default_rng(split == "train").integers(0, 200, (n, 28, 28), np.uint8)
    images[::2, :14], images[1::2, 14:] = 255, 255
    return images, np.arange(n) % 2

halves = DataSet("Halves", read, classes=("upper", "lower"))
"""


@pytest.mark.slow
def test_a_data_set_of_few_images_and_classes_is_trained_on_measured_and_compared(
    tmp_path, monkeypatch, capsys
):
    """All numbers are those of the notebooks, which are higher."""
    (tmp_path / "few_.py").write_text(FEW)
    monkeypatch.syspath_prepend(tmp_path)
    given = {"dataset": "few_:halves", "data_dir": str(tmp_path / "data"), "out_dir": str(tmp_path / "out")}
    assert defined("01_schedules", **given)["x_test"].shape[0] == 30
    small = {"epochs": 1, "network_options": {"channels": [2]}, "n_keep": 4, "sampler_options": {"levels": 2}}
    defined("03_train_zoom", **small, **given)
    train = table.Record(tmp_path / "out", "train_zoom-0").facts
    assert (train.data.name, train.data.n_train, train.data.n_test) == ("few_:halves", 50, 30)
    compared = defined("04_compare_fid", **given)
    assert compared["n"] == 50
    measured = table.Record(tmp_path / "out", "measure_zoom-0")
    limited = ("n_checkpoint", "n_distance", "n_test", "n_per_distortion")
    assert [measured.facts.settings[name] for name in limited] == [50, 50, 30, 15]
    assert measured[""]["floor"].n == measured[""]["frechet"].n == 50
    assert compared["floors"][-1] == pytest.approx(measured[""]["floor"].value)
    assert "note: zoom-0: the data set has fewer images" in capsys.readouterr().out
    defined("04_compare_fid", "measured", n=16, **given)
    assert "note: zoom-0 has been measured with 64 images, not 16" in capsys.readouterr().out
    defined("07_yardstick", **given)
    kinds = {row.way for row in table.Record(tmp_path / "out", "yardstick").rows}
    assert "turned by 90°" in kinds
