"""What a thing is: different things are told apart, equal ones are the same, and the rest is refused."""

import copy
import dataclasses
import enum
import functools
import importlib
import json
import linecache
import os
import runpy
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
from diffusion.identity.describe import Found, called, describe, normal
from diffusion.identity.packing import PackError, pack, restored, unpack
from diffusion.identity.sources import IdentityError, followed, hash_of
from diffusion.training.network import Reconstructor
from own import Fade


def said(value) -> str:
    return digest(describe(value, "it"), 64)


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
    """Equal, and of one kind: 1 and 1.0 are, True and 1 are not, and the order of a dictionary counts."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


@given(plain, plain)
def test_plain_values_are_told_apart_exactly_where_they_differ(a, b):
    assert (said(a) == said(b)) == same(a, b)


@given(plain)
def test_a_plain_value_is_had_back_and_a_copy_is_the_same(value):
    assert said(copy.deepcopy(value)) == said(value)
    assert same(unpack(pack(value, "it")), value)
    json.dumps(describe(value, "it"), allow_nan=False)


# --- everything else: pairs that differ ---


def adder(k):
    def add(x):
        return x + k

    return add


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


class Cached:
    def __init__(self, used=False):
        if used:
            _ = self.table

    @functools.cached_property
    def table(self):
        return torch.ones(2)


class Block(nn.Module):
    pass


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


def cycle(depth: int) -> object:
    """An object that holds itself, or the one that holds it."""
    outer = Plain(it=Plain())
    outer.it.it = (outer.it, outer)[depth]
    return outer


def tied(tie: bool) -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].weight, network[1].bias = (
        (one if tie else nn.Parameter(one.detach().clone())) for one in network[0].parameters()
    )
    return network


PAIRS = {
    "tensors": (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])),
    "dtype": (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64)),
    "bits of another dtype": (torch.tensor([1], dtype=torch.int32), torch.tensor([1e-45])),
    "shape": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "bfloat16": (torch.tensor([1.0]).bfloat16(), torch.tensor([2.0]).bfloat16()),
    "empty tensors": (torch.zeros(0, 3), torch.zeros(3, 0)),
    "tensor and array": (torch.zeros(3), np.zeros(3, np.float32)),
    "arrays": (np.arange(3), np.arange(1, 4)),
    "byte order": (np.arange(3, dtype="<i4"), np.arange(3, dtype=">i4")),
    "texts in arrays": (np.array(["a", "b"]), np.array(["a", "c"])),
    "numpy numbers": (np.float32(0.1), np.float32(0.2)),
    "narrow numbers": (np.uint8(200), 200),
    "infinite": (float("inf"), "inf"),
    "nan": (float("nan"), None),
    "functions": (with_default, with_other_default),
    "lambdas of a line": (lambda x: x + 1, lambda x: x + 2),
    "closures": (adder(1), adder(2)),
    "closures over arrays": (adder(np.zeros(2)), adder(np.ones(2))),
    "partials": (functools.partial(adder, 1), functools.partial(adder, 2)),
    "options of partials": (functools.partial(adder, k=1), functools.partial(adder, k=2)),
    "functions of partials": (functools.partial(max, 1), functools.partial(min, 1)),
    "bound methods": (Plain(a=1).method, Plain(a=2).method),
    "library functions": (torch.relu, torch.tanh),
    "ufuncs": (np.sin, np.cos),
    "functions of torch": (nn.functional.gelu, nn.functional.silu),
    "classes": (nn.GELU, nn.SiLU),
    "enums": (Colour.RED, Colour.BLUE),
    "dataclasses": (Point(1), Point(2)),
    "in dataclasses": (Point(1, torch.zeros(2)), Point(1, torch.ones(2))),
    "objects": (Plain(a=1), Plain(a=2)),
    "names of attributes": (Plain(a=1), Plain(b=1)),
    "in objects": (Plain(a=Plain(b=np.zeros(2))), Plain(a=Plain(b=np.ones(2)))),
    "slots": (Slotted(1), Slotted(2)),
    "objects with a way of their own": (Reduced(1), Reduced(2)),
    "fractions": (Fraction(1, 3), Fraction(2, 3)),
    "sets": ({1, 2}, {1, 3}),
    "set and list": ({1}, [1]),
    "order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "keys": ({1: 2}, {"1": 2}),
    "bytes": (b"a", b"b"),
    "paths": (Path("a"), Path("b")),
    "complex": (1j, 2j),
    "devices": (torch.device("cpu"), torch.device("meta")),
    "dtypes": (torch.float32, torch.float64),
    "networks": (nn.Linear(2, 2), nn.Linear(2, 2)),
    "options of networks": (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
    "parts of networks": (nn.Sequential(nn.GELU()), nn.Sequential(nn.SiLU())),
    "modes of networks": (nn.Dropout().train(), nn.Dropout().eval()),
    "frozen networks": (FIXED, copy.deepcopy(FIXED).requires_grad_(False)),
    "tied networks": (tied(True), tied(False)),
    "order of networks": (nn.Sequential(nn.GELU(), nn.SiLU()), nn.Sequential(nn.SiLU(), nn.GELU())),
    "below zero": (0.0, -0.0),
    "kinds of bytes": (b"a", bytearray(b"a")),
    "kinds of sets": ({1}, frozenset({1})),
    "one tensor and two": ([FIXED.bias, FIXED.bias], [FIXED.bias, FIXED.bias.clone()]),
    "cycles": (cycle(0), cycle(1)),
    "ranges": (range(3), range(4)),
    "modules": (json, copy),
    "marks": ({"!tuple": [1]}, (1,)),
    "attributes named like marks": (Plain(**{"!code": 1}), Plain(**{"!code": 2})),
}


@pytest.mark.parametrize(("a", "b"), PAIRS.values(), ids=PAIRS)
def test_things_that_differ_are_told_apart(a, b):
    assert said(a) != said(b)
    assert said(a) == said(a)
    assert said([a]) != said([b])
    assert said(Plain(it=a)) != said(Plain(it=b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (1, np.int64(1)),
        (0.5, np.float64(0.5)),
        (True, np.bool_(True)),
        ("a", np.str_("a")),
        (torch.zeros(2, 3).T, torch.zeros(3, 2)),
        (torch.arange(4.0)[::2], torch.tensor([0.0, 2.0])),
        (nn.Parameter(torch.ones(2)), torch.ones(2)),
        (adder(1), adder(1.0)),
        (Plain(a=1, b=2), Plain(b=2, a=1)),
        ({3, 1, 2}, {2, 3, 1}),
        (Point(1), Point(1.0)),
        (Cached(), Cached(used=True)),
    ],
)
def test_equal_things_are_the_same(a, b):
    assert said(a) == said(b)


class Unordered(set):
    pass


def nowhere():
    space = {"__name__": "nowhere"}
    exec("def f(x):\n    return x", space)
    return space["f"]


def endless() -> list:
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "thing",
    [
        threading.Lock(),
        (x for x in ()),
        sys.stdout,
        sys._getframe(),
        memoryview(b"x"),
        np.array([None], object),
        np.zeros(1, [("a", "f4")]),
        Unordered(),
        torch.zeros(2, 2).to_sparse(),
        torch.compile(with_default),
        nowhere(),
        endless(),
        list(range(300_000)),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_cannot_be_told_is_refused_by_name(thing):
    with pytest.raises(IdentityError, match=r"^process[^\n]*$") as error:
        describe(Plain(deep=[0, Plain(it=thing)]), "process")
    assert isinstance(thing, list) or "process.deep[1].it" in str(error.value)


# --- processes, networks: with the defaults of their arguments filled in ---


def known(value) -> str:
    found = Found()
    return digest(normal(describe(value, "it", found), found.live), 64)


class Slow(d.ColdZoom):
    def __init__(self, T=24, rate=0.1):
        super().__init__(T)
        self.rate = rate


class Slower(Slow):
    def __init__(self, by=2, **options):
        super().__init__(**options)
        self.by = by


class Weighted(d.DDPM):
    def __init__(self, schedule=None, weight=1.0):
        super().__init__(schedule)
        self.weight = weight


numbers = st.floats(0.01, 1) | st.integers(1, 9) | st.sampled_from([np.float64(0.3), np.int64(4)])
values = (
    numbers | st.just(None) | numbers.map(lambda n: torch.full((2,), float(n))) | st.tuples(numbers, numbers)
)
made = st.one_of(
    st.builds(Fade, st.integers(1, 20), numbers, values),
    st.builds(d.ColdZoom, st.integers(1, 27), st.sampled_from(["nearest", "bilinear"]), numbers),
    st.builds(Slow, st.integers(1, 27), numbers),
    st.builds(Slower, numbers, rate=numbers),
    st.builds(d.ColdBlur, st.integers(1, 20)),
    st.integers(2, 50).map(lambda T: d.DDPM(d.linear(T))),
    st.integers(2, 50).map(lambda T: d.DDPM(d.cosine(T))),
    st.builds(Weighted, st.integers(2, 9).map(d.linear), numbers),
)


def content(process) -> list:
    """All that a process is, as Python compares it."""
    found = [type(process).__name__]
    for key, value in sorted(vars(process).items()):
        tensor = value.alpha_bar if isinstance(value, d.NoiseSchedule) else value
        plain = tensor.tolist() if isinstance(tensor, torch.Tensor) else value
        found.append((key, plain, isinstance(value, torch.Tensor), isinstance(value, tuple)))
    return found


@given(made, made)
def test_processes_are_told_apart_exactly_where_they_differ(a, b):
    assert (known(a) == known(b)) == (content(a) == content(b))
    assert known(copy.deepcopy(a)) == known(a)


def test_a_new_argument_with_its_default_makes_nothing_another_thing():
    found = Found()
    today = describe(d.ColdZoom(), "it", found)
    of_earlier = {k: v for k, v in today.items() if k != "image_noise"}
    assert normal(of_earlier, found.live) == normal(today, found.live)
    assert normal(of_earlier, found.live) != normal(describe(d.ColdZoom(image_noise=0.1), "it"), found.live)
    plain, said_out = (called(Reconstructor, options, "it", found) for options in ({}, {"norm": "layer"}))
    assert normal(plain, found.live) == normal(said_out, found.live)
    assert normal(plain, found.live) != normal(called(Reconstructor, {"norm": "rms"}, "it"), found.live)


def test_schedules_are_told_by_their_numbers():
    one, two = d.linear(10), d.linear(10, beta_end=0.0200001)
    assert known(d.DDPM(one)) != known(d.DDPM(two))
    renamed = d.NoiseSchedule("mine", one.beta, one.alpha_bar)
    rounded = d.NoiseSchedule("linear", one.beta, one.alpha_bar * (1 - 1e-15))
    assert known(d.DDPM(one)) == known(d.DDPM(renamed)) == known(d.DDPM(rounded))


# --- code of one's own: in modules, with what it uses ---

MODULE = """
import torch
import diffusion as d
{imports}
AMOUNT = 0.5
{between}

