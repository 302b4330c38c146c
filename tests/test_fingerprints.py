"""Fingerprints follow what code does, not how it is written down."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from diffusion import fingerprints, provenance
from diffusion.zoom import ColdZoom

SOURCE = '''
"""A process."""
from diffusion.zoom import ColdZoom

FACTOR = 2


class Mine(ColdZoom):
    """Mine."""

    def degrade(self, x, t):
        return x * FACTOR
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    def make(source):
        path = tmp_path / "mine.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("mine", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "mine", module)
        spec.loader.exec_module(module)
        return fingerprints.of_class(module.Mine)

    return make


def test_comments_and_docstrings_do_not_count(mine):
    other = SOURCE.replace('"""Mine."""', '"""Quite mine."""').replace("FACTOR = 2", "FACTOR = 2  # twice")
    assert mine(SOURCE) == mine(other)


@pytest.mark.parametrize(("old", "new"), [("FACTOR = 2", "FACTOR = 3"), ("x * FACTOR", "x + FACTOR")])
def test_what_the_module_does_counts(mine, old, new):
    assert mine(SOURCE) != mine(SOURCE.replace(old, new))
    assert mine(SOURCE) != fingerprints.of_class(ColdZoom)


def test_a_module_that_the_module_imports_counts(mine, tmp_path, monkeypatch):
    """A degradation beside diffusion/blur.py that has its kernels in a module of their own."""
    package = tmp_path / "diffusion"
    shutil.copytree(Path(fingerprints.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(fingerprints, "PACKAGE", package)
    monkeypatch.setattr(provenance.modules, "__defaults__", (tmp_path,))
    source = SOURCE.replace("FACTOR = 2", "from diffusion import blur").replace("x * FACTOR", "blur.it(x)")
    before = mine(source)
    assert mine(source) == before
    text = (package / "blur.py").read_text()
    (package / "blur.py").write_text(text + "\nEXTRA = 1\n")
    assert mine(source) != before
    (package / "blur.py").write_text("# a comment\n" + text)
    (package / "figures.py").write_text("EXTRA = 1\n")  # not imported
    assert mine(source) == before


def test_modules_of_the_package():
    assert fingerprints.of_modules(("zoom",)) != fingerprints.of_modules(("ddpm",))
    assert fingerprints.of_modules() != fingerprints.of_modules(("zoom",))
