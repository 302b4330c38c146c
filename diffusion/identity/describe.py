"""What a thing is, in JSON that is equal exactly when the thing is equal; what cannot be told is refused.

    describe(ColdZoom(), "process")     {"!object": "diffusion:ColdZoom", "T": 24, "interpolation": "nearest",
    ...}

Numbers and text stand as they are, 1 and 1.0 alike; tensors and arrays by type, shape and a hash of their
bytes; objects by class and content; this project's classes and functions, and those of libraries, by name. A
class or function of a user's own has beside its name a hash of all that it does:

- its source, or of a class all that it holds, with its bases;
- what it closes over, its defaults, and each global that it reads, by value: constants, helpers, blocks;
- the whole file of its module, with the user's own modules that it imports.

A class or function typed in a notebook or a script has no file of its own: there what it reads counts, and
nothing else of the notebook does. Files that code reads by itself do not count.
"""

import copyreg
import enum
import functools
import hashlib
import inspect
import logging
import math
import random
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from diffusion.files import digest
from diffusion.identity.code import Code, name_of
from diffusion.identity.sources import IdentityError, is_own
from diffusion.plugins import parameters

MOST = 200_000  # parts of a thing
ARRAYS = (torch.Tensor, torch.nn.Parameter, np.ndarray, np.memmap)
PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__")
STREAMS = (random._inst, np.random.mtrand._rand)  # the global ones, which a training seeds
OWN_HOOK = "__identity__"  # a method of a class that says what an object is, where its content does not


def describe(value: Any, what: str, found: "Found | None" = None, exact: bool = False) -> Any:
    """A value as JSON; see this module.

    Args:
        what: its name, for messages.
        found: collects what the description names and does not hold.
        exact: no object may say by itself what it is, so that the thing can be had back
            (packing.py).

    Raises:
        IdentityError: it holds what cannot be told; one line that names it.
    """
    try:
        return _Description(found or Found(), exact).of(value, what)
    except RecursionError:
        raise IdentityError(f"{what} is nested too deeply; give numbers as a tensor or an array") from None


def called(cls: type, options: Mapping[str, Any], what: str, found: "Found | None" = None) -> dict[str, Any]:
    """The description of what a class makes of options, such as a network."""
    one = _Description(found or Found(), False)
    made = one.of(cls, what)
    made = {"!call": made.pop("!class")} | made
    return made | {key: one.of(options[key], f"{what}, {key}") for key in sorted(options)}


class Found:
    """The things that descriptions name: classes and functions by name, tensors and arrays by hash."""

    def __init__(self) -> None:
        self.live: dict[str, Any] = {}  # None: several things have this name, such as two lambdas
        self.tensors: dict[str, torch.Tensor | np.ndarray] = {}

    def name(self, thing: Any) -> str:
        """The name of a class or function, which is now known to be it."""
        name = name_of(thing)
        if self.live.setdefault(name, thing) is not thing:
            self.live[name] = None
        return name


def normal(description: Any, live: Mapping[str, Any]) -> Any:
    """A description without the arguments and attributes that have the default of the class's argument.

    A new argument whose default is what was done before so makes nothing another thing.

    Args:
        live: the classes that it names, as `Found` collects them.
    """
    if isinstance(description, list):
        return [normal(one, live) for one in description]
    if not isinstance(description, Mapping):
        return description
    cls, usual = live.get(description.get("!object", description.get("!call", ""))), {}
    if cls is not None:
        usual = {k: p.default for k, p in parameters(cls).items() if p.default is not inspect.Parameter.empty}
        if "!object" in description:  # an attribute that is not there is that of the class, if it has one
            known = {k: v for k, v in usual.items() if hasattr(cls, k) or not is_own(cls)}
            usual = {k: getattr(cls, k, value) for k, value in known.items()}
    return {
        key: normal(value, live)
        for key, value in description.items()
        if key not in usual or digest(value, 64) != digest(_quietly(usual[key]), 64)
    }


def _quietly(value: Any) -> Any:
    """The description of a default; one that has none equals nothing."""
    try:
        return describe(value, "default")
    except IdentityError:
        return {"!": "unlike anything"}


