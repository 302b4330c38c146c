"""Objects as plain values: the form in which a run folder saves its process, and in which runs are compared.

    to_plain(Fade(10), "process")   {"class": "mine:Fade", "state": {"T": 10}}
    from_plain(...)              the Fade object again
    to_settings(...)                the tree as JSON, with the type, shape and hash of each tensor

Reading a tree imports the modules of its classes, and calls nothing.
"""

import math
import sys
from collections.abc import Iterator
from enum import Enum
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import diffusion
from diffusion.arguments import summarise
from diffusion.files import sha256
from diffusion.names import is_own, load_object, module_of, own_file

SIMPLE = (type(None), bool, int, float, str)
NEEDED = "expected: numbers, text, tensors, arrays, your own functions, or your own objects of these"


def to_plain(value: Any, at: str) -> Any:
    """Convert an object to plain values, which torch can save and load as weights.

    Args:
        value (object): The object.
        at (str): Its name, with which messages begin.

    Raises:
        ValueError: If it contains something that cannot be saved.
    """
    kind = type(value)
    if kind in SIMPLE:
        return value
    if kind is Tensor and value.layout == torch.strided:
        return value.detach().cpu().clone()
    if kind in (list, tuple):
        return kind(to_plain(item, f"{at}[{i}]") for i, item in enumerate(value))
    if kind is dict:
        return {
            "dict": [[to_plain(key, at), to_plain(item, f"{at}[{key!r}]")] for key, item in value.items()]
        }
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        data = torch.frombuffer(bytearray(value.tobytes() or b"\0"), dtype=torch.uint8)
        shape = None if isinstance(value, np.generic) else [*value.shape]
        return {"numpy": value.dtype.str, "shape": shape, "bytes": data}
    if isinstance(value, type | FunctionType):
        return {"name": name_of(value, at)}
    slots = any(getattr(base, "__slots__", ()) for base in kind.__mro__)
    has_state = kind.__new__ is object.__new__ and hasattr(value, "__dict__") and not slots
    if not has_state or isinstance(value, Enum) or kind.__module__ == "builtins":
        raise ValueError(f"{at} is {summarise(value)}; {NEEDED}")
    name = name_of(kind, at)
    state = {key: to_plain(item, f"{at}.{key}") for key, item in sorted(vars(value).items())}
    return {"class": name, "state": state}


def from_plain(node: Any) -> Any:
    """Return the object of a tree.

    Raises:
        ValueError: If a class or function of the tree cannot be loaded, or is not allowed.
    """
    if isinstance(node, list | tuple):
        return type(node)(map(from_plain, node))
    if not isinstance(node, dict):
        return node
    if "dict" in node:
        return {from_plain(key): from_plain(item) for key, item in node["dict"]}
    if "numpy" in node:
        dtype, shape = np.dtype(node["numpy"]), node["shape"]
        array = np.frombuffer(node["bytes"].numpy().tobytes(), dtype, math.prod(shape or []))
        return array[0] if shape is None else array.reshape(shape).copy()
    if "name" in node:
        return load_definition(node["name"])
    cls = load_definition(node["class"])
    if not isinstance(cls, type):
        raise ValueError(f"{node['class']} is not a class")
    value = object.__new__(cls)
    vars(value).update({name: from_plain(item) for name, item in node["state"].items()})
    return value


def to_settings(node: Any) -> Any:
    """Convert a tree to JSON; equal objects give equal JSON.

    Numbers have twelve digits, numbers in tensors seven, because the last digits depend on the processor.
    """
    if isinstance(node, Tensor):
        single = (node.float() if node.dtype == torch.float64 else node).contiguous()
        data = single.flatten().view(torch.uint8).numpy().tobytes()
        return {"tensor": f"{node.dtype} {[*node.shape]}", "sha256": sha256(data)[:16]}
    if isinstance(node, dict) and "class" in node:
        return {"class": node["class"], **{key: to_settings(item) for key, item in node["state"].items()}}
    if isinstance(node, dict) and "dict" in node:
        return {
            key if isinstance(key, str) else f"({key!r})": to_settings(item) for key, item in node["dict"]
        }
    if isinstance(node, dict):
        return {name: to_settings(item) for name, item in node.items()}
    if isinstance(node, list | tuple):
        return [to_settings(item) for item in node]
    if isinstance(node, float):
        return float(f"{node:.12g}") if math.isfinite(node) else repr(node)  # JSON has no infinity
    return node


# --- classes and functions ---


def name_of(definition: Any, at: str = "it") -> str:
    """Return `module:name` of a class or function.

    Raises:
        ValueError: If it was defined inside a function, or cannot be saved.
    """
    module, name = module_of(definition), definition.__qualname__
    if "<" in name:
        raise ValueError(f"{at} is {name}, defined in a function; define it at the top of a module or a cell")
    is_ours = module.startswith("diffusion.")
    if not (is_own(definition) or isinstance(definition, type) and is_ours):
        raise ValueError(f"{at} is {module}.{name}; {NEEDED}")
    is_public = is_ours and getattr(diffusion, name, None) is definition
    return f"{'diffusion' if is_public else module}:{name}"


def load_definition(name: str) -> Any:
    """Return the class or function named `module:name` in a file; imports its module if it is your own.

    Raises:
        ValueError: If it cannot be loaded, or is neither your own nor a process or network of this package.
    """
    module = name.partition(":")[0]
    may_import = module in sys.modules or own_file(module.partition(".")[0])
    definition = load_object(name) if may_import else None
    if not isinstance(definition, type | FunctionType):
        raise ValueError(f"{name} cannot be loaded; define it first, or import its module")
    is_ours = definition.__module__.startswith(("diffusion.processes.", "diffusion.training.network"))
    if not (is_own(definition) or is_ours and isinstance(definition, type)):
        raise ValueError(f"{name} may not be loaded from a file; allowed: processes, networks and your own")
    return definition


def names_in(node: Any) -> Iterator[str]:
    """Yield the names of all classes and functions in a tree."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("class", "name") if key in node)
        node = [*node.get("state", node).values()]  # of the attributes, which may have any name
    if isinstance(node, list | tuple):
        for item in node:
            yield from names_in(item)
