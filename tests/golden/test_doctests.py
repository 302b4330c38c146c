"""The examples in docstrings of the library are true, and each public name has one."""

import ast
import doctest

import matplotlib
import pytest

import diffusion as d
from diffusion import progress
from helpers import ROOT

Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def examples():
    """(module, name, docstring) of each docstring in diffusion/ that contains an example."""
    for path in sorted(ROOT.glob("diffusion/**/*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, Documented) else None
            if text and ">>>" in text:
                yield module, getattr(node, "name", ""), text


FOUND = [*examples()]
assert FOUND


@pytest.mark.parametrize(("module", "name", "text"), FOUND, ids=[f"{m}:{name}" for m, name, _ in FOUND])
def test_the_example_prints_what_it_shows(module, name, text, mnist_dir, tmp_path, monkeypatch):
    """It runs in an empty folder, with no names but its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "LINE_SECONDS", 3600)  # no line of progress, however busy the machine is
    matplotlib.use("Agg")
    example = doctest.DocTestParser().get_doctest(text, {}, name, f"{module}:{name}", 0)
    failed = []
    doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(example, out=failed.append)
    assert "".join(failed) == ""


def test_each_public_name_and_the_two_ways_to_sample_have_an_example():
    names = {name for _, name, _ in FOUND}
    assert {*d.__all__, "sample", "trajectory"} <= names