class _Description:
    """A description under way: the things that are open, against cycles, and code that is done already."""

    def __init__(self, found: Found, exact: bool):
        self.found, self.exact, self.parts = found, exact, 0
        self.open: list[Any] = []
        self.arrays: dict[int, int] = {}  # places of tensors and arrays, of which one may stand twice
        self.code = Code(self.of, found.name)

    def of(self, value: Any, at: str) -> Any:
        self.parts += 1
        if self.parts > MOST:
            raise IdentityError(f"{at} has more than {MOST:,} parts; give numbers as a tensor or an array")
        if value is None or isinstance(value, bool) or type(value) is str:
            return value
        if type(value) is int or type(value) is float:
            return _number(value, self.exact)
        if isinstance(value, np.generic):
            return self._scalar(value, at)
        if type(value) in ARRAYS:
            return self._array(value, at)
        if type(value) is list:
            return [self.of(one, f"{at}[{i}]") for i, one in enumerate(value)]
        if type(value) is tuple:
            return {"!tuple": self.of(list(value), at)}
        if type(value) is dict:
            return self._dict(value, at)
        if isinstance(value, type | types.FunctionType):  # which end by themselves, see `_does`
            return self._thing(value, at)
        for distance, one in enumerate(reversed(self.open)):
            if one is value:
                return {"!again": distance}
        self.open.append(value)
        try:
            return self._thing(value, at)
        finally:
            self.open.pop()

    def _thing(self, value: Any, at: str) -> Any:
        """Everything but plain values."""
        if type(value) in (set, frozenset):
            mark = "!frozenset" if type(value) is frozenset else "!set"
            return {mark: sorted((self.of(one, at) for one in value), key=lambda one: digest(one, 64))}
        if isinstance(value, set | frozenset):
            raise IdentityError(f"{at} is a {name_of(type(value))}, which has no order; give a set or a list")
        if isinstance(value, complex) and type(value) is complex:
            return {"!complex": [_number(value.real), _number(value.imag)]}
        if isinstance(value, bytes | bytearray):
            return {f"!{type(value).__name__}": hashlib.sha256(value).hexdigest()}
        if isinstance(value, enum.Enum):
            member = {"!enum": name_of(type(value)), "name": value.name, "value": self.of(value.value, at)}
            return member | self.code.own_class(type(value), at)
        if isinstance(value, PurePath):
            return {"!path": str(value)}
        if isinstance(value, torch.dtype | torch.device | torch.memory_format | torch.layout):
            return {"!torch": str(value)}
        if isinstance(value, logging.Logger):
            return {"!logger": value.name}
        if isinstance(value, types.ModuleType):
            return self.code.module(value)
        if isinstance(value, type):
            return {"!class": name_of(value)} | self.code.own_class(value, at)
        if isinstance(value, functools.partial):
            parts = {"!partial": value.func, "arguments": list(value.args), "options": dict(value.keywords)}
            return {k: self.of(v, f"{at}.{k.strip('!')}") for k, v in parts.items()}
        bound = types.MethodType | types.BuiltinMethodType
        if isinstance(value, bound) and any(value.__self__ is one for one in STREAMS):
            return {"!function": f"random:{value.__name__}"}  # draws from a global stream
        if isinstance(value, types.MethodType):
            bound = {"!method": value.__name__, "of": self.of(value.__self__, at)}
            return bound | self.code.function(value.__func__, at)
        if isinstance(value, types.FunctionType):
            return self.code.function(value, at)
        of_c = types.BuiltinFunctionType | np.ufunc | types.MethodDescriptorType
        if isinstance(value, of_c) or type(value).__name__ == "cython_function_or_method":
            return self.code.builtin(value, at)
        if isinstance(value, property | staticmethod | classmethod | functools.cached_property | _LRU):
            inner = [getattr(value, k, None) for k in ("__wrapped__", "fget", "fset", "__func__", "func")]
            return {"!wraps": type(value).__name__, "of": [self.of(f, at) for f in inner if f is not None]}
        return self._object(value, at)

    # --- data ---

    def _scalar(self, value: np.generic, at: str) -> Any:
        if not self.exact and type(value) in (np.int64, np.float64, np.bool_, np.str_):
            return self.of(value.item(), at)
        if value.dtype.names:
            raise IdentityError(f"{at} has fields; give a number for each of them")
        return {"!number": value.dtype.str, "value": repr(value.item())}  # of a width that rounds otherwise

    def _array(self, value: torch.Tensor | np.ndarray, at: str) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                return {"!objects": list(value.shape), "values": self.of(value.ravel().tolist(), at)}
            if value.dtype.names:
                raise IdentityError(f"{at} is an array with fields; give an array for each of them")
            content, kind = np.ascontiguousarray(value), f"numpy {value.dtype.str}"
        else:
            try:
                content = value.detach().cpu().contiguous()
                kind, plain = str(content.dtype), content.flatten().view(torch.uint8).numpy()
            except (RuntimeError, NotImplementedError, TypeError) as error:
                raise IdentityError(f"{at} is a tensor that cannot be written down ({error})") from None
        if getattr(value, "__dict__", None):
            raise IdentityError(f"{at} is a tensor with attributes of its own; give them beside it")
        data = plain if isinstance(value, torch.Tensor) else content
        found = hashlib.sha256(f"{kind} {list(value.shape)} ".encode() + data.tobytes()).hexdigest()
        self.found.tensors[found] = content
        again = {}
        if not self.code.under_way:  # not within code, which is described by itself as well
            again = {"again": self.arrays[id(value)]} if id(value) in self.arrays else {}
            self.arrays.setdefault(id(value), len(self.arrays))
        return {"!array": kind, "shape": list(value.shape), "sha256": found} | again

    def _dict(self, value: dict, at: str) -> Any:
        """Keys that are names, in order, stand as they are; other keys, and another order, as pairs."""
        keys = list(value)
        if all(type(k) is str and not k.startswith("!") for k in keys) and keys == sorted(keys):
            return {k: self.of(v, f"{at}.{k}") for k, v in value.items()}
        return {"!dict": [[self.of(k, at), self.of(v, f"{at}[{k!r}]")] for k, v in value.items()]}

    def _object(self, value: Any, at: str) -> Any:
        cls = type(value)
        says, network = not self.exact and OWN_HOOK in vars(cls), isinstance(value, torch.nn.Module)
        reduced = None if says or network else self._reduce(value, at)
        head = {"!object": name_of(cls)} | self.code.own_class(cls, at)
        if says:
            return head | {"!says": self.of(getattr(value, OWN_HOOK)(), at)}
        if network:
            return head | {"!network": self._network(value, at)}
        own_way = any(name in vars(one) for one in cls.__mro__[:-1] for name in PICKLING)
        if own_way or reduced[0] is not copyreg.__newobj__ or len(reduced[1]) > 1 or any(reduced[3:]):
            parts = dict(zip(("made by", "of", "state", "items", "pairs"), reduced, strict=True))
            return head | {"!reduced": {k: self.of(v, at) for k, v in parts.items() if v is not None}}
        return head | self._state(value, at)

    def _state(self, value: Any, at: str) -> dict[str, Any]:
        """The attributes of an object, its slots among them."""
        found = dict(getattr(value, "__dict__", {}))
        slots = copyreg._slotnames(type(value))  # as copy and pickle find them
        found |= {name: getattr(value, name) for name in slots if hasattr(value, name)}
        for k in [k for k in found if isinstance(getattr(type(value), k, None), functools.cached_property)]:
            del found[k]  # is computed again
        return {f"!{k}" if k.startswith("!") else k: self.of(found[k], f"{at}.{k}") for k in sorted(found)}

    def _network(self, value: torch.nn.Module, at: str) -> dict[str, Any]:
        """A network: tensors by name, its parts, and what else it was given; not what torch keeps beside."""
        mine = vars(value)
        tensors = {k: v for part in ("_parameters", "_buffers") for k, v in mine[part].items()}
        other = {k: v for k, v in mine.items() if k not in vars(torch.nn.Module()) or k == "training"}
        named = list(value.named_parameters(remove_duplicate=False))
        shared = [[k for k, one in named if one is p] for _, p in named]
        marks = {
            "frozen": [k for k, p in named if not p.requires_grad],
            "tied": sorted({tuple(names) for names in shared if len(names) > 1}),
        }
        hooks = [name for name, found in mine.items() if "hook" in name and found]
        if hooks:
            raise IdentityError(
                f"{at} has {hooks[0].strip('_')}; a network with hooks cannot be written down"
            )
        return {
            "tensors": self.of(tensors, at),
            "parts": self.of(dict(mine["_modules"]), at),
            "has": self.of(dict(sorted(other.items())), at),
            **{k: self.of(v, at) for k, v in marks.items() if v},
        }

    def _reduce(self, value: Any, at: str) -> tuple[Any, ...]:
        """The parts that copy and pickle make an object of: function, arguments, state, items, pairs."""
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            found = reducer(value) if reducer else value.__reduce_ex__(2)
        except Exception:  # each type refuses in its own words
            raise IdentityError(
                f"{at} is a {name_of(type(value))}, which cannot be written down, and a run is known by what "
                "it was made with; give numbers, text, tensors, functions, or objects that hold only these"
            ) from None
        if isinstance(found, str):
            return str, [found], None, None, None
        function, arguments, state, items, pairs = (*found, None, None, None)[:5]
        return (
            function,
            list(arguments),
            state,
            items and list(items),
            pairs and [list(pair) for pair in pairs],
        )


_LRU = type(functools.lru_cache(lambda: None))


def _number(value: float, exact: bool = False) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"!float": str(value)}
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    below_zero = value == 0 and math.copysign(1, value) < 0
    return int(value) if whole and not (exact or below_zero) else value
