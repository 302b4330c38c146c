"""make keeps the environment up to date. The Makefile is the real one; a script stands for Python and pip."""

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
case "$*" in
--version) echo Python 3.9.2 ;;
"-c import sys; sys.exit"*) [ ! -e old ] ;;
"-m venv"*) for last; do :; done
    case "$*" in *--clear*) echo anew >> calls; rm -rf "$last" ;; *) echo on top >> calls ;; esac
    mkdir -p "$last/bin" && cp python "$last/bin/python" ;;
"-m pip"*) [ ! -e fail ] ;;
*) exec python3 "$@" ;;
esac
"""


class Checkout:
    """The Makefile beside a Python that makes an environment in no time."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder / name)
            os.utime(folder / name, (time.time() - 100,) * 2)
        (folder / "python").write_text(PYTHON)
        (folder / "python").chmod(0o755)

    def make(self, *targets: str, status: int = 0) -> str:
        command = ["make", "--no-print-directory", "PYTHON=./python", *targets]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == (status != 0), done.stdout + done.stderr
        return done.stdout + done.stderr

    def change_pins(self) -> None:
        """Pins newer than the environment, which a file system may date to the same tick of its clock."""
        os.utime(self.folder / "constraints.txt", (time.time() + 1,) * 2)

    def calls(self) -> list[str]:
        """How environments were made, since the last look."""
        file = self.folder / "calls"
        found = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return found


@pytest.fixture
def made(tmp_path) -> Checkout:
    checkout = Checkout(tmp_path / "pfad mit leer $x")
    assert "Making the environment in .venv" in checkout.make("env")
    assert checkout.calls() == ["anew"]
    return checkout


def test_it_is_made_once_and_changed_pins_are_installed_on_top(made):
    made.make("env")
    assert made.calls() == []
    made.change_pins()
    os.utime(made.folder / "pyproject.toml", (time.time() + 10**6,) * 2)  # in the future
    made.make("env")
    made.make("env")
    assert made.calls() == ["on top"]


def test_one_that_was_interrupted_moved_or_lost_its_python_is_made_anew(made):
    made.change_pins()
    (made.folder / "fail").touch()
    made.make("env", status=2)
    assert made.calls() == ["on top"]
    (made.folder / "fail").unlink()
    made.make("env")
    assert made.calls() == ["anew"]
    made.folder = made.folder.rename(made.folder.with_name("moved"))
    made.make("env")
    assert made.calls() == ["anew"]
    (made.folder / ".venv" / "bin" / "python").unlink()
    made.make("env")
    assert made.calls() == ["anew"]


def test_make_says_when_python_is_too_old_or_missing(tmp_path):
    checkout = Checkout(tmp_path / "old")
    (checkout.folder / "old").touch()
    assert "Python 3.11 or newer is needed, and ./python is Python 3.9.2" in checkout.make("env", status=2)
    (checkout.folder / "python").unlink()
    assert "./python is not there; install Python 3.11 or newer" in checkout.make("env", status=2)


def test_values_are_words_and_help_and_clean_need_no_environment(made):
    said = made.make("-n", "report", "PROFILE=it's mine.yaml")
    (line,) = [line for line in said.splitlines() if "workflow.run" in line]
    assert shlex.split(line)[3:] == ["--", "it's mine.yaml", "all"]
    said = made.make("-n", "retrain", "PROFILE=--help", "EXECUTOR=slurm")
    (line,) = [line for line in said.splitlines() if "workflow.run" in line]
    assert shlex.split(line)[3:] == ["--retrain", "--on=slurm", "--", "--help", "all"]
    shutil.rmtree(made.folder / ".venv")
    for name in ("lab", "notebook", "quick", "released"):
        (made.folder / "build" / name).mkdir(parents=True)
    assert {"report", "retrain", "release", "page", "test", "lint", "lab", "bench"} <= set(
        made.make().split()
    )
    made.make("clean")
    assert {path.name for path in (made.folder / "build").iterdir()} == {"lab", "notebook"}
    assert made.calls() == []
