"""The notebooks: what their cells promise, and what is recorded of them."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from papermill import execute_notebook, inspect_notebook

import diffusion as d
from diffusion.processes.samplers import Improved
from helpers import NOTEBOOKS, ROOT, defined
from report.files import read_json
from report.pages.build import build
from report.pages.names import repository
from report.parameters import parameters
from report.results import table
from report.results import views as results
from report.results.kept import read_kept

CELLS = {name: read_json(path)["cells"] for name, path in NOTEBOOKS.items()}
SEVERAL = ("02", "03", "05")  # notebooks whose figures others may show, too


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", ())


# --- the cells ---


@pytest.mark.parametrize("name", CELLS)
def test_papermill_lists_every_parameter_with_type_and_meaning(name):
    found = inspect_notebook(NOTEBOOKS[name])
    (cell,) = (cell for cell in CELLS[name] if tagged(cell, "parameters"))
    lines = [line for line in cell["source"] if not line.startswith("#")]
    assert [line.partition(":")[0] for line in lines] == [*found] == [*parameters(name)[0]]
    for key, shown in found.items():
        assert shown["help"].strip(), key
        assert shown["inferred_type_name"] in ("int", "float", "str", "bool", "list", "dict"), key


@pytest.mark.parametrize("name", CELLS)
def test_report_and_paper_are_imported_after_the_module_that_makes_them_importable(name):
    """They are not part of the package: a kernel finds them only once `diffusion.notebook` is imported."""
    code = "\n".join("".join(cell["source"]) for cell in CELLS[name] if cell["cell_type"] == "code")
    imports = re.findall(r"^ *(?:from|import) (diffusion\.notebook|report|paper)\b", code, re.MULTILINE)
    assert not imports or imports[0] == "diffusion.notebook"


def test_one_cell_installs_what_a_hosted_notebook_lacks_from_the_address_that_is_cited(monkeypatch):
    found = ["".join(cell["source"]) for cells in CELLS.values() for cell in cells if tagged(cell, "colab")]
    assert len(found) >= 7
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
    lessons = CELLS.values()
    found = [(cells, i) for cells in lessons for i, cell in enumerate(cells) if tagged(cell, "solution")]
    of = Counter(cells[i]["id"][:2] for cells, i in found)
    assert min(of[f"0{lesson}"] for lesson in range(7)) >= 2
    for cells, i in found:
        before, after = cells[i - 1], cells[i + 1]
        if not tagged(before, "solution"):
            assert before["metadata"]["jp-MarkdownHeadingCollapsed"]
            assert before["source"] == ["#### Solution"]
        if not tagged(after, "solution"):
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
    assert len(shown) > 20
    assert not [name for name in shown if name not in known and name.rpartition("_")[0] not in known]


# --- what they leave ---


@pytest.mark.slow
def test_a_training_of_other_settings_is_measured_but_for_a_class_that_was_typed_elsewhere(
    tmp_path, mnist_dir, monkeypatch
):
    """From another folder; the notebook's own lines stay the study's algorithms."""
    monkeypatch.chdir(tmp_path)
    small = {"n_train": 200, "n_test": 100, "n_keep": 4, "epochs": 1, "out_dir": "o"}
    small |= {"network": "cnn", "network_options": {"channels": [2]}}
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

def paint(split, folder):
    images, labels = read(split, folder)
    return np.stack([images[:, 4:24, 4:24], images[:, 8:, 8:], images[:, 8:, :20]], 3), labels

halves = DataSet("Halves", read, classes=("upper", "lower"))
painted = DataSet("Painted halves", paint, classes=("upper", "lower"))
"""


@pytest.mark.slow
def test_a_data_set_of_few_images_and_classes_is_trained_on_measured_and_compared(
    tmp_path, monkeypatch, capsys
):
    """All numbers are those of the notebooks, which are higher."""
    (tmp_path / "few_.py").write_text(FEW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "data"))
    given = {"dataset": "few_:painted", "out_dir": str(tmp_path / "out")}
    assert defined("01_schedules", zoom_T=16, **given)["x_test"].shape == (30, 3, 20, 20)
    small = {"epochs": 1, "network": "cnn", "network_options": {"channels": [2]}, "n_keep": 4}
    small |= {"sampler_options": {"levels": 2}}
    defined("03_train_zoom", T=16, **small, **given)
    train = table.Record(tmp_path / "out", "train_zoom-0").facts
    assert (train.data.name, train.data.n_train, train.data.n_test) == ("few_:painted", 50, 30)
    compared = defined("04_compare_fid", **given)
    assert compared["n"] == 50
    measured = table.Record(tmp_path / "out", "measure_zoom-0")
    limited = ("n_checkpoint", "n_distance", "n_test", "n_per_distortion")
    assert [measured.facts.settings[name] for name in limited] == [50, 50, 30, 15]
    assert measured[""]["floor"].n == measured[""]["frechet"].n == 50
    assert compared["floors"][50].value == pytest.approx(measured[""]["floor"].value)
    assert "too few images; zoom-0 is measured with" in capsys.readouterr().out
    defined("04_compare_fid", "measured", n=16, **given)
    assert "note: zoom-0 was measured with 64 images, not 16" in capsys.readouterr().out
    assert read_kept(tmp_path / "out", "samples_zoom-0").shape == (64, 20, 20, 3)
    models = {"zoom": {"notebook": "03_train_zoom", "T": 16}}
    content = {"profile": "few", "dataset": "few_:painted", "models": models}
    (tmp_path / "few.yaml").write_text(yaml.safe_dump(content))
    build(tmp_path / "out", tmp_path / "few.yaml")
    page = BeautifulSoup((tmp_path / "out" / "report.html").read_text(), "html.parser")
    head = [cell.get_text() for cell in page.select("table")[0].select("thead th")]
    assert head == ["Model", "Steps", "Different", "Distance ↓"]  # no figures, and no share of digits
    defined("07_yardstick", **given | {"dataset": "few_:halves"})
    kinds = {row.way for row in table.Record(tmp_path / "out", "yardstick").rows}
    assert "turned by 90°" in kinds
