"""Hashes of the code that a run depends on.

A run with your own classes also depends on their code (`own_code`): the files of their modules, or the script
that Python runs, and all your own modules that these import, directly or indirectly. For a class typed in a
notebook, the code is the text of its functions, its attributes, and its bases that are typed there.
`unnoticed` lists the global variables that its functions use.
"""

import ast
import dis
import functools
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from diffusion import modules
from diffusion.files import digest, sha256
from diffusion.modules import MAIN, module_of, own_file
from diffusion.provenance import PACKAGE
from diffusion.values import load_definition, name_of, to_json, tree

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
    """Return hashes of all your own code that objects depend on, by module, script or class in a notebook.

    Args:
        names (iterable of str): `module:name` of each object.

    Raises:
        ValueError: If a file was edited after its import, or the text of a class in a notebook is not
            available.
    """
    hashes: dict[str, str] = {}
    waiting, seen = [*names], set()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        module, _, path = name.partition(":")
        if file := own_file(module):
            content, is_python = _unedited(module, file), file.suffix == ".py"
            hashes[file.name if module == MAIN else module] = digest([_comparable(file, content)], 16)
            if is_python:
                package = module if file.name == "__init__.py" else module.rpartition(".")[0]
                package = vars(sys.modules[MAIN]).get("__package__") if module == MAIN else package
                waiting += _imports(content, package)
        elif module == MAIN and path:
            definition = load_definition(name)
            hashes |= _typed(definition)
            waiting += [module_of(base) for base in getattr(definition, "__mro__", ())]
    return hashes


def _comparable(file: Path, content: bytes) -> str:
    """Return the content of a file for comparison: stripped code, or the hash of a compiled module."""
    return strip(content) if file.suffix == ".py" else sha256(content)


def _unedited(module: str, file: Path) -> bytes:
    """Return the content of a module's file.

    Raises:
        ValueError: If the file was edited after the module was imported.
    """
    content, imported = file.read_bytes(), modules.CONTENT.get(module)
    if module not in sys.modules:
        return content
    if imported is None:  # imported before this package
        edited = module != MAIN and file.stat().st_mtime > modules.BEGUN
    else:
        edited = _comparable(file, imported) != _comparable(file, content)
    if edited:
        raise ValueError(f"{file} was edited after it was imported; restart Python, or reload it")
    return content


def unnoticed(own: Mapping[str, str], names: Iterable[str]) -> Iterator[str]:
    """Yield a message for each class or function typed in a notebook that uses code or data elsewhere.

    These are global variables of the notebook, and your own modules that are not in `own`.

    Args:
        own (Mapping): `own_code` of the names.
        names (iterable of str): `module:name` of each class or function.
    """
    typed_names = sorted({name for name in names if name.startswith(f"{MAIN}:")})
    typed = [] if own_file(MAIN) else [load_definition(name) for name in typed_names]
    counted = [part for definition in typed for part in getattr(definition, "__mro__", (definition,))]

    def counts(value: Any) -> bool:
        module = value.__name__ if isinstance(value, ModuleType) else module_of(value)
        module = module if hasattr(value, "__name__") else MAIN  # data
        is_counted = any(value is part for part in counted)
        return is_counted or module != MAIN and (module in own or not own_file(module))

    for definition in typed:
        classes = [cls for cls in getattr(definition, "__mro__", ()) if cls.__module__ == MAIN]
        values = [value for cls in classes for value in vars(cls).values()] or [definition]
        uses = [use for value in values for part in _functions(value) for use in _globals(part).items()]
        if missing := sorted({name for name, value in uses if not counts(value)}):
            listed = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
            yield (
                f"{definition.__name__} uses {listed}, whose changes fit does not notice; pass them to "
                f"{definition.__name__} as arguments, or move it into a module"
            )


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


def _functions(value: Any) -> list[FunctionType]:
    """Return the functions written for an attribute of a class: a method, or the functions of a property.

    Functions that `dataclass` generates are left out.
    """
    held = [getattr(value, part, None) for part in ("__func__", "fget", "fset", "func")]
    parts = [inspect.unwrap(part) for part in (value, *held) if isinstance(part, FunctionType)]
    return [part for part in parts if part.__code__.co_filename != "<string>" or part.__name__[:2] != "__"]


def _globals(function: FunctionType) -> dict[str, Any]:
    """Return the global variables that a function reads, without Python's own."""
    codes, known = [function.__code__], function.__globals__
    for code in codes:  # the loop also visits the code appended below
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    steps = [step for code in codes for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
    return {name: known[name] for name in {step.argval for step in steps} & {*known}}


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
