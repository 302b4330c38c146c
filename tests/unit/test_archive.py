"""The archive of a released profile: its bytes, what it says of files and jobs, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.resources import files
from types import SimpleNamespace

import pytest

import helpers
from diffusion.files import write_json

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="an archive is made of a commit, by git")


def git(root, what: str) -> list[str]:
    """The lines that git prints."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a", *what.split()]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture(params=["starts", pytest.param("paper", marks=pytest.mark.long)])
def project(request, tmp_path):
    """A copy of the project in which all is committed and the report of a release stands; and its profile."""
    name = request.param
    root = helpers.copied(tmp_path / "project", *helpers.CODE, f"released/{name}")
    profile = root / "profiles" / f"{name}.yaml"
    if "date:" not in profile.read_text():
        profile.write_text(profile.read_text() + "report: {date: 2026-01-31}\n")
    for what in ("init -q", "add .", "commit -qm all"):
        git(root, what)
    for part in ("report.html", "figures/a.csv", "kept/left_out"):
        write_json(root / "build/released" / name / part, part)
    return root, name


def archive(root, name):
    """`make archive` there: the path of the archive, or what is said."""
    command = [sys.executable, "-m", "workflow.archive", name]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    path = root / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip"
    return path if done.returncode == 0 else done.stderr


def test_equal_files_give_equal_bytes_and_each_file_and_job_is_told(project):
    (root, name), own = project, f"released/{project[1]}"
    path = archive(root, name)
    whole = path.read_bytes()
    assert archive(root, name).read_bytes() == whole
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    graph = {one["@id"]: one for one in json.loads(content.pop("ro-crate-metadata.json"))["@graph"]}
    told = {one["name"]: (one["contentSize"], one["sha256"]) for one in graph.values() if "sha256" in one}
    assert told == {n: (str(len(b)), sha256(b).hexdigest()) for n, b in content.items()}
    tracked = git(root, "ls-files")
    built = {f"build/{own}/{n}" for n in ("figures/a.csv", "report.html")}
    assert content.keys() == {*tracked, *built, "COMMIT", "installed.txt"}

    def ids(job, key):
        found = job[key]
        return {one["@id"] for one in (found if isinstance(found, list) else [found])}

    done = [one for one in graph.values() if one["@type"] == "CreateAction"]
    assert {i for one in done for key in ("result", "object", "instrument") for i in ids(one, key)} <= {
        *graph
    }
    made = {i for one in done for i in ids(one, "result")}
    assert {
        n for n in tracked if n.startswith((f"{own}/kept/s", f"{own}/runs", f"{own}/metrics/train"))
    } <= made
    measure, analysis = (graph[f"#{name}/{job}_linear-1"] for job in ("measure", "analyse"))
    weights = next(n for n in made if n.startswith(f"{own}/runs/linear-1") and "/weights/" in n)
    measured = f"{own}/metrics/measure_linear-1.json"
    assert weights in ids(measure, "object") & ids(analysis, "object")
    assert measured in ids(measure, "result") & ids(analysis, "object")
    assert ids(measure, "instrument") == {"study/measure.py"}


@pytest.mark.long
def test_the_validator_finds_nothing_that_is_required(project, tmp_path, monkeypatch):
    services = pytest.importorskip("rocrate_validator.services", reason="roc-validator is not installed")
    models, http = (pytest.importorskip(f"rocrate_validator.{name}") for name in ("models", "utils.http"))
    context = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text("utf-8"))
    told = {"status_code": 200, "headers": {"Content-Type": "application/json"}, "json": lambda: context}
    monkeypatch.setattr(http.HttpRequester, "get", lambda *_, **__: SimpleNamespace(**told), raising=False)
    how = {"rocrate_uri": archive(*project), "offline": True, "cache_path": tmp_path / "cache"}
    for name in ("ro-crate-1.1", "process-run-crate-0.5"):
        how |= {"profile_identifier": name, "requirement_severity": models.Severity.REQUIRED}
        issues = services.validate(services.ValidationSettings(**how)).get_issues()
        assert [issue.message for issue in issues] == []


def test_what_is_not_built_dated_released_or_committed_is_refused(project):
    root, name = project
    report = root / "build" / "released" / name / "report.html"
    path = root / "profiles" / f"{name}.yaml"
    steps = {
        "report.html is older than": lambda: os.utime(report, (0, 0)),
        "report.html is not built": report.unlink,
        "is not that of commit": lambda: path.write_text(path.read_text().partition("report:")[0]),
        "gives the report no date": lambda: git(root, "commit -qam undated"),
        "has no .git": lambda: (root / ".git").rename(root / "git"),
    }
    assert "quick is not committed" in archive(root, "quick")
    for why, step in steps.items():
        step()
        assert why in archive(root, name)
