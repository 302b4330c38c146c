"""Whose code is, where its source lies, what it imports and what it reads."""

import ast
import contextlib
import dis
import importlib
import importlib.machinery
import linecache
import sys
import sysconfig
import time
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from diffusion.files import digest, sha256
from diffusion.provenance import PACKAGE
from diffusion.syntax import syntax

BEGUN = time.time_ns()  # files that are older are what was imported
LIBRARIES = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
# Ways to import what only the running program knows: the files beside then count, all of them.
DYNAMIC = {"import_module", "__import__", "run_path", "run_module", "spec_from_file_location", "exec", "eval"}


class IdentityError(ValueError):
    """A thing cannot be written down, so that a run with it could not be told from another one."""


def is_own(thing: Any) -> bool:
    """True for what neither this package nor Python nor an installed package brings."""
    if isinstance(thing, types.FunctionType):
        file = thing.__code__.co_filename
        return not (file.startswith("<frozen") or is_library(Path(file)) or is_ours(Path(file)))
    module = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__ or "builtins"
    if isinstance(thing, type) and module == "builtins":  # made by type()
        return any(isinstance(one, types.FunctionType) and is_own(one) for one in vars(thing).values())
    if module.partition(".")[0] == "diffusion":
        return False
    if module == "__main__" or module not in sys.modules:
        return True
    root = module.partition(".")[0]
    if file := getattr(sys.modules[module], "__file__", None) or getattr(sys.modules[root], "__file__", None):
        return not is_library(Path(file))
    return root not in sys.stdlib_module_names


def is_library(path: Path) -> bool:
    """True for a file of Python or of an installed package; its version stands for it."""
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return bool(installed) or str(path.resolve()).startswith(tuple(f"{place}/" for place in LIBRARIES))


def is_younger(path: Path) -> bool:
    """True for a file that was changed, or put in its place, since this process began."""
    found = path.stat()
    return max(found.st_mtime_ns, found.st_ctime_ns) > BEGUN


def is_ours(path: Path) -> bool:
    """True for a file of this package, for which `code` stands."""
    return path.resolve().is_relative_to(PACKAGE)


def own_files(module: str, anew: bool = False) -> dict[str, Path]:
    """The files of a user's module and of all modules of the user's that these import; see `followed`."""

    def find(name: str) -> Path | None:
        path = file_of(name)
        return None if path is None or is_library(path) or is_ours(path) else path

    return followed([module], find, anew)


def followed(
    modules: Iterable[str], find: Callable[[str], Path | None], anew: bool = False
) -> dict[str, Path]:
    """The files of modules, and of all that these import, by module, as far as `find` knows them.

    Imports are read from the source, wherever they stand in it. A file that imports what only the running
    program knows counts with all Python files beside it.

    Args:
        find: the file of a module, or None.
        anew: files are read as they are now, not as they were when this process first asked for them.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name in found else find(name)
        if path is None:
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0]] if "." in name else []
        if path.suffix == ".py":
            source = module_source(name, path, anew)
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            waiting += source.imports(package)
            if source.dynamic and not is_ours(path):
                prefix = f"{package}." if package else ""
                waiting += [prefix + beside.stem for beside in path.parent.glob("*.py")]
    return found


def file_of(module: str) -> Path | None:
    """The file of a module, without importing it; None where it cannot be found or is built in."""
    live = getattr(sys.modules.get(module), "__file__", None)
    if live:
        return Path(live)
    path: list[str] | None = None
    for end in range(1, module.count(".") + 2):
        if end > 1 and not path:  # the one above is no package
            return None
        spec = importlib.machinery.PathFinder.find_spec(".".join(module.split(".")[:end]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec.origin and spec.has_location else None


class Source:
    """A source, as it was when it was read; raises SyntaxError where it is no Python."""

    def __init__(self, text: str):
        self.tree = ast.parse(text)

    @cached_property
    def hash(self) -> str:
        """Hash of what it does."""
        return syntax(self.tree)

    @cached_property
    def dynamic(self) -> bool:
        """True where it may import what only the running program knows."""
        nodes = list(ast.walk(self.tree))
        named = {getattr(node, key, "") for node in nodes for key in ("id", "name")}
        attributes = {getattr(node, "attr", "") for node in nodes} - {"eval", "exec"}  # of a network, say
        return bool(DYNAMIC & (named | attributes))

    @cached_property
    def functions(self) -> dict[str, list[ast.AST]]:
        """Its functions by name, those in others and in classes as well."""
        found: dict[str, list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                found.setdefault(getattr(node, "name", "<lambda>"), []).append(node)
        return found

    @cached_property
    def _imports(self) -> list[ast.Import | ast.ImportFrom]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.Import | ast.ImportFrom)]

    def imports(self, package: str) -> Iterator[str]:
        """The modules that it may import."""
        yield from imports(self._imports, package)


def imports(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    """The modules that statements may import, by absolute name; `from a import b` may mean `a.b`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".") if package and node.level else []
            above = above[: len(above) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from [base] if base else []
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)


