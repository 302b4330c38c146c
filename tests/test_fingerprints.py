"""Fingerprints follow what code does, not how it is written down."""

import importlib.util
import sys

import pytest

from diffusion import fingerprints
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


def test_modules_of_the_package():
    assert fingerprints.of_modules(("zoom",)) != fingerprints.of_modules(("ddpm",))
    assert fingerprints.of_modules() != fingerprints.of_modules(("zoom",))
