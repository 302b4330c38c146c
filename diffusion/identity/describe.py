"""Things as JSON that is equal exactly when the thing is equal; what cannot be told is refused.

    describe(ColdZoom(), "process")     {"!object": "diffusion:ColdZoom", "T": 24, "interpolation": "nearest",
    ...}

Numbers and text stand as they are, 1 and 1.0 alike; tensors and arrays by type, shape and a hash of their
bytes; objects by class and content; this project's classes and functions, and those of libraries, by name. A
class or function of a user's own has beside its name a hash of all that it does:

- its source, or of a class all that it holds, with its bases;
- what it closes over, its defaults, and each global that it reads, as it is now: constants, helpers, blocks;
- of a module of the user's own that is handed on, or imported while it runs, all that it holds.

So it is wherever the code lies, in a module or in a notebook. What else stands there does not count, nor do
files that code reads by itself; code whose reading nobody can tell, such as `globals()`, is refused.
"""

import copyreg
import functools
import inspect
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from diffusion.files import digest, sha256
from diffusion.identity.code import CODE, Code, name_of, refuse_unknowable
from diffusion.identity.sources import IdentityError, is_own
from diffusion.plugins import parameters

MOST = 200_000  # parts of a thing
ARRAYS = (torch.Tensor, torch.nn.Parameter, np.ndarray)
PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__")
BLANK = vars(torch.nn.Module())  # what torch keeps beside parameters and parts
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
    """The things that descriptions name: classes and functions by name, numbers of tensors and arrays."""

    def __init__(self) -> None:
        self.live: dict[str, Any] = {}  # None: several things have this name, such as two lambdas
        self.arrays: dict[str, bytes] = {}  # by hash

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
    if cls is not None and not is_own(cls):  # of a user's own, the code counts as it is
        usual = {k: p.default for k, p in parameters(cls).items() if p.default is not inspect.Parameter.empty}
        if "!object" in description:  # an attribute that is not there is that of the class, if it has one
            usual = {k: getattr(cls, k, value) for k, value in usual.items()}
    return {
        key: normal(value, live)
        for key, value in description.items()
        if key not in usual or digest(value, 64) != digest(described(usual[key]), 64)
    }


def described(value: Any) -> Any:
    """The description of a value, or one that no value has where it cannot be told."""
    try:
        return describe(value, "it")
    except ValueError:
        return {"!": "unlike anything"}


