"""From a folder back to a run: one of your own, or a released one."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from diffusion import runtime, syntax
from diffusion.files import expanded
from diffusion.identity.describe import describe
from diffusion.identity.packing import PackError, pack, restored, unpack
from diffusion.plugins import named
from diffusion.processes.base import DegradationProcess
from diffusion.provenance import releases
from diffusion.training import network as networks
from diffusion.training.checkpoints import FORM, PROCESS, RunError, RunFolder
from diffusion.training.run import Run, kept_way
from diffusion.training.typed import load_typed


def open(folder: str | os.PathLike, *, process: DegradationProcess | None = None, trust: bool = False) -> Run:
    """The training in a run folder, as `fit` left it.

    The modules of the classes that its files name are imported, and the class of its network is called with
    the arguments that stand there. Nothing else is executed, unless it is trusted.

    Args:
        process: the process, prepared, where its class cannot be imported or it holds what is not kept.
        trust: execute the source that the folder keeps of classes that were typed in a notebook.

    Raises:
        RunError: there is no finished epoch, or a file of the run is damaged or of an earlier form.
        ValueError: a class cannot be had.
    """
    store = RunFolder(expanded(folder))
    about, history = described(store), store.history()
    if not history:
        raise RunError(f"{store.path} has no finished epoch; call fit again, which goes on")
    identity = about["identity"]
    live = _in_this_session(identity)
    try:
        needed = identity if process is None else identity["network"]
        if lacking := sorted(_typed(needed) - live.keys()):
            if about.get("typed") is None and process is None:
                raise ValueError(
                    f"the source of {lacking[0]} could not be kept; define it first, or give process="
                )
            live |= load_typed(store, about.get("typed"), trust)
            for name, code in _nodes(identity):
                if name in lacking and name in live and _code(live[name]) != code:
                    raise ValueError(f"{name} was changed after it was typed; give process=")
        made = dict(identity["network"])
        cls, _ = restored({"!class": made.pop("!call")}, live), made.pop("!code", None)
        architecture = networks.architecture(cls, (), restored(made, live))
        if process is None:
            content = store.read(PROCESS) or b""
            if hashlib.sha256(content).hexdigest() != about["process"]:
                raise PackError(f"{PROCESS} is not the one that was written")
            try:
                process = unpack(content, live)
            except PackError as error:
                raise PackError(f"{error}; give process=, one that is prepared") from error
    except (PackError, ValueError) as error:
        raise ValueError(f"{store.path} cannot be opened: {error}") from error
    if not isinstance(process, DegradationProcess):
        raise ValueError(f"{store.path} cannot be opened: its process is a {type(process).__name__}")
    _say_what_changed(store, identity, live)
    if _differs(process, about["process"]):
        print(f"note: the process is not the one that {store.path} keeps", flush=True)
    steps = identity.get("steps") or len(history) * -(-identity["data"]["n"] // identity["batch_size"])
    return Run(
        *(process, about["name"], identity["seed"], store, identity, history, steps),
        *(identity["precision"], runtime.device(), architecture, kept_way(store, live)),
    )


def described(store: RunFolder) -> dict[str, Any]:
    """Content of run.json; raises RunError where the folder is no run, or one of an earlier form."""
    about = store.about()
    if about is None:
        raise RunError(f"{store.path} is no run: it has no run.json that can be read")
    if about.get("form") != FORM:
        raise RunError(f"{store.path} is of an earlier edition; train it anew")
    return about


def _nodes(description: Any) -> Iterator[tuple[str, str | None]]:
    """The classes and functions that a description names, and the hash of what they do."""
    if isinstance(description, list):
        for one in description:
            yield from _nodes(one)
    elif isinstance(description, Mapping):
        for mark in {"!object", "!class", "!call", "!function"} & description.keys():
            yield description[mark], description.get("!code")
        for one in description.values():
            yield from _nodes(one)


def _typed(identity: Mapping[str, Any]) -> set[str]:
    """Those that were typed in a notebook or a script."""
    named = {name for name, _ in _nodes(identity) if name.startswith("__main__:")}
    return {name for name in named if "<" not in name}


def _in_this_session(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Typed classes and functions that this notebook or script has as well, if they do the same."""
    found = {}
    for name, code in _nodes(identity):
        try:
            if name.startswith("__main__:") and _code(thing := named("class", name, {})) == code:
                found[name] = thing
        except ValueError:
            continue
    return found


def _code(thing: Any) -> str | None:
    return describe(thing, "it").get("!code")


def _differs(process: DegradationProcess, known: str) -> bool:
    """True where a process is not what was kept under a hash."""
    try:
        return hashlib.sha256(pack(process, "the process")).hexdigest() != known
    except ValueError:
        return True


def _say_what_changed(store: RunFolder, identity: Mapping[str, Any], live: Mapping[str, Any]) -> None:
    """One line where code has changed since a run was trained: its network is then perhaps another one."""
    changed = []
    if syntax.canonical("weights", identity["code"]) != syntax.canonical("weights", syntax.code("weights")):
        changed.append("this project's code of training")
    for name, code in sorted(set(_nodes(identity)), key=str):
        with contextlib.suppress(ValueError):  # what is given in its place, it needs no name
            if code is not None and _code(live.get(name) or named("class", name, {})) != code:
                changed.append(name)
    if changed:
        print(f"note: {', '.join(changed)} has changed since {store.path} was trained", flush=True)


def released(
    profile: str | None = None, model: str | None = None, seed: int | None = None
) -> Run | list[str]:
    """A released model, from the checkout or the installed package; `seed` None: the first that there is.

    Without a model, the names of those that there are, PROFILE/MODEL-SEED, of all profiles or of one.

    Raises:
        ValueError: there is no such profile, model or seed; the message names those that there are.
    """
    root, there = releases(), {}
    for path in sorted(root.glob("*/runs/*/run.json")):
        about = RunFolder(path.parent).about() or {}
        if about.get("form") == FORM:
            name = path.parents[2].name, about["name"], about["identity"]["seed"]
            there[name] = path.parent
    profiles = sorted({name[0] for name in there})
    if profile not in (None, *profiles):
        raise ValueError(f"profile is {profile!r}; released in {root}: {', '.join(profiles) or 'none'}")
    names = sorted(name for name in there if profile in (None, name[0]))
    if profile is None or model is None:
        return [f"{profile}/{model}-{seed}" for profile, model, seed in names]
    found = [name for name in names if name[1] == model and seed in (None, name[2])]
    if not found:
        known = ", ".join(f"{m}-{s}" for _, m, s in names)
        raise ValueError(f"model is {model!r}, seed {seed}; released in {root / profile}: {known}")
    run = open(there[found[0]])
    run.keeps = False  # nothing is added to a release
    return run
