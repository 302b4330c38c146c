"""Bounds of arguments, checked by pydantic from their signatures, and objects by name.

    @checked
    def cosine(T: Annotated[int, Field(ge=2)] = 1000): ...

Profiles and notebooks name objects as text: an entry of a registry, or your own `module:name`.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Annotated, Any, TypeVar, cast

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, validate_call
from torch import Tensor

from diffusion.modules import load_object

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """Decorate a function or class: pydantic checks its arguments, and errors name positional arguments, too.

    Raises:
        ValueError: If an argument has another type or is out of bounds.
        TypeError: From Python, for missing or unknown arguments.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)
        return cast(F, function)
    validated, signature = validate_call(config=STRICT)(function), inspect.signature(function)

    @functools.wraps(function)
    def call(*given: Any, **options: Any) -> Any:
        arguments = signature.bind(*given, **options).arguments
        try:
            return validated(**arguments)
        except ValidationError as error:
            if error.title != function.__qualname__:  # raised by the caller's own code, such as a callback
                raise
            raise ValueError(_in_one_line(error, arguments)) from None

    return cast(F, call)


def _in_one_line(error: ValidationError, arguments: Mapping[str, Any]) -> str:
    """Write pydantic's error as one line: the function, and for each argument its value and bounds."""
    reasons: dict[str, list[str]] = {}  # a union has a reason for each of its types
    for part in error.errors():
        place: list[str] = []
        value: Any = arguments
        for key in part["loc"]:  # keys of dictionaries; the others are types of a union
            if isinstance(value, Mapping) and key in value:
                place, value = [*place, str(key)], value[key]
        start = f"{'.'.join(place) or part['loc'][0]} is {summarise(part['input'])}; expected: "
        reasons.setdefault(start, []).append(part["msg"].removeprefix("Input should be "))
    texts = [start + " or ".join(dict.fromkeys(parts)) for start, parts in reasons.items()]
    return f"{error.title.removesuffix('.__init__')}: {'. '.join(texts)}"


def _native(value: Any) -> Any:
    """Convert a number of NumPy or torch to a number of Python."""
    return value.item() if hasattr(value, "item") and not getattr(value, "ndim", 1) else value


Native = BeforeValidator(_native)
Count = Annotated[int, Native, Field(ge=1)]
Number = Annotated[float, Native, Field(ge=0)]
Share = Annotated[float, Native, Field(ge=0, le=1)]
Seed = Annotated[int, Native, Field(ge=0, lt=2**32)]


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return the value if it is a whole number from low to high, for bounds that depend on other values.

    Raises:
        ValueError: If not.
    """
    value = _native(value)
    if type(value) is not int or value < low or (high is not None and value > high):
        allowed = f"from {low}" + (f" to {high}" if high is not None else "")
        raise ValueError(f"{name} is {value!r}; allowed: a whole number {allowed}")
    return value


def summarise(value: Any) -> str:
    """Describe a value for messages: text, a number, the shape and dtype of a tensor, or its class."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{'a NumPy array ' * (type(value) is np.ndarray)}{tuple(value.shape)} of {value.dtype}"
    if value is None or isinstance(value, str | int | float):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"a{'n' * name.startswith((*'AEIO',))} {name}"


# --- by name ---


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest of the known names, or an empty text."""
    close = difflib.get_close_matches(str(name), list(known), 1, 0.65)
    return f"; did you mean {close[0]!r}?" if close else ""


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


def make(what: str, name: Any, registry: Mapping[str, Any], options: Any = None, *, has: str = "") -> Any:
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
