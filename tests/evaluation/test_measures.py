"""The hash of a measure's code: what changes it and what does not."""

import importlib
import os
import subprocess
import sys

import pytest

from diffusion.evaluation import recogniser, samples
from diffusion.evaluation.measures import MEASURES, code_of, measure, taken
from study import pixels

SOURCE = {
    "mine": '''"""A measure of one's own."""

import helper
from diffusion.evaluation.measures import measure
from helper import LIMIT, Base


class Counter(Base):
    def count(self, images):
        return sum(self.above(one) for one in images)


@measure(lambda seen: (seen,), bright=("images", "that are bright"))
def bright(images):
    """Counts."""
    return Counter().count(images) + helper.extra(LIMIT)
''',
    "helper": """LIMIT, OTHER = 3, 4
KINDS = {"a": len}


def extra(n):
    return deeper(n)


def deeper(n):
    return n * len(KINDS)


def unused():
    return OTHER


class Base:
    def above(self, one):
        return one > LIMIT
""",
}


def code(folder, monkeypatch, **replaced):
    """The hash of `mine.bright` where a piece of a source is another one."""
    for name, text in SOURCE.items():
        for old, new in replaced.get(name, ()):
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    for name in SOURCE:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return code_of(importlib.import_module("mine").bright)


@pytest.fixture(autouse=True)
def registered():
    before = dict(MEASURES)
    yield
    MEASURES.clear()
    MEASURES.update(before)


NOTHING = {
    "docstring": {"mine": [('"""Counts."""', '"""Counts all."""')]},
    "comment": {"helper": [("return deeper(n)", "return deeper(n)  # deeper")]},
    "format": {"helper": [("n * len(KINDS)", "(n *\n            len(KINDS))")]},
    "meaning": {"mine": [("that are bright", "that are not dark"), ('"images"', '"number"')]},
    "what is not used": {"helper": [("return OTHER", "return -OTHER"), ("3, 4", "3, 5")]},
}
SOMETHING = {
    "itself": {"mine": [("+ helper", "- helper")]},
    "what it is called with": {"mine": [("(seen,)", "(seen[1:],)")]},
    "a constant": {"helper": [("3, 4", "2, 4")]},
    "a constant of a function that it calls": {"helper": [('"a": len', '"a": len, "b": max')]},
    "a function through another": {"helper": [("n * len", "n + len")]},
    "a method": {"mine": [("sum(", "max(")]},
    "a class that it derives from": {"helper": [("one > LIMIT", "one >= LIMIT")]},
}


@pytest.mark.parametrize("change", NOTHING)
def test_what_does_nothing_does_not_count(tmp_path, monkeypatch, change):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    before = code(tmp_path / "a", monkeypatch)
    assert code(tmp_path / "b", monkeypatch, **NOTHING[change]) == before


@pytest.mark.parametrize("change", SOMETHING)
def test_all_that_a_measure_does_counts(tmp_path, monkeypatch, change):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    before = code(tmp_path / "a", monkeypatch)
    assert code(tmp_path / "b", monkeypatch, **SOMETHING[change]) != before


def test_the_hash_is_of_no_process_nor_place(tmp_path, monkeypatch):
    """Neither the environment, nor the folder, nor which module is run."""
    text = "import os, sys\nfrom diffusion.evaluation.measures import code_of\n\nKNOWN = [sys.modules]\n"
    text += "def mine():\n    return os.environ, __file__, KNOWN\n\nprint(code_of(mine))\n"
    found = set()
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "mine.py").write_text(text)
        for how in ("-mmine", "-cimport mine"):
            given = {
                **os.environ,
                "PYTHONPATH": f"{tmp_path / place}:{os.getcwd()}",
                "OTHER": f"{place}{how}",
            }
            command = [sys.executable, how]
            found.add(subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1


def test_the_projects_own_measures_have_different_hashes():
    few = pixels.border_grey, pixels.drawn, samples.class_shares, recogniser.digit
    assert len({code_of(one) for one in few}) == len(few)


def test_code_without_a_source_is_refused():
    made = {}
    exec("def nameless(seen): return 1", made)
    made["nameless"].__module__ = "diffusion.data"
    with pytest.raises(ValueError, match="no source that can be read"):
        code_of(made["nameless"])


def test_a_function_is_called_once_for_all_of_its_names_and_left_out_where_it_cannot_be_taken():
    calls = []

    @measure(lambda seen: seen.get("both"), low=("", "the least"), high=("", "the largest"))
    def ends(*values):
        calls.append(values)
        return {"low": min(values), "high": max(values)}

    seen = {"both": (3, 5)}
    assert taken(seen, {"low", "high"}) == {"low": 3, "high": 5}
    assert taken(seen, {"high"}) == {"high": 5}
    assert taken({}, {"low", "high"}) == {}
    assert calls == [(3, 5), (3, 5)]