def helper(x):
    return x * AMOUNT

class Base(d.ColdDiffusion):
    rate = 1

    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)

class Mine(Base):
    name = "mine"

    def __init__(self, T=5):
        self.T = T

    def degrade(self, x, t):
        return helper(x) * self.rate + {reads}
"""
HELPER = "STRENGTH = 1\n\ndef strong(x):\n    return STRENGTH * x\n"


def forked(work) -> str:
    """What `work` returns in a process of its own, which has imported all that this one has."""
    read, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = str(work())
        except BaseException:
            said = traceback.format_exc()
        os.write(write_end, said.encode())
        os._exit(0)
    os.close(write_end)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def load(folder: Path):
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return importlib.import_module("mine_")


def code_of(folder: Path) -> str:
    """The hash of the class `Mine` in a folder's module, in a process of its own."""
    return forked(lambda: describe(load(folder).Mine(), "it")["!code"])


def write(folder: Path, helper: str = HELPER, old: str = "", new: str = "", **parts) -> Path:
    """A module and one beside it, in which a text may be another."""
    (folder / "parts_").mkdir(parents=True, exist_ok=True)
    (folder / "parts_" / "late.py").write_text("import beside_")
    usual = {"imports": "from beside_ import strong", "between": "", "reads": "strong(x)"}
    (folder / "mine_.py").write_text(MODULE.format(**usual | parts).replace(old or "\0", new))
    (folder / "beside_.py").write_text(helper.replace(old or "\0", new))
    return folder


