"""The notebooks: what their cells promise, and runs of their own. What a workflow's leave: test_smoke.py."""

import json
import re
from typing import Literal, get_args, get_origin

import nbformat
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from papermill import execute_notebook, inspect_notebook

import diffusion as d
from diffusion import figures, notebook
from diffusion.figures import steps_of
from diffusion.parameters import SettingError
from diffusion.training.run import Way
from study import results, settings, table
from study.kept import read_kept

NOTEBOOKS = list(settings.NOTEBOOKS)
SEVERAL = ("02", "03", "05", "06")  # notebooks whose figures others may show, too


@pytest.fixture(params=NOTEBOOKS)
def name(request):
    return request.param


@pytest.fixture
def content(root, name):
    return json.loads((root / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))


# --- the cells ---


def test_papermill_shows_parameters_as_the_settings_describe_them(root, name):
    """A parameter need not stand in the cell: a new one then touches no notebook."""
    found, fields = (
        inspect_notebook(str(root / f"notebooks/{name}.ipynb")),
        settings.NOTEBOOKS[name].model_fields,
    )
    assert found.keys() <= fields.keys()
    for key, shown in found.items():
        field = fields[key]
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        assert shown["help"].strip() == field.description + (f" ({', '.join(choices)})" if choices else "")
        assert shown["inferred_type_name"] in ("int", "float", "str", "bool", "list", "dict")


def test_the_committed_parameters_are_allowed_and_a_misspelt_one_is_named(content, name):
    first, second, *_ = [c for c in content["cells"] if c["cell_type"] == "code"]
    variables = {}
    exec("".join(first["source"]), variables)
    reading = "".join(second["source"])
    with pytest.raises(SettingError, match=f"{name}: .* 'sed'; did you mean 'seed'"):
        exec(reading, variables | {"sed": 3})
    exec(reading, variables)
    given = {key: value for key, value in variables["P"].model_dump().items() if key in variables}
    assert given.items() <= variables.items()


@pytest.mark.parametrize("name", ["01_schedules", "02_train_ddpm", "03_train_zoom", "05_your_degradation"])
def test_only_probes_and_the_last_cell_need_the_study(content):
    *cells, last = ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
    code = "".join(cells).replace("from study import probes\n", "")  # of what a training has learnt
    assert "from study" not in code
    assert "import study" not in code
    assert last.startswith("if has_study() and not released:")


def cells_of(path):
    return json.loads(path.read_text("utf-8"))["cells"]


def test_the_cells_have_at_most_1100_lines_of_code(root):
    cells = [cell for path in (root / "notebooks").glob("*.ipynb") for cell in cells_of(path)]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert 600 < sum(bool(line.strip()) for line in code.splitlines()) <= 1100


def test_no_figure_has_two_cells_and_each_of_the_text_has_one(root):
    """But for those of trainings, and for 06, which stands in for 04 where the models are changes."""
    found = {}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        ids = [cell["id"] for cell in cells_of(path)]
        found[path.stem] = [one.removeprefix("fig-") for one in ids if one.startswith("fig-")]
    once = [name for notebook in found if notebook[:2] not in SEVERAL for name in found[notebook]]
    assert len(once) == len({*once}) > 20
    text = "".join(path.read_text("utf-8") for path in (root / "report/text").rglob("*.md"))
    shown = {*re.findall(r"\]\(figures/(\w+)\.\w+\)", text)}
    every = {name for names in found.values() for name in names}
    assert len(shown) > 30
    assert not [name for name in shown if name not in every and name.rpartition("_")[0] not in every]


# --- helpers of notebooks ---


def test_the_slider_degrades_to_a_strip(monkeypatch):
    rows = {"a": torch.linspace(-1, 1, 30)[:, None, None].expand(30, 28, 28), "b": torch.zeros(30, 28, 28)}
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    with capture_output() as captured:
        strip = notebook.slide(rows, range(30))
    assert captured.outputs == []
    assert figures.render(strip, "png")
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    shown = []
    monkeypatch.setattr("ipywidgets.interact", lambda at, i: shown.append((at, i)))
    assert figures.render(notebook.slide(rows, range(30)), "png") == figures.render(strip, "png")
    ((at, slider),) = shown
    assert at(0) != at(29)
    assert at(0).size == (392, 196)  # two rows
    assert len(slider.options) == 30


def test_the_loss_is_drawn_while_it_falls(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    assert notebook.loss_curve() is None
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    monkeypatch.setattr(notebook, "SECONDS", 0.0)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda one, **where: shown.append((one, where["update"])))
    callback = notebook.loss_curve()
    for step, loss in enumerate((1.0, 0.5, 0.25, 0.125), 7):  # of a training that goes on
        callback(step, loss)
    assert [update for _, update in shown] == [False, True, True, True]
    each, mean = shown[-1][0].axes[0].lines
    assert each.get_xdata().tolist() == [7, 8, 9, 10]
    assert each.get_ydata().tolist() == mean.get_ydata().tolist() == [1.0, 0.5, 0.25, 0.125]


