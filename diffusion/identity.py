"""Things as JSON that is equal exactly when the thing is; what cannot be told is refused by its name.

Settings stand as they are, arrays by a hash, objects by class and what pickle would keep. Each class and
function of a user's own has in `own` a hash of its definition, and so has every constant, function, class and
module of the user's own that this definition names, directly or through others.

    own = {}
    describe(Fade(10), "process", own)      {"object": "mine:Fade", "state": {"T": 10}}
    own                                     {"mine:Fade": "6d", "mine:helper": "0b", "mine:K": "4e"}

Comments, formatting and docstrings do not count. This package's code counts as a whole, by `code`; that of
libraries does not. What code finds without naming it, as by `globals()` or `eval`, is not seen.
"""

import ast
import copyreg
import functools
import math
import types
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from diffusion.files import digest, sha256
from diffusion.provenance import PACKAGE
from diffusion.sources import (
    CACHED,
    IdentityError,
    definition,
    found_by,
    hash_of,
    is_own,
    layers,
    members,
    name_of,
    named,
    plain,
)

ARRAYS = (torch.Tensor, torch.nn.Parameter, np.ndarray)
BUILTIN = types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType | np.ufunc
CODE = type | types.FunctionType | types.MethodType | types.ModuleType | BUILTIN | CACHED
# Written into a class by Python and torch.
MACHINERY = {"_abc_impl", "_backward_cls", "_autograd_function_id"}
BLANK = vars(torch.nn.Module())  # what torch keeps beside parameters and parts
OWN_HOOK = "__identity__"  # a method of a class that says what an object is, where its content does not
SLOT = types.MemberDescriptorType | types.GetSetDescriptorType
PARTS = {  # files whose code determines a thing
    "weights": (
        "runtime.py",
        *(f"processes/{name}.py" for name in ("base", "schedules", "ddpm", "zoom", "blur")),
        *("training/network.py", "training/steps.py"),
    ),
    "samples": ("runtime.py", "processes/*.py", "training/network.py", "training/sampling.py"),
    **{
        name: ("runtime.py", "evaluation/shipped.py", f"evaluation/{name}.py")
        for name in ("classifier", "autoencoder")
    },
}


# --- things ---


def describe(value: Any, what: str, own: dict[str, str] | None = None) -> Any:
    """A value as JSON; see this module.

    `own` collects name -> hash of each of the user's own definitions that it rests on. IdentityError: it
    holds what cannot be told; one line that says where in `what`.
    """
    definitions = Definitions({} if own is None else own)
    try:
        found = _Description(definitions).of(value, what)
        definitions.follow()
        return found
    except RecursionError:
        raise IdentityError(
            f"{what} holds itself, or is nested too deeply; give numbers as a tensor"
        ) from None


