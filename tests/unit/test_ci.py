"""CI makes all targets that test something, and fails if one of its commands does; none is run here."""

import os
import re
import shutil
import subprocess

import pytest

from helpers import ROOT

# In place of make: notes its arguments and $CI, and fails where these are $FAILS.
MAKE = """#!/bin/sh
echo "$*" >> "$CALLS"
echo "${CI:-}" >> "$CALLS.ci"
[ "$*" != "$FAILS" ]
"""


@pytest.fixture
def ci(tmp_path, monkeypatch):
    """ci(fails, user) -> exit status and the targets that CI has made, as root with apt or another user."""
    shutil.copytree(ROOT / ".ci", tmp_path / "project" / ".ci")
    commands = {"make": MAKE, "id": "echo $USER_ID", "apt-get": "", "chromium": "", "slurmctld": ""}
    for name, text in commands.items():
        (path := tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def run(fails: str = "", user: int = 0) -> tuple[int, list[str]]:
        for name in ("calls", "calls.ci"):
            (tmp_path / name).unlink(missing_ok=True)
        more = {"CALLS": str(tmp_path / "calls"), "FAILS": fails, "USER_ID": str(user)}
        path = tmp_path / "project" / ".ci" / "run"
        done = subprocess.run([path], env=os.environ | more, capture_output=True, text=True, timeout=60)
        return done.returncode, (tmp_path / "calls").read_text().splitlines()

    run.saw = lambda: {*(tmp_path / "calls.ci").read_text().split("\n")[:-1]}
    return run


def test_ci_runs_all_tests_and_fails_if_one_of_its_commands_does(ci):
    targets = re.findall(r"^(test[\w-]*|door|site|archive):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    status, made = ci()
    assert (status, {words.split()[0] for words in made}) == (0, {*targets, "env-kernel"})
    assert ci.saw() == {"", "1"}  # before and after Chromium is installed: no test in a browser is skipped
    for fails in made:
        status, _ = ci(fails)
        assert status != 0, fails
    status, without_root = ci(user=1000)
    assert (status, {*made} - {*without_root}) == (0, {"test-cluster"})
