"""The register of measures, and the hash of a measure's code: what changes it and what does not."""

import importlib
import sys

import pytest

from diffusion.evaluation.measures import MEASURES, code_of, measure, taken

SOURCE = """
import sys
from diffusion.evaluation.measures import measure

KNOWN = [sys.modules]  # which nothing can tell

@measure(lambda seen: (seen,), bright=("images", "that are bright"))
def bright(images):
    return above(images, 3) * len(KNOWN)

def above(images, least):
    return sum(one > least for one in images)
"""
CHANGES = [  # old, new, and whether the measure is another one
    ("that are bright", "that are not dark", False),
    ("can tell", "can tell, nor need", False),
    ("(seen,)", "(seen[1:],)", True),
    ("images, 3", "images, 4", True),
    ("one >", "one >=", True),
]


@pytest.fixture(autouse=True)
def registered():
    before = dict(MEASURES)
    yield
    MEASURES.clear()
    MEASURES.update(before)


@pytest.mark.parametrize(("old", "new", "another"), CHANGES)
def test_all_that_a_measure_does_counts_and_what_does_nothing_does_not(
    tmp_path, monkeypatch, old, new, another
):
    found = []
    for place, text in (("a", SOURCE), ("b", SOURCE.replace(old, new))):
        (tmp_path / place).mkdir()
        (tmp_path / place / "mine.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path / place)
        sys.modules.pop("mine", None)
        importlib.invalidate_caches()
        found.append(code_of(importlib.import_module("mine").bright))
    assert (found[0] != found[1]) == another


def test_a_function_is_called_once_for_all_of_its_names_and_left_out_where_it_cannot_be_taken():
    calls = []

    @measure(lambda seen: seen.get("both"), False, low=("", "the least"), high=("", "the largest"))
    def ends(*values):
        calls.append(values)
        return {"low": min(values), "high": max(values)}

    assert taken({"both": (3, 5)}, {"low", "high"}) == {"low": 3, "high": 5}
    assert taken({"both": (3, 5)}, {"high"}) == {"high": 5}
    assert calls == [(3, 5), (3, 5)]
    assert taken({}, {"low", "high"}) == taken({"both": (3, 5)}, {"low"}, real=True) == {}
