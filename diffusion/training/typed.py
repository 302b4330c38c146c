"""Classes and functions that were typed in a notebook or a script: their source, kept beside the weights.

`own.py` has their definitions, those that they use before them, and the imports of what else they name;
`own.safetensors` the constants that they read. What else stands in the notebook is not kept.
"""

import ast
import contextlib
import hashlib
import inspect
import linecache
import logging
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from diffusion.identity.code import name_of
from diffusion.identity.packing import PackError, pack, unpack
from diffusion.identity.sources import IdentityError, reads, source_of
from diffusion.training.checkpoints import RunFolder

SOURCE, CONSTANTS = "own.py", "own.safetensors"


def keep_typed(store: RunFolder, things: Iterable[Any]) -> str | None:
    """Keep the source of those of these classes and functions that no module has; returns its hash.

    None where there are none, or where what they read cannot be kept, which is said: the run is then opened
    where they are defined, or with `process=`.
    """
    writer = _Writer()
    typed = [
        one
        for one in things
        if one is not None and one.__module__ == "__main__" and one.__qualname__.isidentifier()
    ]
    if not typed:
        return None
    try:
        for one in typed:
            writer.add(one)
        constants = pack(writer.constants, "what a class of yours reads")
        unpack(constants, {name_of(one): one for one in typed})
    except (IdentityError, PackError) as error:
        print(f"note: the source of {typed[0].__qualname__} is not kept with the run: {error}", flush=True)
        return None
    text = "\n".join([*sorted(writer.imports), "", *writer.parts, ""]).encode()
    store.write(SOURCE, text)
    store.write(CONSTANTS, constants)
    return hashlib.sha256(text + constants).hexdigest()


def load_typed(store: RunFolder, sha256: str | None, trust: bool) -> dict[str, Any]:
    """Classes and functions by the names that they had, `__main__:name`, executed from a run's source.

    Raises:
        ValueError: it is not trusted, or is not what was kept.
    """
    if sha256 is None:
        return {}
    place = store.path / SOURCE
    if not trust:
        raise ValueError(f"a class of it was typed in a notebook; read {place}, and open it with trust=True")
    text, constants = store.read(SOURCE) or b"", store.read(CONSTANTS) or b""
    if hashlib.sha256(text + constants).hexdigest() != sha256:
        raise ValueError(f"{place} or {CONSTANTS} is not what was kept")
    space = {"__name__": "__main__"} | unpack(constants)
    try:
        exec(compile(text, str(place), "exec"), space)
    except Exception as error:
        raise ValueError(f"{place} cannot be executed ({type(error).__name__}: {error})") from error
    mine = (one for one in space.values() if isinstance(one, type | types.FunctionType))
    return {name_of(one): one for one in mine if one.__module__ == "__main__"}


class _Writer:
    """Definitions in an order in which they can be executed."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.imports: set[str] = set()
        self.constants: dict[str, Any] = {}
        self.seen: set[str] = set()

    def add(self, thing: Any) -> None:
        """A definition, after what it names."""
        if thing.__qualname__ in self.seen:
            return
        self.seen.add(thing.__qualname__)
        if not thing.__qualname__.isidentifier():
            raise IdentityError(f"{thing.__qualname__} is defined within a function or a class")
        methods = (
            [thing]
            if isinstance(thing, types.FunctionType)
            else [
                one
                for one in vars(thing).values()
                if isinstance(one, types.FunctionType) and one.__module__ == "__main__"
            ]
        )
        written = [one for one in map(inspect.unwrap, methods) if one.__code__.co_filename != "<string>"]
        if written:
            trees = [source_of(written[0].__code__, thing.__qualname__).tree]
        else:
            trees = list(_main_sources())
        named = [n for tree in trees for n in tree.body if getattr(n, "name", None) == thing.__qualname__]
        if not named:
            raise IdentityError(f"{thing.__qualname__} is defined within another statement")
        node, space = named[-1], vars(sys.modules["__main__"])
        space = written[0].__globals__ if written else space
        for name, *_ in reads(compile(ast.Module([node], []), "own", "exec")):
            if name in space and not name.startswith("__"):
                self._name(name, space[name])
        self.parts.append(ast.unparse(node) + "\n\n")

    def _name(self, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType):
            self.imports.add(f"import {value.__name__} as {name}")
        elif isinstance(value, type | types.FunctionType) and value.__module__ != "__main__":
            self.imports.add(f"from {value.__module__} import {value.__qualname__} as {name}")
        elif isinstance(value, type | types.FunctionType):
            self.add(value)
        elif value is getattr(typing, getattr(value, "_name", None) or "", None):
            self.imports.add(f"from typing import {value._name} as {name}")
        elif isinstance(value, logging.Logger):
            self.imports.add("import logging")
            self.parts.append(f"{name} = logging.getLogger({value.name!r})\n\n")
        elif isinstance(value, types.BuiltinFunctionType):
            self.imports.add(f"from {_home(value)} import {value.__name__} as {name}")
        else:
            self.constants[name] = value


def _main_sources() -> Iterator[ast.Module]:
    """The script that runs, and the cells that were executed, the last ones last."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    texts = [Path(file).read_text("utf-8")] if file and Path(file).is_file() else []
    cells = [entry[2] for name, entry in linecache.cache.items() if "ipy" in name or name.startswith("<")]
    for text in [*texts, *map("".join, cells)]:
        with contextlib.suppress(SyntaxError):
            yield ast.parse(text)


def _home(builtin: types.BuiltinFunctionType) -> str:
    """A module that has a function of C, which often does not know its own; public ones first."""
    loaded = sorted(sys.modules.items(), key=lambda item: ("_" in item[0], len(item[0]), item[0]))
    for module, content in [(builtin.__module__, sys.modules.get(builtin.__module__)), *loaded]:
        if getattr(content, "__dict__", {}).get(builtin.__name__) is builtin:
            return module
    raise IdentityError(f"{builtin.__name__} is in no module")
