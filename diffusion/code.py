"""Hashes of the code that a run depends on.

Of your own code, the files count that define your classes and functions, and the bases of these classes. A
file that they import does not count, nor does a value that they read from elsewhere. A class typed in a
notebook has no file: the text of its functions counts, its attributes, and its bases that are typed there.
"""

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType
from typing import Any

from diffusion.files import digest, sha256
from diffusion.modules import MAIN, load_object, module_of, own_file
from diffusion.provenance import PACKAGE
from diffusion.values import name_of, to_json, tree

TRAINING = ("runtime.py", *(f"processes/{name}.py" for name in ("base", "schedules", "ddpm", "zoom", "blur")))
TRAINING += ("training/network.py", "training/steps.py")  # files of this package that determine weights


@functools.cache  # the same files are read for each set of samples
def strip(code: str | bytes) -> str:
    """Return Python code without comments, docstrings and formatting."""
    node = ast.parse(code)
    for inner in ast.walk(node):
        if isinstance(body := getattr(inner, "body", None), list):
            body[:] = (s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)))
    return ast.unparse(node)


def code_of(files: Iterable[Path]) -> str:
    """Return a hash of the stripped code of Python files."""
    return digest([strip(path.read_bytes()) for path in files], 16)


@functools.cache
def training_code() -> str:
    """Return a hash of the code in this package that determines weights."""
    return code_of(PACKAGE / name for name in TRAINING)


def own_code(names: Iterable[str]) -> dict[str, str]:
    """Return hashes of your own code that defines objects, by module, script or class in a notebook.

    Args:
        names (iterable of str): `module:name` of each object.

    Raises:
        ValueError: If an object cannot be loaded, or the text of a class in a notebook is not available.
    """
    hashes: dict[str, str] = {}
    for name in names:
        definition = load_object(name)
        for module in {name.partition(":")[0], *map(module_of, getattr(definition, "__mro__", ()))}:
            if file := own_file(module):
                text = strip(file.read_bytes()) if file.suffix == ".py" else sha256(file)
                hashes[file.name if module == MAIN else module] = digest([text], 16)
            elif module == MAIN:
                hashes |= _typed(definition)
    return hashes


def _functions(value: Any) -> list[FunctionType]:
    """Return the functions written for an attribute of a class: a method, or the functions of a property.

    Functions that `dataclass` generates are left out.
    """
    held = [getattr(value, part, None) for part in ("__func__", "fget", "fset", "func")]
    parts = [inspect.unwrap(part) for part in (value, *held) if isinstance(part, FunctionType)]
    return [part for part in parts if part.__code__.co_filename != "<string>" or part.__name__[:2] != "__"]


def _typed(definition: Any) -> dict[str, str]:
    """Return name -> hash of a function typed in a notebook, or of a class and its bases typed there."""
    if not isinstance(definition, type):
        return {name_of(definition): digest(_text(definition), 16)}
    hashes = {}
    for cls in (cls for cls in definition.__mro__ if cls.__module__ == MAIN):
        parts = {}
        for name, value in vars(cls).items():
            if functions := _functions(value):
                parts[name] = [_text(function) for function in functions]
            elif not isinstance(value, FunctionType) and not name.startswith("__") and name != "_abc_impl":
                parts[name] = to_json(tree(value, f"{cls.__name__}.{name}"))
        hashes[name_of(cls)] = digest(parts, 16)
    return hashes


def _text(function: FunctionType) -> str:
    try:
        return strip(textwrap.dedent(inspect.getsource(function)))
    except OSError:
        message = f"the source of {function.__qualname__} is not available; define it in a file or a notebook"
        raise ValueError(message) from None
