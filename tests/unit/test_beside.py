"""Releases are checked wherever they are read; counterparts of trainings, and own models, beside them."""

from pathlib import Path

import pytest

import made_up
from diffusion.files import sha256
from helpers import changed
from report.files import write_json
from report.jobs import release
from report.results import counterparts
from report.results.kept import MANIFEST, verify
from report.results.settings import describe
from report.results.table import row
from report.results.views import load

NOISE = {"process": made_up.ZOOM | {"image_noise": 0.1}}
UNET = {"network": "diffusion:UNet"}


def write_release(folder: Path, name: str, trainings: dict[str, dict], measured: bool = True) -> None:
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
    write_release(tmp_path, "paper", {"linear-0": {}, "zoom-0": {}, "zoom-1": {}})
    made_up.training(tmp_path / "paper", "zoom-7")  # not measured
    others = {"zoom_noise-0": {"settings": NOISE}, "zoom-5": {}, "zoom_unet-0": {"settings": UNET}}
    write_release(tmp_path, "beyond", others)
    write_release(tmp_path, "bare", {"zoom-0": {}}, measured=False)
    yield tmp_path
    counterparts.open_release.cache_clear()


def run(out: Path, trainings: dict[str, dict], unmeasured: tuple[str, ...] = ()):
    for name, changes in trainings.items():
        made_up.training(out, name, epochs=3, weights={"file": "x", "sha256": f"mine {name}"}, **changes)
        if name not in unmeasured:
            made_up.measures(out, name, [row("frechet", 2.0, epoch=3)], weights_sha256=f"mine {name}")
    return load(out)


def beside(results, pairs=None) -> dict[str, str | None]:
    firsts = [one for one in map(results.first, results.models) if one.measured]
    pairs = [(one, counterparts.find_counterpart(one)) for one in firsts] if pairs is None else pairs
    return {one.name: pair and f"{pair[0].out.name}/{pair[1].name}" for one, pair in pairs}


def test_releases_are_opened_by_name_with_the_sources_of_their_rows_unless_they_are_damaged(releases):
    names = ["paper", None, "", "bare", "nothing", "beyond"]  # in bare, nothing is measured
    found = counterparts.open_releases(names)
    assert [*found] == ["paper", "beyond"]
    (distance,) = found["paper"].first("zoom").final.data["frechet"]
    assert distance.source == "released/paper/metrics/measure_zoom-0.json#0"
    changed(releases / "paper/metrics/measure_zoom-0.json", lambda facts: facts.update(seed=1))
    counterparts.open_release.cache_clear()
    with pytest.raises(ValueError, match="measure_zoom-0.json is missing or differs from the release"):
        counterparts.open_release("paper")


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


OWN = {
    "mine-0": {"settings": NOISE},
    "fewer-0": {"settings": {"process": made_up.ZOOM | {"T": 23}}},
    "prior-0": {"prior": {"class": "mine:Prior"}},
    "own-0": {"process": "own"},
}


@pytest.mark.parametrize(
    ("trainings", "studied", "own", "shown"),
    [
        (
            {"zoom-3": {}, **OWN, "late-0": {"settings": {"process": made_up.ZOOM | {"T": 22}}}},
            ["zoom"],
            ["fewer", "own", "prior"],
            {"zoom-3": "paper/zoom-0", "mine-0": "beyond/zoom_noise-0"},
        ),
        # without a model of the original study, all are of one's own
        ({"mine-0": {"settings": NOISE}, "zoom-0": {"process": "own"}}, [], ["zoom", "mine"], {}),
        # studied are those of its processes
        ({"linear-0": {}, "cosine-0": {"process": "zoom"}, "zoom-0": {}}, ["linear", "zoom"], [], None),
    ],
)
def test_own_models_are_those_that_no_release_has(releases, tmp_path, trainings, studied, own, shown):
    results = run(tmp_path / "run", trainings, unmeasured=("late-0",))
    assert counterparts.list_studied(results) == studied
    assert counterparts.list_own(results) == own
    assert shown is None or beside(results, counterparts.list_beside(results)) == shown
    assert counterparts.list_beside(counterparts.open_release("paper")) == []  # released ones: none beside


def test_a_model_is_studied_if_all_of_its_trainings_are_measured(releases, tmp_path):
    results = run(tmp_path / "run", {"linear-0": {}, "linear-1": {}, "zoom-0": {}}, unmeasured=("linear-1",))
    assert counterparts.list_studied(results) == ["zoom"]


@pytest.mark.parametrize(
    ("other", "title"),
    [
        ({"n_train": 5}, ""),
        ({"title": "Fashion"}, "Fashion"),
        ({"classes": ["shirt"]}, "MNIST"),
    ],
)
def test_other_data_stand_beside_nothing(releases, tmp_path, other, title):
    results = run(
        tmp_path / "run",
        {"zoom-3": {"data": made_up.DATA | other}, "linear-0": {"data": made_up.DATA | other}},
    )
    assert counterparts.other_data(results) == title
    released = {"linear-0": "paper/linear-0", "zoom-3": "paper/zoom-0"}
    assert beside(results, counterparts.list_beside(results)) == ({} if title else released)
    assert counterparts.list_own(results) == (["linear", "zoom"] if title else [])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"../note.txt": "0" * 64}, r"'\.\./note.txt', .*outside of the release"),
        ({"lost.txt": "0" * 64}, "lost.txt .*git checkout"),
    ],
)
def test_a_manifest_that_is_none_is_refused_and_nothing_is_written(tmp_path, files, said):
    write_json(tmp_path / "released" / MANIFEST, {"profile": "x", "files": files})
    for read in (verify, lambda folder: release.unpack(folder, tmp_path / "out")):
        with pytest.raises(ValueError, match=said):
            read(tmp_path / "released")
    assert not (tmp_path / "out").exists()
