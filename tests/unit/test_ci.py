"""CI runs all tests, and fails if one of its commands does. Of these commands none is run here."""

import ast
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import helpers
from helpers import ROOT

PYTEST = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
MARKERS = [text.partition(":")[0] for text in PYTEST["markers"]]
# Options of pytest that select no tests.
HARMLESS = {"-q", "-v", "--nbval-lax", "--no-loadscope-reorder", "--strict-markers", "--nbval-current-env"}
HARMLESS |= {"--durations=10", "--import-mode=importlib"}
VALUED = {"-n", "--dist"}  # with a value after them
# Words that leave out a test, whatever the command.
LEAVE_OUT = [("collect_", "ignore"), ("pytest_", "ignore_collect"), ("pytest_", "collection")]
LEAVE_OUT += [("pytest_", "deselected"), ("mark.", "skip("), ("mark.", "xfail")]
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
    run.bin = tmp_path / "bin"
    return run


def targets() -> set[str]:
    """The targets of the Makefile that run tests."""
    text = (ROOT / "Makefile").read_text("utf-8")
    return {*re.findall(r"^(test[\w-]*|door|site|archive):", text, re.MULTILINE)}


def test_ci_runs_all_tests_and_fails_if_one_of_its_commands_does(ci):
    status, made = ci()
    assert (status, {words.split()[0] for words in made}) == (0, targets() | {"env-kernel"})
    assert ci.saw() == {"", "1"}  # before and after Chromium is installed: no test in a browser is skipped
    for fails in made:
        status, _ = ci(fails)
        assert status != 0, fails
    status, without_root = ci(user=1000)
    assert (status, {*made} - {*without_root}) == (0, {"test-cluster"})
    (ci.bin / "chromium").unlink()
    assert (ci()[0], ci.saw()) in ((0, {""}), (0, {"", "1"}))  # where this machine has another one


def test_hosted_ci_runs_the_script():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert re.search(r"^ +- run: \.ci/run$", text, re.MULTILINE)
    assert not re.search("continue-on-error|\\|\\| *true", text)


# --- which tests these are ---


def commands() -> list[tuple[str, list[str]]]:
    """Of each call of pytest within the targets of CI: the expression of markers, and the paths."""
    found = []
    lines = subprocess.run(
        ["make", "-n", *sorted(targets() - {"archive"})], cwd=ROOT, capture_output=True, text=True
    )
    for call in re.findall(r"-m pytest (.*?)(?: \|\| exit 1.*)?$", lines.stdout, re.MULTILINE):
        words, markers, paths = iter(shlex.split(call)), "", []
        for word in words:
            if word == "-m":
                markers = next(words)
            elif word in VALUED:
                next(words)
            elif word not in HARMLESS:
                assert not word.startswith("-"), f"{word} may leave out tests"
                paths.append(word)
        found.append((markers, paths))
    return found


def selects(markers: str, of_test: tuple[str, ...]) -> bool:
    """Return True if an expression of markers selects a test with these markers."""
    return not markers or bool(
        eval(markers, {"__builtins__": {}}, {name: name in of_test for name in MARKERS})
    )


def test_a_test_of_whatever_markers_is_run_by_a_command_of_ci():
    found = commands()
    assert len(found) >= 4
    subsets = [part for n in range(len(MARKERS) + 1) for part in itertools.combinations(MARKERS, n)]
    for part in subsets:
        assert any(selects(markers, part) for markers, paths in found if "tests" in paths), part
    folders = tuple(f"{path}/" for markers, paths in found if not markers for path in paths)
    left_out = [name for name in helpers.listed("*.ipynb") if not name.startswith(folders)]
    assert left_out == []  # cells of notebooks have no markers


def is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.startswith(("test_", "Test"))


def test_no_file_of_tests_is_left_out_and_no_test_is_always_skipped():
    assert not {*PYTEST} - {"minversion", "testpaths", "pythonpath", "addopts", "markers"}
    assert {*PYTEST["addopts"]} <= HARMLESS
    for name in helpers.listed("tests/*.py"):
        text = (ROOT / name).read_text("utf-8")
        has_tests = any(map(is_test, ast.parse(text).body))
        assert has_tests == Path(name).name.startswith("test_"), name
        assert not [word for word in LEAVE_OUT if "".join(word) in text], name


@pytest.mark.long
def test_every_file_of_tests_has_tests_that_are_collected():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    collected = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == {name for name in helpers.listed("tests/*.py") if Path(name).name.startswith("test_")}
