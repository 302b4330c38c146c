"""The notebooks: what their cells promise, what they draw, and what is recorded of them."""

import re
from pathlib import Path

import pytest
from diffusion.parameters import SettingError, meaning
from papermill import execute_notebook, inspect_notebook

import diffusion as d
from diffusion.files import read_json
from diffusion.training.run import Way
from helpers import NOTEBOOKS, ROOT, defined
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
    lists = "diffusion.parameters" if name in OF_DIFFUSION else "study.settings"
    assert f"`python -m {lists} {name}`" in code_of(name)[0]
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


# --- what they leave ---


@pytest.mark.slow
def test_trainings_of_other_settings_are_measured_but_for_a_class_that_was_typed_elsewhere(
    tmp_path, mnist_dir, monkeypatch, capsys
):
    """From another folder; the notebook's own lines stay the study's algorithms; 04 needs no more."""
    monkeypatch.chdir(tmp_path)
    small = {"n_train": 200, "n_test": 100, "n_keep": 4, "epochs": 1, "channels": [2], "out_dir": "o"}
    other = {"image_noise": 0.2, "sampler": "improved", "sampler_options": {"noise": 0.1, "levels": 6}}
    other |= {"prior": "mixture", "prior_options": {"components": 5}, "n_reconstruct": 50}
    defined("03_train_zoom", **small | other)
    defined("02_train_ddpm", **small | {"sampler_options": {"steps": 10}})
    execute_notebook(NOTEBOOKS / "05_your_degradation.ipynb", "out.ipynb", small, progress_bar=False)
    capsys.readouterr()
    defined("04_compare_fid", out_dir="o")
    assert "pixelate-0 is left out" in capsys.readouterr().out
    ours, linear = results.load(Path("o"), [("zoom", 0), ("linear", 0)]).trainings.values()
    run = d.open(Path("o") / ours.train.run)
    assert run.process.image_noise == 0.2
    assert run.way == Way(d.Improved(noise=0.1, levels=6), d.Mixture(5))
    assert ours.final["frechet"].n == linear.final["frechet"].n == 64
    rates = table.Job(Path("o"), "train_linear-0")
    assert len(rates["printed"]["loss_of_steps"]) == len(rates["used"]["loss_of_steps"]) == 2
    assert not (Path("o") / "metrics" / "measure_pixelate-0.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"o", "out.ipynb"}


@pytest.mark.slow
def test_cells_draw_what_is_recorded(smoke):
    """The figures of notebooks 01 and 03, against the rows of `study.record`."""
    out, drawn = smoke.out, {}
    for name in ("01_schedules", "03_train_zoom-zoom-0"):
        drawn |= figures_of(out / "notebooks" / f"{name}.ipynb")

    known: dict[tuple, list[float]] = {}
    for row in (*table.Job(out, "train_zoom-0").rows, *table.Job(out, "schedules").rows):
        known.setdefault((row.measure, row.way), []).append(row.value)
    pixels, read = known["centre_pixels", "training images"], known["restored_as", "1"]
    for cell, series, expected in (
        ("loss", "zoom, train", known["step_loss", ""]),
        ("loss", "zoom, test", known["test_loss", ""]),
        ("centre_pixels", "density", [255 * n / sum(pixels) for n in pixels]),
        ("confusion", "true 1", [100 * n / sum(read) for n in read]),
        ("schedules", "cosine, beta", known["beta", "cosine"][1:]),
    ):
        values = [value for name, _, value in drawn[cell].numbers if name == series]
        assert values == pytest.approx(expected, rel=1e-5), cell
