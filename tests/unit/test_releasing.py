"""What a release contains, and what is refused; a release of a real run: e2e/test_release.py."""

import json
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from finished import MODELS, PROFILE, finished
from helpers import content, forked, needs_linux
from report.files import read_json
from report.jobs import release
from report.results.kept import MANIFEST, keep, read_kept

IMAGES = np.random.default_rng(0).integers(0, 256, (550, 28, 28), dtype=np.uint8)
SEEDS = {"linear": [5], "zoom": [0, 1], "own": [2]}


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


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose jobs are done, with everything that a release takes or leaves."""
    models = {name: model | {"seeds": SEEDS[name]} for name, model in MODELS.items()}
    with finished(tmp_path_factory.mktemp("finished"), PROFILE | {"models": models}) as found:
        for path in (found.out / "kept").iterdir():
            keep(found.out, path.stem, IMAGES)
        keep(found.out, "real", IMAGES)
        for model, seed in found.profile.trainings:
            run_files(found.out, f"{model}-{seed}")
        report_files(found.out)
        yield found


@pytest.fixture
def released(tmp_path, monkeypatch) -> Path:
    """The folder of the release of the run; its report is built beside it."""
    monkeypatch.setattr(release, "RELEASED", tmp_path / "released")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    return tmp_path / "released" / "small"


# --- a release ---


def test_a_release_has_tables_images_and_the_last_weights_of_all_runs(run, released):
    release.release(run.profile)
    taken = {path.relative_to(run.out).as_posix() for path in run.out.glob("[mk]e*/*")}  # metrics, kept
    taken -= {"kept/real.npz"}  # no job of this profile makes it
    expected = {*taken, "numbers.json", "figures.json", MANIFEST}
    for name in ("linear-5", "own-2", "zoom-0", "zoom-1"):
        expected |= {f"runs/{name}/{file}" for file in (*release.OF_RUN, "weights/epoch-0003.safetensors")}
    assert len(taken) == 17
    assert {*content(released)} == expected
    assert release.verify(released) == sorted(expected - {MANIFEST})
    assert read_json(released / MANIFEST)["profile"] == "small"
    assert np.array_equal(read_kept(released, "samples_zoom-0"), IMAGES[:200])
    assert len(read_kept(run.out, "samples_zoom-0")) == 550
    assert (released / "runs/linear-5/run.json").read_text() == "run.json of linear-5"


@pytest.mark.parametrize("written", [(1, 2, 10), (10, 2, 1), (2, 10, 1)])
def test_the_last_weights_are_those_of_the_last_epoch_whenever_they_were_written(tmp_path, written):
    run_files(tmp_path, "zoom-0", 0)
    run = tmp_path / "runs" / "zoom-0"
    for second, epoch in enumerate(written):  # as in a copy, or after an epoch was trained again
        path = run / "weights" / f"epoch-{epoch:04d}.safetensors"
        path.write_text("")
        os.utime(path, (second, second))
    names = [*release.OF_RUN, "weights/epoch-0010.safetensors"]
    assert release.files_of_training(run) == [run / name for name in names]


def test_files_of_the_release_before_go_whether_a_job_made_them_or_not(run, released):
    (released / "metrics").mkdir(parents=True)
    for name in ("by_hand", "schedules", "train_gone-0"):
        (released / "metrics" / f"{name}.json").write_text(f"old {name}")
    keep(released, "gone", IMAGES[:2])
    release.release(run.profile)
    assert not [name for name in content(released) if "gone" in name or "by_hand" in name]
    assert read_json(released / "metrics/schedules.json") == {"sha256": {}}


def test_a_run_that_is_not_done_is_not_released(run, released):
    with run.edited("code/CITATION.cff", lambda old: old + b"# x"):
        run.forget()
        with pytest.raises(
            ValueError,
            match=r"report: beside\.CITATION.cff changed; run make retrain .*=small first \(1 jobs",
        ):
            release.release(run.profile)
    assert not released.exists()


@needs_linux
def test_a_release_that_is_interrupted_has_no_manifest(released):
    """Files end at 9,000 bytes, as on a full disk."""
    contents = {"a": b"1", "b": bytes(9_001), "c": b"3"}
    release.write(released, contents)
    assert release.verify(released) == ["a", "b", "c"]

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
        release.write(released, contents)

    assert forked(full)[0] == 1
    assert not (released / MANIFEST).exists()


@pytest.mark.parametrize(("n", "kept"), [(199, 199), (200, 200), (201, 200)])
def test_so_many_samples_are_released(tmp_path, released, n, kept):
    file = keep(tmp_path, "samples_x", IMAGES[:n]).read_bytes()
    release.write(released, {"kept/samples_x.npz": file, "kept/other.npz": file})
    assert len(read_kept(released, "samples_x")) == kept
    assert len(read_kept(released, "other")) == n
    assert release.verify(released) == ["kept/other.npz", "kept/samples_x.npz"]
    assert ((released / "kept/samples_x.npz").read_bytes() == file) == (n <= 200)


# --- the files of a report ---


@pytest.mark.parametrize("paper", [False, True])
def test_a_paper_is_released_with_its_pdf_and_verdicts(tmp_path, paper):
    """Sums of a figure are of its values and ends."""
    report_files(tmp_path, paper)
    made = release.files_of_report(tmp_path)
    assert [*made] == ["numbers.json", *(["ledger.json", "report.pdf"] if paper else []), "figures.json"]
    assert made["numbers.json"] == b"numbers.json as built"
    assert json.loads(made["figures.json"]) == {"a.svg": [], "b.csv": [4, 10.5, 4 + 9 + 1 + 20.25]}


def test_the_report_is_made_of_all_but_its_own_files_and_kept_if_it_was_built_from_the_release(run, released):
    results = {"metrics/a.json", "kept/b.npz", "runs/zoom-0/run.json"}
    release.write(released, dict.fromkeys((*release.OF_REPORT, *results), b"x"))
    with pytest.raises(ValueError, match=r"kept/b.npz is not .*; run make report .*=small"):
        release.keep_report(run.profile)
    built = release.report_folder(run.profile)
    for name in ("metrics/old.json", "notebooks/mine.ipynb", "runs/zoom-9/run.json"):
        (built / name).parent.mkdir(parents=True, exist_ok=True)
        (built / name).write_text("old")
    release.unpack(released, built)
    assert {*content(built)} == results | {"notebooks/mine.ipynb"}
    assert (built / "metrics/a.json").read_bytes() == b"x"
    report_files(built)
    release.keep_report(run.profile)
    assert {*release.verify(released)} == results | {"figures.json", "numbers.json"}
    assert (released / "numbers.json").read_text() == "numbers.json as built"
    (built / "metrics/a.json").write_text("2")
    with pytest.raises(ValueError, match="is not the released file"):
        release.keep_report(run.profile)
