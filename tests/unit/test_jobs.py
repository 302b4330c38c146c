"""The jobs of a profile: which of them are stale, and why. The run itself: e2e/test_workflow.py."""

import importlib
import sys

import pytest
import yaml

import helpers
from diffusion.files import write_json
from helpers import changed
from study import profile as profiles
from workflow import jobs
from workflow.job import Job

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
PROFILE = {"profile": "small", "dataset": "of_jobs:blank", "training": {"epochs": 2}, "models": MODELS}
PROFILE |= {"measure": {"n_final": 32}, "report": {"title": "Zooms", "text": "words.md"}}
AFTER = ["compare", "comparison", "report"]
ZOOM, OWN = (["train_zoom-0", "measure_zoom-0"], ["train_own-0", "measure_own-0"])
MEASURED = [ZOOM[1], OWN[1], *AFTER]
ALL = ["schedules", *ZOOM, *OWN, *AFTER]


class Finished:
    """A run in which all jobs are done, beside a copy of the project's code."""

    def __init__(self, folder):
        self.folder, self.code, self.out = folder, folder / "code", folder / "out"
        (folder / "of_jobs.py").write_text(MODULE)
        (folder / "words.md").write_text("# Mine")

    def jobs(self, **changes) -> dict[str, Job]:
        for cached in (jobs.project_code, jobs.cells, jobs.content):
            cached.cache_clear()
        path = self.folder / "small.yaml"
        path.write_text(yaml.safe_dump(PROFILE | {"out": str(self.out)} | changes, sort_keys=False))
        self.profile = profiles.read(path)
        return jobs.plan(self.profile)

    def stale(self, **changes) -> dict[str, str]:
        """The jobs that must run with some changes of the profile, with the reasons."""
        self.jobs(**changes)
        return jobs.check(jobs.plan(self.profile))


@pytest.fixture
def run(tmp_path, monkeypatch) -> Finished:
    found, parts = Finished(tmp_path), ("diffusion/*.py", "study", "report", "notebooks", "CITATION.cff")
    helpers.copied(found.code, *parts)
    monkeypatch.setattr(jobs, "ROOT", found.code)
    monkeypatch.setattr(jobs, "NOTEBOOKS", found.code / "notebooks")
    monkeypatch.syspath_prepend(tmp_path)
    for job in found.jobs().values():
        for path in [*(found.out / name for name in job.makes), *([job.executed] if job.notebook else [])]:
            write_json(path, {})
        job.finish()
    yield found
    found.jobs()
    sys.modules.pop("of_jobs", None)


@pytest.mark.parametrize(
    ("section", "value", "stale", "reason"),
    [
        ("training", {"epochs": 2}, [], ""),
        ("training", {"epochs": 3}, [*ZOOM, *OWN, *AFTER], "settings.epochs was 2, is 3"),
        ("measure", {"n_final": 33}, MEASURED, "settings.n_final was 32, is 33"),
        ("schedules", {"T": 999}, ["schedules", *AFTER], "settings.T was 1000, is 999"),
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
        (COMPARES, "code", ["compare", "report"], "notebook changed"),
        ("study/pixels.py", "", ALL, "code changed"),
        ("report/references.bib", "", ["report"], "beside.report/references.bib changed"),
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
    assert run.stale()["measure_zoom-0"] == "kept/quality_zoom-0.npz is lost"


def test_a_job_that_was_made_again_makes_those_stale_that_were_made_of_the_one_before(run):
    run.jobs(training={"epochs": 3})["train_zoom-0"].finish()
    assert run.stale(training={"epochs": 3})["measure_zoom-0"] == "before.train_zoom-0 changed"
