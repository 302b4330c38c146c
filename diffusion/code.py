"""Hashes of the code that a run depends on.

A run depends on the files that define your classes, their bases and your functions, and on your files that
these import, directly or indirectly. A class typed in a notebook has no file: the text of its functions
counts, its attributes, and its bases that are typed there, but not the globals that it uses.
"""

import ast
import functools
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from diffusion.edits import functions, is_edited
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
    """Return hashes of your code that objects depend on, by module, script or class in a notebook.

    Args:
        names (iterable of str): `module:name` of each object.

    Raises:
        ValueError: If an object cannot be loaded, a file was edited after its import, or the text of a class
            in a notebook is not available.
    """
    hashes: dict[str, str] = {}
    waiting, seen = [], set()
    for name in names:
        definition = load_object(name)
        waiting += [name.partition(":")[0], *map(module_of, getattr(definition, "__mro__", ()))]
        if name.startswith(f"{MAIN}:") and not own_file(MAIN):
            hashes |= _typed(definition)
    for module in waiting:  # the loop also visits the modules appended below
        if module in seen or not (file := own_file(module)):
            continue
        seen.add(module)
        text = file.read_bytes()
        if file.suffix != ".py":
            hashes[module] = digest([sha256(text)], 16)
            continue
        if (imported := sys.modules.get(module)) and is_edited(imported, file):
            raise ValueError(f"{file} was edited after it was imported; restart Python, or reload it")
        hashes[file.name if module == MAIN else module] = digest([strip(text)], 16)
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        package = vars(sys.modules[MAIN]).get("__package__") if module == MAIN else package
        waiting += _imports(text, package)
    return hashes


def _imports(code: bytes, package: str | None) -> Iterator[str]:
    """Yield the names of all modules that code of a package may import, and of their packages."""
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _typed(definition: Any) -> dict[str, str]:
    """Return name -> hash of a function typed in a notebook, or of a class and its bases typed there."""
    if not isinstance(definition, type):
        return {name_of(definition): digest(_text(definition), 16)}
    hashes = {}
    for cls in (cls for cls in definition.__mro__ if cls.__module__ == MAIN):
        parts = {}
        for name, value in vars(cls).items():
            if found := functions(value):
                parts[name] = [_text(function) for function in found]
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
