"""Classes, functions and modules: libraries' and this project's by name, a user's own by all that they do."""

import ast
import builtins
import contextlib
import dataclasses
import functools
import importlib.util
import inspect
import pkgutil
import random
import runpy
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from diffusion.files import digest
from diffusion.identity.sources import IdentityError, definition, is_own, reads
from diffusion.syntax import syntax

# What Python writes into a class by itself, which is of no other consequence or is described beside.
MACHINERY = set(
    """__dict__ __weakref__ __doc__ __module__ __qualname__ __abstractmethods__ _abc_impl __slots__
    __slotnames__ __match_args__ __dataclass_fields__ __dataclass_params__ __annotations__ __annotate__
    __annotate_func__ __annotations_cache__ __conditional_annotations__ __classdictcell__ __parameters__
    __orig_bases__ __firstlineno__ __static_attributes__ __protocol_attrs__ __replace__
    __non_callable_proto_members__ _backward_cls _autograd_function_id""".split()  # noqa: SIM905
)
# With these, code reads what nobody can tell.
UNKNOWABLE = (
    *(globals, eval, exec, __import__, importlib.import_module, sys.modules, inspect.getmodule),
    *(importlib.util.module_from_spec, pkgutil.resolve_name, runpy.run_module, runpy.run_path),
)
UNKNOWABLE_ATTRIBUTES = {"__globals__", "f_globals", "f_back", "__subclasses__"}
STREAMS = (random._inst, np.random.mtrand._rand)  # the global ones, which a training seeds
WRAPPERS = (property, staticmethod, classmethod, functools.cached_property, type(functools.cache(print)))
BUILTIN = (
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, np.ufunc),
    *(types.MethodWrapperType, types.ClassMethodDescriptorType),
)
CODE = (type, types.FunctionType, types.MethodType, types.ModuleType, *WRAPPERS, *BUILTIN)


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
    """The code of one description. Each piece is told where it is first met; later a number stands for it.

    Args:
        describe: of what code reads, (value, its name) -> JSON.
        name: the name of a class or function, which is noted.
    """

    def __init__(self, describe: Callable[[Any, str], Any], name: Callable[[Any], str]):
        self.describe, self.name = describe, name
        self.told: dict[int, int] = {}  # of the piece under way; empty outside of code

    def of(self, value: Any, at: str) -> Any:
        """A class, function, method or module; one of `CODE`."""
        if isinstance(value, types.ModuleType):
            return {"!module": value.__name__} | self._own(value, at, self._module)
        if isinstance(value, type):
            return {"!class": name_of(value)} | self.own_class(value, at)
        if isinstance(value, types.FunctionType):
            return self._function(value, at)
        if isinstance(value, WRAPPERS):
            inner = {k: getattr(value, k, None) for k in ("__wrapped__", "fget", "fset", "__func__", "func")}
            if is_own(type(value)):
                held = {k: v for k, v in vars(value).items() if k not in ("__doc__", "lock")}
                inner |= held | {"class": type(value)}
            return {"!wraps": type(value).__name__, "of": self.describe(dict(sorted(inner.items())), at)}
        owner = getattr(value, "__self__", None)
        if any(owner is one for one in STREAMS):
            return {"!function": f"random:{value.__name__}"}  # draws from a global stream
        if owner is not None and not isinstance(owner, types.ModuleType):
            bound = {"!method": value.__name__, "of": self.describe(owner, at)}
            return bound | (self._function(value.__func__, at) if hasattr(value, "__func__") else {})
        home = getattr(value, "__objclass__", None) or sys.modules.get(value.__module__ or "")
        if (home is not None and is_own(home)) or "vectorized" in value.__name__:  # by np.frompyfunc
            raise IdentityError(f"{at} is compiled; give a function of Python")
        module = getattr(value, "__module__", None) or getattr(home, "__module__", type(value).__module__)
        return {"!function": f"{module}:{getattr(value, '__qualname__', value.__name__)}"}

    def own_class(self, cls: type, at: str) -> dict[str, Any]:
        """All that a user's own class does, as a hash; nothing of others, which their names tell."""
        self.name(cls)
        known = cls.__module__ == "builtins" or found_by(cls.__module__, cls.__qualname__) is cls
        if not known and not is_own(cls):
            raise IdentityError(f"{at}: {cls.__qualname__} is made by a function; put it into a module")
        return self._own(cls, at, self._class)

    def _own(self, thing: Any, at: str, tell: Callable[[Any, str], Any]) -> dict[str, Any]:
        return self._told(thing, at, tell) if is_own(thing) else {}

    def _told(self, thing: Any, at: str, tell: Callable[[Any, str], Any]) -> dict[str, Any]:
        if id(thing) in self.told:
            return {"!code": self.told[id(thing)]}
        outermost = not self.told
        self.told[id(thing)] = len(self.told)
        try:
            content = tell(thing, at)
        finally:
            self.told = {} if outermost else self.told
        return {"!code": digest(content, 16) if outermost else content}

    def _module(self, module: types.ModuleType, at: str) -> Any:
        """Content of a module of the user's own as it is now, where it is handed on as a whole."""
        held = {k: v for k, v in sorted(vars(module).items()) if not k.startswith("__")}
        return {k: self.describe(v, f"{module.__name__}.{k}") for k, v in held.items()}

    def _class(self, cls: type, at: str) -> dict[str, Any]:
        kind = [] if type(cls) is type else [type(cls)]
        found = {"bases": [self.describe(one, at) for one in [*cls.__bases__, *kind] if one is not object]}
        fields = vars(cls).get("__dataclass_fields__", {}).values()
        for f in fields:
            given = {"default": f.default, "factory": f.default_factory, "metadata": dict(f.metadata)}
            given |= {"init": f.init, "compare": f.compare, "kw_only": f.kw_only}
            given = {k: v for k, v in given.items() if v is not dataclasses.MISSING}
            found[f"field {f.name}"] = self.describe(given, f"{at}: {cls.__qualname__}.{f.name}")
        found |= {"fields": [f.name for f in fields]} if fields else {}
        of_fields = bool({"__dataclass_fields__", "_field_defaults"} & vars(cls).keys())  # what these write
        for name, value in sorted(vars(cls).items()):
            code = getattr(inspect.unwrap(value), "__code__", None) if of_fields else None
            written = code is not None and code.co_filename.startswith("<string>") and name[:2] == "__"
            slot = isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)
            if name not in MACHINERY and not slot:
                value = None if written else value
                found[f".{name}"] = self.describe(value, f"{at}: {cls.__qualname__}.{name}")
        return found

    def _function(self, function: types.FunctionType, at: str) -> dict[str, Any]:
        name = self.name(function)
        module = sys.modules.get(function.__module__ or "")
        of_library = module is not None and not is_own(module) and not is_own(function)
        if of_library and found_by(*name.split(":")) is function:
            return {"!function": name}
        return {"!function": name} | self._told(function, f"{at}: {function.__qualname__}", self._does)

    def _does(self, function: types.FunctionType, at: str) -> dict[str, Any]:
        """Source of a function, all that it reads, closes over and has as defaults.

        Of one that a library's function made, such as a decorator, all but the source.
        """
        if hasattr(function, "_torchdynamo_orig_callable"):
            raise IdentityError(f"{at} is compiled; give the function itself, and compile it within")
        source, given = None, {}
        if is_own(function):
            tree = definition(function.__code__, at)
            source, given = syntax(tree), _read(function, at) | _imported(tree, function)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not yet filled
                given[f"closes over {name}"] = cell.cell_contents
        beside = {
            "has the defaults": function.__defaults__,
            "has the options": function.__kwdefaults__,
            "has the attributes": dict(sorted(vars(function).items())),
        }
        given |= {name: value for name, value in beside.items() if value}
        return {"source": source} | {k: self.describe(v, f"{at} {k}, which") for k, v in given.items()}