class _Description:
    """A description under way, and the arrays that were met."""

    def __init__(self, definitions: "Definitions"):
        self.definitions = definitions
        self.arrays: dict[int, tuple[int, Any]] = {}  # their places, and themselves, which so stay alive

    def of(self, value: Any, at: str) -> Any:
        if value is None or type(value) in (bool, str, int):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if type(value) in ARRAYS or isinstance(value, np.generic):
            return self._array(value, at)
        if type(value) is list:
            return [self.of(one, f"{at}[{i}]") for i, one in enumerate(value)]
        if type(value) is dict:
            return self._dict(value, at)
        return self._code(value, at) if isinstance(value, CODE) else self._object(value, at)

    def _array(self, value: torch.Tensor | np.ndarray | np.generic, at: str) -> Any:
        try:
            if isinstance(value, torch.Tensor):
                plain = value.detach().cpu().contiguous().flatten().view(torch.uint8)
                kind, data = str(value.dtype), plain.numpy().tobytes()
            else:
                kind, data = f"numpy {value.dtype.str}", value.tobytes()
        except (RuntimeError, NotImplementedError, TypeError) as error:
            raise IdentityError(f"{at} is a tensor that cannot be written down ({error})") from None
        if "|O" in kind or "|V" in kind or getattr(value, "__dict__", None):
            raise IdentityError(f"{at} has objects, fields or attributes beside its numbers; give them apart")
        marks = {"array": kind, "shape": list(value.shape), "sha256": sha256(data)}
        if id(value) in self.arrays:  # one thing that stands in two places
            marks["again"] = self.arrays[id(value)][0]
        self.arrays.setdefault(id(value), (len(self.arrays), value))
        if isinstance(value, torch.nn.Parameter) and not value.requires_grad:
            marks["frozen"] = True
        return marks

    def _dict(self, value: dict, at: str) -> Any:
        """Keys that are text, in order, stand as they are; other keys, and another order, as pairs."""
        if all(type(key) is str for key in value) and [*value] == sorted(value):
            return {"dict": {key: self.of(one, f"{at}.{key}") for key, one in value.items()}}
        return {"pairs": [[self.of(k, at), self.of(one, f"{at}[{k!r}]")] for k, one in value.items()]}

    def _code(self, value: Any, at: str) -> Any:
        if isinstance(value, types.ModuleType):
            raise IdentityError(f"{at} is the module {value.__name__}; name what is used of it")
        self.definitions.of(getattr(value, "__func__", value), at)
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            return {"method": value.__name__, "of": self.of(owner, at)}
        if isinstance(value, type | types.FunctionType | CACHED):
            return {"class" if isinstance(value, type) else "function": name_of(value)}
        if isinstance(value, np.ufunc) and getattr(np, value.__name__, None) is not value:
            raise IdentityError(f"{at} is a compiled function; give one of Python")
        home = getattr(value, "__module__", None) or getattr(value, "__objclass__", type(value)).__name__
        return {"function": f"{home}:{value.__name__}"}

    def _object(self, value: Any, at: str) -> Any:
        cls = type(value)
        if cls is tuple:
            return {"tuple": [self.of(one, f"{at}[{i}]") for i, one in enumerate(value)]}
        if isinstance(value, set | frozenset):
            if any(isinstance(one, str | bytes) or type(one).__hash__ is object.__hash__ for one in value):
                raise IdentityError(f"{at} is a set without a fixed order; give a sorted tuple")
            return {cls.__name__: sorted((self.of(one, at) for one in value), key=digest)}
        if cls in (bytes, bytearray):
            return {cls.__name__: sha256(bytes(value))}
        if isinstance(value, PurePath | torch.dtype | torch.device):
            return {name_of(cls): str(value)}
        self.definitions.of(cls, at)
        head = {"object": name_of(cls)}
        if OWN_HOOK in vars(cls):
            return head | {"says": self.of(getattr(value, OWN_HOOK)(), at)}
        function, arguments, state = self._kept(value, at)
        if not is_own(cls) and cls.__module__ != "builtins" and found_by(name_of(cls)) is not cls:
            raise IdentityError(f"{at} is of a class made by {cls.__module__}; write a class statement")
        if function is not copyreg.__newobj__ or len(arguments) > 1:
            return head | {"made by": [self.of(one, at) for one in (function, list(arguments), state)]}
        if type(state) is not tuple:
            state = (state,)
        if not all(part is None or type(part) is dict for part in state):
            return head | {"state": [self.of(one, at) for one in state]}
        found = {name: one for part in state for name, one in (part or {}).items()}
        if isinstance(value, torch.nn.Module):
            found = {name: one for name, one in found.items() if one or name not in BLANK}
            found = {name: sorted(one) if isinstance(one, set) else one for name, one in found.items()}
        return head | {"state": {name: self.of(found[name], f"{at}.{name}") for name in sorted(found)}}

    def _kept(self, value: Any, at: str) -> tuple[Any, ...]:
        """Function, arguments and state: all that pickle would keep of an object that has no items."""
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            found = (*(reducer(value) if reducer else value.__reduce_ex__(2)), None, None, None)
            if isinstance(value, str) or not callable(found[0]) or any(found[3:5]):
                raise TypeError("it has items, or a name")
        except Exception:  # each type refuses in its own words
            raise IdentityError(
                f"{at} is a {name_of(type(value))}, which cannot be written down, and a run is known by what "
                "it was made with; give numbers, text, tensors, functions, or objects that hold only these"
            ) from None
        return found[:3]


# --- definitions ---


