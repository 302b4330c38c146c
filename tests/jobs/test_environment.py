"""make's environment: made once, renewed when the pins change, made anew when not whole; without pip."""

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
# Stands for python3, and for the environment's python.
case "$*" in
--version) echo Python {version} ;;
"-c import sys; sys.exit"*) exit {old} ;;
"-c import sys; print"*) echo "({minor})" ;;
"-m venv"*) echo "$*" >> calls; for last; do :; done
    case "$*" in *--clear*) rm -rf "$last" ;; esac
    mkdir -p "$last/bin" && cp python "$last/bin/python" ;;
"-m pip"*) echo "pip $(basename "$(ls -d .venv/making)")" >> calls; [ -e slow ] && sleep 2; [ ! -e fail ] ;;
*) exec python3 "$@" ;;
esac
"""


class Checkout:
    """The Makefile beside a Python that only pretends."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder / name)
        self.python()

    def python(self, version: str = "3.11.9", minor: str = "3, 11", old: int = 0) -> None:
        path = self.folder / "python"
        path.write_text(PYTHON.format(version=version, minor=minor, old=old))
        path.chmod(0o755)

    def start(self) -> subprocess.Popen:
        command = ["make", "--no-print-directory", "env", "PYTHON=./python"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.folder, **pipes)

    def make(self, status: int = 0) -> str:
        process = self.start()
        said = process.communicate(timeout=60)[0]
        assert (process.returncode != 0) == (status != 0), said
        return said

    def calls(self) -> list[str]:
        """What was called since the last look."""
        file = self.folder / "calls"
        found = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return found


NEW = ["-m venv --clear .venv", "pip making"]
ON_TOP = ["-m venv .venv", "pip making"]


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path / "pfad mit leer $x")


@pytest.fixture
def made(checkout) -> Checkout:
    assert "Making the environment in .venv" in checkout.make()
    assert checkout.calls() == NEW
    for age, path in ((200, "pyproject.toml"), (200, "constraints.txt"), (100, ".venv/made-*")):
        for file in checkout.folder.glob(path):
            os.utime(file, (time.time() - age,) * 2)
    return checkout


def test_it_is_made_once(made):
    assert made.make().endswith(": Nothing to be done for 'env'.\n")  # "make[1]" under `make test`
    assert made.calls() == []


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_changed_pins_are_installed_on_top(made, file):
    (made.folder / file).touch()
    made.make()
    made.make()
    assert made.calls() == ON_TOP


def test_pins_whose_time_lies_in_the_future_are_installed_once(made):
    os.utime(made.folder / "constraints.txt", (time.time() + 10**6,) * 2)
    made.make()
    made.make()
    assert made.calls() == ON_TOP


def test_a_value_with_spaces_and_quotes_is_one_word(made):
    command = ["make", "-n", "report", "PROFILE=it's mine.yaml", "PYTHON=./python"]
    said = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in said.splitlines() if "workflow.run" in line]
    assert shlex.split(line)[3:] == ["it's mine.yaml", "all"]


def test_an_interrupted_one_is_made_anew(made):
    (made.folder / "constraints.txt").touch()
    (made.folder / "fail").touch()
    made.make(status=2)
    assert made.calls() == ON_TOP
    (made.folder / "fail").unlink()
    made.make()
    assert made.calls() == NEW


CHANGES = {
    "moved": lambda made: setattr(made, "folder", made.folder.rename(made.folder.with_name("moved"))),
    "another Python": lambda made: made.python("3.12.0", "3, 12"),
    "Python is gone": lambda made: (made.folder / ".venv" / "bin" / "python").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_that_no_longer_fits_is_made_anew(made, change):
    change(made)
    made.make()
    assert made.calls() == NEW


def test_one_made_by_hand_is_used(checkout):
    (checkout.folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout.folder / "python", checkout.folder / ".venv" / "bin" / "python")
    checkout.make()
    assert checkout.calls() == ON_TOP


def test_two_at_once_make_one(checkout):
    (checkout.folder / "slow").touch()
    both = [checkout.start(), checkout.start()]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert checkout.calls() == NEW


def test_make_says_when_python_is_too_old_or_missing(checkout):
    checkout.python("3.9.2", "3, 9", old=1)
    assert "Python 3.11 or newer is needed, and ./python is Python 3.9.2" in checkout.make(status=2)
    (checkout.folder / "python").unlink()
    assert "./python is not there; install Python 3.11 or newer" in checkout.make(status=2)


def test_lab_opens_copies(checkout):
    """Tracked notebooks never change unasked; one's own changes in build/lab stay."""
    (checkout.folder / "notebooks").mkdir()
    (checkout.folder / "notebooks" / "01_schedules.ipynb").write_text("tracked")
    checkout.make()
    recipe = ["make", "--no-print-directory", "-n", "lab", "PYTHON=./python"]
    said = subprocess.run(recipe, cwd=checkout.folder, capture_output=True, text=True, check=True).stdout
    *copying, opening = [line for line in said.splitlines() if line]
    assert opening.endswith("jupyterlab  build/lab/01_schedules.ipynb")
    copy = checkout.folder / "build" / "lab" / "01_schedules.ipynb"
    for text in ("tracked", "mine"):
        subprocess.run("\n".join(copying), shell=True, cwd=checkout.folder, check=True)
        assert copy.read_text() == text
        copy.write_text("mine")


def test_clean_removes_results_and_keeps_ones_own_notebooks(checkout):
    for name in ("lab", "notebook", "quick", "released"):
        (checkout.folder / "build" / name).mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=checkout.folder, check=True)
    assert {path.name for path in (checkout.folder / "build").iterdir()} == {"lab", "notebook"}
