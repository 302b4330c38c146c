"""What code of a user's own does, as a hash: classes, functions and modules with all that they use."""

import ast
import builtins
import dataclasses
import functools
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from diffusion.files import digest
from diffusion.identity.sources import (
    IdentityError,
    definition,
    hash_of,
    is_own,
    own_files,
    own_imports,
    reads,
)
from diffusion.syntax import syntax

# What Python writes into a class by itself, which is of no other consequence or is described beside.
MACHINERY = set(
    """__dict__ __weakref__ __doc__ __module__ __qualname__ __abstractmethods__ _abc_impl __slots__ __hash__
    __slotnames__ __match_args__ __dataclass_fields__ __dataclass_params__ __annotations__ __annotate__
    __annotate_func__ __annotations_cache__ __conditional_annotations__ __classdictcell__ __parameters__
    __orig_bases__ __firstlineno__ __static_attributes__ __protocol_attrs__
    __non_callable_proto_members__""".split()  # noqa: SIM905
)
# What dataclasses write from the fields.
DATACLASS = set(
    """__init__ __repr__ __eq__ __lt__ __le__ __gt__ __ge__ __hash__ __setattr__ __delattr__ __getstate__
    __setstate__ __replace__""".split()  # noqa: SIM905
)
UNKNOWABLE = (globals, locals, vars, eval, exec, __import__, importlib.import_module)
UNKNOWABLE_ATTRIBUTES = {"import_module", "f_globals", "__globals__"}
PLAIN = (bool, int, float, str, type(None), torch.Tensor, np.ndarray, np.generic)


def name_of(thing: Any) -> str:
    """`module:name` of a class or function, for those that `diffusion` exports `diffusion:name`."""
    module, name = getattr(thing, "__module__", None) or "", getattr(thing, "__qualname__", thing.__name__)
    module = module if isinstance(module, str) else ""
    if module.partition(".")[0] == "diffusion" and getattr(sys.modules["diffusion"], name, None) is thing:
        return f"diffusion:{name}"
    return f"{module}:{name}"


