"""The notebooks: what their cells promise, and runs of their own. What a workflow's leave: test_smoke.py."""

import json
import statistics
from typing import Literal, get_args, get_origin

import pytest
import torch
from IPython.utils.capture import capture_output
from papermill import execute_notebook, inspect_notebook

import diffusion as d
from diffusion import figures, notebook
from diffusion.training.run import Way
from study import records, settings
from study.record import keep
from study.records import SchedulesRecord, TrainRecord, read_kept, schedules_path, train_path

NOTEBOOKS = list(settings.NOTEBOOKS)


@pytest.fixture(params=NOTEBOOKS)
def name(request):
    return request.param


@pytest.fixture
def content(root, name):
    return json.loads((root / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))


# --- the cells ---


def test_papermill_shows_every_parameter_as_the_settings_describe_it(root, name):
    found = inspect_notebook(str(root / f"notebooks/{name}.ipynb"))
    fields = {k: v for k, v in settings.NOTEBOOKS[name].model_fields.items() if k != "notebook"}
    assert found.keys() == fields.keys()
    for key, field in fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        expected = field.description + (f" ({', '.join(choices)})" if choices else "")
        assert found[key]["help"].strip() == expected
        assert found[key]["inferred_type_name"] in ("int", "float", "str", "bool", "list", "dict")


def test_the_committed_parameters_are_allowed_and_a_misspelt_one_is_named(content, name):
    first, second, *others = [c for c in content["cells"] if c["cell_type"] == "code"]
    assert "parameters" in first["metadata"]["tags"]
    assert not any("parameters" in c["metadata"].get("tags", []) for c in (second, *others))
    variables = {}
    exec("".join(first["source"]), variables)
    parameters = {key: value for key, value in variables.items() if not key.startswith("_")}
    reading = "".join(second["source"])
    with pytest.raises(settings.SettingError, match=f"{name}: .* 'sed'; did you mean 'seed'"):
        exec(reading, variables | {"sed": 3})
    exec(reading, variables)
    assert variables["P"].model_dump() == parameters | {"notebook": name}


def test_notebooks_are_stripped_and_their_cells_short(content):
    cells = content["cells"]
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    code = [c for c in cells if c["cell_type"] == "code"]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert len({c["id"] for c in cells}) == len(cells)
    shown = [c for c in code if not c["metadata"].get("tags")]
    lines = [len(c["source"]) for c in shown]
    assert statistics.median(lines) <= 6
    assert max(lines) <= 25
    assert any("assert" in line for c in shown for line in c["source"])
    last = "".join(cells[-1]["source"])
    assert last.index("## What we saw") < last.index("## Try it")
    assert sum(line.startswith(("1. ", "2. ", "3. ")) for line in last.splitlines()) == 3


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
    monkeypatch.setattr("IPython.display.display", shown.append)
    assert figures.render(notebook.slide(rows, range(30)), "png") == figures.render(strip, "png")
    _, slider, picture = shown[0].children
    first = picture.value
    slider.value = 29
    assert picture.value != first
    assert len(slider.options) == 30


def test_sliders_are_for_people(monkeypatch):
    for variable in (*notebook.FRONT_ENDS, "COLD_ZOOM_SLIDERS"):
        monkeypatch.delenv(variable, raising=False)
    assert not notebook.live()
    monkeypatch.setenv("JPY_SESSION_NAME", "01_schedules.ipynb")
    assert notebook.live()
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    assert not notebook.live()


def test_kept_images_are_bytes(tmp_path):
    images = torch.tensor([-0.7, -0.5, 0.0, 0.1, 0.5, 2.0]).view(2, 3, 1, 1, 1).expand(2, 3, 1, 28, 28)
    keep(tmp_path, "some", images)
    found = records.read_kept(tmp_path, "some")
    assert found.shape == (2, 3, 28, 28)
    assert found[..., 0, 0].flatten().tolist() == [0, 0, 128, 153, 255, 255]


# --- runs of their own ---


@pytest.mark.slow
def test_by_papermill_from_another_folder_with_other_parameters(root, tmp_path, mnist_dir):
    parameters = {"T": 50, "zoom_T": 3, "n_columns": 4, "image_index": 3, "out_dir": "o"}
    files = root / "notebooks/01_schedules.ipynb", tmp_path / "out.ipynb"
    execute_notebook(*files, parameters, cwd=tmp_path, progress_bar=False)
    found = SchedulesRecord.load(schedules_path(tmp_path / "o"))
    assert found.T == 50
    assert len(found.linear.beta) == 51
    assert read_kept(tmp_path / "o", "zoom").shape == (4, 28, 28)
    assert {p.name for p in tmp_path.iterdir()} == {"o", "out.ipynb"}


@pytest.mark.slow
def test_the_zoom_is_trained_and_sampled_in_other_ways_than_the_studys(root, tmp_path, mnist_dir):
    """The notebook's own lines are the study's algorithms, whatever its parameters say."""
    small = {"n_train": 200, "n_test": 100, "n_samples": 4, "n_reconstruct": 50, "epochs": 1, "channels": [2]}
    other = {
        "latent_noise": 0.2,
        "sampler": "improved",
        "prior": "mixture",
        "prior_options": {"components": 5},
    }
    other |= {"sampler_options": {"noise": 0.1, "power": 0.5, "levels": 6}}
    files = root / "notebooks/03_train_zoom.ipynb", tmp_path / "out.ipynb"
    execute_notebook(*files, small | other | {"out_dir": "o"}, cwd=tmp_path, progress_bar=False)
    record = TrainRecord.load(train_path(tmp_path / "o", "zoom", 0))
    run = d.open(tmp_path / "o" / record.run)
    assert run.process.latent_noise == 0.2
    assert run.way == Way(d.Improved(noise=0.1, power=0.5, levels=6), d.Mixture(5))
