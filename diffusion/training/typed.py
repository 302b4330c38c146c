"""Classes and functions that were typed in a notebook or a script: their source, kept beside the weights.

`own.py` has their definitions as they were typed, those that they use, and the imports of what else they
name; `own.safetensors` the constants that they read. What else stands in the notebook is not kept.
"""

import ast
import contextlib
import inspect
import linecache
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from diffusion.files import sha256
from diffusion.identity.code import name_of
from diffusion.identity.packing import PackError, pack, unpack
from diffusion.identity.sources import IdentityError, is_own, reads, tree_of
from diffusion.training.checkpoints import RunFolder

IMPORTS = ast.Import | ast.ImportFrom
SOURCE, CONSTANTS = "own.py", "own.safetensors"


def keep_typed(store: RunFolder, things: Iterable[Any]) -> str | None:
    """Keep the source of those of these classes and functions that no module has; returns its hash.

    None where there are none, or where what they read cannot be kept, which is said: the run is then opened
    where they are defined, or with `process=`.
    """
    typed = [one for one in things if one is not None and one.__module__ == "__main__"]
    typed = [one for one in typed if one.__qualname__.isidentifier()]
    if not typed:
        return None
    parts: dict[str, str] = {}  # by name, in an order in which they can be executed
    constants: dict[str, Any] = {}
    try:
        for one in typed:
            _write(one.__qualname__, one, parts, constants)
        packed = pack(constants, "what a class of yours reads")
        unpack(packed, {name_of(one): one for one in typed})
    except (IdentityError, PackError) as error:
        print(f"note: the source of {typed[0].__qualname__} is not kept with the run: {error}", flush=True)
        return None
    text = "\n\n\n".join([*dict.fromkeys(parts.values()), ""]).encode()
    store.write(SOURCE, text)
    store.write(CONSTANTS, packed)
    return sha256(text + packed)


def load_typed(store: RunFolder, known: str | None, trust: bool) -> dict[str, Any]:
    """Classes and functions by the names that they had, `__main__:name`, executed from a run's source.

    Raises:
        ValueError: it is not trusted, or is not what was kept.
    """
    if known is None:
        return {}
    place = store.path / SOURCE
    if not trust:
        raise ValueError(f"a class of it was typed in a notebook; read {place}, and open it with trust=True")
    text, constants = store.read(SOURCE) or b"", store.read(CONSTANTS) or b""
    if sha256(text + constants) != known:
        raise ValueError(f"{place} or {CONSTANTS} is not what was kept")
    space = {"__name__": "__main__"} | unpack(constants)
    try:
        exec(compile(text, str(place), "exec"), space)
    except Exception as error:
        raise ValueError(f"{place} cannot be executed ({type(error).__name__}: {error})") from error
    mine = (one for one in space.values() if isinstance(one, type | types.FunctionType))
    return {name_of(one): one for one in mine if one.__module__ == "__main__"}


def _write(name: str, value: Any, parts: dict[str, str], constants: dict[str, Any]) -> None:
    """Add a global to what is kept, after all that it names: its value, or the statement that made it."""
    typed = isinstance(value, type | types.FunctionType) and value.__module__ == "__main__"
    node = _last(name, _sources(value) if typed else _cells())
    if not typed and not isinstance(node, IMPORTS):
        try:
            unpack(pack(value, name))
            constants[name], node = value, None
        except (IdentityError, PackError):
            if node is None:
                raise
    if node is None and typed:
        raise IdentityError(f"{name} is defined within another statement")
    if node is None or name in parts:
        return
    parts[name] = ""  # under way
    space = vars(sys.modules["__main__"])
    for other, *_ in reads(compile(ast.Module([node], []), "own", "exec")):
        if other in space and not other.startswith("__"):
            _write(other, space[other], parts, constants)
    del parts[name]
    parts[name] = ast.unparse(node)


def _last(name: str, sources: Iterable[ast.Module]) -> ast.stmt | None:
    """The last statement at the top of sources that gives a thing this name."""
    found = None
    for node in (node for source in sources for node in source.body):
        names = [getattr(node, "name", None)]
        if isinstance(node, IMPORTS):
            names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.Assign):
            inner = [one for target in node.targets for one in ast.walk(target)]
            names = [one.id for one in inner if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
        found = node if name in names else found
    return found


def _sources(thing: Any) -> Iterable[ast.Module]:
    """The sources that a typed class or function was made in: of several of its name, the one that it is."""
    own = [thing] if isinstance(thing, types.FunctionType) else vars(thing).values()
    functions = (inspect.unwrap(one) for one in own if isinstance(one, types.FunctionType))
    codes = [one.__code__ for one in functions if is_own(one)]
    written = [code for code in codes if code.co_filename != "<string>"]  # not by a dataclass
    return [tree_of(written[0], thing.__qualname__)] if written else _cells()


def _cells() -> Iterator[ast.Module]:
    """The script that runs, and the cells that were executed, the last ones last."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    texts = [Path(file).read_text("utf-8")] if file and Path(file).is_file() else []
    cells = [entry[2] for name, entry in linecache.cache.items() if "ipy" in name or name.startswith("<")]
    for text in [*texts, *map("".join, cells)]:
        with contextlib.suppress(SyntaxError):
            yield ast.parse(text)
