"""Different things are told apart, equal ones are the same, and what cannot be told is refused by name."""

import copy
import dataclasses
import enum
import functools
import importlib
import json
import linecache
import os
import subprocess
import sys
import threading
import time
import traceback
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import diffusion as d
from diffusion.files import digest
from diffusion.identity import describe
from diffusion.sources import IdentityError
from own import Fade
from workflow.imports import followed


def said(value) -> str:
    own: dict[str, str] = {}
    return digest([describe(value, "it", own), own], 64)


# --- plain values ---

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b) -> bool:
    """Equal and of one type, all the way down; the order of a dictionary counts."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return repr(a) == repr(b)


@given(plain, plain)
def test_plain_values_are_told_apart_exactly_where_they_differ(a, b):
    assert (said(a) == said(b)) == same(a, b)
    assert said(copy.deepcopy(a)) == said(a)
    json.dumps(describe(a, "it"), allow_nan=False)


# --- everything else: pairs that differ ---


class Colour(enum.Enum):
    RED, BLUE = 1, 2


@dataclasses.dataclass
class Point:
    x: float
    weights: object = None


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def method(self):
        return vars(self)


class Reduced:
    def __init__(self, a):
        self.a, self.b = a, threading.Lock()

    def __reduce__(self):
        return Reduced, (self.a,)


def with_default(a=1):
    return a


def with_other_default(a=2):
    return a


FIXED = nn.Linear(2, 2)

PAIRS = {
    "tensors": (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])),
    "dtype": (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64)),
    "shape": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "tensor and array": (torch.zeros(3), np.zeros(3, np.float32)),
    "byte order": (np.arange(3, dtype="<i4"), np.arange(3, dtype=">i4")),
    "narrow numbers": (np.uint8(200), 200),
    "int and float": (1, 1.0),
    "infinite": (float("inf"), "inf"),
    "below zero": (0.0, -0.0),
    "functions": (with_default, with_other_default),
    "partials": (functools.partial(with_default, 1), functools.partial(with_default, 2)),
    "functions of partials": (functools.partial(max, 1), functools.partial(min, 1)),
    "bound methods": (Plain(a=1).method, Plain(a=2).method),
    "library functions": (torch.relu, torch.tanh),
    "ufuncs": (np.sin, np.cos),
    "classes": (nn.GELU, nn.SiLU),
    "enums": (Colour.RED, Colour.BLUE),
    "in dataclasses": (Point(1, torch.zeros(2)), Point(1, torch.ones(2))),
    "names of attributes": (Plain(a=1), Plain(b=1)),
    "in objects": (Plain(a=Plain(b=np.zeros(2))), Plain(a=Plain(b=np.ones(2)))),
    "slots": (Slotted(1), Slotted(2)),
    "objects with a way of their own": (Reduced(1), Reduced(2)),
    "fractions": (Fraction(1, 3), Fraction(2, 3)),
    "sets": ({1, 2}, {1, 3}),
    "order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "keys": ({1: 2}, {"1": 2}),
    "paths": (Path("a"), Path("b")),
    "dtypes": (torch.float32, torch.float64),
    "networks": (nn.Linear(2, 2), nn.Linear(2, 2)),
    "options of networks": (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    "modes of networks": (nn.Dropout().train(), nn.Dropout().eval()),
    "frozen networks": (FIXED, copy.deepcopy(FIXED).requires_grad_(False)),
    "one tensor and two": ([FIXED.bias, FIXED.bias], [FIXED.bias, FIXED.bias.clone()]),
    "marks": ({"tuple": [1]}, (1,)),
    "schedules": (d.linear(10), d.linear(10, beta_end=0.0200001)),
}


@pytest.mark.parametrize(("a", "b"), PAIRS.values(), ids=PAIRS)
def test_things_that_differ_are_told_apart(a, b):
    assert said(a) != said(b)
    assert said(a) == said(a)
    assert said(Plain(it=a)) != said(Plain(it=b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.zeros(2, 3).T, torch.zeros(3, 2)),
        (torch.arange(4.0)[::2], torch.tensor([0.0, 2.0])),
        (Plain(a=1, b=2), Plain(b=2, a=1)),
        ({3, 1, 2}, {2, 3, 1}),
    ],
)
def test_equal_things_are_the_same(a, b):
    assert said(a) == said(b)


def test_schedules_are_told_by_their_numbers_to_twelve_digits():
    one = d.linear(10)
    renamed = d.NoiseSchedule("mine", one.beta, one.alpha_bar)
    rounded = d.NoiseSchedule("linear", one.beta, one.alpha_bar * (1 - 1e-15))
    assert said(d.DDPM(one)) == said(d.DDPM(renamed)) == said(d.DDPM(rounded))


def endless() -> list:
    found = []
    found.append(found)
    return found


def made(k):
    class Local:
        pass

    return {"class": Local, "closure": lambda: k}


@pytest.mark.parametrize(
    "thing",
    [
        threading.Lock(),
        (x for x in ()),
        json,
        {"a", "b"},
        np.array([None], object),
        torch.zeros(2, 2).to_sparse(),
        endless(),
        *made(1).values(),
        made(1)["class"](),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_cannot_be_told_is_refused_by_name(thing):
    with pytest.raises(IdentityError, match=r"^process[^\n]*$") as error:
        describe(Plain(deep=[0, Plain(it=thing)]), "process")
    assert isinstance(thing, list) or "process.deep[1].it" in str(error.value)


# --- code of one's own: in modules ---

MINE = """
import functools
import torch
import diffusion as d
import beside_ as b
from beside_ import strong as s, Base
AMOUNT = 0.5

