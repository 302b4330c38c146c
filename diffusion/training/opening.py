"""From a folder back to a run: one of your own, or a released one."""

import os
from pathlib import Path
from typing import Any, overload

import torch
from torch import nn

from diffusion import runtime
from diffusion.bounds import Precision, checked, looks
from diffusion.files import digest, expanded
from diffusion.identity import describe
from diffusion.plugins import named, nearest
from diffusion.processes.base import DegradationProcess
from diffusion.provenance import releases
from diffusion.sources import IdentityError, found_by
from diffusion.training import network as networks
from diffusion.training.checkpoints import RunError, RunFolder
from diffusion.training.run import Run, kept_way, sampled_in


@checked
def open(
    folder: str | os.PathLike,
    *,
    process: DegradationProcess | None = None,
    network: type[nn.Module] | None = None,
    device: str | torch.device | None = None,
    precision: Precision = "auto",
) -> Run:
    """The training in a run folder, as `fit` left it.

    The modules of the classes that its files name are imported, and its network's class is called with the
    arguments that the folder keeps. Nothing that the folder holds is executed.

    Args:
        folder: of the run, or one in which it is the only one.
        process: the process, prepared, where its class cannot be imported or it holds what is not kept.
        network: the class of its network, where that cannot be imported.
        device: to sample on, such as "cpu" or "cuda"; None: as `runtime.device` says.
        precision: to sample in. "auto" is that of the training, or fp32 where that is a bf16 in which this
            machine is not fast; a line says so.

    Raises:
        RunError: there is no finished epoch, or a file of the run is damaged or of an earlier form.
        ValueError: a class cannot be had.
    """
    store = RunFolder(expanded(folder))
    below = sorted(path.parent for place in ("*", "runs/*") for path in store.path.glob(f"{place}/run.json"))
    if (about := store.about()) is None and len(below) == 1:
        store = RunFolder(below[0])
        about = store.about()
    if about is None:
        runs = ", ".join(path.relative_to(store.path).as_posix() for path in below)
        if runs or not store.path.is_dir():
            said = f"holds several runs; open one: {runs}" if runs else "is no folder"
            raise RunError(f"{store.path} {said}")
        raise RunError(
            f"{store.path} is no run: it has no run.json, or one that is damaged or of an earlier edition"
        )
    if not (history := store.history()):
        raise RunError(f"{store.path} has no finished epoch; call fit again, which goes on")
    identity, given = about["identity"], process is not None
    try:
        process = store.load(about["process"]) if process is None else process
        name = identity["network"]["class"]
        network = network or found_by(name) or named("network", name, {})
        architecture = networks.architecture(network, (), store.load(about["network"]))
    except (RunError, ValueError) as error:
        kind = RunError if isinstance(error, RunError) else ValueError
        raise kind(
            f"{store.path} cannot be opened: {error}; else give process=, one that is prepared, or network="
        ) from error
    if not isinstance(process, DegradationProcess):
        raise ValueError(f"{store.path} cannot be opened: its process is {looks(process)}")
    if given and digest(describe(process, "process")) != about["prepared"]:
        print(f"note: the process is not the one that {store.path} keeps", flush=True)
    if identity["code"].startswith("https://"):
        print(f"note: {store.path} was trained by other code: {identity['code']}", flush=True)
    _say_what_changed(store.path, identity["own"], process, architecture)
    on = runtime.device(device)
    precision = sampled_in(precision, identity["precision"], on, f"{about['name']}-{identity['seed']}")
    steps = identity.get("steps") or len(history) * -(-identity["data"]["n"] // identity["batch_size"])
    return Run(
        *(process, about["name"], identity["seed"], store, identity, history, steps),
        *(precision, on, architecture, kept_way(store, about)),
    )


def _say_what_changed(folder: Path, recorded: dict[str, str], *things: Any) -> None:
    """One line where code of the user's own has changed since a run was trained."""
    own: dict[str, str] = {}
    try:
        describe(things, "the run", own)
    except IdentityError as error:
        print(f"note: {folder}: {error}", flush=True)
    # What a process has learnt since may be of other classes; what was set in a class since counts.
    names = {*recorded, *(name for name in own if name.rpartition(".")[0] in recorded)}
    if changed := sorted(name for name in names if own.get(name) != recorded.get(name)):
        print(f"note: {', '.join(changed)} has changed since {folder} was trained", flush=True)


@overload
def released(profile: None = None) -> list[str]: ...
@overload
def released(profile: str, *, precision: str = "auto") -> Run | list[str]: ...
@overload
def released(profile: str, model: str, seed: int | None = None, *, precision: str = "auto") -> Run: ...
def released(
    profile: str | None = None,
    model: str | None = None,
    seed: int | None = None,
    *,
    precision: str = "auto",
) -> Run | list[str]:
    """A released model, from the checkout or the installed package; `seed` None: the first that there is.

    It is sampled in a precision as `open` takes it. Without a model, the names of those that there are,
    PROFILE/MODEL-SEED, of all profiles or of one. Such a name opens the model too, and so does MODEL-SEED as
    the model. ValueError: there is no such profile, model or seed; the message names those that there are.
    """
    if profile and model is None and "/" in profile:
        profile, _, model = profile.partition("/")
    root, there = releases(), {}
    for path in sorted(root.glob("*/runs/*/run.json")):
        if about := RunFolder(path.parent).about():
            name = path.parents[2].name, about["name"], about["identity"]["seed"]
            there[name] = path.parent
    profiles = sorted({name[0] for name in there})
    if profile not in (None, *profiles):
        known = f"{', '.join(profiles) or 'none'}{nearest(profile, profiles)}"
        raise ValueError(f"profile is {profile!r}; released in {root}: {known}")
    names = sorted(name for name in there if profile in (None, name[0]))
    if profile is None or model is None:
        return [f"{profile}/{model}-{seed}" for profile, model, seed in names]
    found = [name for name in names if model in (name[1], f"{name[1]}-{name[2]}") and seed in (None, name[2])]
    if not found:
        labels = [f"{m}-{s}" for _, m, s in names]
        known = ", ".join(labels) + nearest(f"{model}-{seed or 0}", labels)
        raise ValueError(f"model is {model!r}, seed {seed!r}; released in {root / profile}: {known}")
    run = open(there[found[0]], precision=precision)
    run.keeps = False  # nothing is added to a release
    return run
