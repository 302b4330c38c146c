"""What is kept comes back as it was, what cannot be kept is refused by name, other code is another run."""

import collections
import enum
import functools
import importlib
import json
import math
import re
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import diffusion as d
from diffusion.files import differences
from diffusion.saved import from_plain, names_in, to_plain, to_settings
from diffusion.training.folder import RunError, RunFolder
from helpers import MINE, ROOT, Fade, forked, in_file, needs_linux, train, typed

# --- values ---


class Holds:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __repr__(self):
        return f"Holds({vars(self)})"


def double(x):
    return 2 * x


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
KEPT = [np.float32(0.1), np.arange(6).reshape(2, 3), np.array([1.5], ">f4")]
KEPT += [torch.eye(2, dtype=torch.bfloat16)]
KEPT += [double, Holds, {(1, 2): Holds(a=[Holds(b=(1, [2]))])}, d.linear(5), d.Naive(noise=0.1)]
KEPT += [Holds(dict=3, name="os:path", state=[double])]  # attributes may have any name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return RunFolder(tmp_path_factory.mktemp("values"))


@given(values | st.sampled_from(KEPT))
def test_values_come_back_as_they_were_and_are_equal_to_themselves(folder, value):
    """`repr` has value, type and order."""
    folder.keep("value.pt", to_plain(value, "it"))
    found = from_plain(folder.load("value.pt"))
    assert repr(found) == repr(value)
    known = json.loads(json.dumps({"it": to_settings(to_plain(value, "it"))}, allow_nan=False))
    assert not [*differences(known, {"it": to_settings(to_plain(found, "it"))})]


Z = torch.zeros(2000)
APART = {
    "the last number": (Z, Z.index_fill(0, torch.tensor(1999), 1)),
    "dtype": (Z, Z.double()),
    "shape": (Z, Z.view(2, 1000)),
    "tensor or array": (Z, Z.numpy()),
    "number": (1, 1.0),
    "key": ({1: 2}, {"1": 2}),
    "function": (double, [double]),
    "infinity": (math.inf, -math.inf),
    "schedule": (d.linear(10), d.linear(10, beta_end=0.0200001)),
}
ALIKE = {
    "strides": (torch.arange(6.0).view(2, 3).T, torch.tensor([[0.0, 3], [1, 4], [2, 5]])),
    "order of attributes": (Holds(a=1, b=2), Holds(b=2, a=1)),
    "another processor's last digit": (0.1 + 0.2, 0.3),
}


@pytest.mark.parametrize("kind", [*APART, *ALIKE])
def test_things_are_told_apart_where_they_differ_and_nowhere_else(kind):
    a, b = ({"it": to_settings(to_plain(one, "it"))} for one in (APART | ALIKE)[kind])
    assert bool([*differences(a, b)]) == (kind in APART)


def test_attributes_may_have_any_name():
    held = to_plain(Holds(dict=3, name="os:path", state=[double]), "it")
    assert [*names_in(held)] == [f"{__name__}:Holds", f"{__name__}:double"]


Kind = enum.Enum("Kind", "A B")
Pair = collections.namedtuple("Pair", "a b")


def local():
    class Local:
        pass

    return Local


UNKEPT = [Kind.A, functools.partial(double, 1), collections.OrderedDict(a=1), Pair(1, 2), local(), local()()]
UNKEPT += [lambda x: x, np.mean, threading.Lock(), {1}, json]
UNKEPT += [nn.Linear(1, 1), nn.Parameter(Z), np.array([None])]


@pytest.mark.parametrize("thing", UNKEPT, ids=lambda thing: getattr(thing, "__name__", type(thing).__name__))
def test_what_cannot_be_kept_is_refused_by_name_before_anything_is_written(images, tmp_path, thing):
    process = Fade(mask=Holds(deep=[0, thing]))
    with pytest.raises(ValueError, match=r"^process\.mask\.deep\[1\] is [^\n]*$"):
        train(images, tmp_path / "run", process, callback=pytest.fail)
    assert not (tmp_path / "run").exists()


# --- code of one's own: an edit is another run, a remark is none ---

FILES = {
    "mine_.py": f"import beside_\n{MINE}",
    "beside_.py": "from deep_ import K\n\ndef helper(x, bias=0):\n    return K * x\n",
    "deep_.py": "K = 1\nUNUSED = 7\n",
}
DERIVED = "from mine_ import Base\n\nclass Occlude(Base):\n    pass\n\nmade = Occlude(3)\n"
EDITS = {  # a text and another in its place -> what has changed in a file, and in a notebook
    ("rate = 1", "rate = 2"): ("mine_", "__main__:Mine"),
    ("* (self", "/ (self"): ("mine_", "__main__:Mine"),
    ("[0.5]", "[0.6]"): ("mine_", "__main__:Base"),
    ("return self.level", "return -self.level"): ("mine_", "__main__:Base"),
    ("return x\n", "return x + 1\n"): ("mine_", "__main__:same"),
    ("K = 1", "K = 2"): ("deep_", ""),  # of a file that the class's file imports
    ("by half", "by a half"): ("", ""),
    ("rate = 1", "rate = (1)  # the rate"): ("", ""),
}


