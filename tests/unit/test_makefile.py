"""The Makefile: what it refuses before it starts, and that an archive has the report of its commit."""

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


@pytest.fixture
def project(tmp_path) -> Path:
    """A commit of a tiny project with a release and an environment."""
    folder = helpers.copied(
        tmp_path, "Makefile", "pyproject.toml", "constraints.txt", "profiles", ".gitignore"
    )
    (folder / "released" / "smoke").mkdir(parents=True)
    (folder / "released" / "smoke" / "manifest.json").write_text("{}")
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
def test_a_mistake_is_one_line(project, arguments, said):
    shutil.rmtree(project / ".venv")
    done = run(project, "make", *arguments)
    assert (done.returncode, (project / ".venv" / "bin").exists()) == (
        2,
        False,
    )  # before an environment is built
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
