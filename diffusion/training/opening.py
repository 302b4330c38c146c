"""From a folder back to a run: one of your own, or a released one."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, overload

import torch

from diffusion import runtime, syntax
from diffusion.bounds import Precision, checked, looks
from diffusion.files import expanded, sha256
from diffusion.identity.code import found_by
from diffusion.identity.describe import described
from diffusion.identity.packing import PackError, pack, restored, unpack
from diffusion.plugins import nearest
from diffusion.processes.base import DegradationProcess
from diffusion.provenance import releases
from diffusion.training import network as networks
from diffusion.training.checkpoints import PROCESS, RunError, RunFolder
from diffusion.training.run import Run, kept_way, sampled_in
from diffusion.training.typed import load_typed


@checked
def open(
    folder: str | os.PathLike,
    *,
    process: DegradationProcess | None = None,
    trust: bool = False,
    device: str | torch.device | None = None,
    precision: Precision = "auto",
) -> Run:
    """The training in a run folder, as `fit` left it.

    The modules of the classes that its files name are imported, and the class of its network is called with
    the arguments that stand there. Nothing else is executed, unless it is trusted.

    Args:
        process: the process, prepared, where its class cannot be imported or it holds what is not kept.
        trust: execute the source that the folder keeps of classes that were typed in a notebook.
        device: to sample on, such as "cpu" or "cuda"; None: as `runtime.device` says.
        precision: to sample in. "auto" is that of the training, or fp32 where that is a bf16 in which this
            machine is not fast; a line says so.

    Raises:
        RunError: there is no finished epoch, or a file of the run is damaged or of an earlier form.
        ValueError: a class cannot be had.
    """
    store = RunFolder(expanded(folder))
    if (about := store.about()) is None:
        below = (path.parent for place in ("*", "runs/*") for path in store.path.glob(f"{place}/run.json"))
        runs = ", ".join(sorted(path.relative_to(store.path).as_posix() for path in below))
        raise RunError(
            f"{store.path} is no run: it has no run.json, or one that is damaged or of an earlier edition"
            f"{runs and f'; in it are the runs {runs}'}"
        )
    if not (history := store.history()):
        raise RunError(f"{store.path} has no finished epoch; call fit again, which goes on")
    identity, hint = about["identity"], ""
    try:
        live = _typed(store, about, identity if process is None else identity["network"], trust)
        made = dict(identity["network"])
        cls, _ = restored({"!class": made.pop("!call")}, live), made.pop("!code", None)
        architecture = networks.architecture(cls, (), restored(made, live))
        if process is None:
            hint = "; give process=, one that is prepared"
            content = store.read(PROCESS) or b""
            if sha256(content) != about["process"]:
                raise PackError(f"{PROCESS} is not the one that was written")
            process = unpack(content, live)
        elif not _is(process, about["process"]):
            print(f"note: the process is not the one that {store.path} keeps", flush=True)
    except ValueError as error:
        raise ValueError(f"{store.path} cannot be opened: {error}{hint}") from error
    if not isinstance(process, DegradationProcess):
        raise ValueError(f"{store.path} cannot be opened: its process is {looks(process)}")
    _say_what_changed(store, identity, live)
    on = runtime.device(device)
    precision = sampled_in(precision, identity["precision"], on, f"{about['name']}-{identity['seed']}")
    steps = identity.get("steps") or len(history) * -(-identity["data"]["n"] // identity["batch_size"])
    return Run(
        *(process, about["name"], identity["seed"], store, identity, history, steps),
        *(precision, on, architecture, kept_way(store, live)),
    )


def _typed(store: RunFolder, about: Mapping[str, Any], needed: Any, trust: bool) -> dict[str, Any]:
    """The classes and functions that were typed in a notebook, by name: this session's, if they do the same,
    else from the source that was kept; raises ValueError where they cannot be had.
    """
    codes = {name: code for name, code in _named(about["identity"]) if name.startswith("__main__:")}
    live = {name: thing for name in codes if (thing := found_by(*name.split(":"))) is not None}
    live = {name: thing for name, thing in live.items() if described(thing).get("!code") == codes[name]}
    lacking = {name for name, _ in _named(needed) if name in codes and "<" not in name} - live.keys()
    if lacking:
        if about.get("typed") is None:
            raise ValueError(
                f"the source of {min(lacking)} could not be kept; define it first, or give process="
            )
        kept = load_typed(store, about["typed"], trust)
        for name in sorted(lacking & kept.keys()):
            if described(kept[name]).get("!code") != codes[name]:
                raise ValueError(f"{name} was changed after it was typed; give process=")
        live = kept | live
    return live


def _named(description: Any) -> Iterator[tuple[str, str | None]]:
    """The classes and functions that a description names, and the hash of what they do."""
    if isinstance(description, list):
        for one in description:
            yield from _named(one)
    elif isinstance(description, Mapping):
        for mark in {"!object", "!class", "!call", "!function"} & description.keys():
            yield description[mark], description.get("!code")
        for one in description.values():
            yield from _named(one)


def _say_what_changed(store: RunFolder, identity: Mapping[str, Any], live: Mapping[str, Any]) -> None:
    """One line where code has changed since a run was trained: its network is then perhaps another one."""
    changed = set()
    if identity["code"].startswith("https://"):
        print(f"note: {store.path} was trained by other code: {identity['code']}", flush=True)
    elif syntax.canonical("weights", identity["code"]) != syntax.canonical("weights", syntax.code("weights")):
        changed.add("this project's code of training")
    for name, code in _named(identity):
        thing = live.get(name) or found_by(*name.split(":"))
        if code is not None and thing is not None and described(thing).get("!code") != code:
            changed.add(name)
    if changed:
        print(f"note: {', '.join(sorted(changed))} has changed since {store.path} was trained", flush=True)


def _is(process: DegradationProcess, known: str) -> bool:
    """True where a process is what was kept under a hash."""
    try:
        return sha256(pack(process, "the process")) == known
    except ValueError:
        return False


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

    It is sampled in a precision as `open` takes it.

    Without a model, the names of those that there are, PROFILE/MODEL-SEED, of all profiles or of one. Such a
    name opens the model too, and so does MODEL-SEED as the model.

    Raises:
        ValueError: there is no such profile, model or seed; the message names those that there are.
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
