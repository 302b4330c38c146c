"""The Makefile: its environment, what it refuses, failures, what it removes, and what an archive has."""

import os
import re
import shutil
import subprocess
import sys
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


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Make in a folder that has an environment: true is called to update it."""
    return run(folder, "make", *words, "PYTHON=true")


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
    return folder


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["report", "EXECUTOR=slrum"], "profiles/slrum/config.yaml"),
        (["archive", "PROFILE=papr"], "released/papr/manifest.json"),
        (["verify"], "released/quick/manifest.json"),
        (["report", "PROFIL=smoke"], "PROFIL"),
        (["report", "smoke"], "no target smoke"),
        (["report", "DRY=0"], "allowed: DRY=1"),
        (["release", "DRY=1"], "allowed: DRY=1, with the targets report and retrain"),
    ],
)
def test_a_mistake_is_one_line_before_an_environment_is_built(bare, arguments, missing):
    done = run(bare, "make", *arguments)
    assert (done.returncode, (bare / ".venv").exists()) == (2, False)
    (line,) = done.stderr.splitlines()
    assert missing in line


def test_an_archive_has_the_report_that_its_commit_makes_whatever_lies_in_build(project):
    """(a) a report built from a text that was reverted since, (b) one whose page was edited."""
    built = project / "build" / "released" / "smoke"
    (project / "text.md").write_text("a ratio of 1.08")
    refused = make(project, "archive", "PROFILE=smoke")
    assert (refused.returncode, "commit all changes" in refused.stdout) == (2, True)
    assert run(project, ".venv/bin/python", "-m", "report.jobs.run", "smoke").returncode == 0
    assert (built / "report.html").read_text() == "a ratio of 1.08"
    assert run(project, "git", "checkout", "-q", "text.md").returncode == 0
    (built / "rows.html").write_text("a ratio of 1.99")
    done = make(project, "archive", "PROFILE=smoke")
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
    assert make(project, "archive", "PROFILE=smoke").returncode == 0
    assert (built / "report.html").read_bytes() == page  # where there is none, the site has this one


# In place of pip: notes its last argument, the packages, or fails.
PIP = """import os, sys
if "FAILS" in os.environ:
    sys.exit(1)
with open(os.environ["CALLS"], "a") as calls:
    print(sys.argv[-1], file=calls)
"""


@pytest.mark.long
def test_an_environment_is_built_once_updated_and_built_again_after_an_interruption(tmp_path, monkeypatch):
    for name in ("environment.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(helpers.ROOT / name, tmp_path)
    (tmp_path / "fake" / "pip").mkdir(parents=True)
    (tmp_path / "fake" / "pip" / "__init__.py").touch()
    (tmp_path / "fake" / "pip" / "__main__.py").write_text(PIP)
    calls, old = tmp_path / "calls", tmp_path / ".venv" / "old"
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))

    def install(extras: str) -> tuple[int, bool, list[str]]:
        """Exit status, whether the environment was built, and what was installed."""
        calls.write_text("")
        if old.parent.exists():
            old.touch()
        command = [sys.executable, "environment.py", ".venv", extras]
        both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
        (status,) = {process.wait() for process in both}
        return status, not old.exists(), calls.read_text().splitlines()

    assert install("a") == (0, True, [".[a]"])
    assert install("a") == (0, False, [])
    assert install("b,a") == (0, False, ["cold-zoom-diffusion[a,b]"])
    (tmp_path / "constraints.txt").write_text("pip==1")
    assert install("a") == (0, False, [".[a,b]"])
    monkeypatch.setenv("FAILS", "1")
    assert install("c")[0] == 1
    monkeypatch.delenv("FAILS")
    assert install("a") == (0, True, [".[a]"])
    (tmp_path / ".venv" / "made.json").write_text('{"origin": ["another folder"]}')
    assert install("a") == (0, True, [".[a]"])


# In place of Python: fails when it is called for the FAILS-th time.
CALLED = """#!/bin/sh
echo "$*" >> "$CALLS"
[ "$(wc -l < "$CALLS")" -ne "$FAILS" ]
"""


@pytest.fixture(scope="module")
def called(tmp_path_factory) -> Path:
    """A project whose environment has all extras and a Python that fails when it is told to."""
    names = ["Makefile", "pyproject.toml", "constraints.txt", "profiles", "notebooks"]
    names += ["paper/profiles", "paper/notebooks", "released/*/manifest.json", "docs/site.html"]
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
    return folder


ASIDE = {"help", "help-all", "env", "clean", "archive"}  # which call no Python, or have tests of their own
LINES = re.findall(r"^TARGETS [:+]= (.*)$", (helpers.ROOT / "Makefile").read_text(), re.MULTILINE)
TARGETS = " ".join(LINES).split()


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in ASIDE])
def test_what_fails_within_a_target_fails_the_target(called, monkeypatch, target):
    calls, n = called / f"calls-{target}", 0
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("FAILS", "0")
    done = make(called, target, "PROFILE=paper")
    assert done.returncode == 0, done.stderr
    n = len(calls.read_text().splitlines())
    assert n > 0
    for number in range(1, n + 1):
        calls.unlink()
        monkeypatch.setenv("FAILS", str(number))
        assert make(called, target, "PROFILE=paper").returncode != 0, calls.read_text().splitlines()[-1]


def test_clean_removes_results_of_profiles_and_nothing_of_ones_own(project):
    kept = ["build/lab/01_schedules.ipynb", "build/notebook/runs/zoom-0/run.json", "data/x", ".venv/x"]
    gone = ["build/quick/report.html", "build/released/paper/report.html", "build/page/x.html", "build/x"]
    for name in kept + gone:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    for _ in range(2):  # nothing is left to remove the second time
        assert make(project, "clean").returncode == 0
        assert {path for path in project.rglob("*") if path.is_file()} >= {project / name for name in kept}
        assert {path.name for path in (project / "build").iterdir()} == {"lab", "notebook"}
    shutil.rmtree(project / "build")
    assert make(project, "clean").returncode == 0
