"""Things found by name: an entry of a registry, or `module:name` of a user's own."""

import difflib
import importlib
import inspect
import operator
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

STANDARD = {*sys.stdlib_module_names, "builtins"}


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1, 0.65)
    return f"; did you mean {close[0]!r}?" if close else ""


def no_option(called: str, name: str, known: Iterable[str]) -> str:
    """The line about an argument that a function does not take."""
    return f"{called} has no option {name!r}; it takes {', '.join(known) or 'none'}{nearest(name, known)}"


def named(what: str, name: Any, registry: Mapping[str, Any]) -> Any:
    """An entry of a registry, what `module:name` names, or the object itself if it is no text.

    ValueError: neither registered nor importable; the message names `what` it was to be.
    """
    if not isinstance(name, str):
        return name
    if name in registry:
        return registry[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        known = f"{', '.join(registry)}, or module:name of your own{nearest(name, registry)}"
        raise ValueError(f"{what} is {name!r}; allowed: {known}")
    try:
        if registry and module.partition(".")[0] in STANDARD:  # a profile's, which is called with its options
            raise ImportError("it is of Python's standard library")
        return operator.attrgetter(attribute)(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # a module of one's own may fail in any way
        needed = "module:name" + (f", without .py: {module[:-3]}:{attribute}" if module[-3:] == ".py" else "")
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"{what} is {name!r}, which cannot be loaded ({why}); needed: {needed}") from error


def made(
    what: str,
    name: Any,
    registry: Mapping[str, Any],
    options: Mapping[str, Any] | None,
    methods: Sequence[str],
) -> Any:
    """The object that `named` finds, a class called with the options; ValueError: it has no such method."""
    found = named(what, name, registry)
    kind = found if isinstance(found, type) else type(found)
    if options and kind is not found:
        raise ValueError(f"{what} is {name!r}, which takes no options, and {options!r} are given")
    if found is not None and not {*methods}.intersection(dir(found)):
        raise ValueError(f"{what} is a {kind.__name__}; needed: one with {' or '.join(methods)}")
    return call_with(found, {}, options) if kind is found else found


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a function or class by name; none where Python cannot tell them."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def call_with(function: Any, values: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> Any:
    """The result of a function, called with those `values` that its signature asks for, and all `options`.

    ValueError: it does not take one of the options, or refuses what it is given.
    """
    called = getattr(function, "__name__", type(function).__name__)
    if not callable(function):
        raise ValueError(f"{function!r} is a {called}; needed: a function or a class")
    if not isinstance(options or {}, Mapping):
        raise ValueError(f"options of {called} are {options!r}; needed: a mapping, name: value")
    accepts = parameters(function)
    any_name = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepts.values())
    unknown = [] if any_name else sorted((options or {}).keys() - accepts.keys())
    if unknown:
        raise ValueError(no_option(called, unknown[0], accepts))
    try:
        return function(**{k: v for k, v in values.items() if k in accepts} | dict(options or {}))
    except ValueError:
        raise
    except (Exception, SystemExit) as error:  # one's own may fail in any way
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{called} cannot be made ({why})") from error
