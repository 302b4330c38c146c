"""Types and bounds of arguments, checked by pydantic from their signatures.

@checked
def cosine(T: Annotated[int, Field(ge=2)] = 1000): ...
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar, cast

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, validate_call
from torch import Tensor

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """Decorate a function or class: pydantic checks its arguments, and errors name positional arguments, too.

    Raises:
        ValueError: If an argument has another type or is out of bounds.
        TypeError: If an argument is missing or unknown.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)
        return cast(F, function)
    signature, name = inspect.signature(function), function.__qualname__.removesuffix(".__init__")

    @validate_call(config=STRICT)
    @functools.wraps(function)
    def validate(**values: Any) -> dict[str, Any]:
        return values

    @functools.wraps(function)
    def call(*given: Any, **options: Any) -> Any:
        try:
            values = validate(**signature.bind(*given, **options).arguments)
        except TypeError as error:
            unknown = [option for option in options if option not in signature.parameters]
            hint = nearest(unknown[0], signature.parameters) if unknown else ""
            raise TypeError(f"{name}: {error}{hint}") from None
        except ValidationError as error:
            raise ValueError(_in_one_line(error)) from None
        return function(**values)

    return cast(F, call)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest of the known names, or an empty text.

    Initials are near, too: "lr" is `learning_rate`.
    """
    known = [*known]
    initials = [
        other for other in known if "_" in other and name == "".join(word[:1] for word in other.split("_"))
    ]
    close = initials or difflib.get_close_matches(str(name), known, 1, 0.65)
    return f"; did you mean {close[0]!r}?" if close else ""


def _in_one_line(error: ValidationError) -> str:
    """Write pydantic's error as one line: the function, and for each argument its value and bounds."""
    reasons: dict[str, list[str]] = {}  # a union has a reason for each of its types
    for part in error.errors():
        start = f"{part['loc'][0]} is {summarise(part['input'])}; expected: "
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


def check_whole(name: str, value: Any, low: int, high: int | None = None) -> int:
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
        kind = "a NumPy array " if isinstance(value, np.ndarray) else ""
        return f"{kind}{tuple(value.shape)} of {value.dtype}"
    if value is None or isinstance(value, str | int | float):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"an {name}" if name.startswith((*"AEIO",)) else f"a {name}"
