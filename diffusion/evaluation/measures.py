"""Measures by name: unit and meaning, which stand beside the function that measures, and a hash of its code.

    @measure(lambda seen: (seen.images,), ink=("share", "mean grey of all pixels, 0 black to 1 white"))
    def ink(images): ...

Such a function is called with what the first argument takes of a measured set of images (`evaluator.Seen`);
the evaluator then has the measure, and jobs write it. Without that argument the measure is only known here: a
job takes it. A function with several names returns a dictionary of them.
"""

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusion.evaluation.interval import Interval
from diffusion.files import digest
from diffusion.identity.sources import is_library
from diffusion.syntax import plain

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
    """A measure.

    Attributes:
        name, unit, meaning: as tables show them.
        function: takes it, perhaps with others.
        of: a measured set -> the arguments of the function, or a false value where it cannot be taken; None:
            it is no measure of a set of images.
        real: test images have it as samples do.
    """

    name: str
    unit: str
    meaning: str
    function: Callable
    of: Callable | None = None
    real: bool = True

    @property
    def code(self) -> str:
        """Hash of what its function does."""
        return code_of(self.function)


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
    """The measures of a set of images, or those `only`, by name; what cannot be taken of it is left out.

    Args:
        real: of those alone that test images have as samples do.
    """
    wanted = [one for one in MEASURES.values() if one.of and (only is None or one.name in only)]
    found: dict[str, Value] = {}
    for function, one in {one.function: one for one in wanted if one.real or not real}.items():
        if arguments := one.of(seen):
            value = function(*arguments)
            found |= value if isinstance(value, dict) else {one.name: value}
    return {name: value for name, value in found.items() if only is None or name in only}


# --- the code of a measure ---


@functools.cache
def code_of(*things: Callable) -> str:
    """Hash of functions and classes, and of all that they name of the project, directly or through others.

    Comments, formatting, docstrings and annotations do not count, nor do unit and meaning of a measure.
    What is reached through an argument's attributes does not count either.
    """
    found: dict[str, Any] = {}
    waiting = [inspect.unwrap(one) for one in things]
    while waiting:
        one = waiting.pop()
        module = inspect.getmodule(one)
        spec = getattr(module, "__spec__", None)  # has the module's name also where it is being run
        home = spec.name if spec else one.__module__
        name = f"{home}:{one.__qualname__}"
        if name in found:
            continue
        tree = _definition(one)
        found[name] = plain(tree)
        space = vars(module) | getattr(one, "__globals__", {})
        for place, value in _named(tree, space):
            constant, code = _parts(value)
            waiting += code
            if constant is not None:
                found[f"{home}:{place}"] = constant
    return digest(found, 16)


@functools.cache
def definitions(*things: Callable) -> str:
    """Hash of functions and classes by themselves, whatever they name."""
    return digest([plain(_definition(inspect.unwrap(one))) for one in things], 16)


def _definition(thing: Callable) -> ast.AST:
    """A function or class as its source has it, without annotations and what is said of its measures."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    except (OSError, TypeError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{thing!r} has no source that can be read ({error}); put it into a module"
        ) from None
    space = vars(inspect.getmodule(thing))
    for one in getattr(tree, "decorator_list", ()):
        if isinstance(one, ast.Call) and space.get(getattr(one.func, "id", "")) is measure:
            one.func, one.keywords = ast.Constant(measure.__name__), []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return tree


def _named(tree: ast.AST, space: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Things that a definition names of its module: the name, with what is taken of other modules; the value.

    What a library holds, such as a version, is left out.
    """
    for node in ast.walk(tree):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id in space:
            name, value, ours = node.id, space[node.id], not node.id.startswith("__")
            while parts and isinstance(value, types.ModuleType) and hasattr(value, parts[-1]):
                ours = _is_ours(value)
                name, value = f"{name}.{parts[-1]}", getattr(value, parts.pop())
            if ours:
                yield name, value


def _parts(value: Any) -> tuple[Any, list[Callable]]:
    """A value as text, if it is plain or code of a library, and the project's functions and classes in it."""
    if isinstance(value, str | int | float | type(None)):
        return repr(value), []
    if isinstance(value, dict):  # without what is no code and not plain, such as modules
        return _parts([part for part in value.items() if any(_parts(part[1]))])
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_parts(one) for one in value]
        texts = [text for text, _ in parts]
        ordered = texts if isinstance(value, list | tuple) else sorted(texts, key=repr)
        return ordered, [one for _, code in parts for one in code]
    code = inspect.unwrap(value) if callable(value) else type(value)
    if _is_ours(code):
        return None, [] if code is measure else [code]
    named = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
    return f"{value.__module__}:{value.__qualname__}" if named else None, []


def _is_ours(value: Any) -> bool:
    """True for code of the project and for a user's own, whose source is no library's."""
    if not isinstance(value, type | types.FunctionType | types.ModuleType):
        return False
    try:
        file = inspect.getsourcefile(value)
    except TypeError:  # built in
        return False
    module = value.__name__ if isinstance(value, types.ModuleType) else value.__module__ or ""
    root = module.partition(".")[0]
    return root in OURS or bool(file) and not (file.startswith("<") or is_library(Path(file)))
