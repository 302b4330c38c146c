"""Training: one loop for every process, resumable at any step.

A run that was killed goes on with the same stream of random numbers and ends, on a CPU, with bit-identical
weights: everything random is a function of (seed, step).
"""

import contextlib
import copy
import json
import math
import os
import shutil
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from diffusion import data, identity, runtime
from diffusion.bounds import Precision, Seed, checked, looks, whole
from diffusion.files import differences, digest, expanded
from diffusion.identity import describe
from diffusion.processes import ColdDiffusion, DegradationProcess
from diffusion.processes.base import check_images
from diffusion.provenance import versions
from diffusion.sources import name_of
from diffusion.training import network as networks
from diffusion.training import sampling
from diffusion.training.checkpoints import ANEW, FORM, RunError, RunFolder
from diffusion.training.loop import Loop
from diffusion.training.run import Run, kept_way, refuse_what_no_hash_tells, sampled_in
from diffusion.training.steps import Learner

CODE = identity.code("weights")  # of the modules as they are imported: an edit while Python runs does not act


@checked
@torch.inference_mode(False)  # whatever the caller has said
@torch.enable_grad()
def fit(
    process: DegradationProcess,
    x: Tensor | np.ndarray,
    x_test: Tensor | np.ndarray | None = None,
    *,
    steps: Annotated[int | None, Field(ge=1, description="optimiser steps, in place of epochs")] = None,
    epochs: Annotated[int | None, Field(ge=1, le=1_000_000, description="passes over the images")] = None,
    folder: str | os.PathLike | None = None,
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]{0,79}$", description="of the model")] = "model",
    batch_size: Annotated[int, Field(ge=1, description="images in a training step")] = 128,
    learning_rate: Annotated[
        float, Field(gt=0, le=1000, description="of Adam; the peak, if it decays")
    ] = 2e-3,
    lr_schedule: Annotated[
        Literal["constant", "cosine"], Field(description="cosine: warm-up, then decay to 0")
    ] = "cosine",
    network: Annotated[Any, Field(description="cnn, unet, or module:Class of your own")] = "cnn",
    channels: networks.Channels = networks.CHANNELS,
    network_options: Annotated[
        dict[str, Any] | None, Field(max_length=50, description="further arguments of the network")
    ] = None,
    seed: Seed = 0,
    precision: Precision = "auto",
    ema: Annotated[
        float | None, Field(gt=0, lt=1, description="decay of the weights' average over steps; None: none")
    ] = None,
    device: str | torch.device | None = None,
    callback: Callable[[int, float], Any] | None = None,
    checkpoint_steps: Annotated[int, Field(ge=1, description="steps between resumable states")] = 200,
) -> Run:
    """Train a network for a process, or go on where an earlier call stopped.

    A run is known by all that determines its weights: the process with all its attributes, the network with
        its arguments, the images, the code, and what else stands here; two that differ in any of it never
        share a folder.

    Args:
        process: what to learn; the run has a copy of it, `run.process`, on which `prepare(x)` is called.
        x: training images, at least a batch of them: floats (N, C, S, S) in [-0.5, 0.5], or what
            `data.as_images` takes.
        x_test: images whose loss is measured after each epoch; None: it is not.
        steps, epochs: one of the two; steps = 1000 if neither is given.
        folder: the run lies in `<folder>/<name>-<seed>-<digest>`; None: in a temporary one,
            which goes when the run is no longer used.
        batch_size, learning_rate: images in a training step; the rate of Adam, the peak if it decays.
        lr_schedule: more epochs can extend a "constant" one.
        network: "cnn", "unet", or a class of your own, itself or as `module:Class`.
        channels, network_options: output channels of the blocks of "cnn"; further arguments of the network.
        seed: of the initial weights, of the order of the images and of all noise.
        precision: "auto" is bf16 where hardware is faster in it; a training that was begun with "auto" on
            another machine goes on, to the bit, in the precision that it was begun in.
        ema: such as 0.999: the weights that are kept, and whose test loss is measured, are an exponential
            moving average over steps. After step n the decay is at most n / (9 + n), so that the initial
            weights are soon forgotten.
        device: such as "cpu" or "cuda"; None: as `runtime.device` says.
        callback: called after each step with its number, counted from 1 over all epochs, and its loss. What
            it raises ends the call; the same call goes on from the last checkpoint, and `diffusion.open`
            opens what has a finished epoch.

    Raises:
        ValueError: an argument out of range, or one that cannot be told from another (`IdentityError`).
        RunError: another process holds the run, the disk is full, a file of the run is damaged, or the loss
            is no longer finite.
    """
    if not isinstance(process, DegradationProcess):
        raise ValueError(f"process is {looks(process)}; needed: a process such as diffusion.ColdZoom()")
    kept = f"the deepest level, which {type(process).__name__} keeps as self.T"
    whole("T", getattr(process, "T", None), 1, meaning=kept)
    refuse_what_no_hash_tells()
    x, x_test = _images(x, "x"), None if x_test is None else _images(x_test, "x_test")
    if batch_size > len(x):
        raise ValueError(
            f"batch_size is {batch_size}, but there are {len(x)} training images; make it smaller"
        )
    if not (callback is None or callable(callback)):
        raise ValueError(f"callback is {looks(callback)}; needed: a function of a step's number and its loss")
    if steps is not None and epochs is not None:
        raise ValueError(f"steps is {steps!r} and epochs is {epochs!r}; give one of them")
    per_epoch = math.ceil(len(x) / batch_size)
    total = epochs * per_epoch if epochs else steps or 1000
    on = runtime.device(device)
    if torch.is_autocast_enabled(on.type):  # which keeps the weights of an earlier step
        raise ValueError("fit is called under torch.autocast; leave it, and say precision='bf16'")
    how = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lr_schedule": lr_schedule,
        "seed": seed,
        "precision": runtime.resolve_precision(precision, on),
    }
    if x_test is not None and x_test.shape[1:] != x.shape[1:]:
        raise ValueError(f"x_test is {tuple(x_test.shape)}, x {tuple(x.shape)}; needed: images of one shape")
    if process.image_shape != tuple(x.shape[1:]):
        process = _copied(process)
    process.take(tuple(x.shape[1:]))
    architecture = networks.architecture(network, channels, network_options, process.image_shape)
    own: dict[str, str] = {}
    known = {
        "code": CODE,
        "process": describe(process, "process", own),
        "network": {
            "class": name_of(architecture[0]),
            "options": describe(architecture[1], "network_options", own),
        },
        "own": own,
        "data": {
            "train": data.fingerprint(x),
            "n": len(x),
            "test": None if x_test is None else data.fingerprint(x_test),
        },
        **how,
        "ema": ema,
        # Where the rate falls to an end, or the last epoch is cut short, the length is part of what it is.
        "steps": total if lr_schedule == "cosine" or total % per_epoch else None,
        "device": on.type,
    }
    describe(architecture[0], "network", own)
    known = json.loads(json.dumps(known))
    process = _copied(process)
    place = Path(mkdtemp(prefix="diffusion-")) if folder is None else expanded(folder)
    store = _find(place, name, seed, known, precision == "auto")
    with store.locked():
        new = {"form": FORM, "name": name, "identity": known, "versions": versions()}
        about = store.about() or new | ({"auto": True} if precision == "auto" else {})
        process = _prepared(store, about, process, x)
        if "network" not in about or store.intact(about["network"]) is None:
            about["network"] = store.keep("network", architecture[1])
        if about != store.about():  # new, or with a file that was lost
            store.write_about(about)
        how["precision"], who = about["identity"]["precision"], f"{name}-{seed}"
        if not store.weights(n_epochs := math.ceil(total / per_epoch)).exists():
            runtime.say_if_slow(how["precision"], on, f"{who} is trained")
        drawn_in = sampled_in(precision, how["precision"], on, who) if precision == "auto" else precision
        run = Run(
            process, name, how["seed"], store, about["identity"], [], total, drawn_in, on,
            architecture, kept_way(store, about), images=x,
        )  # fmt: skip
        if folder is None:
            weakref.finalize(run, _remove, place, os.getpid())
        run.fitted(process.prior)  # kept, for a run that is opened without its images
        test = None if x_test is None else x_test.to(on)
        with runtime.seeded(0):
            if not any(p.requires_grad for p in networks.build(*architecture).parameters()):
                raise ValueError(f"the network, a {architecture[0].__name__}, has no parameters to train")
        learner = Learner(process, *architecture, x.to(on), test, total=total, ema=ema, **how)
        _refuse_no_loss(learner)
        loop = Loop(store, learner, name, digest(about["identity"]), callback)
        loop.run(checkpoint_steps)
    run.history = loop.history[:n_epochs]
    return run


