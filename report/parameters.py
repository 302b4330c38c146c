"""The parameters of notebooks and of training, and what is made of them.

The parameters of a notebook are those of its parameters cell, as papermill reads it; the arguments of
training and measuring are in the signatures of `diffusion.fit` and `report.measures.measure.measure`.
"""

import inspect
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import papermill
import torch
import yaml
from pydantic import BaseModel, ValidationError, create_model

import diffusion as d
from diffusion.bounds import STRICT, Count, Seed, nearest
from diffusion.processes.base import GREY28
from diffusion.processes.samplers import sampler_of
from diffusion.renamed import renamed
from diffusion.training import network as networks
from report.measures.measure import measure
from report.places import notebook as file_of
from report.results.settings import make, vary

TYPES = {"int": int, "str": str, "dict": dict, "list": list, "float": float, "bool": bool}
PROCESS = {  # of a notebook that trains, from its parameters
    "02_train_ddpm": lambda P: d.DDPM(P["schedule"], **P["schedule_options"]),
    "03_train_zoom": lambda P: d.ColdZoom(P["T"], P["interpolation"], P["image_noise"]),
    "05_your_degradation": lambda P: d.degradation(P["degradation"], T=P["T"], **P["degradation_options"]),
}
OF_NOTEBOOK = {"folder", "if_exists", "callback"}  # arguments of `fit` that a notebook gives by itself
FROM_0 = {"seed", "image_index"}


class ProfileError(ValueError):
    """A profile has a name that does not exist, or a value that is not allowed."""


HINTS = {  # kind of pydantic's error -> what a person would write
    "date_type": ", such as 2026-11-28",
    "dict_type": ": {NAME: VALUE}, which papermill takes with -y",
    "list_type": ", such as [0, 1]",
    "model_type": ": NAME: VALUE, indented below it",
}


@contextmanager
def errors_at(where: object) -> Iterator[None]:
    """A mistake in a place is said in one line."""
    try:
        yield
    except ValidationError as error:
        found = error.errors()[0]
        at = ".".join(map(str, found["loc"]))
        if found["type"] == "missing":
            raise ProfileError(f"{where}: {at} is missing") from None
        hint = HINTS.get(found["type"], "")
        raise ProfileError(f"{where}: {at} is {found['input']!r}: {found['msg']}{hint}") from None
    except FileNotFoundError as error:
        raise ProfileError(f"{where}: there is no file {error.filename}") from None
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise ProfileError(f"{where}: {' '.join(str(error).split())}") from None


def refuse_unknown(given: Iterable[str], known: Iterable[str], where: str = "profile") -> None:
    """ValueError: a given name is not known. The message has the new name of one that was renamed `where`."""
    for name in given:
        if name not in known:
            hint = renamed(where, str(name)) or nearest(str(name), known)
            raise ValueError(f"there is no parameter {name!r}{hint}")


def validate(model: type[BaseModel], given: Mapping[str, Any]) -> Any:
    """The model with the given values; ValueError: a name or a value is not allowed."""
    refuse_unknown(given, model.model_fields)
    return model.model_validate(dict(given))


def keywords(function: Any) -> dict[str, tuple[Any, Any]]:
    """Its keyword-only arguments: name -> annotation and default."""
    found = inspect.signature(function).parameters.values()
    return {one.name: (one.annotation, one.default) for one in found if one.kind is one.KEYWORD_ONLY}


MEASURE = create_model("Measure", __config__=STRICT, **keywords(measure))
FIT = create_model("Fit", __config__=STRICT, **keywords(d.fit))


@cache
def parameters(notebook: str) -> tuple[dict[str, Any], type[BaseModel]]:
    """The parameters of a notebook, as its cell says: name -> default, and the types that are allowed.

    Whole numbers are from 1, those in `FROM_0` from 0.
    """
    found = papermill.inspect_notebook(str(file_of(notebook)))
    kinds = {name: TYPES[one["inferred_type_name"]] for name, one in found.items()}
    kinds |= {name: Count for name, kind in kinds.items() if kind is int and name not in FROM_0}
    types = {name: (Seed if name in FROM_0 else kind | None, None) for name, kind in kinds.items()}
    defaults = {name: literal_eval(one["default"]) for name, one in found.items()}
    return defaults, create_model(notebook, __config__=STRICT, **types)


def fill(notebook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a notebook, those that are `given` in place of its own; ValueError: one is wrong."""
    defaults, types = parameters(notebook)
    validate(types, given)
    refuse_unknown(given.get("fit_options") or {}, keywords(d.fit).keys() - defaults.keys() - OF_NOTEBOOK)
    return defaults | dict(given)


def make_parts(notebook: str, P: Mapping[str, Any], variants: Iterable[Mapping[str, Any]]) -> Any:
    """The process; network, samplers and priors are made once, and the arguments of `diffusion.fit` checked.

    ValueError: one is refused.
    """
    if P.get("degradation", "") is None:
        raise ValueError("degradation is missing; needed: a name such as 'crop', or module:Class of your own")
    process = PROCESS[notebook](P)
    process.set_image_shape(GREY28)
    networks.build(*networks.architecture(P["network"], P["network_options"]))
    options = {name: P[name] for name in FIT.model_fields if name in P} | P["fit_options"]
    FIT.model_validate(options)
    if options.get("steps") and options["epochs"]:
        raise ValueError(f"steps is {options['steps']} and epochs is {options['epochs']}; set one to null")
    try:
        torch.device(options.get("device") or "cpu")
    except RuntimeError:
        raise ValueError(f"device is {options['device']!r}; allowed: such as 'cpu', 'cuda', 'mps'") from None
    for variant in variants:
        sampler, _ = make(vary(vary({}, P), variant))
        if sampler is not None:
            sampler_of(sampler, process)
    return process