@functools.lru_cache
def helper(x=AMOUNT):
    return x

class Mine(Base):
    name = "mine"

    def __init__(self, T=5):
        self.T = T

    @property
    def half(self):
        return self.T / 2

    def degrade(self, x, t):
        from late_ import LATE
        return s(x) * helper() + b.OFF * LATE * self.half

    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)
"""
BESIDE = """
import diffusion as d
STRENGTH, OFF, UNUSED = 1, [1, 2], 7

def strong(x):
    return STRENGTH * x

class Base(d.ColdDiffusion):
    rate = 1
"""
FILES = {"mine_.py": MINE, "beside_.py": BESIDE, "late_.py": "LATE = 1\n"}
EDITS = {  # an edit, and the name that has changed
    "a constant": ("AMOUNT = 0.5", "AMOUNT = 0.6", "mine_:AMOUNT"),
    "a memoised helper": ("return x\n", "return x + 1\n", "mine_:helper"),
    "a constant beside it": ("STRENGTH, OFF, UNUSED = 1", "STRENGTH, OFF, UNUSED = 2", "beside_:STRENGTH"),
    "one that is read of a module": ("[1, 2]", "[1, 3]", "beside_:OFF"),
    "a function of another name": ("STRENGTH * x", "STRENGTH + x", "beside_:strong"),
    "a base": ("rate = 1", "rate = 2", "beside_:Base"),
    "what is imported late": ("LATE = 1", "LATE = 2", "mine_:LATE"),
    "a default": ("T=5", "T=6", "mine_:Mine"),
    "a method": ("self.T / 2", "self.T / 3", "mine_:Mine"),
}
IDLE = {
    "a comment": ("AMOUNT = 0.5", "AMOUNT = 0.5  # a remark"),
    "a docstring": ("    rate = 1", '    """Much is said."""\n\n    rate = 1'),
    "formatting": ("s(x) * helper()", "(s(x)\n            * helper( ))"),
    "what is not used": ("UNUSED = 1, [1, 2], 7", "UNUSED = 1, [1, 2], 8"),
    "more definitions": ("class Mine", "def other():\n    return 3\n\n\nclass Mine"),
}


def forked(work) -> str:
    """What `work` returns in a process of its own, which has imported all that this one has."""
    read, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            text = str(work())
        except BaseException:
            text = traceback.format_exc()
        os.write(write_end, text.encode())
        os._exit(0)
    os.close(write_end)
    with open(read, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    return text


def load(folder: Path):
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return importlib.import_module("mine_")


def own_of(thing) -> str:
    own: dict[str, str] = {}
    described = describe(thing, "it", own)
    return json.dumps([described, own])


def known(folder: Path, old: str = "\0", new: str = "") -> tuple[dict, dict[str, str]]:
    """The description of a `Mine` of files in which a text is another one, and what is its own."""
    folder.mkdir()
    assert old == "\0" or any(old in text for text in FILES.values())
    for name, text in FILES.items():
        (folder / name).write_text(text.replace(old, new))
    return json.loads(forked(lambda: own_of(load(folder).Mine(3))))


@pytest.mark.parametrize(("old", "new", "name"), EDITS.values(), ids=EDITS)
def test_an_edit_of_what_a_class_of_ones_own_does_is_named(tmp_path, old, new, name):
    (first, before), (second, after) = known(tmp_path / "a"), known(tmp_path / "b", old, new)
    assert first == second
    assert before.keys() == after.keys()
    changed = {one for one in before if before[one] != after[one]}
    assert any(one == name or one.startswith(f"{name}.") for one in changed), changed


@pytest.mark.parametrize(("old", "new"), IDLE.values(), ids=IDLE)
def test_an_edit_that_does_nothing_makes_nothing_another_thing(tmp_path, old, new):
    assert known(tmp_path / "a") == known(tmp_path / "b", old, new)


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_module_that_is_edited_after_its_import_is_refused_until_it_is_loaded_again(tmp_path, asked_before):
    fresh = json.dumps(known(tmp_path / "a"))

    def work() -> str:
        mine, path = load(tmp_path / "a"), tmp_path / "a" / "mine_.py"
        found = [own_of(mine.Mine(3))] if asked_before else []
        path.write_text(path.read_text().replace("return x\n", "return x - 1\n"))
        os.utime(path, (time.time() + 5, time.time() + 5))  # no compiled file is taken for it
        with pytest.raises(IdentityError, match=r"mine_.py was edited after it was imported"):
            own_of(mine.Mine(3))
        importlib.reload(mine)
        return "\n".join([*found, own_of(mine.Mine(3))])

    *before, after = forked(work).splitlines()
    assert before in ([], [fresh])
    assert json.loads(after)[0] == json.loads(fresh)[0]
    assert after != fresh


# --- code that was typed in a notebook ---

CELL = """
class Mine(d.ColdDiffusion):
    name, T = "mine", 5
    def degrade(self, x, t):
        return x * AMOUNT
    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)