CODE_EDITS = {
    "a constant": ("AMOUNT = 0.5", "AMOUNT = 0.6"),
    "a helper": ("x * AMOUNT", "x + AMOUNT"),
    "a base": ("rate = 1", "rate = 2"),
    "a method of a base": ("torch.zeros", "torch.ones"),
    "a constant beside it": ("STRENGTH = 1", "STRENGTH = 2"),
    "a function beside it": ("STRENGTH * x", "STRENGTH + x"),
    "a default": ("T=5", "T=6"),
}
WAYS_TO_IMPORT = {
    "by name": {},
    "whole": {"imports": "import beside_", "reads": "beside_.strong(x)"},
    "handed on": {"imports": "import beside_ as b; held = b", "reads": "held.strong(x)"},
    "late": {
        "imports": "",
        "between": "def f(x):\n    from beside_ import strong; return strong(x)",
        "reads": "f(x)",
    },
    "late and whole": {
        "imports": "",
        "between": "def f(x):\n    import beside_; return beside_.strong(x)",
        "reads": "f(x)",
    },
    "late, of a package": {
        "imports": "",
        "between": "def f(x):\n    from parts_ import late; return late.beside_.strong(x)",
        "reads": "f(x)",
    },
    "read by name": {"imports": "import beside_", "reads": "getattr(beside_, 'strong')(x)"},
}


