"""Arguments within bounds, which stand on signatures and are checked by pydantic, and things found by name.

    @checked
    def cosine(T: Annotated[int, Field(ge=2)] = 1000): ...

A profile or notebook names things as text: an entry of a registry, or `module:name` of a user's own.
"""

import difflib
import functools
import importlib
import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, validate_call
from torch import Tensor

F = TypeVar("F", bound=Callable[..., Any])
STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
STANDARD = {*sys.stdlib_module_names, "builtins"}


def _plain(value: Any) -> Any:
    """A number of numpy or torch as Python's."""
    return value.item() if hasattr(value, "item") and not getattr(value, "ndim", 1) else value


Plain = BeforeValidator(_plain)
Count = Annotated[int, Plain, Field(ge=1)]
Number = Annotated[float, Plain, Field(ge=0)]
Seed = Annotated[int, Plain, Field(ge=0, lt=2**32)]


def checked(function: F) -> F:
    """The function, or the class, which refuses arguments of another type or out of bounds.

    ValueError: one line with the argument, its value and what is allowed. TypeError: there is no such one.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)
        return function
    validated = validate_call(function, config=STRICT)

    @functools.wraps(function)
    def call(*given: Any, **options: Any) -> Any:
        try:
            return validated(*given, **options)
        except ValidationError as error:
            raise _refusal(error, function) from None

    return call


def _refusal(error: ValidationError, function: Callable) -> Exception:
    """The first of pydantic's errors as one line."""
    found = error.errors()[0]
    first, *deeper = found["loc"]
    places = dict(enumerate(inspect.signature(function).parameters))
    name = str(places.get(first, first))
    who = function.__qualname__.removesuffix(".__init__")
    if found["type"].startswith(("unexpected", "missing")):
        known = [one for one in function.__annotations__ if one != "return"]
        what = "takes no" if found["type"].startswith("un") else "needs"
        return TypeError(f"{who} {what} {name!r}; it takes {', '.join(known)}{nearest(name, known)}")
    value = found["input"] if isinstance(found["input"], str | int | float | None) else looks(found["input"])
    shown = repr(value) if isinstance(found["input"], str) else value
    at = ".".join(map(str, [name, *deeper]))
    return ValueError(f"{at} = {shown} is not allowed in {who}: it {found['msg'].removeprefix('Input ')}")


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """A whole number within bounds that depend on other values; ValueError: it is none."""
    value = _plain(value)
    if type(value) is not int or value < low or (high is not None and value > high):
        allowed = f"from {low}" + (f" to {high}" if high is not None else "")
        raise ValueError(f"{name} is {value!r}; allowed: a whole number {allowed}")
    return value


def looks(value: Any) -> str:
    """A value in words, for messages: shape and type of a tensor or an array, or the name of its class."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{tuple(value.shape)} of {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it"
    return f"a {type(value).__name__}"


# --- by name ---


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1, 0.65)
    return f"; did you mean {close[0]!r}?" if close else ""


def named(what: str, name: Any, registry: Mapping[str, Any]) -> Any:
    """An entry of a registry, what `module:name` names, or the object itself if it is no text.

    ValueError: neither registered nor importable; the message names `what` it was to be.
    """
    if not isinstance(name, str):
        return name
    if name in registry:
        return registry[name]
    module, colon, attribute = name.partition(":")
    if not colon or module.partition(".")[0] in STANDARD:
        known = f"{', '.join(registry)}, or module:name of your own{nearest(name, registry)}"
        raise ValueError(f"{what} is {name!r}; allowed: {known}")
    try:
        return operator.attrgetter(attribute)(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # a module of one's own may fail in any way
        needed = (
            f"module:name, without .py: {module[:-3]}:{attribute}" if module[-3:] == ".py" else "module:name"
        )
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"{what} is {name!r}, which cannot be loaded ({why}); needed: {needed}") from error


def made(
    what: str, name: Any, registry: Mapping[str, Any], options: Mapping[str, Any] | None = None, *, has: str
) -> Any:
    """The object that `named` finds; a class with one of the methods `has` is called with the options.

    ValueError: it has no such method, takes none of the options, or refuses one.
    """
    found = named(what, name, registry)
    if not {*has.split()}.intersection(dir(found)):
        raise ValueError(f"{what} is {looks(found)}; needed: one with {' or '.join(has.split())}")
    if isinstance(found, type):
        return called(what, name, registry, options)
    if options:
        raise ValueError(f"{what} is {name!r}, which takes no options, and {dict(options)} are given")
    return found


def called(
    what: str, name: Any, registry: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> Any:
    """What the function or class that `named` finds makes of options; ValueError: it refuses them."""
    function = named(what, name, registry)
    try:
        return function(**(options or {}))
    except TypeError as error:
        raise ValueError(f"{what} is {name!r}, which does not take {dict(options or {})}: {error}") from error
