"""Checks parameters before anything runs: those of a notebook, and those of a whole profile.

Papermill only warns about a misspelt parameter and injects it all the same.
Here it is an error, as is a value of the wrong type, out of range, or at odds with another one.
`diffusion.parameter_table` lists the parameters, `diffusion.parameter_rules` holds the rules for a notebook,
`diffusion.parameter_study` those for a whole profile.
"""

import ast
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from diffusion import parameter_table as table
from diffusion.parameter_rules import NAME, ParameterError, check_values, unknown
from diffusion.parameter_study import check_models, check_together

__all__ = ["ParameterError", "check", "check_profile", "for_model", "notebook_parameters", "seeds"]

PLAIN = (int, float, str, bool, list, dict, tuple, table.NONE)
INTERPRETER = {
    "In",
    "Out",
    "exit",
    "quit",
    "get_ipython",
    "open",
    "PAPERMILL_INPUT_PATH",
    "PAPERMILL_OUTPUT_PATH",
}
_CHECKED = "_parameters_checked"  # left in a notebook's namespace by the first check

SECTIONS = {
    "schedules": table.SCHEDULES,
    "compare": table.COMPARE,
}  # sections of a profile with one notebook each
TOP_LEVEL = ("profile", "seed", "seeds", "dataset", "data_dir", "out")
TOP_LEVEL += ("schedules", "training", "models", "compare")
PER_RUN = ("model", "out_dir", "data_dir", "dataset", "seeds")  # set by the workflow, never in a section


