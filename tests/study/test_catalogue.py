"""The figures of a run: which there are, drawn from records and kept images alone."""

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

import synthetic
from study import figures, records

RUN = {
    "schedules.svg", "latents.png", "zoom.png", "losses.svg", "distances.svg", "first.png",
    "unpicked.png", "centre_pixels.svg", "reconstructions.png", "level24.png", "confusion.svg",
    "class_map.svg", "common_loss.svg", "mix.svg",
}  # fmt: skip
OF_MODEL = {"loss_{}.svg", "classes_along_{}.svg", "samples_{}.png", "quality_{}.png"}


@pytest.fixture(scope="module")
def written(made, tmp_path_factory) -> list[Path]:
    return figures.draw(made, tmp_path_factory.mktemp("figures"))


def test_a_run_has_the_figures_of_the_study_and_those_of_each_model(made, written):
    expected = RUN | {name.format(model) for model in synthetic.MODELS for name in OF_MODEL}
    expected |= {"trajectory_zoom.png", "trajectory_blur.png", "degradation_blur.png"}
    there = set(written[0].parent.iterdir())
    numbers = {path.stem for path in there if path.suffix == ".csv"}
    assert {path.name for path in written} == expected == {p.name for p in there if p.suffix != ".csv"}
    assert numbers
    assert numbers <= {path.stem for path in there if path.suffix == ".svg"}
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert image.width == 1150, path


def test_a_users_model_alone_has_its_figures(tmp_path):
    results = synthetic.synthetic_results(tmp_path, models=["blur"], inception=False)
    run = dataclasses.replace(results, schedules=None)
    (tmp_path / "kept" / "zoom.npz").unlink()
    found = {name for name, function in figures.figures_of(run).items() if function(run) is not None}
    expected = {name.format("blur") for name in OF_MODEL | {"trajectory_{}.png", "degradation_{}.png"}}
    assert found == expected | {"losses.svg", "distances.svg", "class_map.svg"}


def test_the_released_paper_shows_what_lies_beyond_it(tmp_path):
    beyond = records.load_results(synthetic.RELEASED.parent / "beyond")
    results = dataclasses.replace(synthetic.released(), further=beyond)
    names = ["beyond.svg", "beyond_samples.png", "offset_response.svg", "first.png"]
    assert [path.name for path in figures.draw(results, tmp_path, names)] == names
    rows = figures.changes(beyond).axes[0].get_yticklabels()
    assert rows[0].get_text() == "DDPM"
    assert len(rows) > 50
