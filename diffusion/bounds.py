"""Bounds of parameters: they stand once, on the signature of what is built, and pydantic checks them there.

    @checked
    def cosine(T: Annotated[int, Field(ge=2, description="diffusion steps")] = 1000): ...

What is not `Annotated` passes unchanged. The settings of notebooks and profiles are derived from these
signatures (diffusion/parameters.py).
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, cast, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from torch import Tensor

from diffusion.plugins import no_option

STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)

F = TypeVar("F", bound=Callable[..., Any])
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, description="seed of every random draw")]
Precision = Annotated[Literal["auto", "fp32", "bf16"], Field(description="arithmetic of the network")]


def annotated(function: Callable) -> dict[str, inspect.Parameter]:
    """The parameters of a function or class that have bounds or a meaning, by name."""
    made = function.__init__ if isinstance(function, type) else function
    found = inspect.signature(inspect.unwrap(made)).parameters
    return {name: one for name, one in found.items() if get_origin(one.annotation) is Annotated}


def checked(function: F) -> F:
    """The function, or the class, which now refuses arguments out of bounds, by a line that names the value.

    Numbers of numpy and torch become Python's. `help` shows the types without the bounds. The call raises
    ValueError where a value is not allowed, TypeError where there is no such argument.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)
        return function
    signature, bounds, types = inspect.signature(function), annotated(function), get_type_hints(function)
    takes = [name for name in signature.parameters if name != "self"]

    @functools.wraps(function)
    def call(*given: Any, **options: Any) -> Any:
        for name in options.keys() - {*takes}:
            raise TypeError(no_option(function.__qualname__.removesuffix(".__init__"), name, takes))
        named = signature.bind(*given, **options).arguments
        for name in named.keys() & bounds.keys():
            named[name] = check(name, named[name], bounds[name].annotation)
        return function(**named)

    shown = [one.replace(annotation=types.get(one.name, Any)) for one in signature.parameters.values()]
    call.__signature__ = signature.replace(parameters=shown)
    return cast(F, call)


def check(name: str, value: Any, bounds: Any) -> Any:
    """The value within bounds, an annotated type; raises ValueError as `checked` says."""
    try:
        return TypeAdapter(bounds, config=STRICT).validate_python(_plain(value))
    except ValidationError as error:
        meaning = next((one.description for one in bounds.__metadata__ if hasattr(one, "description")), "")
        raise ValueError(explain(error.errors()[0], name, meaning)) from None


def whole(name: str, value: Any, low: int, high: int | None = None, meaning: str = "") -> int:
    """A whole number within bounds that depend on other values; raises ValueError as `checked` says."""
    return check(name, value, Annotated[int, Field(ge=low, le=high, description=meaning)])


def looks(value: Any) -> str:
    """A value in words, for messages: shape and type of a tensor or an array, or the name of its class."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{tuple(value.shape)} of {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def explain(found: Mapping[str, Any], name: str, meaning: str | None = None) -> str:
    """One of pydantic's errors as one line: what, which value, what is allowed."""
    if found["type"] == "value_error":
        return found["msg"].removeprefix("Value error, ")
    message = re.sub(r"^(Input|String|List|Dictionary) | after validation, not 0$", "", found["msg"])
    hint = ""
    text = found["input"] if isinstance(found["input"], str) else ""
    if re.search(r"\d", text) and found["type"] in ("float_type", "int_type"):  # .nan is no number in quotes
        hint = "; that is text: remove the quotes"
    said = f" ({meaning})" if meaning else ""
    return f"{name} = {_short(found['input'])} is not allowed: it {message}{said}{hint}"


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch, also in a sequence, as Python's."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") and not getattr(value, "ndim", 1) else value


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, int | float | str | bool | None) else type(value).__name__
    return text if len(text) <= 80 else text[:77] + "..."
