"""Objects as plain values: what a run is known by, and how its process is kept.

    tree(Fade(10), "process")     {"class": "mine:Fade", "state": {"T": 10}}
    tree_back(...)                the Fade again: its module is imported, and nothing is called
    told(...)                     the same as JSON, in which a tensor is its type, shape and hash

A run with classes of a user's own is also known by their code (`own_code`): the files of their modules, or of
the script that is run, and of all modules of the user's own that these import, directly or through others. A
class that is typed in a notebook is known by the text of its functions, its attributes and its bases that are
typed there; `unnoticed` lists what else its functions use.
"""

import ast
import contextlib
import dis
import functools
import importlib
import importlib.util
import inspect
import math
import sys
import sysconfig
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import diffusion
from diffusion import imports
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
MAIN = "__main__"  # the module of a notebook, or of a script that is run


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
    """The file of a module of the user's own, loaded or not; None: there is none, or it is another's.

    That of `__main__` is the script that is run. A notebook has no file, whatever `__file__` its editor sets.
    """
    if module.partition(".")[0] in PROJECT:
        return None
    file, main = None, vars(sys.modules[MAIN])
    if module == MAIN and "_ih" not in main and str(main.get("__file__")).endswith(".py"):
        file = main["__file__"]
    elif module != MAIN:
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            file = getattr(importlib.util.find_spec(module), "origin", None)
    path = Path(file or "").resolve()
    installed = {"site-packages", "dist-packages"} & {*path.parts}
    return None if installed or not path.is_file() or any(map(path.is_relative_to, PLACES)) else path


def module_of(thing: Any) -> str:
    """The name of the module of a class or function; in a process that was spawned, a script's is another."""
    module = str(getattr(thing, "__module__", None))
    return MAIN if module == "__mp_main__" else module


def is_own(thing: Any) -> bool:
    """True for a class or function that neither this project nor Python nor a library brings."""
    return (module := module_of(thing)) == MAIN or own_file(module) is not None


def name_of(thing: Any, at: str = "it") -> str:
    """`module:name` of a class or function; ValueError: it is made within a function, or is another's."""
    module, name = module_of(thing), thing.__qualname__
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


def plain(code: str | bytes) -> str:
    """Python code without comments and docstrings."""
    node = ast.parse(code)
    for inner in ast.walk(node):
        if isinstance(body := getattr(inner, "body", None), list):
            body[:] = (s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)))
    return ast.unparse(node)


def code_of(files: Iterable[Path]) -> str:
    """Hash of what files of Python do: comments, docstrings and formatting do not count."""
    return digest([plain(path.read_bytes()) for path in files], 16)


@functools.cache
def training_code() -> str:
    """Hash of this package's code that determines weights."""
    return code_of(PACKAGE / name for name in TRAINING)


def own_code(*trees: Any) -> dict[str, str]:
    """Module, script or class typed in a notebook -> hash, of all code of the user's own on which trees rest.

    ValueError: a file was edited after it was imported, or a typed class has no text.
    """
    found: dict[str, str] = {}
    waiting, seen = [name for one in trees for name in _names(one)], set()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        module, _, path = name.partition(":")
        if file := own_file(module):
            content, known = file.read_bytes(), imports.CONTENT.get(module)
            read = plain if file.suffix == ".py" else sha256
            late = known is None and module != MAIN and file.stat().st_mtime > imports.BEGUN
            if module in sys.modules and (late or known is not None and read(known) != read(content)):
                raise ValueError(f"{file} was edited after it was imported; restart Python, or reload it")
            found[file.name if module == MAIN else module] = digest([read(content)], 16)
            if file.suffix == ".py":
                package = module if file.name == "__init__.py" else module.rpartition(".")[0]
                package = vars(sys.modules[MAIN]).get("__package__") if module == MAIN else package
                waiting += _imports(content, package)
        elif module == MAIN and path:
            found |= _typed(typed := thing(name))
            waiting += [module_of(base) for base in getattr(typed, "__mro__", ())]
    return found


def unnoticed(own: Mapping[str, str], *trees: Any) -> Iterator[str]:
    """What classes and functions typed in a notebook use and is no part of a run, a line for each of them.

    These are globals of the notebook, and own code that it imports and that `own`, their `own_code`, lacks.
    """
    names = {name for one in trees for name in _names(one) if name.startswith(f"{MAIN}:")}
    things = [] if own_file(MAIN) else [thing(name) for name in sorted(names)]
    counted = [part for typed in things for part in getattr(typed, "__mro__", (typed,))]

    def counts(value: Any) -> bool:
        home = value.__name__ if isinstance(value, ModuleType) else module_of(value)
        home = home if hasattr(value, "__name__") else MAIN  # data
        return any(value is part for part in counted) or home != MAIN and (home in own or not own_file(home))

    for typed in things:
        classes = [cls for cls in getattr(typed, "__mro__", ()) if cls.__module__ == MAIN]
        values = [value for cls in classes for value in vars(cls).values()] or [typed]
        read = [item for value in values for part in _functions(value) for item in _globals(part).items()]
        if used := sorted({name for name, value in read if not counts(value)}):
            listed = " and ".join(filter(None, (", ".join(used[:-1]), used[-1])))
            yield (
                f"{typed.__name__} uses {listed}, whose changes fit does not notice; pass them to "
                f"{typed.__name__} as arguments, or move it into a module"
            )


def _names(found: Any) -> Iterator[str]:
    """The names of all classes and functions in a tree."""
    if isinstance(found, dict):
        yield from (found[key] for key in ("class", "name") if key in found)
        found = [*found.values()]
    if isinstance(found, list | tuple):
        for one in found:
            yield from _names(one)


def _imports(code: bytes, package: str | None) -> Iterator[str]:
    """The names of all modules that code of a package may import, and of packages around them."""
    for node in ast.walk(ast.parse(code)):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = [base, *(f"{base}.{one.name}" for one in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _functions(value: Any) -> list[FunctionType]:
    """The functions that are written for an attribute of a class: a method's, or those of a property."""
    held = [getattr(value, part, None) for part in ("__func__", "fget", "fset", "func")]
    functions = [inspect.unwrap(part) for part in (value, *held) if isinstance(part, FunctionType)]
    made = [
        part for part in functions if part.__code__.co_filename == "<string>" and part.__name__[:2] == "__"
    ]
    return [part for part in functions if part not in made]  # without a dataclass's


def _globals(function: FunctionType) -> dict[str, Any]:
    """The globals that a function reads, without Python's own."""
    codes, known = [function.__code__], function.__globals__
    for code in codes:  # which grows
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    steps = [step for code in codes for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
    return {name: known[name] for name in {step.argval for step in steps} & {*known}}


def _typed(thing: Any) -> dict[str, str]:
    """Name -> hash, of what is typed in a notebook: a function, or a class and its bases of there."""
    if not isinstance(thing, type):
        return {name_of(thing): digest(_text(thing), 16)}
    found = {}
    for cls in (cls for cls in thing.__mro__ if cls.__module__ == MAIN):
        parts = {}
        for name, value in vars(cls).items():
            if functions := _functions(value):
                parts[name] = [_text(part) for part in functions]
            elif not isinstance(value, FunctionType) and not name.startswith("__") and name != "_abc_impl":
                parts[name] = told(tree(value, f"{cls.__name__}.{name}"))
        found[name_of(cls)] = digest(parts, 16)
    return found


def _text(function: FunctionType) -> str:
    try:
        return plain(textwrap.dedent(inspect.getsource(function)))
    except OSError:
        raise ValueError(
            f"{function.__qualname__} has no text; define it in a file or in a notebook"
        ) from None
