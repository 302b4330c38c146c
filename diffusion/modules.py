"""Your own modules: which modules these are, their files, and their objects."""

import contextlib
import importlib
import importlib.util
import operator
import sys
import sysconfig
from pathlib import Path
from typing import Any

MAIN = "__main__"  # the module of a notebook, or of the script that Python runs
PROJECT = {"diffusion", "play", "report", "paper"}  # packages of a checkout
PATHS = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
PYTHON = {*PATHS, *(path.resolve() for path in PATHS)}
INSTALLED = {"site-packages", "dist-packages"}


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
    is_library = INSTALLED & {*path.parts} or any(map(path.is_relative_to, PYTHON))
    return path if path.is_file() and not is_library else None


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