def own_imports(tree: ast.AST, package: str) -> list[types.ModuleType]:
    """The user's modules that a piece of code imports while it runs, imported now."""
    found = []
    for name in imports(ast.walk(tree), package):
        path = file_of(name)
        if path is not None and not is_library(path) and not is_ours(path):
            with contextlib.suppress(Exception):  # it may be meant to fail, as in try: import
                found.append(importlib.import_module(name))
    return found


_sources: dict[str, Source] = {}


def module_source(name: str, path: Path, anew: bool = False) -> Source:
    """The source of a module: of one that is imported, what was imported.

    Raises:
        IdentityError: its file was edited since.
    """
    module = sys.modules.get(name)
    if module is None or anew:
        return file_source(str(path), anew)
    if (known := _modules.get(name)) is None or known[0] is not module.__spec__:  # reloaded
        edited = is_younger(path)
        source = file_source(str(path), anew=edited)
        mine = [one for one in vars(module).values() if getattr(one, "__module__", None) == name]
        codes = [one.__code__ for one in mine if isinstance(one, types.FunctionType)]
        if edited and not all(_made_by(source.tree, c) for c in codes if c.co_filename == str(path)):
            raise IdentityError(f"{path} was edited after it was imported; restart Python, or reload it")
        _modules[name] = known = (module.__spec__, source)
    return known[1]


_modules: dict[str, tuple[Any, Source]] = {}


def file_source(file: str, anew: bool = False) -> Source:
    """The source of a file, as it was when this process first asked for it.

    A file that is edited while a program runs does not change what the program runs.

    Raises:
        OSError: it cannot be read.
        IdentityError: it is no Python.
    """
    if anew or file not in _sources:
        try:
            _sources[file] = Source(Path(file).read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError) as error:
            raise IdentityError(f"{file} is no Python: {error}") from error
    return _sources[file]


def hash_of(files: Iterable[Path]) -> str:
    """Hash of what files do, whatever their place; one that is no Python counts byte by byte."""
    return digest(sorted(file_source(str(p)).hash if p.suffix == ".py" else sha256(p) for p in files), 16)


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
    if chain:
        yield tuple(chain)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from reads(constant)


def definition(code: types.CodeType, at: str) -> ast.AST:
    """The function of a source that a piece of code was made from; raises as `source_of` does."""
    return _node(source_of(code, at), code)


def source_of(code: types.CodeType, at: str) -> Source:
    """The file, or the notebook's cell, that a piece of code was made from.

    Raises:
        IdentityError: it has no source, or its file was edited after it was imported.
    """
    file = code.co_filename
    is_file = Path(file).is_file()
    edited = is_file and is_younger(Path(file))
    for anew in (False, True):
        try:
            source = file_source(file, anew) if is_file else Source("".join(linecache.getlines(file)))
        except (OSError, SyntaxError, ValueError):
            continue
        if _node(source, code) is not None and not (edited and not _made_by(source.tree, code)):
            return source
    if edited:
        raise IdentityError(f"{at}: {file} was edited after it was imported; restart Python, or reload it")
    raise IdentityError(f"{at} has no source that can be read; put it into a module")


def _node(source: Source, code: types.CodeType) -> ast.AST | None:
    """The smallest function of that name, at that line, that holds all of the code."""
    places = [(a, c) for a, _, c, _ in code.co_positions() if a and c is not None]
    places += [(b, d) for _, b, _, d in code.co_positions() if b and d is not None]
    found = []
    for node in source.functions.get(code.co_name, []):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        inside = [place for place in places if place[0] >= node.lineno and place != (first, 0)]
        if first == code.co_firstlineno and all(begin <= place <= end for place in inside):
            found.append(node)
    if len(found) > 1 and not places:  # Python was told to keep no columns: one of the lambdas of a line
        return None
    return min(found, key=lambda n: (n.end_lineno - n.lineno, n.end_col_offset - n.col_offset), default=None)


def _made_by(tree: ast.AST, code: types.CodeType) -> bool:
    """True where a source still compiles to this code."""
    waiting = [compile(tree, code.co_filename, "exec")]
    while waiting:
        one = waiting.pop()
        if one.co_firstlineno == code.co_firstlineno and _alike(one, code):
            return True
        waiting += [c for c in one.co_consts if isinstance(c, types.CodeType)]
    return False


def _alike(a: Any, b: Any) -> bool:
    if not isinstance(a, types.CodeType) or not isinstance(b, types.CodeType):
        return type(a) is type(b) and a == b
    same = all(getattr(a, k) == getattr(b, k) for k in ("co_name", "co_code", "co_names", "co_varnames"))
    return same and len(a.co_consts) == len(b.co_consts) and all(map(_alike, a.co_consts, b.co_consts))
