"""README's table of promises names tests that there are."""

import ast
import re
from pathlib import Path

import guards

ROOT = Path(__file__).resolve().parents[1]


def promises() -> dict[str, str]:
    """The rows of the table: promise and tests."""
    section = (ROOT / "README.md").read_text().split("## What it promises\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {promise.strip(): tests for promise, tests in rows[2:]}


def named(tests: str) -> set[tuple[str, str]]:
    """The tests of a row, as (file, function)."""
    found, file = set(), ""
    for name in re.findall(r"`(test_[^`]+)`", tests):
        if name.endswith(".py"):
            file = name
        else:
            found.add((file, name))
    return found


def test_every_promise_is_held_by_tests_that_there_are():
    defined = {
        (path.name, node.name)
        for path in (ROOT / "tests").glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert len(promises()) >= 16
    for promise, tests in promises().items():
        assert named(tests), f"no test holds: {promise}"
        assert named(tests) <= defined, f"{promise} names tests that there are not: {named(tests) - defined}"


def test_every_promise_has_guards_that_are_there_and_tests_that_notice_them():
    seen = set()
    for guard in guards.read():
        (row,) = [promise for promise in promises() if promise.startswith(guard.promise)]
        seen.add(row)
        assert (ROOT / guard.file).read_text().count(guard.code) == 1, guard
        assert guard.without != guard.code
        assert {tuple(test.split("::")) for test in guard.tests} <= named(promises()[row]), guard
    assert seen == promises().keys()