def _read(function: types.FunctionType, at: str) -> dict[str, Any]:
    """The globals that a function reads, as they are now; of modules of one's own, the names read of them.

    Raises:
        IdentityError: it reads what nobody can tell.
    """
    space, found = function.__globals__, {}
    for name in UNKNOWABLE_ATTRIBUTES & _names(function.__code__):
        raise IdentityError(f"{at} uses {name}, which reads what nobody can tell; say it by name")
    for name, *rest in reads(function.__code__):
        inner = value = space.get(name, getattr(builtins, name, None))
        read = walked = name
        for part in rest:
            if not isinstance(inner, types.ModuleType) or not hasattr(inner, part) or part == "__dict__":
                break
            within, inner, walked = inner, getattr(inner, part), f"{walked}.{part}"
            if is_own(within) or _is_own_code(inner) or _is_unknowable(inner):  # else by name
                value, read = inner, walked
        if name in space or _is_unknowable(value):
            found[f"reads {read}"] = value
    return dict(sorted(found.items()))


def _is_unknowable(value: Any) -> bool:
    return any(value is one for one in UNKNOWABLE)


def refuse_unknowable(value: Any, at: str) -> None:
    """Raise IdentityError for what reads what nobody can tell, such as `eval`."""
    if _is_unknowable(value):
        raise IdentityError(f"{at} reads what nobody can tell; say it by name")


def _is_own_code(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType) and is_own(value)


def _names(code: types.CodeType) -> set[str]:
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return {*code.co_names}.union(*map(_names, inner))


def _imported(tree: ast.AST, function: types.FunctionType) -> dict[str, Any]:
    """The user's modules that a function imports while it runs, or what it takes of them; imported now.

    Of a library's it is what nobody can tell, or what the user has put there.
    """
    found, names = {}, _names(function.__code__)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        base = "." * getattr(node, "level", 0) + (getattr(node, "module", "") or "")
        for alias in node.names:
            with contextlib.suppress(Exception):  # it may be meant to fail, as in try: import
                home, value = _import(base, alias, function.__globals__.get("__package__") or None)
                held = vars(value) if isinstance(value, types.ModuleType) else {}
                taken = {"": value} | {f".{name}": held[name] for name in names & held.keys()}
                for part, one in taken.items():
                    if (is_own(home) and not part) or _is_own_code(one) or _is_unknowable(one):
                        found[f"imports {base} {alias.name}{part}"] = one
    return dict(sorted(found.items()))


def _import(base: str, alias: ast.alias, package: str | None) -> tuple[types.ModuleType, Any]:
    """The module that a statement imports from, and what it takes of it; `import a.b` takes all of `a`."""
    home = importlib.import_module(base or alias.name, package)
    if not base:
        return home, home if alias.asname else sys.modules[alias.name.partition(".")[0]]
    if not hasattr(home, alias.name):
        importlib.import_module(f"{base}{'' if base.endswith('.') else '.'}{alias.name}", package)
    return home, getattr(home, alias.name)
