"""Sources: whose they are, what they import, and where in them a function stands."""

import __future__

import ast
import dis
import linecache
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from diffusion.files import digest, sha256
from diffusion.provenance import PACKAGE
from diffusion.syntax import syntax

LIBRARIES = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
# Ways to import what only the running program knows: the files beside then count, all of them.
DYNAMIC = {"import_module", "__import__", "run_path", "run_module", "spec_from_file_location", "exec"}
SUFFIXES = {".py", ".so", ".pyd"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class IdentityError(ValueError):
    """A thing cannot be written down, so that a run with it could not be told from another one."""


# --- whose ---


def is_own(thing: Any) -> bool:
    """True for a function, class or module that neither this package nor Python nor a library brings."""
    if isinstance(thing, types.FunctionType):
        file = thing.__code__.co_filename
        return not (file.startswith("<frozen") or is_library(Path(file)) or is_ours(Path(file)))
    name = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__ or "builtins"
    root = name.partition(".")[0]
    if root == "diffusion":
        return False
    if name == "__main__" or name not in sys.modules:
        return True
    file = getattr(sys.modules[name], "__file__", None) or getattr(sys.modules[root], "__file__", None)
    return not is_library(Path(file)) if file else root not in sys.stdlib_module_names


def is_library(path: Path) -> bool:
    """True for a file of Python or of an installed package; its version stands for it."""
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return bool(installed) or f"{path.resolve()}/".startswith(tuple(f"{place}/" for place in LIBRARIES))


def is_ours(path: Path) -> bool:
    """True for a file of this package, for which `code` stands."""
    return path.resolve().is_relative_to(PACKAGE)


# --- files, and what they import ---


def followed(begin: str, places: Iterable[Path], without: tuple[str, ...] = ()) -> dict[str, Path]:
    """The files of all modules that code imports, and of those that these import, by module.

    Imports are read from the source, wherever they stand in it. A file that imports what only the running
    program knows counts with all Python files beside it.

    Args:
        begin: the code.
        places: the folders where modules are looked for; others do not count.
        without: modules, or packages, that do not count.
    """
    found: dict[str, Path] = {}
    waiting = _imports(ast.parse(begin), "")
    while waiting:
        name = waiting.pop()
        left_out = name in found or f"{name}.".startswith(tuple(f"{one}." for one in without))
        path = None if left_out else _file_of(name, places)
        if path is None:
            continue
        found[name] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += [package] if package else []
        if path.suffix == ".py":
            waiting += _imports(tree := _parsed(path), package)
            words = {getattr(n, key, "") for n in ast.walk(tree) for key in ("id", "attr", "name")}
            if words & DYNAMIC and not is_ours(path):
                waiting += [
                    ".".join([*package.split(".")[: bool(package)], f.stem]) for f in path.parent.glob("*.py")
                ]
    return found


def own_files(module: str) -> dict[str, Path]:
    """The files of a user's module and of all modules of the user's that these import; see `followed`."""
    places = [Path(place) for place in sys.path if not is_library(Path(place))]
    return followed(f"import {module}", places, ("diffusion",))


def hash_of(files: Iterable[Path]) -> str:
    """Hash of what files do, whatever their place; one that is no Python counts byte by byte."""
    return digest(sorted(syntax(_parsed(p)) if p.suffix == ".py" else sha256(p) for p in files), 16)


def _imports(tree: ast.AST, package: str) -> list[str]:
    """The modules that a source may import, by absolute name; `from a import b` may mean `a.b`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".") if package and node.level else []
            base = [*above[: len(above) - node.level + 1], *([node.module] if node.module else [])]
            found += [".".join(base), *(".".join([*base, alias.name]) for alias in node.names)]
    return found


def _file_of(module: str, places: Iterable[Path]) -> Path | None:
    """The file of a module; None where it does not lie in these places."""
    paths = [place.joinpath(*module.split(".")) for place in places] if module else []
    tried = [one for path in paths for one in (path / "__init__.py", *path.parent.glob(f"{path.name}.*"))]
    return next((one for one in tried if one.suffix in SUFFIXES and one.is_file()), None)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text("utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise IdentityError(f"{path} is no Python: {error}") from error


# --- functions in this process ---

# Files and cells as they were when they were first asked for, with all code that they compile to.
_known: dict[str, tuple[ast.Module, set[types.CodeType]]] = {}


def definition(code: types.CodeType, at: str) -> ast.AST:
    """The function of a source that a piece of code was made from.

    Raises:
        IdentityError: as `tree_of`, or nobody can tell which lambda of a line it is.
    """
    named = [
        node
        for node in ast.walk(tree_of(code, at))
        if isinstance(node, FUNCTIONS) and getattr(node, "name", "<lambda>") == code.co_name
        if min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) == code.co_firstlineno
    ]
    if len(named) > 1:
        places = [place for place in code.co_positions() if place[3]]  # what begins a function has none
        begins, ends = [(a, c) for a, _, c, _ in places], [(b, d) for _, b, _, d in places]
        named = [
            node
            for node in named
            if places
            and (node.lineno, node.col_offset) <= min(begins)
            and max(ends) <= (node.end_lineno, node.end_col_offset)
        ]
    if not named:
        raise IdentityError(f"{at} cannot be told from others of its line; give it a name")
    return min(named, key=lambda n: (n.end_lineno - n.lineno, n.end_col_offset - n.col_offset))


def tree_of(code: types.CodeType, at: str) -> ast.Module:
    """The file, or the notebook's cell, that a piece of code was made from, and that still makes it.

    Raises:
        IdentityError: there is none, or it was edited after it was imported.
    """
    file = code.co_filename
    if code not in _known.get(file, ((), ()))[1]:
        linecache.checkcache(file)
        text = "".join(linecache.getlines(file))
        if not text:
            raise IdentityError(f"{at} has no source that can be read; put it into a module")
        try:
            made = _made_of(tree := ast.parse(text), code)
        except SyntaxError:
            made = set()
        if code not in made:
            raise IdentityError(
                f"{at}: {file} was edited after it was imported; restart Python, or reload it"
            )
        _known[file] = tree, made
    return _known[file][0]


def _made_of(tree: ast.Module, like: types.CodeType) -> set[types.CodeType]:
    """All that a source compiles to, under the `from __future__` of a piece of code."""
    flags = like.co_flags & __future__.annotations.compiler_flag | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    found, waiting = set(), [compile(tree, "source", "exec", flags, dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        found.add(code)
        waiting += [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return found


def reads(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """The globals that code reads, each with the attributes that it takes of it at once."""
    chain: list[str] = []
    for one in dis.get_instructions(code):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            if chain:
                yield tuple(chain)
            chain = [one.argval]
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain.append(one.argval)
        elif chain and one.opname not in ("CACHE", "PUSH_NULL"):
            yield tuple(chain)
            chain = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from reads(constant)
