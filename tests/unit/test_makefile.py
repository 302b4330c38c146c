"""The Makefile: what it refuses before it starts, failures, what it removes, and what an archive has."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import helpers

# In place of Python: a build that copies a text of the folder in which it runs.
BUILD = """#!/bin/sh
out=build/released/$(expr "$*" : '-m report.jobs.run \\(.*\\)')
mkdir -p $out/figures $out/metrics $out/notebooks && cp text.md $out/report.html && echo {} > $out/plan.json
for part in figures metrics notebooks; do touch $out/$part/one; done
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def commit(folder: Path) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "x"]):
        assert run(folder, "git", *command).returncode == 0


def copied(folder: Path) -> Path:
    """A tiny project with a release, and without an environment."""
    helpers.copied(folder, "Makefile", "pyproject.toml", "constraints.txt", "profiles", ".gitignore")
    (folder / "released" / "smoke").mkdir(parents=True)
    (folder / "released" / "smoke" / "manifest.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def project(tmp_path) -> Path:
    """A commit of a tiny project with a release and an environment."""
    folder = copied(tmp_path)
    (folder / "text.md").write_text("a ratio of 1.18")
    commit(folder)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(BUILD)
    python.chmod(0o755)
    stamp = run(folder, "make", "-s", "--eval", "show: ; @echo $(STAMP)", "show").stdout.strip()
    (folder / stamp).touch()
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "profile=smoke"], "profile=smoke has no effect.*PROFILE="),
        (["report", "Profile=smoke"], "Profile=smoke has no effect.*PROFILE="),
        (["report", "EXECUTOR=slrum"], "EXECUTOR=slrum .*: slurm"),
        (["archive", "PROFILE=quick"], "PROFILE=quick has no released results; .*: smoke"),
        (["archive"], "PROFILE=quick has no released results"),
        (["verify", "PROFILE=papr"], "PROFILE=papr has no released results"),
        (["verify"], "PROFILE=quick has no released results"),
    ],
)
def test_a_mistake_is_one_line_before_an_environment_is_built(bare, arguments, said):
    done = run(bare, "make", *arguments)
    assert (done.returncode, (bare / ".venv" / "bin").exists()) == (2, False)
    (line,) = (line for line in done.stderr.splitlines() if "***" in line)
    assert re.search(said, line), line


def test_an_archive_has_the_report_that_its_commit_makes_whatever_lies_in_build(project):
    """(a) a report built from a text that was reverted since, (b) one whose page was edited."""
    built = project / "build" / "released" / "smoke"
    (project / "text.md").write_text("a ratio of 1.08")
    refused = run(project, "make", "archive", "PROFILE=smoke")
    assert (refused.returncode, "commit all changes" in refused.stdout) == (2, True)
    assert run(project, ".venv/bin/python", "-m", "report.jobs.run", "smoke").returncode == 0
    assert (built / "report.html").read_text() == "a ratio of 1.08"
    assert run(project, "git", "checkout", "-q", "text.md").returncode == 0
    (built / "rows.html").write_text("a ratio of 1.99")
    done = run(project, "make", "archive", "PROFILE=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(project / "build" / "archive" / "cold-zoom-diffusion-smoke.zip") as archive:
        names, page = archive.namelist(), archive.read("build/released/smoke/report.html")
        assert archive.comment.decode() == run(project, "git", "rev-parse", "HEAD").stdout.strip()
    assert page == b"a ratio of 1.18"
    parts = {name.removeprefix("build/released/smoke/") for name in names if name.startswith("build/")}
    assert parts == {"report.html", "figures/one", "metrics/one", "notebooks/one"}
    assert {"Makefile", "text.md", "released/smoke/manifest.json"} <= {*names}
    assert (built / "report.html").read_text() == "a ratio of 1.08"  # what lies in build/ stays there
    shutil.rmtree(built)
    assert run(project, "make", "archive", "PROFILE=smoke").returncode == 0
    assert (built / "report.html").read_bytes() == page  # where there is none, the site has this one


# In place of Python: fails when it is called for the FAILS-th time.
CALLED = """#!/bin/sh
echo "$*" >> "$CALLS"
[ "$(wc -l < "$CALLS")" -ne "$FAILS" ]
"""


@pytest.fixture(scope="module")
def called(tmp_path_factory) -> Path:
    """A project whose environment has all extras and a Python that fails when it is told to."""
    names = ["Makefile", "pyproject.toml", "constraints.txt", "profiles", "notebooks"]
    names += ["paper/profiles", "paper/notebooks", "released/*/manifest.json"]
    folder = tmp_path_factory.mktemp("called")
    for name in helpers.listed(*names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(helpers.ROOT / name, folder / name)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(CALLED)
    (folder / "tests").mkdir()
    python.chmod(0o755)
    show = "show: ; @echo $(STAMP) $(STAMP)-test $(TESTED) $(STAMP)-lab $(STAMP)-slurm"
    show += " $(STAMP)-kernel"
    for stamp in run(folder, "make", "-s", *GIVEN, "--eval", show, "show").stdout.split():
        (folder / stamp).touch()
    return folder


GIVEN = ["PROFILE=paper", "FILE=a.py", "TESTS=b.py", "PYTHON=true"]
ASIDE = {"help", "env", "clean", "archive", "FORCE"}  # which call no Python, or have tests of their own
TARGETS = re.search(r"^\.PHONY: (.*)$", (helpers.ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in ASIDE])
def test_what_fails_within_a_target_fails_the_target(called, monkeypatch, target):
    calls, n = called / f"calls-{target}", 0
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("FAILS", "0")
    done = run(called, "make", target, *GIVEN)
    assert done.returncode == 0, done.stderr
    n = len(calls.read_text().splitlines())
    assert n > 0
    for number in range(1, n + 1):
        calls.unlink()
        monkeypatch.setenv("FAILS", str(number))
        assert run(called, "make", target, *GIVEN).returncode != 0, calls.read_text().splitlines()[-1]


def test_clean_removes_results_of_profiles_and_nothing_of_ones_own(project):
    kept = ["build/lab/01_schedules.ipynb", "build/notebook/runs/zoom-0/run.json", "data/x", ".venv/x"]
    gone = ["build/quick/report.html", "build/released/paper/report.html", "build/page/x.html", "build/x"]
    for name in kept + gone:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    for _ in range(2):  # nothing is left to remove the second time
        assert run(project, "make", "clean").returncode == 0
        assert {path for path in project.rglob("*") if path.is_file()} >= {project / name for name in kept}
        assert {path.name for path in (project / "build").iterdir()} == {"lab", "notebook"}
    shutil.rmtree(project / "build")
    assert run(project, "make", "clean").returncode == 0
