"""Measures by name: unit and meaning, which stand beside the function that measures, and a hash of its code.

    @measure(lambda seen: (seen.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
    def ink(images): ...

Such a function is called with what the first argument takes of a measured set of images (`evaluator.Seen`);
the evaluator then has the measure, and jobs write it. Without that argument the measure is only known here: a
job takes it. A function with several names returns a dictionary of them.
"""

import ast
import contextlib
import copy
import functools
import inspect
import sys
import types
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from diffusion.evaluation.statistics import Interval
from diffusion.files import digest
from diffusion.identity import Definitions
from diffusion.progress import progress
from diffusion.sources import IdentityError, definition, is_own, plain

# A number, one with its interval, one a place in a list, or one a place x.
Value = float | Interval | list[Interval] | dict[float, Interval]
OURS = ("diffusion", "study")  # packages whose code counts
FEATURES = {  # of distances and floors: the ending of their names, and the features that it means
    "": "features of the classifier",
    "_autoencoder": "features of an autoencoder, which never saw a label",
    "_random": "features of an untrained network",
    "_inception": "features of InceptionV3",
}


@dataclass(frozen=True)
class Measure:
    """A measure."""

    name: str
    unit: str
    meaning: str
    function: Callable
    of: Callable | None = None  # a measured set -> its arguments, or a false value; None: of no set
    real: bool = True  # test images have it as samples do


MEASURES: dict[str, Measure] = {}


def measure(
    of: Callable | None = None, real: bool = True, /, **names: tuple[str, str]
) -> Callable[[Callable], Callable]:
    """Register a function under the names of what it measures: name=(unit, meaning); see `Measure`."""

    def register(function: Callable) -> Callable:
        for name, (unit, meaning) in names.items():
            MEASURES[name] = Measure(name, unit, meaning, function, of, real)
        return function

    return register


def by_features(name: str, unit: str, meaning: str) -> dict[str, tuple[str, str]]:
    """Names of a measure in each kind of features, for `measure`."""
    return {f"{name}{end}": (unit, f"{meaning}, in {which}") for end, which in FEATURES.items()}


def taken(seen: Any, only: Collection[str] | None = None, real: bool = False) -> dict[str, Value]:
    """The measures of a set of images, or those `only`, by name; or those that `real` ones have, too."""
    wanted = [one for one in MEASURES.values() if one.of and (only is None or one.name in only)]
    found: dict[str, Value] = {}
    functions = {one.function: one for one in wanted if one.real or not real}
    for function, one in progress(functions.items(), "measuring", unit="measure"):
        if arguments := one.of(seen):
            value = function(*arguments)
            found |= value if isinstance(value, dict) else {one.name: value}
    return {name: value for name, value in found.items() if only is None or name in only}


# --- the code of a measure ---


def _counts(thing: Any) -> bool:
    """True for code of the project and for a user's own, but for this register."""
    module = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__ or ""
    return module != __name__ and (module.partition(".")[0] in OURS or is_own(thing))


class _Code(Definitions):
    """The code that counts: without what cannot be told of it, such as a lock, and without meanings."""

    def tree_of(self, thing: type | types.FunctionType, at: str) -> ast.AST:
        tree = copy.deepcopy(super().tree_of(thing, at))
        for one in tree.decorator_list:
            name = getattr(getattr(one, "func", None), "id", "")
            if getattr(sys.modules[thing.__module__], name, None) is measure:
                one.keywords = []
        return tree

    def value(self, name: str, value: Any, at: str) -> None:
        with contextlib.suppress(IdentityError):
            super().value(name, value, at)


@functools.cache
def code_of(*things: Callable) -> str:
    """Hash of functions and classes, and of all that they name of the project, directly or through others.

    Comments, formatting and docstrings do not count. What is reached through an argument's attributes does
    not count either.
    """
    found: dict[str, str] = {}
    known = _Code(found, _counts)
    for one in things:
        known.of(one, one.__qualname__)
    known.follow()
    return digest(found, 16)


@functools.cache
def definitions(*things: Callable) -> str:
    """Hash of functions and classes by themselves, whatever they name."""
    return digest([plain(definition(inspect.unwrap(one), one.__qualname__)) for one in things], 16)
