"""What a release contains, and what is refused; a release by the real commands: e2e/test_release.py."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import content
from report.files import read_json
from report.jobs import release
from report.jobs.job import Job
from report.results.kept import MANIFEST, keep, read_kept

IMAGES = np.random.default_rng(0).integers(0, 256, (250, 28, 28), dtype=np.uint8)


@pytest.fixture
def places(tmp_path, monkeypatch) -> SimpleNamespace:
    """Folders of releases and of results, apart from those of the project."""
    monkeypatch.setattr(release, "RELEASED", tmp_path / "released")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    return SimpleNamespace(released=tmp_path / "released" / "mine", out=tmp_path / "out", root=tmp_path)


def run_files(out: Path, name: str, epochs: int = 3) -> None:
    folder = out / "runs" / name
    (folder / "weights").mkdir(parents=True)
    for file in (*release.OF_RUN, "state.pt"):
        (folder / file).write_text(f"{file} of {name}")
    for epoch in range(1, epochs + 1):
        (folder / "weights" / f"epoch-{epoch:04d}.safetensors").write_text(f"{epoch} of {name}")


def report_files(out: Path, paper: bool = False) -> None:
    (out / "figures").mkdir(parents=True)
    for name in ("numbers.json", "report.pdf", "report.html", *(["ledger.json"] if paper else [])):
        (out / name).write_text(f"{name} as built")
    (out / "figures" / "b.csv").write_text("x,value,low,high\n1,2.0,,\n2,3.0,1.0,4.5\n")
    (out / "figures" / "a.svg").write_text("<svg/>")


def profile(places, **more) -> SimpleNamespace:
    trainings = dict.fromkeys([("zoom", 0), ("zoom", 1), ("linear", 5)], ("notebook", {}))
    seeds = {"zoom": [0, 1], "linear": [5]}.__getitem__
    known = {"name": "mine", "out": places.out, "trainings": trainings, "seeds": seeds}
    return SimpleNamespace(
        **known | {"where": places.root / "mine.yaml", "measures": {"zoom": {"n": 7}}} | more
    )


@pytest.fixture
def finished(places, monkeypatch):
    """A run whose jobs are done, with everything that a release takes or leaves."""
    out = places.out
    (out / "metrics").mkdir(parents=True)
    for name in ("train_zoom-0", "measure_zoom-0", "schedules"):
        (out / "metrics" / f"{name}.json").write_text(name)
    keep(out, "samples_zoom-0", IMAGES)
    keep(out, "real", IMAGES)
    for name in ("zoom-0", "zoom-1", "linear-5"):
        run_files(out, name)
    report_files(out)
    plan = {"schedules": Job("schedules", "", out, {}, makes=("metrics/schedules.json",))}
    monkeypatch.setattr(release.jobs, "make_plan", lambda given: plan)
    monkeypatch.setattr(release.jobs, "find_stale", lambda given: {})
    return places


# --- a release ---


def test_a_release_has_tables_images_and_the_last_weights_of_first_seeds(finished):
    release.release(profile(finished))
    names = {*content(finished.released)}
    expected = {"metrics/train_zoom-0.json", "metrics/measure_zoom-0.json", "metrics/schedules.json"}
    expected |= {"kept/samples_zoom-0.npz", "kept/real.npz", "numbers.json", "figures.json", MANIFEST}
    for run in ("zoom-0", "linear-5"):
        expected |= {f"runs/{run}/{name}" for name in (*release.OF_RUN, "weights/epoch-0003.safetensors")}
    assert names == expected
    assert release.verify(finished.released) == sorted(expected - {MANIFEST})
    assert read_json(finished.released / MANIFEST)["profile"] == "mine"
    assert np.array_equal(read_kept(finished.released, "samples_zoom-0"), IMAGES[:200])
    assert np.array_equal(read_kept(finished.released, "real"), IMAGES)  # only samples are cut
    assert len(read_kept(finished.out, "samples_zoom-0")) == 250
    assert (finished.released / "runs/linear-5/run.json").read_text() == "run.json of linear-5"


@pytest.mark.parametrize("written", [(1, 2, 10), (10, 2, 1), (2, 10, 1)])
def test_the_last_weights_are_those_of_the_last_epoch_whenever_they_were_written(places, written):
    run_files(places.out, "zoom-0", 0)
    run = places.out / "runs" / "zoom-0"
    for second, epoch in enumerate(written):  # as in a copy, or after an epoch was trained again
        path = run / "weights" / f"epoch-{epoch:04d}.safetensors"
        path.write_text("")
        os.utime(path, (second, second))
    *others, last = release.files_of_training(run)
    assert last == run / "weights" / "epoch-0010.safetensors"
    assert [path.name for path in others] == [*release.OF_RUN]


def test_runs_of_further_seeds_are_released_if_something_opens_them(finished, monkeypatch):
    monkeypatch.setattr(release, "ALL_SEEDS", {"mine": ("zoom",)})
    release.release(profile(finished))
    runs = {path.name for path in (finished.released / "runs").iterdir()}
    assert runs == {"zoom-0", "zoom-1", "linear-5"}


def test_records_made_by_hand_stay_and_other_files_of_the_release_before_go(finished):
    old = finished.released
    (old / "metrics").mkdir(parents=True)
    for name in ("by_hand", "schedules", "train_gone-0", "measure_gone-0"):
        (old / "metrics" / f"{name}.json").write_text(f"old {name}")
    keep(old, "by_hand", IMAGES[:2])
    keep(old, "gone", IMAGES[:2])
    release.release(profile(finished))
    names = release.verify(old)
    assert "metrics/by_hand.json" in names
    assert "kept/by_hand.npz" in names
    assert not [name for name in content(old) if "gone" in name]
    assert (old / "metrics/schedules.json").read_text() == "schedules"
    assert (old / "metrics/by_hand.json").read_text() == "old by_hand"


def test_a_run_that_is_not_done_is_not_released(finished, monkeypatch):
    monkeypatch.setattr(release.jobs, "find_stale", lambda plan: {"schedules": "code changed", "x": "y"})
    with pytest.raises(ValueError, match=r"schedules: code changed; run make retrain .*=mine first \(2 jobs"):
        release.release(profile(finished))
    assert not finished.released.exists()


def test_a_release_that_is_interrupted_has_no_manifest(places, monkeypatch):
    release.write(places.released, {"a": b"1", "b": b"2"})
    assert release.verify(places.released) == ["a", "b"]
    written = release.write_bytes

    def full(path, given):
        if Path(path).name == "b":
            raise OSError("no space")
        return written(path, given)

    monkeypatch.setattr(release, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        release.write(places.released, {"a": b"3", "b": b"4"})
    assert not (places.released / MANIFEST).exists()


@pytest.mark.parametrize(("n", "kept"), [(199, 199), (200, 200), (201, 200)])
def test_so_many_samples_are_released(places, n, kept):
    file = keep(places.out, "samples_x", IMAGES[:n]).read_bytes()
    release.write(places.released, {"kept/samples_x.npz": file, "kept/other.npz": file})
    assert len(read_kept(places.released, "samples_x")) == kept
    assert len(read_kept(places.released, "other")) == n
    assert release.verify(places.released) == ["kept/other.npz", "kept/samples_x.npz"]
    assert ((places.released / "kept/samples_x.npz").read_bytes() == file) == (n <= 200)


# --- the files of a report ---


def test_sums_of_a_figure_are_of_its_values_and_ends():
    table = b"series,x,value,low,high\na,9,2.0,,\nb,9,3.0,1.0,4.5\n"
    assert release.summarise_plotted(table) == [4, 10.5, 4 + 9 + 1 + 20.25]


@pytest.mark.parametrize("paper", [False, True])
def test_a_paper_is_released_with_its_pdf_and_verdicts(places, paper):
    report_files(places.out, paper)
    made = release.files_of_report(places.out)
    assert [*made] == ["numbers.json", *(["ledger.json", "report.pdf"] if paper else []), "figures.json"]
    assert made["numbers.json"] == b"numbers.json as built"
    assert json.loads(made["figures.json"]) == {"a.svg": [], "b.csv": [4, 10.5, 34.25]}


def test_the_report_is_made_of_all_but_its_own_files(places):
    files = dict.fromkeys((*release.OF_REPORT, "metrics/a.json", "kept/b.npz", "runs/zoom-0/run.json"), b"x")
    release.write(places.released, files)
    results = {"metrics/a.json", "kept/b.npz", "runs/zoom-0/run.json"}
    assert {*release.list_results(places.released)} == results
    for name in ("metrics/old.json", "notebooks/mine.ipynb", "runs/zoom-9/run.json"):
        (places.out / name).parent.mkdir(parents=True, exist_ok=True)
        (places.out / name).write_text("old")
    release.unpack(places.released, places.out)
    assert {*content(places.out)} == results | {"notebooks/mine.ipynb"}
    assert (places.out / "metrics/a.json").read_bytes() == b"x"


def test_the_report_of_a_release_is_kept_if_it_was_built_from_that(places):
    given = profile(places)
    built = release.report_folder(given)
    release.write(places.released, {"metrics/a.json": b"1", "numbers.json": b"old", "ledger.json": b"old"})
    with pytest.raises(ValueError, match=r"metrics/a.json is not the released file; run make report .*=mine"):
        release.keep_report(given)
    release.unpack(places.released, built)
    report_files(built)
    release.keep_report(given)
    assert release.verify(places.released) == ["figures.json", "metrics/a.json", "numbers.json"]
    assert (places.released / "numbers.json").read_text() == "numbers.json as built"
    (built / "metrics/a.json").write_text("2")
    with pytest.raises(ValueError, match="is not the released file"):
        release.keep_report(given)