class _Description:
    """A description under way: the objects that are open, against cycles, and the code that is told."""

    def __init__(self, found: Found, exact: bool):
        self.found, self.exact, self.parts = found, exact, 0
        self.open: list[Any] = []
        # Tensors and arrays, of which one may stand twice: their places, and themselves, which so stay alive.
        self.arrays: dict[int, tuple[int, Any]] = {}
        self.code = Code(self.of, found.name)

    def of(self, value: Any, at: str) -> Any:
        self.parts += 1
        if self.parts > MOST:
            raise IdentityError(f"{at} has more than {MOST:,} parts; give numbers as a tensor or an array")
        if value is None or type(value) in (bool, str):
            return value
        if type(value) in (int, float):
            return _number(value, self.exact)
        if isinstance(value, np.generic):
            return self._scalar(value, at)
        if type(value) in ARRAYS:
            return self._array(value, at)
        if type(value) is list:
            return [self.of(one, f"{at}[{i}]") for i, one in enumerate(value)]
        if type(value) is tuple:
            return {"!tuple": self.of(list(value), at)}
        refuse_unknowable(value, at)
        if type(value) is dict:
            return self._dict(value, at)
        if isinstance(value, CODE):
            return self.code.of(value, at)
        for distance, one in enumerate(reversed(self.open)):
            if one is value:
                return {"!again": distance}
        self.open.append(value)
        try:
            return self._object(value, at)
        finally:
            self.open.pop()

    def _scalar(self, value: np.generic, at: str) -> Any:
        if not self.exact and type(value) in (np.int64, np.float64, np.bool_, np.str_):
            return self.of(value.item(), at)
        if isinstance(value, np.void):
            return self._array(np.asarray(value), at)
        return {"!number": value.dtype.str, "value": repr(value.item())}  # of a width that rounds otherwise

    def _array(self, value: torch.Tensor | np.ndarray, at: str) -> Any:
        try:
            if isinstance(value, np.ndarray):
                kind, data = f"numpy {value.dtype.str}", value.tobytes()
            else:
                plain = value.detach().cpu().contiguous().flatten().view(torch.uint8)
                kind, data = str(value.dtype), plain.numpy().tobytes()
        except (RuntimeError, NotImplementedError, TypeError) as error:
            raise IdentityError(f"{at} is a tensor that cannot be written down ({error})") from None
        if "|O" in kind or "|V" in kind or getattr(value, "__dict__", None):
            raise IdentityError(f"{at} has objects, fields or attributes beside its numbers; give them apart")
        found = sha256(f"{kind} {list(value.shape)} ".encode() + data)
        self.found.arrays[found] = data
        marks = {"!array": kind, "shape": list(value.shape), "sha256": found}
        if not self.code.told:  # code is told by itself as well
            marks |= {"again": self.arrays[id(value)][0]} if id(value) in self.arrays else {}
            self.arrays.setdefault(id(value), (len(self.arrays), value))
        if isinstance(value, torch.nn.Parameter) and not value.requires_grad:
            marks["frozen"] = True
        return marks

    def _dict(self, value: dict, at: str) -> Any:
        """Keys that are names, in order, stand as they are; other keys, and another order, as pairs."""
        keys = list(value)
        if all(type(k) is str and not k.startswith("!") for k in keys) and keys == sorted(keys):
            return {k: self.of(v, f"{at}.{k}") for k, v in value.items()}
        return {"!dict": [[self.of(k, at), self.of(v, f"{at}[{k!r}]")] for k, v in value.items()]}

    def _object(self, value: Any, at: str) -> Any:
        cls = type(value)
        if cls in (set, frozenset):
            return {f"!{cls.__name__}": sorted((self.of(one, at) for one in value), key=digest)}
        if cls in (bytes, bytearray):
            return {f"!{cls.__name__}": sha256(bytes(value))}
        if isinstance(value, PurePath):
            return {"!path": str(value)}
        if isinstance(value, torch.dtype | torch.device):
            return {"!torch": str(value)}
        if cls is functools.partial and not vars(value):
            parts = {"!partial": value.func, "arguments": list(value.args), "options": dict(value.keywords)}
            return {k: self.of(v, f"{at}.{k.strip('!')}") for k, v in parts.items()}
        says = not self.exact and OWN_HOOK in vars(cls)
        reduced = None if says else self._reduced(value, at)
        head = {"!object": name_of(cls)} | self.code.own_class(cls, at)
        if says:
            return head | {"!says": self.of(getattr(value, OWN_HOOK)(), at)}
        made, arguments, state, *more = reduced
        usual = all(getattr(cls, name, None) is getattr(object, name) for name in PICKLING)
        if not usual or made is not copyreg.__newobj__ or len(arguments) > 1 or any(more):
            return head | {"!reduced": [self.of(one, at) for one in (made, arguments, state, *more)]}
        found = {
            k: v for part in (state if type(state) is tuple else [state]) for k, v in (part or {}).items()
        }
        for name in list(found):
            left_by_torch = isinstance(value, torch.nn.Module) and name in BLANK and not found[name]
            if left_by_torch or _is_cached(value, name, found[name]):
                del found[name]
        return head | {
            f"!{k}" if k.startswith("!") else k: self.of(found[k], f"{at}.{k}") for k in sorted(found)
        }

    def _reduced(self, value: Any, at: str) -> tuple[Any, ...]:
        """The parts that copy and pickle make an object of: function, arguments, state, items, pairs."""
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            found = reducer(value) if reducer else value.__reduce_ex__(2)
            if isinstance(value, set | frozenset):
                raise TypeError("no order")
        except Exception:  # each type refuses in its own words
            raise IdentityError(
                f"{at} is a {name_of(type(value))}, which cannot be written down, and a run is known by what "
                "it was made with; give numbers, text, tensors, functions, or objects that hold only these"
            ) from None
        if isinstance(found, str):
            return str, [found], None
        function, arguments, state, items, pairs = (*found, None, None, None)[:5]
        return function, list(arguments), state, items and list(items), pairs and list(pairs)


def _is_cached(value: Any, name: str, found: Any) -> bool:
    """True for what a cached property would compute again, and nobody has set."""
    cached = getattr(type(value), name, None)
    if not isinstance(cached, functools.cached_property):
        return False
    try:
        return describe(cached.func(value), name) == describe(found, name)
    except Exception:  # whatever a property of one's own raises
        return False


def _number(value: float, exact: bool = False) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"!float": str(value)}
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    below_zero = value == 0 and math.copysign(1, value) < 0
    return int(value) if whole and not (exact or below_zero) else value
