"""Was one of your files edited after Python imported it?

Python does not keep the text of an imported file. If the file is newer than this process, the functions and
plain constants that run are compared with its present text.
"""

import ast
import inspect
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

BEGUN = time.time()
PLAIN = (type(None), bool, int, float, complex, str, bytes, tuple, list, dict, set)


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
