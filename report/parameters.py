"""Parameters of notebooks, training and measuring: their names, types and defaults, and the checks of values.

The parameters of a notebook are in its parameters cell, as papermill reads it. The arguments of training and
measuring are in the signatures of `diffusion.fit` and `report.measures.measure.measure`.
"""

import inspect
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import nbformat
import torch
import yaml
from papermill.translators import PythonTranslator
from pydantic import BaseModel, ValidationError, create_model

import diffusion as d
from diffusion.arguments import STRICT, Count, Seed, nearest
from diffusion.pixels import Shape
from diffusion.processes.samplers import sampler_of
from diffusion.training import network as networks
from report.measures.measure import measure
from report.places import notebook as file_of
from report.results.settings import make, vary

TYPES = {"int": int, "str": str, "dict": dict, "list": list, "float": float, "bool": bool}
PROCESS = {  # notebook that trains -> function that makes its process from its parameters
    "02_train_ddpm": lambda P: d.DDPM(P["schedule"], **P["schedule_options"]),
    "03_train_zoom": lambda P: d.ColdZoom(P["T"], P["interpolation"], P["image_noise"]),
    "05_your_degradation": lambda P: d.degradation(P["degradation"], T=P["T"], **P["degradation_options"]),
}
OF_NOTEBOOK = {"folder", "if_exists", "callback"}  # arguments of `fit` that the notebook itself passes
FROM_0 = {"seed", "image_index"}


class ProfileError(ValueError):
    """A profile contains an unknown name, or a value that is not allowed."""


FEW = 12  # names that a message lists if none of them is near


@contextmanager
def errors_at(where: object) -> Iterator[None]:
    """Raise an error within the block as a ProfileError of one line, which begins with the place."""
    try:
        yield
    except ValidationError as error:
        reasons = [f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()]
        raise ProfileError(f"{where}: {'; '.join(reasons)}") from None
    except (OSError, ValueError, TypeError, RuntimeError, yaml.YAMLError) as error:
        raise ProfileError(f"{where}: {' '.join(str(error).split())}") from None


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError if a given name is not known."""
    known = sorted(known)
    for name in given:
        if name not in known:
            allowed = f"; allowed: {', '.join(known)}" if 0 < len(known) <= FEW else ""
            hint = nearest(str(name), known) or allowed
            raise ValueError(f"unknown parameter {name!r}{hint}")


def validate(model: type[BaseModel], given: Mapping[str, Any]) -> Any:
    """Make a pydantic model from the given values; ValueError: a name or a value is not allowed."""
    refuse_unknown(given, model.model_fields)
    return model.model_validate(dict(given))


def keywords(function: Any) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of each keyword-only argument of a function, by name."""
    arguments = inspect.signature(function).parameters.values()
    return {
        argument.name: (argument.annotation, argument.default)
        for argument in arguments
        if argument.kind is argument.KEYWORD_ONLY
    }


MEASURE = create_model("Measure", __config__=STRICT, **keywords(measure))
FIT = create_model("Fit", __config__=STRICT, **keywords(d.fit))


@cache
def parameters(notebook: str) -> tuple[dict[str, Any], type[BaseModel]]:
    """Parameters of a notebook: the defaults by name, and a pydantic model that checks values.

    Whole numbers must be at least 1, or at least 0 for the names in `FROM_0`.
    """
    cells = nbformat.read(file_of(notebook), as_version=4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", ())]
    written = [parameter for cell in tagged for parameter in PythonTranslator.inspect(cell)]
    kinds = {parameter.name: TYPES[parameter.inferred_type_name] for parameter in written}
    kinds |= {name: Count for name, kind in kinds.items() if kind is int and name not in FROM_0}
    types = {name: (Seed if name in FROM_0 else kind | None, None) for name, kind in kinds.items()}
    defaults = {parameter.name: literal_eval(parameter.default) for parameter in written}
    return defaults, create_model(notebook, __config__=STRICT, **types)


def fill(notebook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a notebook: defaults, updated with `given`; ValueError: a value is not allowed."""
    defaults, types = parameters(notebook)
    validate(types, given)
    refuse_unknown(given.get("fit_options") or {}, keywords(d.fit).keys() - defaults.keys() - OF_NOTEBOOK)
    return defaults | dict(given)


def make_parts(
    notebook: str, P: Mapping[str, Any], image_shape: Shape, variants: Iterable[Mapping[str, Any]] = ({},)
) -> Any:
    """Make the process of a notebook, and check everything else that its parameters describe.

    Network, samplers and priors are made once, and the arguments of `diffusion.fit` are checked.

    Args:
        notebook: name of a notebook that trains.
        P: all its parameters.
        image_shape: (C, S, S) of the data set.
        variants: variants of the training run; an empty variant is the default sampling. Default: only this.

    Raises:
        ValueError: an argument is not allowed.
        RuntimeError: torch does not know the device.
    """
    process = PROCESS[notebook](P)
    process.set_image_shape(image_shape)
    networks.build(*networks.architecture(P["network"], P["network_options"], image_shape))
    options = {name: P[name] for name in FIT.model_fields if name in P} | P["fit_options"]
    FIT.model_validate(options)
    if options.get("steps") and options["epochs"]:
        raise ValueError(f"steps is {options['steps']} and epochs is {options['epochs']}; set one to null")
    torch.device(options.get("device") or "cpu")  # refuses an unknown one
    for variant in variants:
        sampler, _ = make(vary(vary({}, P), variant))
        if sampler is not None:
            sampler_of(sampler, process)
    return process