@pytest.mark.parametrize("parts", WAYS_TO_IMPORT.values(), ids=WAYS_TO_IMPORT)
def test_what_a_class_of_ones_own_does_is_known_by_all_of_its_code(tmp_path, parts):
    """Comments, places and what it does not use do not count; constants, helpers, bases, other modules do."""
    usual = {"between": ""} | parts
    more = {**usual, "between": usual["between"] + "\n# a remark\ndef unused(): return 3"}
    first = code_of(write(tmp_path / "a", **parts))
    assert code_of(write(tmp_path / "b", HELPER + "\n# another\n", **more)) == first
    edited = [
        code_of(write(tmp_path / str(i), HELPER, *edit, **parts))
        for i, edit in enumerate(CODE_EDITS.values())
    ]
    assert len({first, *edited}) == 1 + len(CODE_EDITS)
    assert {len(one) for one in edited} == {16}, edited


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
    before = hash_of(found)
    (tmp_path / "pack_" / "three.py").write_text("y = 1  # a remark")
    assert hash_of(found) == before
    (tmp_path / "pack_" / "three.py").write_text("y = 2")
    assert hash_of(found) != before


# Run in the package's folder, with what torch is needed for left out.
ASK = """
import hashlib, runpy, sys, types
from pathlib import Path
sha256 = lambda content: hashlib.sha256(content).hexdigest()
for name in ("diffusion", "diffusion.files", "diffusion.provenance"):
    sys.modules[name] = types.SimpleNamespace(digest=None, sha256=sha256, PACKAGE=Path())
syntax = runpy.run_path("syntax.py")["syntax"]
for path in sorted(Path().rglob("*.py")):
    print(path.name, syntax(path.read_text("utf-8")))
"""


