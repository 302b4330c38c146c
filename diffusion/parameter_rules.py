"""Rules that parameter values have to obey: type, bounds, choices, and one value against another."""

import ast
import importlib.util
import math
import os.path
import re
import reprlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from diffusion import parameter_table as table
from diffusion.parameter_table import NONE, Parameter

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list: "a list of names",
    (list, int): "a list of whole numbers",
    dict: "a dictionary of names and whole numbers",
    NONE: "None (null in YAML)",
}


class ParameterError(ValueError):
    """A parameter is unknown, missing, of the wrong type, out of range, or at odds with another one."""


def check_values(notebook: str, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check a complete set of parameter `values` of `notebook`; `where` begins each error."""
    declared = table.of(notebook)
    for name in sorted(values.keys() - declared.keys()):
        raise ParameterError(f"{where}: {unknown('parameter', name, declared)}")
    for name, parameter in declared.items():
        if name not in values:
            raise ParameterError(
                f"{where}: {name} is missing; give {allowed(parameter)} ({parameter.meaning})."
            )
        check_value(parameter, values[name], where)
    _check_together(notebook, values, where)
    return {name: values[name] for name in declared}


def check_value(parameter: Parameter, value: Any, where: str) -> None:
    """Check one value: type, bounds, choices. Raises ParameterError."""
    elements = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
    element_kinds = {list: (parameter.elements,), dict: (int,)}.get(type(value), parameter.kinds)
    good = _is_one_of(value, parameter.kinds) and all(
        _is_one_of(element, element_kinds) for element in elements
    )
    if good:
        good = all(_within(parameter, element) for element in elements)
        good &= not isinstance(value, dict) or all(isinstance(key, str) for key in value)
    if not good:
        hint = ""
        if isinstance(value, str) and not {str, list} & set(parameter.kinds) and _is_numeric(value):
            hint = (
                " That is text, not a number: remove the quotes; YAML wants a dot and a sign, as in 2.0e-4."
            )
        raise ParameterError(
            f"{where}: {parameter.name} = {reprlib.repr(value)} is not allowed; "
            f"give {allowed(parameter)} ({parameter.meaning}).{hint}"
        )


def allowed(parameter: Parameter) -> str:
    """The admissible values of a parameter in words, such as "a whole number from 2 to 10000 or None"."""
    if parameter.choices:
        return "one of " + ", ".join(map(repr, parameter.choices))
    kinds = [(list, int) if kind is list and parameter.elements is int else kind for kind in parameter.kinds]
    text = " or ".join(KINDS[kind] for kind in kinds if kind is not NONE)
    if parameter.identifier:
        text += " of at most 40 letters, digits, '-' and '_', the first a letter or digit"
    if parameter.low is not None:
        low, high = f"{parameter.low:g}", f"{parameter.high:.10g}"
        text += f" above {low} and below {high}" if parameter.exclusive else f" from {low} to {high}"
    return f"{text} or {KINDS[NONE]}" if NONE in parameter.kinds else text


def unknown(what: str, name: Any, known: Iterable[str]) -> str:
    """Says that `name` is unknown, with the nearest known name or all of them."""
    near = get_close_matches(str(name), known := list(known), n=1)
    advice = (
        f"did you mean {near[0]!r}? Rename or remove it."
        if near
        else f"the known ones are {', '.join(known)}."
    )
    return f"there is no {what} {name!r}; {advice}"


def _check_together(notebook: str, values: Mapping[str, Any], where: str) -> None:
    """Values that are allowed one by one but contradict each other."""

    def refuse(wrong: bool, what: str, advice: str) -> None:
        if wrong:
            raise ParameterError(f"{where}: {what}; {advice}.")

    v = values
    n_test = table.N_TEST_IMAGES if v["n_test"] is None else v["n_test"]
    if "beta_start" in v:
        what = f"beta_start = {v['beta_start']} is above beta_end = {v['beta_end']}"
        refuse(v["beta_start"] > v["beta_end"], what, "give 0 < beta_start <= beta_end < 1")
    if "batch_size" in v:
        n_train = table.N_TRAIN_IMAGES if v["n_train"] is None else v["n_train"]
        what = f"batch_size = {v['batch_size']} is above the n_train = {n_train} training images"
        refuse(v["batch_size"] > n_train, what, f"give 1 to {n_train}, or raise n_train")
        refuse(v["channels"] == [], "channels = [] is empty", "give one width a block, as in [16, 32]")
    if notebook == table.DDPM and v["sampling_steps"] is not None:
        what = f"sampling_steps = {v['sampling_steps']} is above T = {v['T']}"
        refuse(v["sampling_steps"] > v["T"], what, f"give 2 to {v['T']}, or None for all T steps")
    if notebook == table.ZOOM:
        what = f"n_reconstruct = {v['n_reconstruct']} is above the n_test = {n_test} test images"
        refuse(v["n_reconstruct"] > n_test, what, f"give 1 to {n_test}, or raise n_test")
    if notebook == table.OWN:
        named = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", v["degradation"])
        what = f"degradation = {v['degradation']!r} names no class"
        refuse(not named, what, "give module:Class, as in 'diffusion.blur:ColdBlur'")
        module, _, name = v["degradation"].partition(":")
        what = f"degradation = {v['degradation']!r}: there is no module {module!r}"
        refuse(
            not _is_module(module), what, "give that of a file beside diffusion/blur.py, as diffusion.NAME"
        )
        what = f"degradation = {v['degradation']!r}: the module has no class {name!r}"
        refuse(
            not _may_have(module, name), what, "name a class of the module, as in 'diffusion.blur:ColdBlur'"
        )
    if notebook == table.COMPARE:
        models, weights = v["models"], v["inception_weights"]
        refuse(models == [], "models = [] is empty", "name at least one trained model, or give None for all")
        models = models or []
        twice = next((name for name in models if models.count(name) > 1), None)
        refuse(twice is not None, f"models names {twice!r} twice", "name each model once")
        for name in table.PER_MODEL:
            missing = next((m for m in models if isinstance(v[name], dict) and m not in v[name]), None)
            what = f"{name} = {reprlib.repr(v[name])} has no entry for the model {missing!r}"
            refuse(missing is not None, what, "add it, or give one whole number for all models")
        seeds = v["seeds"] or []
        refuse(
            v["seed"] in seeds or len(set(seeds)) < len(seeds),
            f"seeds = {seeds} and seed = {v['seed']} name a seed twice",
            "name each seed once",
        )
        what = f"inception_weights = {weights!r} is not a file"
        refuse(
            weights not in ("auto", "off") and not os.path.isfile(weights),
            what,
            "give 'auto', 'off' or the path of a weights file",
        )


def _is_module(name: str) -> bool:
    """Whether there is a module of this name."""
    return _spec(name) is not None


def _spec(name: str) -> ModuleSpec | None:
    """Where a module lies, or None; nothing is imported, since its packages may be heavy."""
    first, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(first) if all([first, *rest]) else None
        for depth, _ in enumerate(rest, start=2):
            if spec is None or spec.submodule_search_locations is None:
                return None
            spec = PathFinder.find_spec(".".join(name.split(".")[:depth]), spec.submodule_search_locations)
    except (ImportError, ValueError):
        return None
    return spec


def _may_have(module: str, name: str) -> bool:
    """Whether a module's source defines or imports a name; True where the source cannot tell."""
    spec = _spec(module)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return True
    try:
        with open(spec.origin, encoding="utf-8") as file:
            nodes = list(ast.walk(ast.parse(file.read())))
    except (SyntaxError, OSError, UnicodeError):
        return True
    names = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = [
        alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    ]
    names |= {alias.asname or alias.name for alias in imported}
    return name in names or "*" in names


def _is_one_of(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, float) and float in kinds:
        return math.isfinite(value)
    if isinstance(value, int) and float in kinds:
        return True
    return isinstance(value, kinds)


def _within(parameter: Parameter, value: Any) -> bool:
    if parameter.choices:
        return value in parameter.choices
    if isinstance(value, str):
        return bool(NAME.fullmatch(value)) if parameter.identifier else bool(value.strip())
    if parameter.low is None or value is None:
        return True
    if parameter.exclusive:
        return parameter.low < value < parameter.high
    return parameter.low <= value <= parameter.high


def _is_numeric(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
