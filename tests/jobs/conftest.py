"""A finished run of the stand-in project, made once; each test has a copy of its own."""

import copy
import shutil
import types
from pathlib import Path

import numpy
import pytest
from filelock import FileLock

from conftest import shared_folder
from jobs import standin
from jobs.standin import Project
from study.settings import read_profile
from workflow import jobs, release, run


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose workflow has run to its end; to be left as it is."""
    folder = shared_folder(tmp_path_factory) / "standin"
    with FileLock(folder.with_suffix(".lock")):  # pytest-xdist: one worker makes it
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            project = Project(folder)
            project.write("done", project.run())
    project = object.__new__(Project)
    project.folder, project.out = folder, folder / "build" / "smoke"
    return project


@pytest.fixture
def project(finished, tmp_path, monkeypatch) -> Project:
    """A copy of the finished project, which `workflow` takes for the checkout."""
    mine = copy.copy(finished)
    mine.folder = Path(shutil.copytree(finished.folder, tmp_path / "pfad mit leer é数 'q $x"))
    mine.out = mine.folder / "build" / "smoke"
    for path in mine.folder.glob("at-*"):
        path.unlink()
    for module in (jobs, run):
        monkeypatch.setattr(module, "ROOT", mine.folder)
    monkeypatch.setattr(jobs, "diffusion", types.SimpleNamespace(_NAMES={"work": "work"}))
    monkeypatch.setattr(jobs, "versions", lambda: {"torch": "0", "numpy": numpy.__version__})
    monkeypatch.setattr(jobs.data, "content", lambda name, place: standin.data(mine.folder / "data", name))
    monkeypatch.delenv("MAKELEVEL", raising=False)  # of `make test`
    monkeypatch.setattr(release, "RELEASED", mine.folder / "released")
    forget()
    yield mine
    forget()


def forget() -> None:
    """Read the code and the data again: what a job is known by is that of one look."""
    for known in (jobs._code, jobs._own_code, jobs._data):
        known.cache_clear()


@pytest.fixture
def stale(project):
    """The jobs that must run now, with the reasons."""

    def check() -> dict[str, str]:
        profile = read_profile("smoke", project.folder / "profiles")
        return {job.name: reason for job, reason in jobs.check(profile)}

    return check
