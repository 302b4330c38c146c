"""Classes and functions in their sources: whose they are, where they are defined, and what they name.

The source is that of a module's file, or of a notebook's cell, as long as it is what Python has compiled.
"""

import ast
import contextlib
import functools
import linecache
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from diffusion.files import digest, sha256
from diffusion.provenance import PACKAGE

LIBRARIES = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
DEFINED = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
CACHED = type(functools.cache(print))
STANDARD = {"__name__", "__file__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__"}
SAY_NOTHING = {"ctx", "kind", "type_comment", "type_ignores", "returns"}  # fields of a syntax tree


class IdentityError(ValueError):
    """A thing cannot be written down, so that a run with it could not be told from another one."""


# --- whose ---


def is_library(path: str | Path) -> bool:
    """True for a file of Python or of an installed package."""
    path = Path(path)
    installed = {"site-packages", "dist-packages"} & set(path.parts) or str(path).startswith("<frozen")
    return bool(installed) or any(path.resolve().is_relative_to(place) for place in LIBRARIES)


def is_own(thing: Any) -> bool:
    """True for a function, class or module that neither this package nor Python nor a library brings."""
    if isinstance(thing, types.FunctionType):
        file = thing.__code__.co_filename
    else:
        name = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__ or "builtins"
        if name == "__main__" or name not in sys.modules:
            return True
        root = name.partition(".")[0]
        files = (getattr(sys.modules.get(one), "__file__", None) for one in (name, root))
        if (file := next(filter(None, files), None)) is None:  # of a notebook's or Python's own
            return root not in sys.stdlib_module_names and root != "diffusion"
    return not is_library(file) and not Path(file).resolve().is_relative_to(PACKAGE)


def name_of(thing: Any) -> str:
    """`module:name` of a class or function, for those that `diffusion` exports `diffusion:name`."""
    module, name = getattr(thing, "__module__", None) or "", getattr(thing, "__qualname__", thing.__name__)
    if module.partition(".")[0] == "diffusion" and getattr(sys.modules["diffusion"], name, None) is thing:
        module = "diffusion"
    spec = getattr(sys.modules.get(module), "__spec__", None)  # the name also of a module that is being run
    return f"{spec.name if spec else module}:{name}"


def found_by(name: str) -> Any:
    """The thing of a loaded module that `module:name` names, or None."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


# --- where, and what they name ---


def layers(thing: Any) -> list[Any]:
    """A thing, what it wraps, what that wraps, and so on."""
    found = [thing]
    while isinstance(found[-1], types.FunctionType | CACHED) and hasattr(found[-1], "__wrapped__"):
        found.append(found[-1].__wrapped__)
    return found


def definition(thing: type | types.FunctionType, at: str) -> ast.AST:
    """The class or function in its source; IdentityError: none, or edited after its import."""
    where = f"{at}: {thing.__qualname__}"
    codes = [one.__code__ for one in ([thing] if isinstance(thing, types.FunctionType) else _methods(thing))]
    if codes:
        files = [codes[0].co_filename]
    else:  # a class without a function
        file = getattr(sys.modules.get(thing.__module__), "__file__", None)
        cells = [one for one in linecache.cache if one.startswith("<") or "ipy" in one]
        files = [file] if file else cells[::-1]
    name = codes[0].co_qualname if isinstance(thing, types.FunctionType) else thing.__qualname__
    for file in files:
        linecache.checkcache(file)
        if not (text := "".join(linecache.getlines(file))):
            raise IdentityError(
                f"{where} has no source that can be read; define it in a module, or in a plain cell"
            )
        defined, made = _read_source(text)
        if not made.issuperset(codes):
            raise IdentityError(
                f"{where}: {file} was edited after it was imported; restart Python, or reload it"
            )
        for node in reversed(defined.get(name, [])):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if not codes or first <= codes[0].co_firstlineno <= node.end_lineno:
                return node
    raise IdentityError(
        f"{where} has no definition that can be read; write a class or def statement in a module, or in a "
        "cell without magics"
    )


def members(cls: type) -> Iterator[tuple[str, Any, Any, Any]]:
    """Name and value of each attribute of a class, what this holds, such as a method, and what that wraps."""
    for name, value in vars(cls).items():
        held = [getattr(value, part, None) for part in ("__func__", "fget", "fset", "fdel", "func")]
        for one in [one for one in held if one is not None] or [value]:
            yield name, value, one, layers(one)[-1]


def _methods(cls: type) -> list[types.FunctionType]:
    """The functions of a class that stand in its text."""
    found = [inner for *_, inner in members(cls) if isinstance(inner, types.FunctionType)]
    return [one for one in found if one.__code__.co_qualname.startswith(f"{cls.__qualname__}.")]


def named(
    tree: ast.AST, thing: type | types.FunctionType, counts: Callable[[Any], bool]
) -> Iterator[tuple[str, Any]]:
    """(name, value) of the globals that a definition names, and of what it imports while it runs.

    Of modules these are the things that are named of them. Annotations name nothing.
    """
    functions = _methods(thing) if isinstance(thing, type) else [thing]
    space = functions[0].__globals__ if functions else vars(sys.modules[thing.__module__])
    spec = space.get("__spec__")  # has the module's name also where it is being run
    home = spec.name if spec else space.get("__name__", "")
    late = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    spaces = [space, *(_imported(node, space.get("__package__")) for node in late)]
    for name, parts in dict.fromkeys((name, tuple(parts)) for name, parts in _names(tree)):
        for one in spaces:
            if name in one and name not in STANDARD:
                yield from _followed(f"{home}:{name}", one[name], parts, counts)


def _followed(
    name: str, value: Any, parts: Iterable[str], counts: Callable[[Any], bool]
) -> Iterator[tuple[str, Any]]:
    """(name, value) of a global, or of a module's attribute that is named of it, and what the module is."""
    for part in parts:
        if not isinstance(value, types.ModuleType) or not hasattr(value, part):
            break
        inner = getattr(value, part)
        if not name.endswith(f":{value.__name__}"):
            yield name, value.__name__
        if not counts(value) and not isinstance(inner, types.ModuleType):
            return  # of a library, and known by that name
        name, value = f"{value.__name__}:{part}", inner
    yield name, value


