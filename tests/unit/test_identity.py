"""Different things are told apart, equal ones are the same, and what cannot be told is refused by name."""

import ast
import copy
import importlib
import json
import shutil
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
from diffusion import identity
from diffusion.identity import describe
from diffusion.provenance import PACKAGE
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


LINEAR = nn.Linear(2, 2)
DIFFERENT = {
    "tensors": (torch.zeros(2000), torch.zeros(2000).index_fill(0, torch.tensor(1999), 1)),
    "dtypes": (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64)),
    "shapes": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "tensor and array": (torch.zeros(3), np.zeros(3, np.float32)),
    "sets": ({1, 2}, {1, 3}),
    "orders": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "options of networks": (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    "one tensor and two": ([LINEAR.bias, LINEAR.bias], [LINEAR.bias, LINEAR.bias.clone()]),
    "schedules": (d.DDPM(d.linear(10)), d.DDPM(d.linear(10, beta_end=0.0200001))),
}


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)
def test_things_that_differ_are_told_apart(a, b):
    assert told(a) != told(b)
    assert told(a) == told(copy.deepcopy(a))


def test_equal_things_are_the_same():
    assert told(torch.arange(6.0).view(2, 3).T) == told(torch.tensor([[0.0, 3], [1, 4], [2, 5]]))
    assert told(Plain(a=1, b=2)) == told(Plain(b=2, a=1))
    assert told({3, 1, 2}) == told({2, 3, 1})


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
    def __init__(self, T=5):
        self.T = T

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


def written(folder: Path, old: str = "\0", new: str = "") -> Path:
    """The files, in which a text is another one."""
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text.replace(old, new))
    return folder


def mine(folder: Path):
    sys.path.insert(0, str(folder))
    return importlib.import_module("mine_")


def known(folder: Path) -> list:
    """What a `Mine` of these files is, in another process."""
    return forked(lambda: told(mine(folder).Mine(3)))[1]


@needs_linux
@pytest.mark.parametrize(("old", "new", "name"), EDITS)
def test_an_edit_of_what_a_class_of_ones_own_does_is_named_and_another_is_none(tmp_path, old, new, name):
    assert any(old in text for text in FILES.values())
    first, before = known(written(tmp_path / "before"))
    second, after = known(written(tmp_path / "after", old, new))
    assert (second, after.keys()) == (first, before.keys())
    changed = {one.partition(".")[0] for one in before if before[one] != after[one]}
    assert name in changed if name else not changed


@needs_linux
def test_a_module_that_is_edited_after_its_import_is_refused(tmp_path):
    path = written(tmp_path / "mine") / "mine_.py"

    def work() -> None:
        module = mine(path.parent)
        path.write_text(path.read_text().replace("return x\n", "return x - 1\n"))
        with pytest.raises(IdentityError, match=r"mine_.py was edited after it was imported"):
            told(module.Mine(3))

    assert forked(work) == (0, None)


# --- code of this package ---


def test_what_trains_counts_as_a_whole_and_nothing_else(tmp_path):
    copied = shutil.copytree(PACKAGE, tmp_path / "diffusion", ignore=shutil.ignore_patterns("*.safetensors"))

    def with_more_in(file: str, line: str) -> str:
        path = copied / file
        path.write_text(f"{path.read_text('utf-8')}\n{line}\n", "utf-8")
        return hash_of({one for pattern in identity.PARTS["weights"] for one in copied.glob(pattern)})

    assert with_more_in("training/loop.py", "POINTS = 100") == identity.code("weights")
    assert with_more_in("training/steps.py", "# a remark") == identity.code("weights")
    assert with_more_in("processes/zoom.py", "LEFT = 5") != identity.code("weights")


def test_a_syntax_tree_is_written_alike_by_every_python():
    """`ast.dump` differs from version to version."""
    tree = ast.parse("def f(x: int = 1) -> str:\n    'Said.'\n    return x[1:]\n")
    value = "Subscript(value=Name(id='x'),slice=Slice(lower=Constant(value=1)))"
    arguments = "arguments(args=[arg(arg='x')],defaults=[Constant(value=1)])"
    body = f"FunctionDef(name='f',args={arguments},body=[Return(value={value})])"
    assert plain(tree) == f"Module(body=[{body}])"