def _copied(process: DegradationProcess) -> DegradationProcess:
    try:
        return copy.deepcopy(process)
    except Exception as error:  # whatever an object of one's own raises
        raise ValueError(
            f"the {type(process).__name__} cannot be copied ({error}); a run keeps a copy"
        ) from error


def _images(x: Any, name: str) -> Tensor:
    """Images as float32; raises ValueError that names them where they are none."""
    try:
        if isinstance(x, tuple):
            raise ValueError("these are images and labels, as d.load gives; needed: x, labels = d.load(...)")
        if isinstance(x, Tensor) and (x.layout != torch.strided or x.is_quantized or x.is_meta):
            raise ValueError(f"images are {looks(x)}, {x.layout} on {x.device}; needed: an ordinary tensor")
        x = data.as_images(x)
        check_images(x)
    except (ValueError, TypeError) as error:
        said = str(error).replace("for bytes", "for bytes, pixel - 0.5 for floats in [0, 1]")
        raise ValueError(f"{name}: {said}") from None
    return x.detach().clone().float()  # of its own: what the caller does with x later changes nothing


def _refuse_no_loss(learner: Learner) -> None:
    """Raise ValueError where a network or a process of one's own gives no loss, or keeps a count."""
    network, process, x = learner.network, learner.process, learner.x[:2]
    name, training, said = type(process).__name__, network.training, []
    network.eval()
    try:
        with torch.no_grad(), runtime.seeded(0):
            made = network(x, torch.ones(len(x), device=x.device))
            sampling.checked(made, tuple(x.shape), "the network")
            if isinstance(process, ColdDiffusion):
                deepest = process.degrade(x, torch.full((len(x),), process.T, device=x.device))
                sampling.checked(deepest, tuple(x.shape), f"degrade of {name}")
        for _ in range(2):  # what is kept at the first call is no count
            loss = learner.loss(network, x, "first look")
            said.append([digest(describe(one, "it")) for one in (process, network)])
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"the loss of {name} cannot be computed, with the network called with x_t and t / T ({error}); "
            "`python -m diffusion.check` tries a degradation of your own"
        ) from error
    if said[0] != said[1]:
        one = process if said[0][0] != said[1][0] else network
        raise ValueError(
            f"{type(one).__name__} changes when it is used, so that a run could not go on; keep no count"
        )
    if not isinstance(loss, Tensor) or loss.shape or not loss.is_floating_point() or not loss.requires_grad:
        raise ValueError(f"the loss of {name} is {looks(loss)}; needed: a float that the network determines")
    network.train(training)


