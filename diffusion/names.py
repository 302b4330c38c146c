"""Objects by name: an entry of a registry, or your own `module:name`; and which modules are yours.

Profiles, notebooks and run folders name classes and functions as text.
"""

import contextlib
import importlib
import importlib.util
import operator
import sys
import sysconfig
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from diffusion.arguments import nearest, summarise

MAIN = "__main__"  # the module of a notebook, or of the script that Python runs
PROJECT = {"diffusion", "play", "report", "paper"}  # packages of a checkout
PATHS = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
PYTHON = {*PATHS, *(path.resolve() for path in PATHS)}
INSTALLED = {"site-packages", "dist-packages"}


def own_file(module: str) -> Path | None:
    """Return the Python file of a module if it is yours, imported or not. None for other modules.

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
    return path if path.suffix == ".py" and path.is_file() and not is_library else None


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


def check_known(what: str, name: str, known: Collection[str]) -> None:
    """Check that a name is known.

    Args:
        what (str): The argument, with which the message begins.
        name (str): The name.
        known (collection of str): The known names.

    Raises:
        ValueError: If it is not.
    """
    if name not in known:
        raise ValueError(f"{what} is {name!r}; allowed: {', '.join(known) or 'none'}{nearest(name, known)}")


def look_up(what: str, name: Any, registry: Mapping[str, Any]) -> Any:
    """Return an entry of a registry, or the object that `module:name` names. Objects are returned unchanged.

    Args:
        what (str): The argument, with which messages begin.
        name (object): The name.
        registry (Mapping): The entries by name.

    Raises:
        ValueError: If the object does not exist.
    """
    if not isinstance(name, str):
        return name
    if name in registry:
        return registry[name]
    if ":" not in name:
        check_known(what, name, [*registry, "or your own module:name"])
    try:
        return load_object(name)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from error


def create(what: str, name: Any, registry: Mapping[str, Any], options: Any = None, *, has: str = "") -> Any:
    """Look up a name and call the object with the options; with `has`, call it only if it is a class.

    Args:
        what (str): The argument, with which messages begin.
        name (object): The name.
        registry (Mapping): The entries by name.
        options (Mapping, optional): Arguments of the call. Default None.
        has (str): Methods, separated by spaces; the object must have at least one of them. Default "".

    Raises:
        ValueError: If the object has none of these methods, or refuses an option.
    """
    entry, options = look_up(what, name, registry), dict(options or {})
    if has and not {*has.split()}.intersection(dir(entry)):
        raise ValueError(f"{what} is {summarise(entry)}; expected: an object with {' or '.join(has.split())}")
    if has and not options and not isinstance(entry, type):
        return entry
    try:
        return entry(**options)
    except TypeError as error:
        label = f"{what} {getattr(entry, '__name__', name)}"
        raise ValueError(f"{label} cannot be made with {options}: {error}") from error
