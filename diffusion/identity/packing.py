"""Things on disk without pickles: a description as JSON, and its tensors as bytes, in one safetensors file.

Nothing of a file is executed. Classes and functions are imported by the names that it has for them; the class
of an object must be this project's or a user's own: its attributes are set, no method of it is called. What
else they are taken from is torch, numpy and math, and a call with arguments that waits to be made, a
`partial`, is one of the user's own, of a process, or of torch.nn.
"""

import ast
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from diffusion.files import digest
from diffusion.identity.code import found_by, name_of
from diffusion.identity.describe import Found, describe
from diffusion.identity.sources import is_own
from diffusion.plugins import named

LIBRARIES = ("diffusion", "torch", "numpy", "math")
PLAIN = {"!tuple": tuple, "!set": set, "!frozenset": frozenset, "!float": float, "!path": Path}
TO_BE_CALLED = ("diffusion.processes.", "diffusion.training.network", "torch.nn.")


class PackError(ValueError):
    """A thing cannot be had back from what was written of it."""


def pack(value: Any, what: str) -> bytes:
    """A thing as the content of a file. Equal things give equal bytes.

    Raises:
        IdentityError: it holds what cannot be written down.
    """
    found = Found()
    content = json.dumps(describe(value, what, found, exact=True), sort_keys=True)
    tensors = {key: _bytes(data) for key, data in found.arrays.items() if key in content}
    return tensor_bytes(tensors, content)


def unpack(data: bytes, live: Mapping[str, Any] | None = None) -> Any:
    """The thing that `pack` wrote.

    Args:
        live: name -> class or function, for those that no module has, such as a notebook's.

    Raises:
        PackError: the file is damaged, or names what there is not or may not be made.
    """
    found = read_tensors(data)
    if found is None or found[1] is None:
        raise PackError("it is damaged")
    tensors, content = found
    return restored(json.loads(content), live, tensors)


def restored(
    description: Any, live: Mapping[str, Any] | None = None, tensors: Mapping[str, Tensor] | None = None
) -> Any:
    """A thing from its exact description; raises PackError as `unpack` does."""
    try:
        return _Restoring(tensors or {}, live or {}).of(description)
    except PackError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise PackError(f"it is damaged ({type(error).__name__}: {error})") from error


def tensor_bytes(tensors: Mapping[str, Tensor], content: str | None = None) -> bytes:
    """Tensors, and a text beside them, as safetensors whose header has a hash of all of it."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    # One entry only: safetensors writes several in no fixed order.
    about = json.dumps({"sha256": _hash(tensors, content), "content": content}, sort_keys=True)
    return safetensors.torch.save(tensors, {"about": about})


def read_tensors(data: bytes) -> tuple[dict[str, Tensor], str | None] | None:
    """The tensors and the text that `tensor_bytes` wrote; None where it is not that."""
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"]["about"])
        content = about["content"]
        return (tensors, content) if about["sha256"] == _hash(tensors, content) else None
    except Exception:  # what a damaged file makes safetensors, json or torch raise
        return None


def _hash(tensors: Mapping[str, Tensor], content: str | None) -> str:
    parts = [[name, describe(value, name)] for name, value in sorted(tensors.items())]
    return digest([parts, content], 64)


def _bytes(data: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(data, np.uint8).copy())


class _Restoring:
    """From a description back to the thing."""

    def __init__(self, tensors: Mapping[str, Tensor], live: Mapping[str, Any]):
        self.tensors, self.live = tensors, live

    def of(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self.of(one) for one in found]
        if not isinstance(found, dict):
            return found
        marks = {key for key in found if key.startswith("!") and not key.startswith("!!")} - {"!code"}
        if not marks:
            return {key: self.of(value) for key, value in found.items()}
        mark = min(marks)
        if mark in PLAIN:
            return PLAIN[mark](self.of(found[mark]))
        make = getattr(self, f"_{mark[1:]}", None)
        if make is None or len(marks) > 1:  # a method, an object that is more than its attributes
            raise PackError(f"{found.get('!object', f'a {mark[1:]}')} cannot be made again")
        return make(found[mark], found)

    def _number(self, kind: str, found: dict) -> np.generic:
        return np.array(ast.literal_eval(found["value"]), np.dtype(kind))[()]

    def _dict(self, value: list, _: dict) -> dict:
        return {self.of(key): self.of(one) for key, one in value}

    def _torch(self, value: str, _: dict) -> Any:
        dtype = found_by("torch", value.removeprefix("torch."))
        return dtype if isinstance(dtype, torch.dtype) else torch.device(value)

    def _array(self, kind: str, found: dict) -> Tensor | np.ndarray:
        if found["sha256"] not in self.tensors:
            raise PackError("it has a tensor that is not kept")
        data, shape = self.tensors[found["sha256"]].numpy().tobytes(), found["shape"]
        if kind.startswith("numpy "):
            return np.frombuffer(data, np.dtype(kind.removeprefix("numpy "))).reshape(shape).copy()
        dtype = found_by("torch", kind.removeprefix("torch."))
        if not data:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(bytearray(data), dtype=dtype).view(shape)

    def _partial(self, value: dict, found: dict) -> partial:
        function = self.of(value)
        if not is_own(function) and not (getattr(function, "__module__", "") or "").startswith(TO_BE_CALLED):
            raise PackError(f"a call of {name_of(function)} is not made from a file")
        return partial(function, *self.of(found["arguments"]), **self.of(found["options"]))

    def _class(self, name: str, found: dict) -> Any:
        thing = self.known(name)
        # Made within a function, it shares its name with others that were made there.
        if "<" in name and describe(thing, name).get("!code") != found.get("!code"):
            raise PackError(f"{name} is another one")
        return thing

    _function = _class

    def _object(self, name: str, found: dict) -> Any:
        cls = self._class(name, found)
        ours = isinstance(cls, type) and (cls.__module__.partition(".")[0] == "diffusion" or is_own(cls))
        if not ours:
            raise PackError(f"a {name} is not made from a file; only what is this project's or your own is")
        if issubclass(cls, torch.nn.Module):
            raise PackError(f"{name}, a network, cannot be made again")
        made = object.__new__(cls)
        for key, value in found.items():
            if key.startswith("!!") or not key.startswith("!"):
                object.__setattr__(made, key.removeprefix("!"), self.of(value))
        return made

    def known(self, name: str) -> Any:
        if name in self.live:
            if self.live[name] is None:
                raise PackError(f"several things are called {name}")
            return self.live[name]
        if "<locals>" in name:
            raise PackError(f"{name} was made within a function")
        try:
            found = named("a class or function", name, {})
        except ValueError as error:
            raise PackError(str(error)) from error
        root = name.partition(":")[0].partition(".")[0]
        plain = root == "builtins" and isinstance(found, type)
        if not (isinstance(found, type) or callable(found)) or not (
            is_own(found) or root in LIBRARIES or plain
        ):
            raise PackError(f"{name} is not taken from a file")
        return found
