"""Sources: whose they are, what they import, and where in them a function stands."""

import __future__

import ast
import dis
import functools
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


def followed(begin: str, place: Path, without: Iterable[str] = ()) -> list[Path]:
    """The files of all modules that code imports, and of those that these import, wherever in the source.

    Args:
        begin: the code.
        place: the folder where modules are looked for; others do not count.
        without: modules and packages that do not count.
    """
    found: dict[str, Path] = {}
    waiting = [("", begin)]  # packages, and the text of one of their modules
    while waiting:
        package, text = waiting.pop()
        for level, named in told(text)[1]:
            around = package.split(".")[: 1 - level or None] if level else []
            parts = [*around, *named.split(".")] if named else around
            for i in range(1, len(parts) + 1):  # a module's packages come with it
                name, at = ".".join(parts[:i]), place.joinpath(*parts[:i])
                file = at / "__init__.py" if at.is_dir() else at.with_suffix(".py")
                if name in without or not file.is_file():
                    break
                if name not in found:
                    found[name] = file
                    within = name if at.is_dir() else name.rpartition(".")[0]
                    waiting.append((within, file.read_text("utf-8")))
    return list(found.values())


def hash_of(files: Iterable[Path]) -> str:
    """Hash of what files do, whatever their place; one that is no Python counts byte by byte."""
    return digest(
        sorted(told(p.read_text("utf-8"))[0] if p.suffix == ".py" else sha256(p) for p in files), 16
    )


@functools.cache
def told(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Hash of what a source does, and what it may import: level of a relative import, and module."""
    tree, names = ast.parse(text), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [(0, one.name) for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = node.module or ""
            names += [(node.level, f"{named}.{one.name}".strip(".")) for one in node.names]
    return syntax(tree), names


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