"""


def test_of_cells_a_constant_of_another_cell_and_what_is_set_later_count():
    def work() -> str:
        space = sys.modules["__main__"].__dict__
        space |= {"torch": torch, "d": d}

        def cell(text: str) -> str:
            name = f"<ipython-input-{len(linecache.cache)}>"
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            exec(compile(text, name, "exec"), space)
            return own_of(space["Mine"]())

        first = cell("AMOUNT = 0.5" + CELL)
        patched = "def other(self, x, t):\n    return x\nMine.degrade = other"
        others = {cell("AMOUNT = 0.9"), cell("Mine.extra = 3"), cell(patched)} - {first}
        return f"{len(others)} {first == cell('AMOUNT = 0.5' + CELL)}"

    assert forked(work) == "3 True"


# --- the same in another Python; files that code imports ---


def test_another_python_tells_the_same(tmp_path):
    """The syntax tree is written out by ourselves: `ast.dump` differs from version to version."""
    others = {path for place in ("/usr/bin", "/usr/local/bin") for path in Path(place).glob("python3.1[0-9]")}
    others = sorted(map(str, others - {Path(f"/usr/bin/python3.{sys.version_info[1]}")}))
    if not others:
        pytest.skip("there is no other Python on this machine")
    source = Path(d.__file__).with_name("sources.py").read_text("utf-8")
    code = source[source.index("def plain(") : source.index("def hash_of(")]
    fields = source[source.index("SAY_NOTHING = ") :].splitlines()[0]
    ask = f"import ast\nfrom pathlib import Path\n{fields}\n{code}"
    ask += "\nfor path in sorted(Path().rglob('*.py')):\n    print(plain(ast.parse(path.read_text('utf-8'))))"
    options = {"cwd": Path(d.__file__).parent, "capture_output": True, "text": True, "check": True}
    found = [subprocess.run([python, "-c", ask], **options).stdout for python in (sys.executable, *others)]
    assert len(found[0].splitlines()) > 30
    assert len(set(found)) == 1


def test_the_files_of_code_are_those_that_it_imports_wherever_it_does(tmp_path):
    files = {
        "pack_/__init__.py": "",
        "pack_/one.py": "from . import two\nimport torch, diffusion",
        "pack_/two.py": "def f():\n    from pack_.three import y\n    import pack_.drawn",
        "pack_/three.py": "y = 1",
        "pack_/drawn.py": "",
        "pack_/other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = followed("import pack_.one", tmp_path, ["pack_.drawn"])
    assert {path.stem for path in found} == {"__init__", "one", "two", "three"}


# --- processes, as hypothesis makes them ---

numbers = st.floats(0.01, 1) | st.integers(1, 9)
processes = st.one_of(
    st.builds(Fade, st.integers(1, 20), numbers, numbers.map(lambda n: torch.full((2,), float(n)))),
    st.builds(d.ColdZoom, st.integers(1, 27), st.sampled_from(["nearest", "bilinear"]), numbers),
    st.builds(d.ColdBlur, st.integers(1, 20)),
    st.integers(2, 50).map(lambda T: d.DDPM(d.linear(T))),
    st.integers(2, 50).map(lambda T: d.DDPM(d.cosine(T))),
)


def content(process) -> list:
    """All that a process is, as Python compares it."""
    found = [type(process).__name__]
    for key, value in sorted(vars(process).items()):
        tensor = value.alpha_bar if isinstance(value, d.NoiseSchedule) else value
        found.append((key, tensor.tolist() if isinstance(tensor, torch.Tensor) else repr(value)))
    return found


@given(processes, processes)
def test_processes_are_told_apart_exactly_where_they_differ(a, b):
    assert (said(a) == said(b)) == (content(a) == content(b))
    assert said(copy.deepcopy(a)) == said(a)
