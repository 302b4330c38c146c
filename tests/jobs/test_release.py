"""A release is whole or refused with a remedy that works, and an interrupted one loses nothing."""

import itertools
import json
import random
import shutil
import sys

import pytest

from damage import flipped
from jobs.standin import PROFILE
from short_runs import Killed
from study.settings import read_profile
from workflow import release, run


@pytest.fixture
def profile(project):
    return read_profile("smoke", project.folder / "profiles")


@pytest.fixture
def released(project, profile):
    """The folder of a release of the finished project."""
    return release.release(profile)


def contents(folder) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


RECORDED = ("schedules", "yardstick", "train_zoom-0", "measure_zoom-0", "analyse_zoom-0")


def test_a_release_has_records_images_last_weights_figures_notebooks_and_the_pdf(project, released):
    run_folder = "runs/zoom-0-0"
    assert set(contents(released)) == {
        "manifest.json",
        "report.pdf",
        "figures/a.svg",
        "kept/zoom.npz",
        "kept/trajectory_zoom-0.npz",
        "kept/samples_zoom-0.npz",
        *(f"metrics/{job}.json" for job in RECORDED),
        *(f"jobs/{job}.json" for job in (*RECORDED, "compare", "report")),
        *(f"notebooks/{n}.ipynb" for n in ("01_schedules", "03_train_zoom-zoom-0", "04_compare_fid")),
        *(f"{run_folder}/{name}" for name in ("run.json", "history.jsonl")),
        f"{run_folder}/weights/epoch-0002.safetensors",
    }
    manifest = json.loads((released / "manifest.json").read_text())
    assert set(manifest["files"]) == set(contents(released)) - {"manifest.json"}


def test_stale_results_are_not_released(project, profile, released):
    before = contents(released)
    (project.out / "kept" / "zoom.npz").write_bytes(b"another")
    with pytest.raises(
        ValueError, match="schedules: kept/zoom.npz is damaged or was changed; run `make retrain"
    ):
        release.release(profile)
    assert contents(released) == before


def test_a_flipped_bit_in_any_released_file_is_refused(released):
    dice = random.Random(2)
    for name, whole in contents(released).items():
        (released / name).write_bytes(flipped(whole, dice))
        if name != "manifest.json" or _says_another(whole, (released / name).read_bytes()):
            with pytest.raises(ValueError, match="get it back with `git checkout -- released/smoke`"):
                release.verify(released)
        (released / name).write_bytes(whole)
    release.verify(released)


def _says_another(whole: bytes, changed: bytes) -> bool:
    """False for a bit that JSON does not see, in white space for example."""
    try:
        return json.loads(whole) != json.loads(changed)
    except ValueError:
        return True


@pytest.mark.parametrize(
    "content", ["", "[]", '{"files": 5}', '{"profile": "smoke"}', '{"profile": "smoke", "files": {}}', None]
)
def test_a_damaged_or_lost_manifest_never_leads_to_training(project, released, content):
    if content is None:
        (released / "manifest.json").unlink()
    else:
        (released / "manifest.json").write_text(content)
    shutil.rmtree(project.out)
    with pytest.raises(SystemExit) as end:
        run.main(["smoke"])
    expected = f"error: {released / 'manifest.json'} is missing or damaged; get it back with `git"
    assert str(end.value).startswith(expected)
    assert not project.out.exists()


def test_a_manifest_cannot_reach_outside(released):
    content = json.loads((released / "manifest.json").read_text())
    content["files"]["../../Makefile"] = "0"
    (released / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"names '../../Makefile', a place outside of it"):
        release.verify(released)


def test_the_report_comes_from_the_release_without_training(project, released):
    shutil.rmtree(project.out)
    said = project.run()
    assert said.splitlines()[-1].endswith("report.pdf are made from released/smoke")
    assert project.ran(said) == set()
    out = project.folder / "build" / "released" / "smoke"
    assert (out / "report.html").is_file()
    assert (out / "metrics" / "train_zoom-0.json").is_file()
    (out / "metrics" / "train_zoom-0.json").write_text("{}")
    (out / "metrics" / "train_gone-0.json").write_text("{}")  # of an earlier release
    project.run()
    assert contents(out / "metrics") == contents(released / "metrics")


def test_a_release_answers_for_its_own_profile_alone(project, released):
    mine = project.write("mine.yaml", (project.folder / "profiles" / "smoke.yaml").read_text())
    assert "is released; give yours another name" in project.run(str(mine), status=1)
    project.profile(PROFILE | {"seeds": [0, 7]})
    assert "-7: make retrain PROFILE=smoke" in project.run(status=1)


def test_an_interrupted_release_is_none_and_is_made_by_the_same_command(
    project, profile, released, monkeypatch
):
    """Each file that is written is in turn the one before which the process dies."""
    whole, write = contents(released), release.write_bytes
    for last in range(len(whole) - 1):
        monkeypatch.setattr(release, "write_bytes", dying(write, last))
        with pytest.raises(Killed):
            release.release(profile)
        with pytest.raises(ValueError, match=r"manifest.json is missing or damaged; get it back with `git"):
            release.verify(released)
    monkeypatch.setattr(release, "write_bytes", write)
    release.release(profile)
    assert contents(released) == whole
    assert [p.name for p in released.parent.iterdir()] == ["smoke"]


def dying(write, calls: int):
    """A function that dies in this call."""
    left = itertools.count(calls, -1)

    def call(*arguments):
        if not next(left):
            raise Killed
        return write(*arguments)

    return call


def test_a_run_under_way_is_not_released(project, released, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["release", "smoke"])
    monkeypatch.chdir(project.folder)
    with run.held(project.out), pytest.raises(SystemExit) as end:
        release.main()
    assert str(end.value).startswith("error: a run of this profile is under way (process ")
    release.main()
    assert capsys.readouterr().out.startswith("released/smoke holds the results of smoke: ")


def test_what_is_released_in_this_project_is_whole(root):
    folders = [path.parent for path in (root / "released").glob("*/manifest.json")]
    assert folders
    for folder in folders:
        files = release.verify(folder)
        for part in ("metrics/train_", "metrics/measure_", "kept/samples_", "weights/", "report.pdf"):
            assert any(part in name for name in files), part
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert there == {*files, "manifest.json"}
