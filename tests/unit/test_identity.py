"""Different things are told apart, equal ones are the same, and what cannot be told is refused by name."""

import ast
import copy
import importlib
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import diffusion as d
from diffusion.identity import describe
from diffusion.sources import IdentityError, hash_of, plain
from helpers import forked, needs_linux


def told(value) -> list:
    """The description of a value, and what is the user's own."""
    own: dict[str, str] = {}
    return json.loads(json.dumps([describe(value, "it", own), own], allow_nan=False))


# --- values and objects ---

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values, values)
def test_plain_values_are_told_apart_exactly_where_they_differ(a, b):
    """In value, type or order; `repr` has all of these."""
    assert (told(a) == told(b)) == (repr(a) == repr(b))
    assert told(copy.deepcopy(a)) == told(a)


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)


BIAS = nn.Linear(2, 2).bias
DIFFERENT = {
    "tensors": (torch.zeros(2000), torch.zeros(2000).index_fill(0, torch.tensor(1999), 1)),
    "dtypes": (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64)),
    "shapes": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "tensor and array": (torch.zeros(3), np.zeros(3, np.float32)),
    "sets": ({1, 2}, {1, 3}),
    "orders": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "options of networks": (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    "one tensor and two": ([BIAS, BIAS], [BIAS, BIAS.clone()]),
    "schedules": (d.DDPM(d.linear(10)), d.DDPM(d.linear(10, beta_end=0.0200001))),
}
EQUAL = {
    "strides": (torch.arange(6.0).view(2, 3).T, torch.tensor([[0.0, 3], [1, 4], [2, 5]])),
    "orders of attributes": (Plain(a=1, b=2), Plain(b=2, a=1)),
    "orders of sets": ({3, 1, 2}, {2, 3, 1}),
}


@pytest.mark.parametrize("kind", [*DIFFERENT, *EQUAL])
def test_things_are_told_apart_where_they_differ_and_nowhere_else(kind):
    a, b = (DIFFERENT | EQUAL)[kind]
    assert (told(a) == told(b)) == (kind in EQUAL)
    assert told(a) == told(copy.deepcopy(a))


UNTOLD = [threading.Lock(), (x for x in ()), json, {"a"}, np.array([None], object), lambda: 1]


@pytest.mark.parametrize("thing", UNTOLD, ids=lambda thing: type(thing).__name__)
def test_what_cannot_be_told_is_refused_by_name(thing):
    with pytest.raises(IdentityError, match=r"^process\.deep\[1\]\.it[^\n]*$"):
        describe(Plain(deep=[0, Plain(it=thing)]), "process")


# --- code of one's own ---

FILES = {
    "mine_.py": """
import beside_ as b
from beside_ import strong as s, Base
AMOUNT = 0.5

def helper(x=AMOUNT):
    return x

class Mine(Base):
    def degrade(self, x, t):
        return s(x) * helper() + b.OFF
""",
    "beside_.py": """
STRENGTH, OFF, UNUSED = 1, [1, 2], 7

def strong(x):
    return STRENGTH * x

class Base:
    rate = 1
""",
}
EDITS = [  # an edit, and the name that has changed
    ("AMOUNT = 0.5", "AMOUNT = 0.6", "mine_:AMOUNT"),
    ("return x\n", "return x + 1\n", "mine_:helper"),
    ("[1, 2]", "[1, 3]", "beside_:OFF"),
    ("STRENGTH * x", "STRENGTH + x", "beside_:strong"),
    ("rate = 1", "rate = 2", "beside_:Base"),
    ("+ b.OFF", "- b.OFF", "mine_:Mine"),
    ("AMOUNT = 0.5", "AMOUNT = 0.5  # a remark", None),
    ("    rate = 1", '    """Much is said."""\n\n    rate = 1', None),
    ("[1, 2], 7", "[1, 2], 8", None),  # not used
]


def mine(folder: Path, old: str = "\0", new: str = ""):
    """A `Mine` of these files, in which a text is another one."""
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text.replace(old, new))
    sys.path.insert(0, str(folder))
    return importlib.import_module("mine_").Mine()


@needs_linux
@pytest.mark.parametrize(("old", "new", "name"), EDITS)
def test_an_edit_of_what_a_class_of_ones_own_does_is_named_and_another_is_none(tmp_path, old, new, name):
    assert any(old in text for text in FILES.values())
    edits = {"before": (), "after": (old, new)}  # each in another process
    found = [forked(lambda edit=edit: told(mine(tmp_path / edit, *edits[edit])))[1] for edit in edits]
    (first, before), (second, after) = found
    assert (second, after.keys()) == (first, before.keys())
    changed = {one.partition(".")[0] for one in before if before[one] != after[one]}
    assert name in changed if name else not changed


@needs_linux
def test_a_module_that_is_edited_after_its_import_is_refused(tmp_path):
    def work() -> None:
        made, path = mine(tmp_path / "mine"), tmp_path / "mine" / "mine_.py"
        path.write_text(path.read_text().replace("return x\n", "return x - 1\n"))
        with pytest.raises(IdentityError, match=r"mine_.py was edited after it was imported"):
            told(made)

    assert forked(work) == (0, None)


# --- code of this package ---


def test_code_is_known_by_what_it_does_alike_in_every_python(tmp_path):
    """`ast.dump` differs from version to version."""
    tree = ast.parse("def f(x: int = 1) -> str:\n    'Said.'\n    return x[1:]\n")
    value = "Subscript(value=Name(id='x'),slice=Slice(lower=Constant(value=1)))"
    arguments = "arguments(args=[arg(arg='x')],defaults=[Constant(value=1)])"
    body = f"FunctionDef(name='f',args={arguments},body=[Return(value={value})])"
    assert plain(tree) == f"Module(body=[{body}])"
    paths = [tmp_path / f"{name}.py" for name in "abc"]
    for path, text in zip(paths, ("K = 4\n", "'Said.'\n\nK = 4  # pixels\n", "K = 5\n"), strict=True):
        path.write_text(text)
    first, remarked, edited = (hash_of([path]) for path in paths)
    assert first == remarked != edited