# --- runs of their own ---


@pytest.mark.slow
def test_the_zoom_is_trained_and_sampled_in_other_ways_than_the_studys(root, tmp_path, mnist_dir):
    """From another folder; the notebook's own lines stay the study's algorithms."""
    small = {"n_train": 200, "n_test": 100, "n_keep": 4, "n_reconstruct": 50, "epochs": 1, "channels": [2]}
    other = {
        "image_noise": 0.2,
        "sampler": "improved",
        "prior": "mixture",
        "prior_options": {"components": 5},
    }
    other |= {"sampler_options": {"noise": 0.1, "levels": 6}}
    files = root / "notebooks/03_train_zoom.ipynb", tmp_path / "out.ipynb"
    execute_notebook(*files, small | other | {"out_dir": "o"}, cwd=tmp_path, progress_bar=False)
    (one,) = results.load(tmp_path / "o", [("zoom", 0)]).trainings.values()
    run = d.open(tmp_path / "o" / one.train.run)
    assert run.process.image_noise == 0.2
    assert run.way == Way(d.Improved(noise=0.1, levels=6), d.Mixture(5))
    assert {p.name for p in tmp_path.iterdir()} == {"o", "out.ipynb"}


@pytest.mark.slow
def test_cells_draw_what_they_keep_and_record(root, tmp_path, mnist_dir):
    """The figures of notebooks 01 and 03, against the rows and images that they leave."""
    given = {"n_train": 300, "n_test": 200, "n_keep": 4, "n_reconstruct": 50, "epochs": 1, "channels": [2]}
    drawn = {}
    for name in ("01_schedules", "03_train_zoom"):
        known = settings.NOTEBOOKS[name].model_fields
        small = {k: v for k, v in given.items() if k in known} | {"out_dir": str(tmp_path)}
        drawn |= executed(root / f"notebooks/{name}.ipynb", small)
    images = {"zoom": "zoom", "reconstructions": "reconstructions_zoom-0", "level24": "deepest_zoom-0"}
    images |= {"trajectory": "trajectory_zoom-0"}
    for cell, kept in images.items():
        found = read_kept(tmp_path, kept)
        known = steps_of(24, found.shape[1] if found.ndim == 4 else 25, 1)
        again = {
            "zoom": lambda x: figures.zoom_progression(x),
            "reconstructions": lambda x, levels=known: figures.reconstructions(*x, levels),
            "level24": lambda x: figures.reconstructions(*x, "0123456789"[: x.shape[1]]),
            "trajectory": lambda x: figures.trajectory(x, steps_of(24, len(x))[::-1]),
        }[cell](found)
        assert figures.render(again, "png") == figures.render(drawn[cell], "png"), cell
    one = table.Job(tmp_path, "train_zoom-0")
    rows = {
        m: [row.value for row in one.rows if row.measure == m]
        for m in ("step_loss", "test_loss", "centre_pixels")
    }
    for kind, measure in (("train", "step_loss"), ("test", "test_loss")):
        assert values(drawn["loss"], f"zoom, {kind}") == pytest.approx(rows[measure], rel=1e-5)
    density = [255 * n / sum(rows["centre_pixels"]) for n in rows["centre_pixels"]]
    assert values(drawn["centre_pixels"], "density") == pytest.approx(density, rel=1e-5)
    read = [row.value for row in one.rows if row.measure == "restored_as" and row.way == "1"]
    assert values(drawn["confusion"], "true 1") == pytest.approx(
        [100 * n / sum(read) for n in read], rel=1e-5
    )
    schedules = table.Job(tmp_path, "schedules")
    beta = [one.value for one in schedules["cosine"]["beta"][1:]]
    assert values(drawn["schedules"], "cosine, beta") == pytest.approx(beta, rel=1e-5)


def values(figure, series):
    return [value for name, _, value in figure.numbers if name == series]


def executed(path, parameters):
    """The figures of a notebook's cells, by name; its cells are run here, with other parameters."""
    shell, drawn = InteractiveShell(user_ns={"display": lambda *_: None}), {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            done = shell.run_cell(cell.source, silent=False, store_history=False)
            done.raise_error()
            if cell.id.startswith("fig-"):
                drawn[cell.id.removeprefix("fig-")] = done.result
            if "parameters" in cell.metadata.get("tags", []):
                shell.user_ns |= parameters
    return drawn
