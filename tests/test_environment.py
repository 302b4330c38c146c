"""The virtual environment is made once, renewed when the pins change, and made anew when it is not whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment


@pytest.fixture
def venv(tmp_path, monkeypatch) -> Path:
    """A project of two files beside a virtual environment that does not exist yet."""
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "constraints.txt").write_text("one==1")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    return tmp_path / ".venv"


@pytest.fixture
def installs(monkeypatch) -> list[Path]:
    """The calls of pip, which is left out; so is the environment's own copy of it, for speed."""
    calls: list[Path] = []
    monkeypatch.setattr(environment, "pip_install", calls.append)
    monkeypatch.setattr(environment, "PROBE", "pass")
    monkeypatch.setattr(environment, "VENV", [sys.executable, "-m", "venv", "--without-pip"])
    return calls


def test_it_is_made_once(venv, installs):
    environment.make(venv)
    assert subprocess.run([venv / "bin/python", "-c", "pass"]).returncode == 0
    environment.make(venv)
    assert installs == [venv]


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_changed_pins_are_installed_on_top(venv, installs, file):
    environment.make(venv)
    (venv / "kept").touch()
    (venv.parent / file).write_text("two==2")
    environment.make(venv)
    environment.make(venv)
    assert installs == [venv, venv]
    assert (venv / "kept").exists()


def test_one_made_by_hand_is_used_and_brought_up_to_date(venv, installs):
    subprocess.run([*environment.VENV, venv], check=True)
    (venv / "kept").touch()
    environment.make(venv)
    assert installs == [venv]
    assert (venv / "kept").exists()


def test_a_half_made_one_is_made_anew(venv, installs, monkeypatch):
    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment, "pip_install", killed)
        with pytest.raises(KeyboardInterrupt):
            environment.make(venv)
    (venv / "rest").touch()
    environment.make(venv)
    assert installs == [venv]
    assert not (venv / "rest").exists()


def test_a_broken_one_is_made_anew(venv, installs):
    environment.make(venv)
    python = venv / "bin" / "python"
    python.unlink()
    python.symlink_to(venv / "gone")
    environment.make(venv)
    assert subprocess.run([python, "-c", "pass"]).returncode == 0
    assert installs == [venv, venv]


def test_a_moved_one_is_made_anew(venv, installs, monkeypatch, tmp_path_factory):
    environment.make(venv)
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    os.rename(venv.parent, moved)
    monkeypatch.setattr(environment, "ROOT", moved)
    (moved / ".venv" / "old").touch()
    environment.make(moved / ".venv")
    assert installs == [venv, moved / ".venv"]
    assert not (moved / ".venv" / "old").exists()


def test_a_failing_pip_leaves_an_environment_that_is_known_to_be_half_made(venv, monkeypatch, capsys):
    (venv.parent / "pyproject.toml").write_text("no project at all")
    with pytest.raises(SystemExit) as error:
        environment.make(venv)
    assert "pip's last words are above" in str(error.value)
    assert (venv / "making").exists()
    assert not (venv / "stamp").exists()
