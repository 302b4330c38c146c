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
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from diffusion.files import digest
from diffusion.names import MAIN, load_object, module_of, own_file
from diffusion.places import PACKAGE
from diffusion.saved import name_of, to_plain, to_settings

TRAINING = ("runtime.py", *(f"processes/{name}.py" for name in ("base", "schedules", "ddpm", "zoom", "blur")))
TRAINING += ("training/network.py", "training/steps.py")  # files of this package that determine weights

BEGUN = time.time()
PLAIN = (type(None), bool, int, float, complex, str, bytes, tuple, list, dict, set)


def parse(code: str | bytes) -> ast.Module:
    """Parse Python code, and remove docstrings."""
    node = ast.parse(code)
    for inner in ast.walk(node):
        if isinstance(body := getattr(inner, "body", None), list):
            body[:] = (s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)))
    return node


@functools.cache  # the same files are read for each set of samples
def strip(code: str | bytes) -> str:
    """Return Python code without comments, docstrings and formatting."""
    return ast.unparse(parse(code))


def code_of(files: Iterable[Path]) -> str:
    """Return a hash of the stripped code of Python files."""
    return digest([strip(path.read_bytes()) for path in files], 16)


class Arithmetic(ast.NodeTransformer):
    """Removes what does not compute: types of arguments, variables and results, and messages of errors."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Remove the type of an argument."""
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remove the type of a result."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Remove the type of a variable."""
        if node.value is None:
            return ast.Expr(node.target)
        return ast.Assign([node.target], node.value, lineno=node.lineno)

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        """Remove the error, and its message."""
        return ast.Raise()


@functools.cache
def training_code() -> str:
    """Return a hash of the code in this package that determines weights, without types and messages."""
    files = [parse((PACKAGE / name).read_bytes()) for name in TRAINING]
    return digest([ast.unparse(Arithmetic().visit(file)) for file in files], 16)


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
            if methods := functions(value):
                parts[name] = [_text(method) for method in methods]
            elif not isinstance(value, FunctionType) and not name.startswith("__") and name != "_abc_impl":
                parts[name] = to_settings(to_plain(value, f"{cls.__name__}.{name}"))
        hashes[name_of(cls)] = digest(parts, 16)
    return hashes


def _text(function: FunctionType) -> str:
    try:
        return strip(textwrap.dedent(inspect.getsource(function)))
    except OSError:
        message = f"the source of {function.__qualname__} is not available; define it in a file or a notebook"
        raise ValueError(message) from None


# --- files that were edited after Python imported them ---
#
# Python does not keep the text of an imported file. If the file is newer than this process, the functions and
# plain constants that run are compared with its present text.


def functions(value: Any) -> list[FunctionType]:
    """Return the functions written for an attribute of a class: a method, or the functions of a property.

    Functions that `dataclass` generates are left out.
    """
    held = [getattr(value, part, None) for part in ("__func__", "fget", "fset", "func")]
    parts = [inspect.unwrap(part) for part in (value, *held) if isinstance(part, FunctionType)]
    return [part for part in parts if part.__code__.co_filename != "<string>" or part.__name__[:2] != "__"]


def is_edited(module: ModuleType, file: Path) -> bool:
    """Return True if a module runs other functions or constants than its Python file now contains.

    Values that are not written as plain constants are not compared.
    """
    status = file.stat()
    if max(status.st_mtime, status.st_ctime) <= BEGUN:
        return False
    text = file.read_bytes()
    written = {*_codes(compile(text, file.name, "exec", dont_inherit=True))}
    running = {(part.__qualname__, _unnumbered(part.__code__)) for part in _running(module)}
    return not running <= written or any(
        _is_other(*pair) for pair in _constants(module, ast.parse(text).body)
    )


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Yield the qualified name and the code of each class and function in code."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part.co_qualname, _unnumbered(part)
            yield from _codes(part)


def _unnumbered(code: CodeType) -> CodeType:
    """Return code without line numbers, which comments above it change."""
    parts = tuple(_unnumbered(part) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_consts=parts, co_filename="", co_firstlineno=1, co_linetable=b"")


def _running(module: ModuleType) -> Iterator[FunctionType]:
    """Yield the functions of a module and of its classes."""
    owners: list[Any] = [module]
    for owner in owners:  # the loop also visits the classes appended below
        for value in vars(owner).values():
            if isinstance(value, type) and value not in owners and value.__module__ == module.__name__:
                owners.append(value)
            yield from (part for part in functions(value) if part.__module__ == module.__name__)


def _constants(owner: Any, body: list[ast.stmt]) -> Iterator[tuple[Any, ast.expr]]:
    """Yield the value that is used, and the text, of each variable and of each default of an argument."""
    for part in body:
        known = getattr(owner, getattr(part, "name", ""), None)
        if isinstance(part, ast.ClassDef):
            yield from _constants(known, part.body)
        elif isinstance(part, ast.FunctionDef) and isinstance(known, FunctionType):
            used, args = inspect.signature(known).parameters, part.args
            positional = [*args.posonlyargs, *args.args][::-1]
            named = [*zip(positional, args.defaults[::-1], strict=False)]
            named += [*zip(args.kwonlyargs, args.kw_defaults, strict=True)]
            yield from ((used[arg.arg].default, text) for arg, text in named if text and arg.arg in used)
        elif isinstance(part, ast.Assign | ast.AnnAssign) and part.value:
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from ((getattr(owner, name, None), part.value) for name in names)


def _is_other(value: Any, text: ast.expr) -> bool:
    """Return True if a plain value is not the constant of a text; False if the text is not a constant."""
    try:
        return type(value) in PLAIN and repr(value) != repr(ast.literal_eval(text))
    except (ValueError, TypeError):
        return False
