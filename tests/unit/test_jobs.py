"""The jobs of a profile: which of them are stale, and why. The run itself: e2e/test_workflow.py."""

import importlib
import json
import sys

import pytest
import yaml

import helpers
import report.jobs.run
from helpers import changed
from report import places
from report import profile as profiles
from report.files import write_json
from report.jobs import plan as jobs
from report.jobs.job import Job, count_threads
from report.jobs.run import describe_plan

MODULE = """
import numpy as np
import diffusion as d
from helpers import Fade
SHIFT = 0

def read(split, folder):
    return np.zeros((12, 28, 28), np.uint8), (np.arange(12) + SHIFT) % 10

blank = d.DataSet("Blank", read)
"""
MODELS = {
    "zoom": {"notebook": "03_train_zoom"},
    "own": {"notebook": "05_your_degradation", "degradation": "of_jobs:Fade"},
}
ALL_IMAGES = {"n_train": None, "n_test": None}
PROFILE = {"profile": "small", "dataset": "of_jobs:blank", "models": MODELS}
PROFILE |= {"training": {"epochs": 2} | ALL_IMAGES, "schedules": {"n_test": 12}}
PROFILE |= {"measure": {"n_final": 32}, "report": {"title": "Zooms", "text": "words.md"}}
COMPARE, FIGURES = "notebook_04_compare_fid", "notebook_report_figures"
AFTER = [COMPARE, FIGURES, "report"]
ZOOM, OWN = (["train_zoom-0", "measure_zoom-0"], ["train_own-0", "measure_own-0"])
MEASURED = [ZOOM[1], OWN[1], *AFTER]
ALL = ["schedules", *ZOOM, *OWN, *AFTER]


def forget() -> None:
    """Hashes that a process computes once belong to one copy of the code."""
    for cached in (jobs.hash_code, jobs.hash_cells, jobs.hash_data):
        cached.cache_clear()


class Finished:
    """A run in which all jobs are done, beside a copy of the project's code."""

    def __init__(self, folder):
        self.folder, self.code, self.out = folder, folder / "code", folder / "out"
        (folder / "of_jobs.py").write_text(MODULE)
        (folder / "words.md").write_text("# Mine")

    def jobs(self, **changes) -> dict[str, Job]:
        forget()
        path = self.folder / "small.yaml"
        path.write_text(yaml.safe_dump(PROFILE | {"out": str(self.out)} | changes, sort_keys=False))
        self.profile = profiles.read(path)
        return jobs.make_plan(self.profile)

    def stale(self, **changes) -> dict[str, str]:
        """The jobs that must run with some changes of the profile, with the reasons."""
        self.jobs(**changes)
        return jobs.find_stale(jobs.make_plan(self.profile))


@pytest.fixture
def run(tmp_path, monkeypatch) -> Finished:
    found, parts = Finished(tmp_path), ("diffusion/*.py", "report", "notebooks", "CITATION.cff")
    helpers.copied(found.code, *parts)
    monkeypatch.setattr(places, "ROOT", found.code)
    monkeypatch.setattr(places, "HOUSES", (found.code,))
    monkeypatch.syspath_prepend(tmp_path)
    for job in found.jobs().values():
        for path in [*(found.out / name for name in job.makes), *([job.executed] if job.notebook else [])]:
            write_json(path, {})
        job.finish()
    yield found
    forget()
    sys.modules.pop("of_jobs", None)


@pytest.mark.parametrize(
    ("section", "value", "stale", "reason"),
    [
        ("training", {"epochs": 2} | ALL_IMAGES, [], ""),
        ("training", {"epochs": 3} | ALL_IMAGES, [*ZOOM, *OWN, *AFTER], "settings.epochs was 2, is 3"),
        ("measure", {"n_final": 33}, MEASURED, "settings.n_final was 32, is 33"),
        ("schedules", {"n_test": 12, "T": 999}, ["schedules", *AFTER], "settings.T was 1000, is 999"),
        ("report", {"title": "X", "text": "words.md"}, ["report"], "settings.title was 'Zooms', is 'X'"),
        ("seeds", [0, 7], [f"{job[:-1]}7" for job in (*ZOOM, *OWN)] + AFTER, jobs.NOT_MADE),
    ],
)
def test_a_changed_setting_is_named_and_what_rests_on_it_runs_again(run, section, value, stale, reason):
    found = run.stale(**{section: value})
    assert [*found] == stale
    assert found.get(stale[0] if stale else None, "") == reason


ZOOMS, COMPARES = (f"notebooks/{name}.ipynb" for name in ("03_train_zoom", "04_compare_fid"))


@pytest.mark.parametrize(
    ("name", "cell", "stale", "reason"),
    [
        (ZOOMS, "code", [*ZOOM, *AFTER], "notebook changed"),
        (ZOOMS, "markdown", [], None),
        (COMPARES, "code", [COMPARE, "report"], "notebook changed"),
        ("report/measures/pixels.py", "", ALL, "code changed"),
        ("report/pages/references.bib", "", ["report"], "beside.report/pages/references.bib changed"),
        ("../words.md", "", ["report"], "settings.text was '# Mine', is '# Mine#'"),
    ],
)
def test_of_an_edited_file_what_rests_on_it_runs_again(run, name, cell, stale, reason):
    path = run.code / name
    if cell:
        new = {"cell_type": cell, "id": "x", "metadata": {}, "source": ["1 + 1"]}
        changed(path, lambda notebook: notebook["cells"].append(new))
    else:
        path.write_text(path.read_text() + "#")
    found = run.stale()
    assert [*found] == stale
    assert found.get(stale[0] if stale else None) == reason