def test_another_python_tells_the_same():
    """The syntax tree is written out by ourselves: `ast.dump` differs from version to version."""
    others = {path for place in ("/usr/bin", "/usr/local/bin") for path in Path(place).glob("python3.1[0-9]")}
    others = sorted(map(str, others - {Path(f"/usr/bin/python3.{sys.version_info[1]}")}))
    if not others:
        pytest.skip("there is no other Python on this machine")
    options = {"cwd": Path(d.__file__).parent, "capture_output": True, "text": True, "check": True}
    found = {
        python: subprocess.run([python, "-c", ASK], **options).stdout for python in (sys.executable, *others)
    }
    assert len(found[sys.executable].splitlines()) > 40
    assert len(set(found.values())) == 1


# --- code that was typed: a script, a cell ---

SCRIPT = """
from dataclasses import dataclass, field
import numpy as np
import torch
import diffusion as d
from diffusion.identity.describe import describe
from torch import nn
{before}

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Conv2d(1, 1, 3, padding="same")

    def forward(self, x):
        return self.layers(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def forward(self, x, t):
        return self.block(x) * AMOUNT

found = describe(Net, "it")["!code"]
"""


def of_script(folder, number, before, prefix="") -> str:
    path = folder / f"script{number}.py"
    path.write_text(prefix + SCRIPT.format(before=before))
    return forked(lambda: runpy.run_path(str(path), run_name="__main__")["found"])


# Before, and in place of it: what a class of a script uses is followed wherever it stands.
EDITS = {
    "beneath torch.no_grad": ("@torch.no_grad()\ndef amount(): return {}\nAMOUNT = amount", "0.5", "0.9"),
    "a constant beneath it": ("K = {}\n@torch.no_grad()\ndef AMOUNT(): return K", "0.5", "0.9"),
    "a metaclass": ("class M(type):\n    k = {}\nclass AMOUNT(metaclass=M): pass", "0.5", "0.9"),
    "a slot of a dataclass": ("@dataclass(slots=True)\nclass AMOUNT: k: float = {}", "0.5", "0.9"),
    "a field's metadata": ("@dataclass\nclass AMOUNT: k: int = field(metadata={{'a': {}}})", "0.5", "0.9"),
    "a name with underscores": ("class AMOUNT: __scale__ = {}", "0.5", "0.9"),
    "a module imported late": ("def AMOUNT():\n    from {} import floor; return floor", "mod_a", "mod_b"),
    "how a dataclass compares": ("@dataclass(eq={})\nclass AMOUNT: k: int = 1", "True", "False"),
    "order of fields": (
        "@dataclass\nclass AMOUNT:\n    {}",
        "a: int = 1\n    b: int = 2",
        "b: int = 2\n    a: int = 1",
    ),
    "a property's class": (
        "class Half(property):\n    def __get__(self, *a): return {}\nclass AMOUNT: k = Half(print)",
        *("0.5", "0.9"),
    ),
    "the class of a class method": (
        "class A:\n    k = {}\n    @classmethod\n    def of(cls): return cls.k\nAMOUNT = A.of",
        *("0.5", "0.9"),
    ),
    "a library's function, replaced": (
        "nn.functional.gelu = lambda x: x * {}\ndef AMOUNT(x): return nn.functional.gelu(x)",
        *("0.5", "0.9"),
    ),
    "one imported late": (
        "nn.functional.gelu = lambda x: x * {}\ndef AMOUNT(x):\n    from torch.nn.functional import gelu",
        *("0.5", "0.9"),
    ),
    "a cached property that was set": (
        "from functools import cached_property\nclass A:\n    @cached_property\n    def k(self): return 1\n"
        "AMOUNT = A()\nAMOUNT.k = {}",
        *("0.5", "0.9"),
    ),
    "a hash of one's own": ("class AMOUNT:\n    def __hash__(self): return {}", "1", "2"),
    "what is wrapped": ("def AMOUNT(): pass\nAMOUNT.__wrapped__ = lambda: {}", "0.5", "0.9"),
}


