"""Descriptions of the components of a training run that run.json does not contain.

These are the sampler, the prior, and the function that made a noise schedule (run.json contains only hashes
of its tensors). A description is a JSON object with a class and its arguments, for example
`{"class": "diffusion:Mixture", "components": 50}`. For classes of this library it includes the defaults of
all arguments. Reading a description does not import the user's own modules.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusion as d
from diffusion import data, runtime
from diffusion.processes import DDPM, DEGRADATIONS
from diffusion.processes.priors import PRIORS
from diffusion.processes.samplers import SAMPLERS
from diffusion.processes.schedules import SCHEDULES
from diffusion.training.folder import RunError
from diffusion.training.network import NETWORKS
from diffusion.training.run import Run
from report.results.table import Facts

Description = dict[str, Any] | None  # None if the run lacks this component
# Classes and functions of this library, by their name in a description: short name, and the object.
SHORT = {
    f"diffusion:{part.__name__}": (name, part)
    for registry in (SAMPLERS, PRIORS, SCHEDULES, NETWORKS, DEGRADATIONS, {"ddpm": DDPM})
    for name, part in registry.items()
}
LONG = {name: long for long, (name, _) in SHORT.items()}


def describe(name: str | None, options: Mapping[str, Any] | None = None) -> Description:
    """Describe a sampler, prior, schedule or network by its name, such as "naive" or "my:Own"."""
    if name is None:
        return None
    name = LONG.get(name, name)
    return {"class": name, **find_defaults(name), **(options or {})}


def find_defaults(name: str) -> dict[str, Any]:
    """Defaults of the arguments of a class or function of this library; empty for other names."""
    if name not in SHORT:
        return {}
    arguments = inspect.signature(SHORT[name][1]).parameters
    defaults = {name: argument.default for name, argument in arguments.items()}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in defaults.items()}


def shorten(name: str) -> str:
    """The short name of a class or function, without its module, such as "naive" or "Fade"."""
    return SHORT[name][0] if name in SHORT else name.rpartition(":")[2]


def is_library(name: str) -> bool:
    """Return True if a name is a class or function of this library."""
    return name in SHORT


def vary(described: Mapping[str, Description], changes: Mapping[str, Any]) -> dict[str, Description]:
    """Describe the sampler and the prior of a variant.

    Args:
        described: descriptions of the training run's sampler and prior; may be empty if `changes` names both.
        changes: any of `sampler`, `sampler_options`, `prior` and `prior_options`. A new sampler or prior, or
            one with new options, starts from its defaults.
    """
    varied = {}
    for kind in ("sampler", "prior"):
        known, options = described.get(kind), changes.get(f"{kind}_options")
        name = changes.get(kind, known and known["class"])
        varied[kind] = known if kind not in changes and options is None else describe(name, options)
    return varied


def make(described: Mapping[str, Description]) -> tuple[Any, Any]:
    """Make the sampler and the prior from their descriptions; ValueError: an argument is not allowed."""
    makers, made = {"sampler": d.sampler, "prior": d.prior}, []
    for kind, maker in makers.items():
        arguments = dict(described[kind] or {})
        made.append(maker(arguments.pop("class"), **arguments) if arguments else None)
    return made[0], made[1]


def make_schedule(described: Mapping[str, Any]) -> d.NoiseSchedule:
    """Make a noise schedule from its description."""
    arguments = dict(described)
    return d.DDPM(arguments.pop("class"), **arguments).schedule


def open_training(out: Path, train: Facts, precision: str) -> Run:
    """Open a finished training run, ready to be sampled.

    Args:
        out: results folder.
        train: facts from the file of the training run.
        precision: precision for sampling; "auto" for the training precision, or float32 if bf16 is slow here.

    Raises:
        RunError: the weights are missing, damaged, or differ from the file.
    """
    folder = Path(out) / train.run
    run = d.open(folder, precision=runtime.resolve_precision(precision, runtime.device()))
    if run.weights_sha256() != train.weights.sha256:
        raise RunError(f"the weights in {folder} differ from metrics/train_{run.name}.json; train it again")
    run.network()  # raises an error if weights are missing or damaged, even if the samples exist
    run.images = data.load(train.data.name, "train", train.settings.images.n)[0]
    run.sampler, run.prior = make(train.unread)
    return run