def write_files(folder, old="rate", new="rate"):
    """Write the files, in which a text is another."""
    for name, text in FILES.items():
        (folder / name).write_text(text.replace(old, new))


def refusal(images, folder, process):
    """What is said against training in a folder, if it is refused."""
    try:
        train(images, folder / "run", process, epochs=1)
    except (RunError, ValueError) as error:
        return str(error)
    return ""


def used(where, images, folder, old="rate", new="rate"):
    """What is said against training there a class of a file or notebook, in which a text is another."""
    write_files(folder, old, new)
    if where == "file":
        return refusal(images, folder, in_file(folder))
    sys.path.insert(0, str(folder))
    return refusal(images, folder, typed(MINE.replace(old, new) if where == "notebook" else DERIVED))


@needs_linux
@pytest.mark.parametrize("where", ["file", "notebook", "notebook, its base in a file"])
def test_an_edit_of_ones_own_code_is_named_and_refused(images, tmp_path, whole, where):
    work = functools.partial(used, where, images, tmp_path)
    assert forked(work) == (0, "")
    for (old, new), names in EDITS.items():
        name = names[where == "notebook"]
        status, said = forked(functools.partial(work, old, new))
        refused = f"holds a different run: the code of {name} has changed" in said
        assert (status, refused) == (0, bool(name)), (old, said)


LATER = {  # a text of a file that is imported already, and another in its place -> whether it is refused
    ("K = 1", "K = 2"): True,
    ("return K * x", "return x * K"): True,
    ("bias=0", "bias=1"): True,
    ("rate = 1", "rate = 2"): True,
    ("import torch\n", "import torch\n\n# moves all lines\n"): False,
    ("rate = 1", "rate = (1)"): False,
}


@needs_linux
@pytest.mark.parametrize(("old", "new"), LATER)
def test_a_file_that_is_edited_after_its_import_is_refused_until_it_is_reloaded(
    images, tmp_path, whole, monkeypatch, old, new
):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which would hide an edit within a second
    name = next(name for name, text in FILES.items() if old in text)

    def work() -> list[str]:
        first = used("file", images, tmp_path)
        made = importlib.import_module("mine_").made
        write_files(tmp_path, old, new)
        edited = refusal(images, tmp_path, made)
        module = importlib.reload(importlib.import_module(name[:-3]))
        return [first, edited, refusal(images, tmp_path, module.made if name == "mine_.py" else made)]

    status, (first, edited, reloaded) = forked(work)
    assert (status, first) == (0, "")
    assert (f"{name} was edited after it was imported; restart" in edited) == bool(edited) == LATER[old, new]
    assert (f"the code of {name[:-3]} has changed" in reloaded) == bool(reloaded) == LATER[old, new]


@needs_linux
def test_a_class_without_a_text_is_refused(images, tmp_path):
    """As of `python -c`, or of a script that Python reads from a pipe."""

    def work() -> str:
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(MINE, "<string>", "exec"), vars(main))
        return refusal(images, tmp_path, main.made)

    assert re.search("the source of .* is not available; define it in a file", forked(work)[1])


SCRIPT = """
import multiprocessing, pathlib, sys
import torch
import beside_
import diffusion as d

class Occlude(d.ColdDiffusion):
    T = 4

    def degrade(self, x, t):
        return x * (1 - t.view(-1, 1, 1, 1) / self.T)

    def draw_prior(self, n, generator):
        return torch.rand(n, *self.image_shape, generator=generator) - 0.5

def work():
    x = torch.linspace(-0.5, 0.5, 64 * 9).view(9, 1, 8, 8)
    d.fit(Occlude(), x, steps=2, folder="run")

if __name__ == "__main__":
    if "spawn" in sys.argv:
        child = multiprocessing.get_context("spawn").Process(target=work)
        child.start()
        child.join()
    else:
        work()
    if "late" in sys.argv:
        text = pathlib.Path(__file__).read_text()
        pathlib.Path(__file__).write_text(text.replace("T = 4", "T = 5"))
        work()
"""


@pytest.mark.long
def test_all_of_the_script_that_runs_counts_and_what_it_imports(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def said(*command, old="rate", new="rate") -> str:
        write_files(tmp_path, old, new)
        (tmp_path / "train.py").write_text(SCRIPT.replace(old, new))
        options = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run([sys.executable, *command], **options).stdout

    assert "epoch 2/2" in said("train.py")
    assert "already trained" in said("-m", "train", "spawn", old="def work", new="# work\ndef work")
    assert "the code of train.py has changed" in said("train.py", old="/ self.T", new="/ self.T / 2")
    assert "train.py was edited after it was imported" in said("train.py", "late")
    assert "the code of deep_ has changed" in said("train.py", old="K = 1", new="K = 2")