def check(notebook: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Check the parameters of `notebook` in its `globals()`, right after its parameters cell.

    Returns the resolved parameters, None where None is a value of its own.
    Raises ParameterError with one line that names the parameter, the value, what is allowed and what to do.
    """
    declared = table.of(notebook)
    names = {name for name, value in namespace.items() if _public(name) and type(value) in PLAIN}
    if _CHECKED in namespace:  # run again by hand: later cells have left variables of their own behind
        names &= _assigned(namespace.get("In", [])[-2:-1])
    namespace[_CHECKED] = True
    names |= namespace.keys() & declared.keys()
    return check_values(notebook, {name: namespace[name] for name in names}, notebook)


def check_profile(config: Mapping[str, Any]) -> None:
    """Check a whole profile, as read from its YAML file. Raises ParameterError with one line."""
    if not isinstance(config, Mapping) or "profile" not in config:
        raise ParameterError(
            "no profile is given; run `make report PROFILE=quick` or pass --configfile profiles/quick.yaml."
        )
    where = f"profile {config['profile']!r}"
    _known("section", config, TOP_LEVEL, where)
    _name("profile", config["profile"], where)
    out = config.get("out", "build")
    if not isinstance(out, str) or not out.strip():
        raise ParameterError(
            f"{where}: out = {out!r} is not allowed; give the path of a folder, or remove the line."
        )
    _check_seeds(config, where)
    for section in ("schedules", "training", "models", "compare"):
        _mapping(config.get(section), f"{where}: {section}")
    if not config["models"]:
        raise ParameterError(
            f"{where}: models is empty; name at least one, as in `zoom: {{notebook: {table.ZOOM}}}`."
        )
    _known("parameter", config["training"], _settable(*table.TRAINING), f"{where}, training")
    for section, notebook in SECTIONS.items():
        _known("parameter", config[section], _settable(notebook), f"{where}, {section}")
    for model, entry in config["models"].items():
        _check_model(model, entry, f"{where}, models.{model}")
    check_models(config["models"], where)
    models = config["compare"].get("models")
    _known("model", models if isinstance(models, list) else [], config["models"], f"{where}, compare.models")
    complete = {}
    for target in (*SECTIONS.values(), *config["models"]):
        notebook = _notebook(config, target)
        values = notebook_parameters(config, target)
        section = {table.SCHEDULES: "schedules", table.COMPARE: "compare"}.get(target, f"models.{target}")
        what = f"{where}, {section} ({notebook})"
        complete[target] = check_values(notebook, values | {"out_dir": None}, what)
    check_together(complete, where)


def seeds(config: Mapping[str, Any]) -> list[int]:
    """The seeds of a profile; the first is the one that the report shows, the others repeat it."""
    return config["seeds"] if "seeds" in config else [config.get("seed", 0)]


def for_model(value: int | Mapping[str, int], model: str) -> int:
    """One model's value of a parameter that may be one number for all of them, or one for each."""
    return value[model] if isinstance(value, Mapping) else value


def notebook_parameters(config: Mapping[str, Any], target: str, seed: int | None = None) -> dict[str, Any]:
    """The parameters that a profile gives to the notebook of `target`, all but `out_dir`.

    `target` is a model's name, or the notebook's own where it has no model: 01_schedules, 04_compare_fid.
    `seed` is one of the profile's; None: the first, whose comparison takes in those of the others.
    The table's defaults come first, then what holds for the whole profile, then the notebook's section or,
    for a model, what `training` says and its notebook knows and then the model's own entry.
    """
    entries, known = config["models"], table.of(_notebook(config, target))
    values = {name: parameter.default for name, parameter in known.items() if parameter.default is not ...}
    first, *others = seeds(config)
    values["seed"] = first if seed is None else seed
    values |= {name: config[name] for name in ("dataset", "data_dir") if name in config}
    del values["out_dir"]
    if target == table.SCHEDULES:
        return values | config["schedules"]
    if target == table.COMPARE:
        values |= config["compare"]
        models = values["models"] = config["compare"].get("models") or list(entries)
        values["seeds"] = others if others and values["seed"] == first else None
        for name in table.PER_MODEL:
            own = {model: entries[model][name] for model in models if name in entries[model]}
            given = values.get(name)
            if own and isinstance(given, int):
                values[name] = {model: own.get(model, given) for model in models}
            elif own and isinstance(given, dict):
                values[name] = given | own
        return values
    values |= {name: value for name, value in config["training"].items() if name in known}
    values |= {name: value for name, value in entries[target].items() if name in known}
    return values | {"model": target}


def _check_seeds(config: Mapping[str, Any], where: str) -> None:
    """Check that the profile has one seed, or a list of different ones."""
    if "seeds" not in config:
        return
    given, (low, high) = config["seeds"], table.SEEDS
    if "seed" in config:
        raise ParameterError(f"{where} has both seed and seeds; keep one of them.")
    good = isinstance(given, list) and given and all(type(s) is int and low <= s <= high for s in given)
    if not good or len(set(given)) < len(given):
        raise ParameterError(
            f"{where}: seeds = {reprlib.repr(given)} is not allowed; "
            f"give a list of different whole numbers from {low} to {high}, as in [0, 1, 2]."
        )


def _check_model(model: Any, entry: Any, where: str) -> None:
    """Check a model's name, and that its entry names a training notebook and only what that one knows."""
    _name("model", model, where)
    if model in table.NOTEBOOKS:
        raise ParameterError(f"{where}: {model!r} is the name of a notebook; give the model another one.")
    _mapping(entry, where)
    notebook = entry.get("notebook")
    if notebook not in table.TRAINING:
        raise ParameterError(
            f"{where}: notebook = {notebook!r} is not allowed; give one of {', '.join(table.TRAINING)}."
        )
    _known("parameter", entry, ("notebook", *table.PER_MODEL, *_settable(notebook)), where)


def _notebook(config: Mapping[str, Any], target: str) -> str:
    return target if target in SECTIONS.values() else config["models"][target]["notebook"]


def _settable(*notebooks: str) -> list[str]:
    return [name for notebook in notebooks for name in table.of(notebook) if name not in PER_RUN]


def _known(what: str, given: Iterable[Any], known: Iterable[str], where: str) -> None:
    for name in given:
        if name not in known and name in ("dataset", "data_dir", "seeds"):
            raise ParameterError(f"{where}: {name} holds for the whole profile; set it at its top.")
        if name not in known:
            raise ParameterError(f"{where}: {unknown(what, name, known)}")


def _name(what: str, name: Any, where: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ParameterError(f"{where}: {what} = {name!r} is no name; use letters, digits, '-' and '_'.")


def _mapping(value: Any, where: str) -> None:
    if not isinstance(value, Mapping):
        raise ParameterError(f"{where} = {value!r} is not allowed; give `name: value` lines below it.")


def _public(name: str) -> bool:
    return not name.startswith("_") and name not in INTERPRETER


def _assigned(cells: Iterable[str]) -> set[str]:
    """Names that the source of some notebook cells assigns; a cell with IPython magic counts as none."""
    names = set()
    for cell in cells:
        try:
            nodes = list(ast.walk(ast.parse(cell)))
        except SyntaxError:
            continue
        names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names