def _remove(folder: Path, process: int) -> None:
    """Remove a temporary run, but not in a process that was forked off."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(
    store: RunFolder, about: dict[str, Any], process: DegradationProcess, x: Tensor
) -> DegradationProcess:
    """The process with what it learns from the images, as the run has it; `about`, of run.json, names it.

    RunError: the run's is lost or damaged, and preparing again gives another one, as on another machine.
    """
    # Where there is none, or it is lost, or holds an object that is not made from a file, it is prepared.
    with contextlib.suppress(LookupError, RunError, ValueError):
        return store.load(about["process"])
    with runtime.seeded(0):
        process.prepare(x.clone())  # which may change its argument
    prepared = digest(json.loads(json.dumps(describe(process, "the prepared process"))))
    if about.setdefault("prepared", prepared) != prepared:
        raise RunError(f"the process of {store.path} is lost, and cannot be made again; {ANEW}")
    about["process"] = store.keep("process", process)
    with contextlib.suppress(ValueError):
        process = store.load(about["process"])  # also the first time: a tensor may lie otherwise in memory
    return process


def _find(folder: Path, name: str, seed: int, identity: Mapping[str, Any], auto: bool) -> RunFolder:
    """The run of this identity, or a new one; says what a new one differs in.

    Args:
        auto: a run that was begun with precision "auto" may have another one: it came from another machine.
    """
    new, others = RunFolder(folder / f"{name}-{seed}-{digest(identity)}"), []
    if (about := new.about()) is not None and digest(about["identity"]) != digest(identity):
        raise RunError(
            f"{new.path / 'run.json'} is of another run than the folder's name says; rename the folder"
        )
    for path in sorted(folder.glob(f"{name}-{seed}-*/run.json")) if about is None else ():
        store = RunFolder(path.parent)
        if store.path == new.path:
            continue
        if (other := store.about()) is None:
            others.append((1, "its run.json is damaged, or of an earlier edition", store.path))
            continue
        same = {"precision": identity["precision"]} if auto and other.get("auto") else {}
        if not (why := [*differences(other["identity"] | same, identity)]):
            return store
        others.append((len(why), _changed(why[0]), store.path))
    if others:
        _, said, old = min(others)  # the one that is most like it
        print(f"{name}, seed {seed}: a new run, since {said}; {old} stays as it is", flush=True)
    return new


def _changed(difference: str) -> str:
    """A difference of two identities in words: of code not its hash, but its name."""
    what = difference.partition(" was ")[0]
    if what == "code":
        return "this package's code of training has changed"
    return f"{what.removeprefix('own.')} has changed" if what.startswith("own.") else difference
