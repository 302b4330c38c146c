"""The notebooks: what their cells promise, what they draw, and what is recorded of them."""

import re

import pytest
import torch
from IPython.utils.capture import capture_output
from papermill import execute_notebook, inspect_notebook

import diffusion as d
from diffusion import figures, notebook
from diffusion.files import read_json
from diffusion.parameters import SettingError, meaning
from diffusion.training.run import Way
from helpers import NOTEBOOKS, ROOT
from report.figures import figures_of
from study import results, settings, table

CELLS = {path.stem: read_json(path)["cells"] for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
SEVERAL = ("02", "03", "05")  # notebooks whose figures others may show, too
OF_DIFFUSION = ("01_schedules", "02_train_ddpm", "03_train_zoom", "05_your_degradation")
every = pytest.mark.parametrize("name", settings.NOTEBOOKS)


def code_of(name):
    return ["".join(cell["source"]) for cell in CELLS[name] if cell["cell_type"] == "code"]


# --- the cells ---


@every
def test_papermill_shows_parameters_as_the_settings_describe_them(name):
    """A parameter need not stand in the cell: a new one then touches no notebook."""
    found, fields = inspect_notebook(NOTEBOOKS / f"{name}.ipynb"), settings.NOTEBOOKS[name].model_fields
    assert found.pop("more")["default"] == "{}"
    assert found.keys() <= fields.keys()
    assert len(found) <= 8
    assert (
        f"`python -m {'diffusion.parameters' if name in OF_DIFFUSION else 'study.settings'} {name}`"
        in code_of(name)[0]
    )
    for key, shown in found.items():
        assert shown["help"].strip() == meaning(fields[key])
        assert shown["inferred_type_name"] in ("int", "float", "str", "bool", "list", "dict")


@every
def test_the_committed_parameters_are_allowed_and_a_misspelt_one_is_named(name):
    (first, reading, *_), variables = code_of(name), {}
    exec(first, variables)
    with pytest.raises(SettingError, match=f"{name}: .*'sed'.*'seed'"):
        exec(reading, variables | {"sed": 3})
    exec(reading, variables)
    given = {key: value for key, value in variables["P"].model_dump().items() if key in variables}
    assert given.items() <= variables.items()


@pytest.mark.parametrize("name", [*OF_DIFFUSION, "04_compare_fid", "06_beyond"])
def test_readers_see_no_plumbing(name):
    """Of the project's packages they see `diffusion` alone; at most two cells of plumbing are folded."""
    code = [cell for cell in CELLS[name] if cell["cell_type"] == "code"]
    folded = [cell for cell in code if "hide-input" in cell["metadata"].get("tags", ())]
    assert len(folded) <= 2
    assert all(cell["metadata"]["jupyter"]["source_hidden"] for cell in folded)
    seen, hidden = ("".join("".join(c["source"]) for c in code if (c in folded) == kind) for kind in (0, 1))
    assert not re.search(r"\bP\.|if released|(from|import) (study|report|workflow)", seen)
    assert not re.search("(from|import) (report|workflow)", hidden)
    assert ("study" in hidden) == (name not in OF_DIFFUSION)
    assert name != "04_compare_fid" or len(CELLS[name]) <= 30


def test_no_figure_has_two_cells_and_each_of_the_text_has_one():
    """But for those of trainings."""
    ids = {name: [cell["id"] for cell in cells if cell["id"][:4] == "fig-"] for name, cells in CELLS.items()}
    once = [one for name, found in ids.items() if name[:2] not in SEVERAL for one in found]
    assert len(once) == len({*once}) > 20
    text = "".join(path.read_text("utf-8") for path in (ROOT / "report" / "text").rglob("*.md"))
    shown = {*re.findall(r"\]\(figures/(\w+)\.\w+\)", text)}
    known = {one.removeprefix("fig-") for found in ids.values() for one in found}
    assert len(shown) > 30
    assert not [name for name in shown if name not in known and name.rpartition("_")[0] not in known]


# --- helpers of notebooks ---


def test_a_slider_goes_through_all_images_and_degrades_to_a_strip(monkeypatch):
    rows = {"a": torch.linspace(-1, 1, 30)[:, None, None].expand(30, 28, 28), "b": torch.zeros(30, 28, 28)}
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    with capture_output() as captured:
        strip = notebook.slide(rows, range(30))
    assert captured.outputs == []
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    shown = []
    monkeypatch.setattr("ipywidgets.interact", lambda at, i: shown.append((at, i)))
    assert figures.render(notebook.slide(rows, range(30)), "png") == figures.render(strip, "png")
    ((at, slider),) = shown
    assert [at(i).getpixel((5, 5)) for i in (0, 15, 29)] == [0, 136, 255]
    assert at(0).size == (392, 196)  # two rows
    assert len(slider.options) == 30


def test_the_loss_is_drawn_about_once_a_second_while_it_falls(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    assert notebook.loss_curve() is None
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    shown, times = [], iter((100.0, 100.0, 100.5, 101.2, 101.2, 102.5, 102.5))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    monkeypatch.setattr("IPython.display.display", lambda one, **where: shown.append((one, where["update"])))
    callback = notebook.loss_curve()
    for step, loss in enumerate((1.0, 0.5, 0.25, 0.125), 7):  # of a training that goes on
        callback(step, loss)
    assert [update for _, update in shown] == [False, True, True]
    each, mean = shown[-1][0].axes[0].lines
    assert each.get_xdata().tolist() == [7, 8, 9, 10]
    assert each.get_ydata().tolist() == mean.get_ydata().tolist() == [1.0, 0.5, 0.25, 0.125]


# --- what they leave ---


@pytest.mark.slow
def test_trainings_of_other_settings_are_measured_but_for_a_class_that_was_typed_elsewhere(
    tmp_path, mnist_dir
):
    """From another folder; the notebook's own lines stay the study's algorithms; 04 needs no more."""
    small = {"n_train": 200, "n_test": 100, "n_keep": 4, "epochs": 1, "channels": [2]}
    other = {"image_noise": 0.2, "sampler": "improved", "sampler_options": {"noise": 0.1, "levels": 6}}
    other |= {"prior": "mixture", "prior_options": {"components": 5}, "n_reconstruct": 50}
    given = {"03_train_zoom": small | other, "05_your_degradation": small, "04_compare_fid": {}}
    for name, parameters in given.items():
        files = NOTEBOOKS / f"{name}.ipynb", tmp_path / "out.ipynb"
        execute_notebook(*files, parameters | {"out_dir": "o"}, cwd=tmp_path, progress_bar=False)
    (zoom,) = results.load(tmp_path / "o").trainings.values()
    run = d.open(tmp_path / "o" / zoom.train.run)
    assert run.process.image_noise == 0.2
    assert run.way == Way(d.Improved(noise=0.1, levels=6), d.Mixture(5))
    assert zoom.final["frechet"].n == 64
    assert "pixelate-0 is left out" in (tmp_path / "out.ipynb").read_text()
    assert {p.name for p in tmp_path.iterdir()} == {"o", "out.ipynb"}


@pytest.mark.slow
def test_cells_draw_what_is_recorded(smoke):
    """The figures of notebooks 01 and 03, against the rows of `study.record`."""
    out, drawn = smoke.out, {}
    for name in ("01_schedules", "03_train_zoom-zoom-0"):
        drawn |= figures_of(out / "notebooks" / f"{name}.ipynb")

    def values(cell, series):
        return [value for name, _, value in drawn[cell].numbers if name == series]

    one, known = table.Job(out, "train_zoom-0"), {}
    for row in one.rows:
        known.setdefault((row.measure, row.way), []).append(row.value)
    for kind, measure in (("train", "step_loss"), ("test", "test_loss")):
        assert values("loss", f"zoom, {kind}") == pytest.approx(known[measure, ""], rel=1e-5)
    pixels, read = known["centre_pixels", "training images"], known["restored_as", "1"]
    density = [255 * n / sum(pixels) for n in pixels]
    assert values("centre_pixels", "density") == pytest.approx(density, rel=1e-5)
    assert values("confusion", "true 1") == pytest.approx([100 * n / sum(read) for n in read], rel=1e-5)
    beta = [one.value for one in table.Job(out, "schedules")["cosine"]["beta"][1:]]
    assert values("schedules", "cosine, beta") == pytest.approx(beta, rel=1e-5)