@pytest.mark.parametrize(("text", "one", "two"), EDITS.values(), ids=EDITS)
def test_of_a_script_all_that_is_used_counts(tmp_path, text, one, two, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name, offset in (("mod_a", 1), ("mod_b", 2)):
        (tmp_path / f"{name}.py").write_text(f"def floor(x): return x // {offset}\n")
    found = [of_script(tmp_path, n, before=text.format(k)) for n, k in enumerate((one, two, one))]
    assert found[0] == found[2] != found[1], found
    assert all(len(one) == 16 for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "space = {}; exec('def AMOUNT(): return 1', space); AMOUNT = space['AMOUNT']",
        "import importlib\ndef AMOUNT(): return importlib.import_module('json')",
        "from importlib import import_module as load\ndef AMOUNT(): return load('json')",
        "import sys\ndef AMOUNT(): return sys.modules[__name__].K",
        "def AMOUNT(): return globals()['K']",
        "def AMOUNT(): return eval('K')",
        "def AMOUNT(): return map(eval, ['K'])",
        "def AMOUNT(): return AMOUNT.__globals__['K']",
        "def AMOUNT(): return __import__('json')",
        "def AMOUNT():\n    import sys; return sys.modules[__name__].K",
        "def AMOUNT():\n    from importlib import import_module as load; return load('json')",
        "READ = [eval]\ndef AMOUNT(): return READ[0]('K')",
        "def AMOUNT(read=eval): return read('K')",
        "import runpy\ndef AMOUNT(): return runpy.run_path('a.py')",
    ],
)
def test_of_a_script_what_nobody_can_read_is_refused(tmp_path, text):
    assert "IdentityError" in of_script(tmp_path, 0, before=text)


@pytest.mark.parametrize(
    "text",
    [
        "def AMOUNT(self): return vars(self)",
        "def AMOUNT(net): return net.eval()",
        "import logging\nlog = logging.getLogger('a')\ndef AMOUNT(): log.info('')",
        "from collections import namedtuple\nP = namedtuple('P', 'a')\ndef AMOUNT(): return P(1)",
        "from functools import lru_cache\n@lru_cache\ndef AMOUNT(): return AMOUNT",
        "class AMOUNT(torch.autograd.Function): pass",
        "import enum\nclass E(enum.Enum): A = 1\nclass AMOUNT: e = E.A",
        "from __future__ import annotations\ndef AMOUNT(x: int = 1): return x",
    ],
)
def test_what_only_looks_unreadable_is_taken(tmp_path, text):
    first = text.startswith("from __future__")
    found = of_script(tmp_path, 0, "" if first else text, prefix=text if first else "")
    assert len(found) == 16, found


CELL = """
class Mine(d.ColdDiffusion):
    name, T = "mine", 5
    def degrade(self, x, t):
        return x * AMOUNT
    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)
"""


def test_of_cells_a_constant_of_another_cell_counts():
    def work() -> str:
        space = sys.modules["__main__"].__dict__
        space |= {"torch": torch, "d": d}

        def cell(text: str) -> str:
            name = f"<cell {len(linecache.cache)}>"
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            exec(compile(text, name, "exec"), space)
            return describe(space["Mine"](), "it")["!code"]

        first = cell("AMOUNT = 0.5" + CELL)
        others = {cell("AMOUNT = 0.9"), cell("Mine.extra = 3"), cell("Mine.draw_prior = None")}
        again = cell("AMOUNT = 0.5" + CELL)
        try:
            cell(CELL.replace("x * AMOUNT", "x * globals()['AMOUNT']"))
        except IdentityError as error:
            return f"{first == again} {len(others | {first})} {error}"

    assert forked(work).startswith(
        "True 4 it: Mine.degrade: Mine.degrade reads globals, which reads what nobody can tell"
    )


