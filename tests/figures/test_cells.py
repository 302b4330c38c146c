"""Figures that are taken from executed notebooks, and their numbers."""

import base64
import csv
import io

import nbformat
import numpy as np
import pytest
from nbformat import v4
from PIL import Image

from diffusion import figures
from diffusion.figures.style import ABOUT, PNG, SVG, render
from report.figures import csv_of, figures_in, figures_of, harmless, row_at
from study import figures as study
from study import results, table
from workflow.release import RELEASED

PAPER = results.load(RELEASED / "paper", [("linear", 0), ("zoom", 0)])
LOSSES = [
    {"epoch": 1, "train_loss": 0.5, "test_loss": 0.25},
    {"epoch": 2, "train_loss": 0.25, "test_loss": None},
]


def notebook(path, **cells):
    """An executed notebook whose cells have shown figures, a list each."""

    def shown(figure):
        data = {"text/plain": "nothing"} if figure is None else figure._repr_mimebundle_()[0]
        return v4.new_output("display_data", data)

    made = [v4.new_code_cell("x", id=f"fig-{k}", outputs=[*map(shown, of)]) for k, of in cells.items()]
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# A title"), *made]), path)
    return path


def lines(figure):
    return list(csv.DictReader(io.StringIO(csv_of(figure, PAPER.out).decode())))


def test_a_figure_of_results_has_the_rows_that_it_was_given(tmp_path):
    drawn = study.distances(PAPER)
    found = figures_of(notebook(tmp_path / "n.ipynb", distances=[drawn], none=[None]))
    assert found.keys() == {"distances"}
    assert found["distances"].suffix == ".svg"
    assert found["distances"].data == render(drawn, "svg")
    rows = lines(found["distances"])
    assert [*rows[0]] == [*table.Row._fields]
    given = {(row["model"], row["epoch"], float(row["value"])) for row in rows if row["measure"] == "frechet"}
    for one in PAPER.trainings.values():
        assert {(one.model, str(row.epoch), row["frechet"].value) for row in one.curve} <= given
    assert {row["measure"] for row in rows} == {"frechet", "border", "floor", "drawn"}
    means = [float(row["value"]) for row in rows if row["measure"] == "drawn"]  # of nine checkpoints
    zoom = [row["frechet"].value for row in PAPER.first("zoom").curve]
    assert means[20] == pytest.approx(np.mean(zoom[16:25]), rel=1e-5)


def test_sources_lead_to_the_run_or_to_a_release():
    source = PAPER.first("zoom").final._rows["frechet"][0].source
    here, there = row_at(source, PAPER.out), row_at(f"released/paper/{source}", "elsewhere")
    assert here.value == there.value == PAPER.first("zoom").final["frechet"].value
    assert there.source == f"released/paper/{source}"
    for wrong in ("metrics/measure_zoom-0.json#/settings", "metrics/measure_zoom-0.json#99999999"):
        with pytest.raises(ValueError, match="metrics/measure_zoom-0"):
            row_at(wrong, PAPER.out)


def test_what_shows_no_rows_has_the_numbers_plotted_and_a_picture_of_images_none(tmp_path):
    both = {"loss": [figures.losses({"a": LOSSES})], "grid": [figures.grid(np.zeros((4, 28, 28), np.uint8))]}
    found = figures_of(notebook(tmp_path / "n.ipynb", **both))
    rows = [(row["way"], float(row["x"]), float(row["value"])) for row in lines(found["loss"])]
    assert rows == [("a, train", 1, 0.5), ("a, train", 2, 0.25), ("a, test", 1, 0.25)]
    assert found["grid"].suffix == ".png"
    assert found["grid"].data == render(both["grid"][0], "png")
    assert csv_of(found["grid"], PAPER.out) is None


def test_a_cell_shows_a_figure_for_each_model_and_a_training_names_its_own(tmp_path):
    quality = [study.quality(PAPER, model) for model in PAPER.models]
    paths = [notebook(tmp_path / "04_compare_fid.ipynb", quality=quality)]
    for model in ("linear", "zoom"):
        shown = [figures.losses({model: LOSSES})]
        paths.append(notebook(tmp_path / f"02_train-{model}-0.ipynb", loss=shown))
    found = figures_in(paths)
    assert found.keys() == {"quality_linear", "quality_zoom", "loss", "loss_linear", "loss_zoom"}
    assert found["loss"] == found["loss_zoom"] != found["loss_linear"]
    assert (found["loss_linear"].notebook, found["loss_linear"].cell) == ("02_train-linear-0", "fig-loss")
    with pytest.raises(ValueError, match="two pictures of one name, quality_zoom"):
        figures_of(notebook(tmp_path / "twice.ipynb", quality=quality[1:] * 2))
    (tmp_path / "no.ipynb").write_text('{"cells": [3]}')
    with pytest.raises(ValueError, match=r"no\.ipynb is not a notebook"):
        figures_of(tmp_path / "no.ipynb")


def test_samples_of_the_front_are_shown_a_pixel_for_a_pixel():
    bundle = study.front(PAPER, "zoom")._repr_mimebundle_()
    assert bundle[ABOUT]["of"] == "zoom"
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle[PNG]))))
    assert image.shape == (4 * 28 + 3 * 2,) * 2
    np.testing.assert_array_equal(image[:28, 30:58], PAPER.kept("samples_zoom-0")[1])


def test_viewers_get_a_picture_and_ignore_the_rest():
    bundle, shown = figures.losses({"a": LOSSES})._repr_mimebundle_()
    assert bundle.keys() == {"text/plain", SVG, ABOUT}
    bundle, shown = figures.grid(np.zeros((4, 28, 28), np.uint8))._repr_mimebundle_()
    assert base64.b64decode(bundle[PNG])[:4] == b"\x89PNG"
    assert shown[PNG]["width"] > 500


def test_no_cell_of_a_csv_is_a_formula():
    given = ["=1+1", "+a", "-b", "@c", -0.5, 1e3, "zoom", "", None]
    assert [*map(harmless, given)] == ["'=1+1", "'+a", "'-b", "'@c", -0.5, 1e3, "zoom", "", None]