def test_other_labels_of_the_data_another_package_or_a_lost_file_is_found(run, monkeypatch):
    with monkeypatch.context() as other:
        other.setattr(importlib.import_module("of_jobs"), "SHIFT", 1)  # the images stay
        assert run.stale()["train_zoom-0"] == "data changed"
    assert run.stale() == {}
    with monkeypatch.context() as other:
        other.setattr(jobs, "versions", lambda more: {"torchmetrics": "0.1"})
        assert [*(found := run.stale())] == ALL
        assert found["schedules"].startswith("versions.")
    (run.out / "kept" / "quality_zoom-0.npz").unlink()
    assert run.stale()["measure_zoom-0"].startswith("kept/quality_zoom-0.npz ")


def test_compiled_code_that_a_job_leaves_makes_nothing_stale(run):
    compiled = run.code / "report" / "pages" / "__pycache__" / "build.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"1")
    assert run.stale() == {}


def test_a_job_that_was_made_again_makes_those_stale_that_were_made_of_the_one_before(run):
    run.jobs(training={"epochs": 3} | ALL_IMAGES)["train_zoom-0"].finish()
    assert run.stale(training={"epochs": 3} | ALL_IMAGES)["measure_zoom-0"] == "before.train_zoom-0 changed"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": ALL_IMAGES | {"n_train": 13}}, r"models\.zoom: n_train is 13; .* 1 to 12"),
        ({"measure": {"n_test": 13}}, r"models\.zoom, measure: n_test is 13; .* 1 to 12"),
        ({"schedules": {"n_test": 13}}, r"schedules: n_test is 13; .* 1 to 12"),
        ({"schedules": {"n_test": 12, "image_index": 12}}, r"schedules: image_index is 12; .* 0 to 11"),
        (
            {"models": MODELS | {"own": MODELS["own"] | {"variants": {"mean": {"average": 3}}}}},
            r"models\.own, variants\.mean: average is 3; .* 1 to 2",
        ),
        (
            {  # 13 steps of 8 images, 12 of which are an epoch of 2
                "training": ALL_IMAGES | {"epochs": None, "fit_options": {"steps": 5}},
                "models": {"zoom": MODELS["zoom"] | {"variants": {"mean": {"average": 4}}}},
            },
            "average is 4; .* 1 to 3",
        ),
    ],
)
def test_a_profile_that_asks_for_more_than_there_is_is_refused(run, changes, said):
    with pytest.raises(ValueError, match=said):
        run.jobs(**changes)


def test_a_results_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^out is .*file/out, which cannot be created: "):
        jobs.lock(tmp_path / "file" / "out")


def test_a_cluster_without_its_plugin_names_the_command_that_adds_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run", "smoke", "--on", "slurm"])
    monkeypatch.setattr(report.jobs.run.shutil, "which", lambda name: name)
    monkeypatch.setattr(report.jobs.run, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="make report EXECUTOR=slurm"):
        report.jobs.run.main()


def test_a_slurm_that_does_not_answer_is_one_line(monkeypatch, tmp_path):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 'squeue: error: one' >&2\necho 'squeue: no controller' >&2\nexit 1\n")
    squeue.chmod(0o755)
    (tmp_path / "sbatch").symlink_to(squeue)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(report.jobs.run, "find_spec", lambda name: name)
    with pytest.raises(
        ValueError, match=r"^EXECUTOR=slurm: squeue failed \(squeue: no controller\); .*EXECUTOR"
    ):
        report.jobs.run.check_executor("slurm")


def test_a_dry_run_names_each_job_with_its_reason_and_work_and_writes_nothing(run, capsys):
    changes = {"training": {"epochs": 3, "batch_size": 8} | ALL_IMAGES}
    changes |= {"measure": {"n_final": 32, "n_checkpoint": 20}}
    plan = run.jobs(**changes)
    history = [{"step": 2, "seconds": 3.0}, {"step": 4, "seconds": 5.0}]
    for model, size in (("zoom", 8), ("own", 16)):  # of another batch size
        write_json(run.out / "runs" / f"{model}-0" / "run.json", {"settings": {"batch_size": size}})
        lines = "".join(json.dumps(line) + "\n" for line in history)
        (run.out / "runs" / f"{model}-0" / "history.jsonl").write_text(lines)
    before = helpers.content(run.out)
    describe_plan(run.profile, plan, "2", "")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "training zoom, seed 0: settings.epochs was 2, is 3; 6 steps of 8 images, about 12 s (2 s per step"
    )
    assert "; 4 steps are done" in said[0]
    assert said[1].endswith("; 72 samples, measured epochs: 2")
    (own,) = (line for line in said if line.startswith("training own, seed 0: "))
    assert own.endswith("; 6 steps of 8 images")
    assert "7 of 8 jobs would run; nothing was started or written" in said
    assert helpers.content(run.out) == before
    describe_plan(run.profile, plan, "all", "slurm")
    assert "2 x train: threads 4, at most 8000 MB and 24 hours" in capsys.readouterr().out


def test_threads_are_shared_by_trainings_and_bounded_by_the_users_variable(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [count_threads("train", n, 8, True) for n in (1, 3, 9)] == [8, 2, 1]
    assert (count_threads("train", 1, 64, True), count_threads("report", 1, 64, True)) == (16, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert (count_threads("measure", 1, 8, True), count_threads("measure", 1, 8, False)) == (1, 8)


def test_the_users_own_names_in_settings_are_listed():
    others = ["os:path", "diffusion.processes:DDPM", "torch.nn:Linear", "nowhere:Class", "12:30", "zoom", 1]
    settings = {"sampler": "helpers:Fade", "options": [{"prior": "helpers:train"}, *others]}
    assert [*jobs.own_names(settings)] == ["helpers:Fade", "helpers:train"]
