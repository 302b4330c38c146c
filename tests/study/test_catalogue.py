"""The figures of a run: which there are, drawn from records and kept images alone."""

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

import synthetic
from study import figures, records

STUDY = {
    "fig01_schedules.svg", "fig02_latents.png", "fig03_ddpm_losses.svg", "fig04_fid_ddpm.svg",
    "fig05_linear_samples.png", "fig06_cosine_samples.png", "fig07_zoom.png", "fig08_centre_pixels.svg",
    "fig09_zoom_losses.svg", "fig10_reconstructions.png", "fig11_level24.png", "fig12_trajectory.png",
    "fig13_fid_all.svg", "fig14_zoom_samples.png", "classes_along.svg", "confusion.svg",
    "reconstruction_error.svg", "class_map.svg", "common_loss.svg", "mix.svg",
    "unpicked.png",
}  # fmt: skip


@pytest.fixture(scope="module")
def written(made, tmp_path_factory) -> list[Path]:
    return figures.draw(made, tmp_path_factory.mktemp("figures"))


def apply_to(results: records.Results) -> set[str]:
    return {name for name, function in figures.figures_of(results).items() if function(results) is not None}


def test_a_run_has_the_figures_of_the_study_and_those_of_each_further_model(made, written):
    of_model = {f"{kind}_blur.png" for kind in ("samples", "quality", "trajectory", "degradation")}
    expected = STUDY | of_model | {"loss_blur.svg", "classes_along_blur.svg"}
    assert {path.name for path in written} == expected == {path.name for path in written[0].parent.iterdir()}
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert image.width == 1150, path


def test_a_users_model_alone_has_its_figures(tmp_path):
    results = synthetic.synthetic_results(tmp_path, models=["blur"], inception=False)
    run = dataclasses.replace(results, schedules=None)
    (tmp_path / "kept" / "zoom.npz").unlink()
    of_model = {f"{kind}_blur.png" for kind in ("samples", "quality", "trajectory", "degradation")}
    of_model |= {"loss_blur.svg", "classes_along_blur.svg"}
    assert apply_to(run) == of_model | {"fig13_fid_all.svg", "class_map.svg"}


def test_distances_are_of_all_seeds(made):
    (digits,) = figures.FIGURES["fig13_fid_all.svg"](made).axes
    assert digits.get_ylabel() == "Fréchet distance, digit features"
    assert sum(line.get_color() == "#B07D12" for line in digits.lines) == 2  # zoom, seeds 0 and 1
    rows = figures.FIGURES["class_map.svg"](made).axes[0].get_yticklabels()
    assert [row.get_text() for row in rows][2:4] == ["Cold Zoom, seed 0", "Cold Zoom, seed 1"]
