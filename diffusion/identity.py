"""Objects as plain values: what a run is known by, and how its process is kept.

    tree(Fade(10), "process")     {"class": "mine:Fade", "state": {"T": 10}}
    tree_back(...)                the Fade again: its module is imported, and nothing is called
    told(...)                     the same as JSON, in which a tensor is its type, shape and hash

A run with classes of a user's own is also known by their code (`own_code`): the files of their modules and of
all modules of the user's own that these import, directly or through others. A class that is typed in a
notebook is known by the text of its functions, its attributes and its bases that are typed there.
"""

import ast
import contextlib
import functools
import importlib
import importlib.util
import inspect
import math
import sys
import sysconfig
import textwrap
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import diffusion
from diffusion.bounds import looks
from diffusion.files import digest, sha256
from diffusion.provenance import PACKAGE

TRAINING = ("runtime.py", *(f"processes/{name}.py" for name in ("base", "schedules", "ddpm", "zoom", "blur")))
TRAINING += ("training/network.py", "training/steps.py")  # files of this package that determine weights
PROJECT = {"diffusion", "play", "study", "report", "workflow"}  # what lies beside it in a checkout
PLACES = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
PLAIN = (type(None), bool, int, float, str)
NEEDED = (
    "needed: numbers, text, tensors, arrays, functions of your own, or objects of your own that hold these"
)
TYPED = "__main__"  # the module of a notebook, or of a script that is run


# --- values ---


def tree(value: Any, at: str) -> Any:
    """A value as plain ones, which torch keeps and loads as weights; ValueError: it holds something else."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is Tensor and value.layout == torch.strided:
        return value.detach().cpu().clone()
    if kind in (list, tuple):
        return kind(tree(one, f"{at}[{i}]") for i, one in enumerate(value))
    if kind is dict:
        return {"dict": [[tree(k, at), tree(one, f"{at}[{k!r}]")] for k, one in value.items()]}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        data = torch.frombuffer(bytearray(value.tobytes() or b"\0"), dtype=torch.uint8)
        shape = None if isinstance(value, np.generic) else [*value.shape]
        return {"numpy": value.dtype.str, "shape": shape, "bytes": data}
    if isinstance(value, type | FunctionType):
        return {"name": name_of(value, at)}
    slots = any(getattr(base, "__slots__", ()) for base in kind.__mro__)
    simple = kind.__new__ is object.__new__ and hasattr(value, "__dict__") and not slots
    if not simple or isinstance(value, Enum) or kind.__module__ == "builtins":
        raise ValueError(f"{at} is {looks(value)}; {NEEDED}")
    name = name_of(kind, at)
    return {"class": name, "state": {k: tree(one, f"{at}.{k}") for k, one in sorted(vars(value).items())}}


def tree_back(found: Any) -> Any:
    """The value of a tree; ValueError: it names what cannot be had, or is not made from a file."""
    if isinstance(found, list | tuple):
        return type(found)(map(tree_back, found))
    if not isinstance(found, dict):
        return found
    if "dict" in found:
        return {tree_back(k): tree_back(one) for k, one in found["dict"]}
    if "numpy" in found:
        dtype, shape = np.dtype(found["numpy"]), found["shape"]
        array = np.frombuffer(found["bytes"].numpy().tobytes(), dtype, math.prod(shape or []))
        return array[0] if shape is None else array.reshape(shape).copy()
    if "name" in found:
        return thing(found["name"])
    cls = thing(found["class"])
    if not isinstance(cls, type):
        raise ValueError(f"{found['class']} is no class")
    made = object.__new__(cls)
    vars(made).update({name: tree_back(one) for name, one in found["state"].items()})
    return made


def told(found: Any) -> Any:
    """A tree as JSON, in which equal things are equal.

    Floats have twelve digits, those of tensors seven: the last ones differ from processor to processor.
    """
    if isinstance(found, Tensor):
        plain = (found.float() if found.dtype == torch.float64 else found).contiguous()
        data = plain.flatten().view(torch.uint8).numpy().tobytes()
        return {"tensor": f"{found.dtype} {[*found.shape]}", "sha256": sha256(data)[:16]}
    if isinstance(found, dict) and "class" in found:
        return {"class": found["class"], **told(found["state"])}
    if isinstance(found, dict) and "dict" in found:
        return {k if isinstance(k, str) else f"({k!r})": told(one) for k, one in found["dict"]}
    if isinstance(found, dict):
        return {name: told(one) for name, one in found.items()}
    if isinstance(found, list | tuple):
        return [told(one) for one in found]
    if isinstance(found, float):
        return float(f"{found:.12g}") if math.isfinite(found) else repr(found)  # JSON has no infinity
    return found


# --- names ---


def own_file(module: str) -> Path | None:
    """The file of a module of the user's own, loaded or not; None: there is none, or it is another's."""
    if module.partition(".")[0] in PROJECT:
        return None
    file = None
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        file = getattr(importlib.util.find_spec(module), "origin", None)
    path = Path(file or "").resolve()
    installed = {"site-packages", "dist-packages"} & {*path.parts}
    return None if installed or not path.is_file() or any(map(path.is_relative_to, PLACES)) else path


def is_own(thing: Any) -> bool:
    """True for a class or function that neither this project nor Python nor a library brings."""
    return thing.__module__ == TYPED or own_file(thing.__module__) is not None


def name_of(thing: Any, at: str = "it") -> str:
    """`module:name` of a class or function; ValueError: it is made within a function, or is another's."""
    module, name = thing.__module__, thing.__qualname__
    if "<" in name:
        raise ValueError(f"{at} is {name}, made in a function; define it at the top of a module or a cell")
    if not (is_own(thing) or isinstance(thing, type) and module.startswith("diffusion.")):
        raise ValueError(f"{at} is {module}.{name}; {NEEDED}")
    ours = module.startswith("diffusion.") and getattr(diffusion, name, None) is thing
    return f"{'diffusion' if ours else module}:{name}"