class Definitions:
    """The definitions that things rest on: name -> hash, each of its own text or value alone.

    Others than those that count, functions, classes and modules, are known by name.
    """

    def __init__(self, found: dict[str, str], counts: Callable[[Any], bool] = is_own):
        self.found, self.counts = found, counts
        self.met: list[Any] = []
        self.waiting: list[tuple[type | types.FunctionType, str]] = []

    def note(self, name: str, what: str) -> None:
        """Note a hash, or a name, under a name; another one of that name, as of a former class, is (2)."""
        key, number = name, 1
        while self.found.setdefault(key, what) != what:
            number += 1
            key = f"{name} ({number})"

    def of(self, thing: Any, at: str) -> None:
        """Take in a class or function, if it counts; `follow` then takes in all that it names."""
        *wrappers, inner = layers(thing)
        wrapped = any(isinstance(one, types.FunctionType) and self.counts(one) for one in wrappers)
        known = not isinstance(inner, type | types.FunctionType) or any(inner is one for one in self.met)
        if known or not (wrapped or self.counts(inner)):
            return
        self.met.append(inner)
        if "<" in name_of(inner):
            raise IdentityError(
                f"{at}: {name_of(inner)} is made within a function or an expression, where many may have "
                "its name; define it at the top of a module or a cell, with what it needs as arguments"
            )
        if wrapped and not self.tree_of(inner, at).decorator_list:  # of which its text says nothing
            raise IdentityError(f"{at}: {name_of(inner)} is wrapped; write the wrapper as its decorator")
        self.waiting.append((inner, at))

    def follow(self) -> None:
        """Take in what waits, one after the other: a chain of definitions may be long."""
        while self.waiting:
            thing, at = self.waiting.pop()
            name, tree = name_of(thing), self.tree_of(thing, at)
            bases = [name_of(one) for one in thing.__mro__] if isinstance(thing, type) else []
            self.note(name, digest([plain(tree), bases], 16))
            beside = _beside_class(thing) if isinstance(thing, type) else _beside_function(thing)
            for inner, value in beside.items():
                self.value(f"{name}.{inner}", value, f"{at}: {inner} of {name}")
            for used, value in named(tree, thing, self.counts):
                self.value(used, value, f"{at}: {name} names {used.partition(':')[2]}, which")

    def tree_of(self, thing: type | types.FunctionType, at: str) -> ast.AST:
        """The definition that counts."""
        return definition(thing, at)

    def value(self, name: str, value: Any, at: str) -> None:
        """Take in what a definition names: code by its name and definition, a constant by what it is."""
        if isinstance(value, types.ModuleType):
            if self.counts(value):
                raise IdentityError(
                    f"{at} is the module {value.__name__} as a whole; name what is used of it"
                )
            self.note(name, value.__name__)
        elif isinstance(value, staticmethod | classmethod):
            self.value(name, value.__func__, at)
        else:
            told = _Description(self).of(value, at)
            if not (isinstance(value, CODE) and name in told.values()):  # which its definition tells
                self.note(name, digest(told, 16))


def _beside_function(function: types.FunctionType) -> dict[str, Any]:
    """Defaults and attributes of a function, which its text does not tell, by name."""
    kept = {name: one for name, one in vars(function).items() if name != "__wrapped__"}
    given = {"defaults": function.__defaults__, "options": function.__kwdefaults__, "attributes": kept}
    return {name: one for name, one in given.items() if one}


def _beside_class(cls: type) -> dict[str, Any]:
    """Bases of a class, its attributes that are data, defaults of its methods, methods from elsewhere."""
    found = {f"base {i}": one for i, one in enumerate(cls.__bases__)}
    for name, value, held, inner in members(cls):
        if not isinstance(inner, types.FunctionType):
            if not (name.startswith("__") or name in MACHINERY or isinstance(value, SLOT)):
                found[name] = value
        elif inner.__code__.co_filename == "<string>":  # written by a dataclass
            continue
        elif inner.__code__.co_qualname != f"{cls.__qualname__}.{name}" or held is not inner:
            found[name] = held
        else:
            found |= {f"{name} {key}": one for key, one in _beside_function(inner).items()}
    return found


@functools.cache
def code(part: str) -> str:
    """Hash of this package's code for one of `PARTS`, as it was when it was first asked for."""
    return hash_of({path for pattern in PARTS[part] for path in PACKAGE.glob(pattern)})
