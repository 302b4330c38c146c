"""Your own modules: which modules these are, their files at import time, and their objects.

Python does not keep the content of imported files. `Finder` does, which lets `diffusion.code` detect a file
that was edited after its import. This module is loaded first, so it imports only the standard library.
"""

import contextlib
import importlib
import importlib.util
import operator
import sys
import sysconfig
import time
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

MAIN = "__main__"  # the module of a notebook, or of the script that Python runs
PROJECT = {"diffusion", "play", "report", "paper"}  # packages of a checkout
PATHS = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
PYTHON = {*PATHS, *(path.resolve() for path in PATHS)}
INSTALLED = {"site-packages", "dist-packages"}

BEGUN = time.time()
CONTENT: dict[str, bytes] = {}  # module -> content of its file, if it was imported after this package


class Finder:
    """Passes a request for a module to the other finders, and keeps the content of the module's file."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the module's spec, or None."""
        finders = sys.meta_path[sys.meta_path.index(cls) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in finders if hasattr(finder, "find_spec"))
        spec = next(filter(None, specs), None)
        if spec and spec.has_location and not _is_library(Path(str(spec.origin))):
            with contextlib.suppress(OSError):
                CONTENT[name] = Path(str(spec.origin)).read_bytes()
        return spec


def _is_library(path: Path) -> bool:
    """Return True for a file of Python or of an installed package."""
    return bool(INSTALLED & {*path.parts}) or any(map(path.is_relative_to, PYTHON))


sys.meta_path.insert(0, Finder)
script = sys.modules[MAIN]
if isinstance(getattr(script, "__loader__", None), SourceFileLoader):  # not a notebook, or IPython's %run
    with contextlib.suppress(OSError):
        CONTENT[MAIN] = Path(str(script.__file__)).read_bytes()


def own_file(module: str) -> Path | None:
    """Return the file of a module if it is yours, imported or not. None for other modules, or without a file.

    The file of `__main__` is the script that Python runs. A notebook does not have a file, even if its editor
    sets `__file__`.
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
    return path if path.is_file() and not _is_library(path) else None


def module_of(definition: Any) -> str:
    """Return the module's name of a class or function; in a spawned process, a script is `__main__`."""
    module = str(getattr(definition, "__module__", None))
    return MAIN if module == "__mp_main__" else module


def is_own(definition: Any) -> bool:
    """Return True for your own class or function, which is not from this project, Python or a library."""
    return (module := module_of(definition)) == MAIN or own_file(module) is not None


def load_object(name: str) -> Any:
    """Import a module and return its object, given `module:name`.

    Raises:
        ValueError: If the module cannot be imported or does not contain the object.
    """
    module, _, path = name.partition(":")
    try:
        return operator.attrgetter(path)(importlib.import_module(module))
    except Exception as error:  # the import runs the user's code, which may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{name!r} cannot be loaded ({reason}); expected: module:name") from error
