"""A training, described once: `run.settings` as run.json has it, and the parts that are no part of that.

These are the sampler and the prior, and the function that made a noise schedule, of which run.json has the
tensors' hashes. Each is a JSON object of a class and its arguments, such as
`{"class": "diffusion:Mixture", "components": 50}`. Those that are not given of this library's classes have
their defaults. Reading a description imports no module of the user's own.
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

Description = dict[str, Any] | None  # None: there is no such part
# This library's classes and functions, by the names that they have in a description: short name, and itself.
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
    """The defaults of the arguments of a class or function of this library; none of another's."""
    if name not in SHORT:
        return {}
    arguments = inspect.signature(SHORT[name][1]).parameters.values()
    return {one.name: [*one.default] if isinstance(one.default, tuple) else one.default for one in arguments}


def shorten(name: str) -> str:
    """The short name of a class or function, without its module: "naive", "Fade"."""
    return SHORT[name][0] if name in SHORT else name.rpartition(":")[2]


def is_library(name: str) -> bool:
    """Return True for a class or function of this library."""
    return name in SHORT


def vary(described: Mapping[str, Description], changes: Mapping[str, Any]) -> dict[str, Description]:
    """Describe sampler and prior as a way changes them.

    Args:
        described: the sampler and the prior that are changed; empty: `changes` has both.
        changes: `sampler`, `sampler_options`, `prior`, `prior_options`, each of which may be missing. Another
            sampler or prior, and one with other options, begins with its defaults.
    """
    found = {}
    for kind in ("sampler", "prior"):
        known, options = described.get(kind), changes.get(f"{kind}_options")
        name = changes.get(kind, known and known["class"])
        found[kind] = known if kind not in changes and options is None else describe(name, options)
    return found


def make(described: Mapping[str, Description]) -> tuple[Any, Any]:
    """Make the sampler and the prior that are described; ValueError: one refuses its arguments."""
    makers, made = {"sampler": d.sampler, "prior": d.prior}, []
    for kind, maker in makers.items():
        arguments = dict(described[kind] or {})
        made.append(maker(arguments.pop("class"), **arguments) if arguments else None)
    return made[0], made[1]


def make_schedule(described: Mapping[str, Any]) -> d.NoiseSchedule:
    """Make the noise schedule that is described."""
    arguments = dict(described)
    return d.DDPM(arguments.pop("class"), **arguments).schedule


def open_training(out: Path, train: Facts, data_dir: str | None, precision: str) -> Run:
    """Open the finished training of a file, as it is to be sampled."""
    folder = Path(out) / train.run
    run = d.open(folder, precision=runtime.resolve_precision(precision, runtime.device()))
    if run.weights_sha256() != train.weights.sha256:
        raise RunError(f"the weights of {folder} are not those of its training's file; train it again")
    run.network()  # refuses weights that are lost or damaged, also where samples of them are kept
    run.images = data.load(train.data.name, "train", data_dir, train.settings.images.n)[0]
    run.sampler, run.prior = make(train.unread)
    return run
