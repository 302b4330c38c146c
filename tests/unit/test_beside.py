"""The released counterparts of a run's trainings, and the user's own models: on releases that are made up."""

from pathlib import Path

import pytest

import made_up
from diffusion.files import sha256
from report.files import write_json
from report.results import counterparts
from report.results.settings import describe
from report.results.table import row
from report.results.views import load

NOISE = {"process": made_up.ZOOM | {"image_noise": 0.1}}
UNET = {"network": "diffusion:UNet"}


def release(folder: Path, name: str, trainings: dict[str, dict], measured: bool = True) -> None:
    """A release of trainings by name, with changes of their files."""
    out = folder / name
    for one, changes in trainings.items():
        made_up.training(out, one, epochs=2, **changes)
        if measured:
            made_up.measures(out, one, [row("frechet", 1.0, epoch=2)])
    files = {path.relative_to(out).as_posix(): sha256(path) for path in out.rglob("*.json")}
    write_json(out / "manifest.json", {"files": files})


@pytest.fixture
def releases(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(counterparts, "releases", lambda: tmp_path)
    counterparts.open_release.cache_clear()
    release(tmp_path, "paper", {"linear-0": {}, "zoom-0": {}, "zoom-1": {}})
    release(
        tmp_path,
        "beyond",
        {"zoom_noise-0": {"settings": NOISE}, "zoom-5": {}, "zoom_unet-0": {"settings": UNET}},
    )
    release(tmp_path, "bare", {"zoom-0": {}}, measured=False)
    yield tmp_path
    counterparts.open_release.cache_clear()


def run(out: Path, trainings: dict[str, dict], unmeasured: tuple[str, ...] = ()):
    for name, changes in trainings.items():
        made_up.training(out, name, epochs=3, weights={"file": "x", "sha256": f"mine {name}"} | {}, **changes)
        if name not in unmeasured:
            made_up.measures(out, name, [row("frechet", 2.0, epoch=3)], weights_sha256=f"mine {name}")
    return load(out)


def beside(results, pairs=None) -> dict[str, str | None]:
    pairs = counterparts.list_firsts(results) if pairs is None else pairs
    return {one.name: pair and f"{pair[0].out.name}/{pair[1].name}" for one, pair in pairs}


def test_releases_are_opened_by_name_with_the_sources_of_their_rows(releases):
    assert [*counterparts.open_releases(["paper", None, "", "bare", "nothing", "beyond"])] == [
        "paper",
        "beyond",
    ]
    paper = counterparts.open_release("paper")
    assert counterparts.open_release("paper") is paper
    assert (
        paper.first("zoom").final.data["frechet"][0].source == "released/paper/metrics/measure_zoom-0.json#0"
    )
    assert counterparts.open_release("bare") is None  # nothing is measured


def test_a_zoom_trained_on_noise_stands_beside_one_that_was_too(releases, tmp_path):
    results = run(
        tmp_path / "run",
        {
            "zoom-3": {},
            "mine-0": {"settings": NOISE},
            "noisier-0": {"settings": {"process": made_up.ZOOM | {"image_noise": 0.2}}},
            "wide-0": {"settings": UNET},
            "narrow-0": {"settings": UNET | {"network_options": {"width": 8}}},
            "linear-0": {"sampler": describe("ddim"), "schedule": describe("cosine")},
            "fewer-0": {"settings": {"process": made_up.ZOOM | {"T": 23}}},
        },
    )
    assert beside(results) == {
        "linear-0": "paper/linear-0",  # whatever its sampler is; the process has the schedule
        "zoom-3": "paper/zoom-0",  # the first of the first release that has one
        "fewer-0": None,
        "mine-0": "beyond/zoom_noise-0",
        "narrow-0": None,
        "noisier-0": None,
        "wide-0": "beyond/zoom_unet-0",
    }
    assert beside(results, counterparts.list_firsts(results, ["zoom", "wide"])).keys() == {
        "linear-0",
        "fewer-0",
        "mine-0",
        "narrow-0",
        "noisier-0",
    }


def test_own_models_are_those_that_no_release_has(releases, tmp_path):
    results = run(
        tmp_path / "run",
        {
            "zoom-3": {},
            "mine-0": {"settings": NOISE},
            "fewer-0": {"settings": {"process": made_up.ZOOM | {"T": 23}}},
            "prior-0": {"prior": {"class": "mine:Prior"}},
            "own-0": {"process": "own"},
            "late-0": {},
        },
        unmeasured=("late-0",),
    )
    assert counterparts.list_studied(results) == ["zoom"]
    assert counterparts.list_own(results) == ["fewer", "own", "prior"]
    assert beside(results, counterparts.list_beside(results)) == {
        "zoom-3": "paper/zoom-0",
        "mine-0": "beyond/zoom_noise-0",
    }


def test_without_a_model_of_the_original_study_all_are_ones_own(releases, tmp_path):
    results = run(tmp_path / "run", {"mine-0": {"settings": NOISE}, "zoom-0": {"process": "own"}})
    assert counterparts.list_studied(results) == []
    assert counterparts.list_own(results) == ["zoom", "mine"]


def test_a_model_is_studied_if_all_of_its_trainings_are_measured_and_of_its_process(releases, tmp_path):
    models = {"linear-0": {}, "linear-1": {}, "cosine-0": {"process": "zoom"}, "zoom-0": {}}
    results = run(tmp_path / "run", models, unmeasured=("linear-1",))
    assert counterparts.list_studied(results) == ["zoom"]
    results = run(tmp_path / "other", {"linear-0": {}, "cosine-0": {}, "zoom-0": {}})
    assert counterparts.list_studied(results) == ["linear", "cosine", "zoom"]


def test_released_trainings_do_not_stand_beside_themselves(releases, tmp_path):
    made_up.training(tmp_path / "run", "zoom-0", epochs=2)
    made_up.measures(tmp_path / "run", "zoom-0", [row("frechet", 1.0, epoch=2)])
    assert counterparts.list_beside(load(tmp_path / "run")) == []


@pytest.mark.parametrize(
    ("other", "title"),
    [
        ({}, ""),
        ({"n_train": 5}, ""),
        ({"title": "Fashion"}, "Fashion"),
        ({"classes": ["shirt"]}, "MNIST"),
        ({"noun": "garment"}, "MNIST"),
    ],
)
def test_other_data_stand_beside_nothing(releases, tmp_path, other, title):
    results = run(
        tmp_path / "run",
        {"zoom-3": {"data": made_up.DATA | other}, "linear-0": {"data": made_up.DATA | other}},
    )
    assert counterparts.other_data(results) == title
    expected = (
        {"linear-0": None, "zoom-3": None}
        if title
        else {"linear-0": "paper/linear-0", "zoom-3": "paper/zoom-0"}
    )
    assert beside(results) == expected
    assert counterparts.list_own(results) == []  # models of the original study are none of one's own