# --- what is edited while Python runs ---


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_module_that_is_edited_after_its_import_is_known_by_what_runs_or_refused(tmp_path, asked_before):
    folder, (first, second) = write(tmp_path), ("x * AMOUNT", "x - AMOUNT")
    fresh = code_of(folder)

    def work() -> str:
        mine, path = load(folder), folder / "mine_.py"

        def ask() -> str:
            try:
                return describe(mine.Mine(), "it")["!code"]
            except IdentityError as error:
                return str(error)

        said = [ask()] if asked_before else []
        path.write_text(path.read_text().replace(first, second))
        os.utime(path, (time.time() + 5, time.time() + 5))  # no compiled file is taken for it
        said.append(ask())
        importlib.reload(mine)
        return "\n".join([*said, ask()])

    *before, after = forked(work).splitlines()
    if asked_before:
        assert before == [fresh, fresh]
    else:
        assert "mine_.py was edited after it was imported; restart Python, or reload it" in before[0]
    assert after == code_of(folder) != fresh


class Optional:
    def __init__(self, k=1.0):
        if k:
            self.k = k


def test_an_attribute_that_is_not_there_has_no_default():
    assert known(Optional(1.0)) != known(Optional(0))


def test_a_class_is_the_same_whether_it_is_asked_for_or_its_object():
    """`super()` closes over the class, which is then under way."""
    assert describe(Derived(), "it")["!code"] == describe(Derived, "it")["!code"]


class Derived(Plain):
    def __init__(self):
        super().__init__(a=1)


# --- and back ---


def test_things_of_one_name_are_not_exchanged():
    found = Found()
    content = describe([adder(1), adder(2)], "it", found, exact=True)
    with pytest.raises(PackError, match="several things are called"):
        restored(content, found.live)


@pytest.mark.parametrize("name", ["cProfile:run", "os:system", "builtins:eval", "timeit:timeit"])
def test_no_call_of_a_library_is_made_from_a_file(name):
    call = {"!partial": {"!function": name}, "arguments": ["print()"], "options": {}}
    for found in (call, {"!function": name}, [{"!class": name}]):
        with pytest.raises(PackError, match="not taken from a file"):
            restored(found)
    with pytest.raises(PackError):
        restored({"!object": name.partition(":")[0] + ":Handler", "level": 1})
    call = {"!partial": {"!function": "torch:load"}, "arguments": ["a"], "options": {}}
    with pytest.raises(PackError, match="a call of .* is not made from a file"):
        restored(call)


@pytest.mark.parametrize(
    "damaged", [{"!class": 5}, {"!dict": 5}, {"!torch": "nothing"}, {"!array": "numpy <f4"}, {"!partial": {}}]
)
def test_a_damaged_description_is_said_so(damaged):
    with pytest.raises(PackError):
        restored(damaged)


@pytest.mark.parametrize(
    "thing",
    [
        torch.arange(6).view(2, 3),
        torch.tensor(1.5).bfloat16(),
        torch.zeros(0, 2),
        np.arange(3, dtype=">i2"),
        np.array([["a", "bc"]]),
        [1, (2, 3.5), {"b": 1, "a": [None, True]}, {1: 2}],
        {1, 2},
        float("inf"),
        Path("a/b"),
        torch.float16,
        torch.device("meta"),
        functools.partial(with_default, a=3),
        Point(1, torch.ones(2)),
        Slotted(Plain(a=np.zeros(2))),
        nn.GELU,
        with_default,
        *(-0.0, np.float32(0.1), np.float64(2.0), np.int8(3), frozenset({1, 2})),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_is_kept_is_had_back(thing):
    again = unpack(pack(thing, "it"))
    assert type(again) is type(thing)
    assert said(again) == said(thing)
    assert pack(again, "it") == pack(thing, "it")


@pytest.mark.parametrize(
    "thing", [Fraction(1, 3), Colour.RED, Reduced(1), nn.Linear(1, 1), Block(), Plain().method, b"x"]
)
def test_what_cannot_be_made_again_is_said_so(thing):
    with pytest.raises(PackError, match="cannot be made again"):
        unpack(pack(thing, "it"))
