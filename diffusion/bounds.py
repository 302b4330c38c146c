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
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar, cast

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, validate_call
from torch import Tensor

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """The function or class, whose arguments pydantic checks; its errors name also those given by place.

    ValueError: pydantic's, of arguments of another type or out of bounds. TypeError: Python's.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)
        return cast(F, function)
    validated, signature = validate_call(config=STRICT)(function), inspect.signature(function)

    @functools.wraps(function)
    def call(*given: Any, **options: Any) -> Any:
        return validated(**signature.bind(*given, **options).arguments)

    return cast(F, call)


def _plain(value: Any) -> Any:
    """A number of numpy or torch as Python's."""
    return value.item() if hasattr(value, "item") and not getattr(value, "ndim", 1) else value


Plain = BeforeValidator(_plain)
Count = Annotated[int, Plain, Field(ge=1)]
Number = Annotated[float, Plain, Field(ge=0)]
Share = Annotated[float, Plain, Field(ge=0, le=1)]
Seed = Annotated[int, Plain, Field(ge=0, lt=2**32)]


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """A whole number within bounds that depend on other values; ValueError: it is none."""
    value = _plain(value)
    if type(value) is not int or value < low or (high is not None and value > high):
        allowed = f"from {low}" + (f" to {high}" if high is not None else "")
        raise ValueError(f"{name} is {value!r}; allowed: a whole number {allowed}")
    return value


def check_call(what: str, function: Callable[..., Any], *arguments: str) -> None:
    """Raise ValueError if a function of the user's own does not take these arguments, by position."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise ValueError(f"{what} must accept ({', '.join(arguments)}): {error}") from None


def looks(value: Any) -> str:
    """A value in words, for messages: a text, a number, the shape and type of a tensor, or a class."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{'a NumPy array ' * (type(value) is np.ndarray)}{tuple(value.shape)} of {value.dtype}"
    if value is None or isinstance(value, str | int | float):
        return repr(value)
    return an(type(value).__name__)


def an(name: str) -> str:
    """A name with its article."""
    return f"a{'n' * name.startswith((*'AEIO',))} {name}"


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
    if not colon:
        known = f"{', '.join(registry)}, or module:name of your own{nearest(name, registry)}"
        raise ValueError(f"{what} is {name!r}; allowed: {known}")
    try:
        return operator.attrgetter(attribute)(importlib.import_module(module))
    except Exception as error:  # a module of one's own may fail in any way
        why = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{what} is {name!r}, which cannot be loaded ({why}); needed: module:name"
        ) from error


def made(what: str, name: Any, registry: Mapping[str, Any], options: Any = None, *, has: str = "") -> Any:
    """The object of a name; a class or function is called with the options, with `has` a class alone.

    ValueError: it has no method of `has`, does not take one of the options, or refuses its value.
    """
    found, options = named(what, name, registry), dict(options or {})
    if has and not {*has.split()}.intersection(dir(found)):
        raise ValueError(f"{what} is {looks(found)}; needed: one with {' or '.join(has.split())}")
    if has and not options and not isinstance(found, type):
        return found
    try:
        return found(**options)
    except TypeError as error:
        label = f"{what} {getattr(found, '__name__', name)}"
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown and unknown[1] in options:
            known = inspect.signature(found).parameters
            near = nearest(unknown[1], known) or f"; allowed: {', '.join(known) or 'none'}"
            raise ValueError(f"{label} does not take {unknown[1]!r}{near}") from error
        raise ValueError(f"{label} cannot be made with {options}: {error}") from error