def found_by(module: str, qualname: str) -> Any:
    """The object of a loaded module under a dotted name, or None."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


class Code:
    """The code of one description, each piece of which is told once.

    Args:
        of: describes what code reads, (value, its name) -> JSON.
        name: the name of a class or function, which is noted.
    """

    def __init__(self, of: Callable[[Any, str], Any], name: Callable[[Any], str]):
        self.of, self.name = of, name
        self.done: dict[Any, str] = {}  # code of one's own -> its hash; empty while it is being described
        self.modules: set[str] | None = None  # those that it is in and uses; None outside of it
        self.whole: set[str] = set()  # of these, those whose constants are described

    @property
    def under_way(self) -> bool:
        """True while something is described that code reads."""
        return self.modules is not None

    def module(self, module: types.ModuleType) -> Any:
        """A module that is handed on as a whole: its name, file and constants."""
        name = module.__name__
        if not is_own(module):
            return {"!module": name}
        if self.modules is None:
            return {"!module": name, "!code": _files({name}), "has": self._constants(module)}
        if name in self.whole:
            return {"!module": name}
        self.modules.add(name)
        self.whole.add(name)
        return {"!module": name, "has": self._constants(module)}

    def _constants(self, module: types.ModuleType) -> Any:
        """The numbers, text, arrays, functions and classes of a module as they are now."""
        found = {k: v for k, v in vars(module).items() if not k.startswith("__") and _is_plain(v)}
        return self.of(dict(sorted(found.items())), module.__name__)

    def builtin(self, value: Any, at: str) -> Any:
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType | type):
            return {"!method": value.__name__, "of": self.of(owner, at)}
        module = getattr(value, "__module__", None) or type(value).__module__
        return {"!function": f"{module}:{getattr(value, '__qualname__', value.__name__)}"}

    def own_class(self, cls: type, at: str) -> dict[str, Any]:
        """A hash of all that a user's own class does; empty for others, which their names tell."""
        self.name(cls)
        if not is_own(cls):
            if found_by(cls.__module__, cls.__qualname__) is not cls and cls.__module__ != "builtins":
                raise IdentityError(
                    f"{at}: {cls.__qualname__} is made by a function, and its module has no such name"
                )
            return {}
        return {"!code": self._does(cls, lambda: self._class(cls, at))}

    def _does(self, code: Any, tell: Callable[[], Any]) -> str:
        """Hash of what a class or function of a user's own does, with the files of all that it uses."""
        outermost = self.modules is None
        if outermost:
            self.done, self.modules, self.whole = {}, set(), set()
        if code not in self.done:
            self.modules.add(code.__module__ or "")
            self.done[code] = ""
            content = tell()
            self.done[code] = digest([content, _files(self.modules) if outermost else None], 16)
        if outermost:
            self.modules = None
        return self.done[code]

    def _class(self, cls: type, at: str) -> dict[str, Any]:
        found: dict[str, Any] = {"bases": [self.of(base, at) for base in cls.__bases__ if base is not object]}
        if type(cls) is not type:
            found["kind"] = self.of(type(cls), f"{at}: its metaclass")
        fields = vars(cls).get("__dataclass_fields__", {}).values()
        written = DATACLASS if "__dataclass_fields__" in vars(cls) else set()
        written = {"__new__"} if "_field_defaults" in vars(cls) else written  # a named tuple's
        for f in fields:
            given = {"default": f.default, "factory": f.default_factory, "metadata": dict(f.metadata)}
            given = {k: v for k, v in given.items() if v is not dataclasses.MISSING}
            found[f"field {f.name}"] = self.of(given, f"{at}: {cls.__qualname__}.{f.name}")
        for name, value in sorted(vars(cls).items()):
            code = getattr(inspect.unwrap(value), "__code__", None) if name in written else None
            generated = code is not None and code.co_filename.startswith("<string>")
            described = isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)
            pydantic = name.startswith("__pydantic_") and name != "__pydantic_fields__"  # has addresses in it
            if name not in MACHINERY and not (generated or described or pydantic):
                found[f".{name}"] = self.of(value, f"{at}: {cls.__qualname__}.{name}")
        return found

    def function(self, function: types.FunctionType, at: str) -> dict[str, Any]:
        name = self.name(function)
        if not is_own(function):
            module = sys.modules.get(function.__module__ or "")
            of_library = module is not None and not is_own(module)
            if of_library and found_by(module.__name__, function.__qualname__) is function:
                return {"!function": name}
            # made by a function of a library, such as torch.no_grad(): what it was made with counts
            return {"!function": name, "!code": self._does(function, lambda: self._inner(function, at))}
        tell = functools.partial(self._own_function, function, f"{at}: {function.__qualname__}")
        return {"!function": name, "!code": self._does(function, tell)}

    def _own_function(self, function: types.FunctionType, at: str) -> dict[str, Any]:
        module, tree = sys.modules.get(function.__module__ or ""), definition(function.__code__, at)
        unknowable = _unknowable(tree, function.__globals__)
        if unknowable and (function.__module__ == "__main__" or not hasattr(module, "__file__")):
            raise IdentityError(
                f"{at} calls {unknowable}(), so that nobody can tell what it reads; say it by name"
            )
        found = {"source": syntax(tree)} | self._inner(function, at)
        used = own_imports(tree, function.__globals__.get("__package__") or "")
        if unknowable:  # all that its module and those beside it hold
            used += [sys.modules[name] for name in own_files(module.__name__) if name in sys.modules]
        found["uses"] = [self.of(one, at) for one in used]
        seen: dict[str, Any] = {}
        for name, *rest in reads(function.__code__):
            if name in function.__globals__:
                value, read = function.__globals__[name], name
                for part in rest:  # a constant of a module of one's own
                    if (
                        not isinstance(value, types.ModuleType)
                        or not is_own(value)
                        or not hasattr(value, part)
                    ):
                        break
                    value, read = getattr(value, part), f"{read}.{part}"
                seen[read] = value
        found["reads"] = {k: self.of(v, f"{at} reads {k}, which") for k, v in sorted(seen.items())}
        return found

    def _inner(self, function: types.FunctionType, at: str) -> dict[str, Any]:
        """Closure, defaults and attributes of a function: all beside its source."""
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        closed = {}
        for name, cell in cells:
            try:
                closed[name] = cell.cell_contents
            except ValueError:  # not yet filled
                continue
        if hasattr(function, "_torchdynamo_orig_callable"):
            raise IdentityError(f"{at} is compiled; give the function itself, and compile it within")
        given = {
            "defaults": function.__defaults__,
            "keywords": function.__kwdefaults__,
            "has": dict(sorted(vars(function).items())),
        }
        found = {k: self.of(v, f"{at}: its {k}") for k, v in given.items() if v}
        return found | {
            f"={k}": self.of(v, f"{at} closes over {k}, which") for k, v in sorted(closed.items())
        }


def _unknowable(tree: ast.AST, space: Mapping[str, Any]) -> str | None:
    """The call by which a function reads what nobody can tell; None where there is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            of_sys = node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys"
            if of_sys or node.attr in UNKNOWABLE_ATTRIBUTES:
                return ast.unparse(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = space.get(node.func.id, getattr(builtins, node.func.id, None))
            if any(called is one for one in UNKNOWABLE) and not (called is vars and node.args):
                return node.func.id
    return None


def _is_plain(value: Any, depth: int = 8) -> bool:
    """True for numbers, text, arrays and a user's own functions and classes, and for collections of them."""
    if isinstance(value, types.SimpleNamespace):
        value = vars(value)
    if isinstance(value, dict):
        value = [one for pair in value.items() for one in pair]
    if isinstance(value, list | tuple | set | frozenset):
        return depth > 0 and all(_is_plain(one, depth - 1) for one in value)
    if isinstance(value, type | types.FunctionType):
        return is_own(value) and "pydantic" not in type(value).__module__
    return isinstance(value, PLAIN)


def _files(modules: set[str]) -> str:
    """Hash of the files of a user's modules and of those that they import; "" where there are none."""
    files = {name: path for one in modules - {"", "__main__"} for name, path in own_files(one).items()}
    return digest(sorted([name, hash_of([path])] for name, path in files.items()), 16) if files else ""