def _names(node: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """The names in a definition, each with the attributes that are taken of it; not those of annotations."""
    parts: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        parts, inner = [inner.attr, *parts], inner.value
    if isinstance(inner, ast.Name):
        yield inner.id, parts
        return
    for name, value in ast.iter_fields(inner):
        if name not in ("annotation", "returns"):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, ast.AST):
                    yield from _names(one)


def _imported(node: ast.Import | ast.ImportFrom, package: str | None) -> dict[str, Any]:
    """The names that an import statement gives, imported now; none where that fails."""
    found: dict[str, Any] = {"__package__": package}
    with contextlib.suppress(Exception):  # it may be meant to fail, as in try: import
        exec(compile(ast.Module([node], []), "<import>", "exec"), found)
    return found


# --- texts ---


@functools.cache
def _read_source(text: str) -> tuple[dict[str, list[ast.AST]], set[types.CodeType]]:
    """The definitions of a source by qualified name, and all code that it compiles to; of no Python none."""
    try:
        tree, found = ast.parse(text), set()
        waiting = [compile(tree, "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)]
    except SyntaxError:
        return {}, set()
    while waiting:
        code = waiting.pop()
        found.add(code)
        waiting += [one for one in code.co_consts if isinstance(one, types.CodeType)]
    defined: dict[str, list[ast.AST]] = {}
    _collect(tree, "", defined)
    return defined, found


def _collect(node: ast.AST, prefix: str, defined: dict[str, list[ast.AST]]) -> None:
    """Definitions by qualified name, as Python makes these."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, DEFINED):
            defined.setdefault(f"{prefix}{one.name}", []).append(one)
            inner = "." if isinstance(one, ast.ClassDef) else ".<locals>."
            _collect(one, f"{prefix}{one.name}{inner}", defined)
        else:
            _collect(one, prefix, defined)


def plain(node: object) -> str:
    """A syntax tree as text, without docstrings, `pass` and what does nothing.

    It is the same in all versions of Python; `ast.dump` changes with the fields that a version knows.
    """
    if isinstance(node, list):
        return f"[{','.join(map(plain, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list):
            value = [one for one in value if not _idle(one)]
        if name == "annotation" and isinstance(node, ast.arg):
            continue
        if name not in SAY_NOTHING and value is not None and value != []:
            parts.append(f"{name}={plain(value)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _idle(statement: ast.stmt) -> bool:
    """A docstring, another constant by itself, or `pass`."""
    lone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return lone or isinstance(statement, ast.Pass)


def hash_of(files: Iterable[Path]) -> str:
    """Hash of what files do, whatever their place; one that is no Python counts byte by byte."""
    return digest(
        sorted(plain(ast.parse(p.read_text("utf-8"))) if p.suffix == ".py" else sha256(p) for p in files), 16
    )