def thing(name: str) -> Any:
    """The class or function that `module:name` of a file names, whose module is imported.

    ValueError: it cannot be had, or is neither a process or network of this package nor the user's own.
    """
    module, _, path = name.partition(":")
    if module not in sys.modules and own_file(module.partition(".")[0]):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    found = functools.reduce(
        lambda of, part: getattr(of, part, None), path.split("."), sys.modules.get(module)
    )
    if not isinstance(found, type | FunctionType):
        raise ValueError(f"{name} cannot be had; define it first, or import its module")
    ours = found.__module__.startswith(("diffusion.processes.", "diffusion.training.network"))
    if not (is_own(found) or ours and isinstance(found, type)):
        raise ValueError(f"{name} is not made from a file; only processes, networks and your own things are")
    return found


# --- code ---


def plain(node: ast.AST) -> str:
    """A syntax tree as text, without comments and docstrings."""
    for inner in ast.walk(node):
        if isinstance(body := getattr(inner, "body", None), list):
            body[:] = (s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)))
    return ast.unparse(node)


def code_of(files: Iterable[Path]) -> str:
    """Hash of what files of Python do: comments, docstrings and formatting do not count."""
    return digest([plain(ast.parse(path.read_bytes())) for path in files], 16)


@functools.cache
def training_code() -> str:
    """Hash of this package's code that determines weights."""
    return code_of(PACKAGE / name for name in TRAINING)


def own_code(*trees: Any) -> dict[str, str]:
    """Module or class typed in a notebook -> hash, of all code of the user's own on which trees rest.

    ValueError: a file was edited after it was imported. OSError: a typed class has no text.
    """
    found: dict[str, str] = {}
    waiting, seen = [name for one in trees for name in _names(one)], set()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        module, _, path = name.partition(":")
        if file := own_file(module):
            if module in sys.modules and file.stat().st_mtime > diffusion.imported(module):
                raise ValueError(f"{file} was edited after it was imported; restart Python, or reload it")
            found[module] = code_of([file]) if file.suffix == ".py" else sha256(file)[:16]
            waiting += _imports(file, module) if file.suffix == ".py" else []
        elif module == TYPED and path:
            found |= _typed(functools.reduce(getattr, path.split("."), sys.modules[TYPED]))
    return found


def _names(found: Any) -> Iterator[str]:
    """The names of all classes and functions in a tree."""
    if isinstance(found, dict):
        yield from (found[key] for key in ("class", "name") if key in found)
        found = [*found.values()]
    if isinstance(found, list | tuple):
        for one in found:
            yield from _names(one)


def _imports(file: Path, module: str) -> Iterator[str]:
    """The names of all modules that a module may import, and of packages around them."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = [base, *(f"{base}.{one.name}" for one in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _typed(thing: Any) -> dict[str, str]:
    """Name -> hash, of what is typed in a notebook: a function, or a class and its bases of there."""
    if not isinstance(thing, type):
        return {name_of(thing): digest(_text(thing), 16)}
    found = {}
    for cls in (cls for cls in thing.__mro__ if cls.__module__ == TYPED):
        parts = {}
        for name, value in vars(cls).items():
            held = [getattr(value, part, None) for part in ("__func__", "fget", "fset", "func")]
            functions = [part for part in (value, *held) if isinstance(part, FunctionType)]
            typed = [part for part in functions if part.__code__.co_filename != "<string>"]  # by a dataclass
            if typed:
                parts[name] = [_text(inspect.unwrap(part)) for part in typed]
            elif not functions and not name.startswith("__") and name != "_abc_impl":
                parts[name] = told(tree(value, f"{cls.__name__}.{name}"))
        found[name_of(cls)] = digest(parts, 16)
    return found


def _text(function: FunctionType) -> str:
    return plain(ast.parse(textwrap.dedent(inspect.getsource(function))))
