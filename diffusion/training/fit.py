"""Training: one loop for every process, resumable at any step.

A run that was killed goes on with the same stream of random numbers and ends, on a CPU, with bit-identical
weights: everything random is a function of (seed, step).
"""

import copy
import json
import math
import os
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from diffusion import data, runtime
from diffusion.bounds import Count, Plain, Seed, check_call, checked, looks
from diffusion.check import check_levels, degrade, findings
from diffusion.files import read_json
from diffusion.identity import name_of, own_code, told, training_code, tree, tree_back, unnoticed
from diffusion.processes import DDPM, ColdDiffusion, DegradationProcess
from diffusion.processes.base import images, shape_of
from diffusion.processes.priors import fitted
from diffusion.runtime import Precision, progress
from diffusion.training import network as networks
from diffusion.training.folder import RunError, RunFolder
from diffusion.training.run import Run, precision_of
from diffusion.training.steps import Learner

POINTS = 1000  # of the loss by step, over the training
REST = 0.05  # share of an image that noise may leave at t = T
HIGH = 10  # a mean loss so many times that of the first step has diverged
SHOWN, AVERAGED = 20, 100  # every so many steps a bar shows the mean loss of the last steps


@checked
@torch.inference_mode(False)  # whatever the caller has said
@torch.enable_grad()
def fit(
    process: DegradationProcess,
    x: Any,
    x_test: Any = None,
    *,
    steps: Count | None = None,
    epochs: Count | None = None,
    folder: str | os.PathLike | None = None,
    aside: bool = False,
    batch_size: Count = 128,
    learning_rate: Annotated[float, Plain, Field(gt=0, le=1000)] = 2e-3,
    lr_schedule: Literal["constant", "cosine"] = "cosine",
    network: Any = "cnn",
    network_options: dict[str, Any] | None = None,
    seed: Seed = 0,
    precision: Precision = "auto",
    ema: Annotated[float, Plain, Field(gt=0, lt=1)] | None = None,
    device: str | torch.device | None = None,
    callback: Callable[[int, float], Any] | None = None,
    epoch_callback: Callable[[Run, dict[str, Any]], Any] | None = None,
    checkpoint_steps: Count = 200,
) -> Run:
    """Train a network for a process, or go on where an earlier call stopped.

    Args:
        process: what to learn; the run has a copy of it, `run.process`, on which `prepare(x)` is called.
            Attributes `sampler` and `prior` that were set on it become those of the run.
        x: training images: floats (N, C, S, S) in [-0.5, 0.5], or arrays or bytes
            whose shape and scale are unmistakable.
        x_test: images whose loss is measured after each epoch; None: it is not.
        steps, epochs: one of the two; steps = 1000 if neither is given.
        folder: of the run. A run that lies there is resumed if all that determines its weights is equal:
            settings, images and code. None: a temporary one, which goes when the run is no longer used.
        aside: another run in the folder is renamed, NAME.before-1, and does not end the call.
        batch_size, learning_rate: images in a training step; the rate of Adam, the peak if it decays.
        lr_schedule: "cosine": warm-up, then decay to 0; a "constant" one can be extended by more epochs.
        network, network_options: "cnn", "unet", or a class of your own, itself or as `module:Class`; its
            arguments, such as {"channels": [16, 32, 32, 16]}.
        seed: of the initial weights, of the order of the images and of all noise.
        precision: "auto" is bf16 where hardware is faster in it; a resumed run stays in its own.
        ema: such as 0.999: the weights that are kept, and whose test loss is measured, are an exponential
            moving average over steps. After step n the decay is at most n / (9 + n).
        device: such as "cpu" or "cuda"; None: $COLD_ZOOM_DEVICE, else a GPU, else the CPU.
        callback: called after each step as callback(step, loss), with the step counted from 1 over all
            epochs. An exception that it raises ends the call, and the same call resumes the run from the last
            checkpoint. What it returns is ignored.
        epoch_callback: called after each epoch, when its files are written, as epoch_callback(run, line): the
            run so far, from which one can sample, and the epoch's line of `run.history` (epoch, train_loss,
            test_loss, ...). Exceptions and return value as of `callback`.
        checkpoint_steps: steps between resumable states.

    A line that begins with "note:" says what is allowed and yet seldom meant: a loss that rises, images that
    fill a part of [-0.5, 0.5], what `python -m diffusion.check` refuses, an equal run in a folder beside,
    globals that a class typed in a notebook uses.

    Raises:
        ValueError: an argument out of range, a process or option that cannot be kept, or a process or network
            that gives no such images.
        RunError: the folder has another run, unless `aside`; another process holds it, the disk is full, a
            file of the run is damaged, or the loss is no longer finite.
    """
    x = images("x", x).clone()  # what the caller does with it later changes nothing
    x_test = None if x_test is None else images("x_test", x_test).clone()
    if x_test is not None and x_test.shape[1:] != x.shape[1:]:
        raise ValueError(f"x_test is {tuple(x_test.shape)}, x {tuple(x.shape)}; needed: images of one shape")
    if steps is not None and epochs is not None:
        raise ValueError(f"steps is {steps} and epochs is {epochs}; give one of them")
    if callback:
        check_call("callback", callback, "step", "loss")
    if epoch_callback:
        check_call("epoch_callback", epoch_callback, "run", "line")
    per_epoch, on = math.ceil(len(x) / batch_size), runtime.device(device)
    total = epochs * per_epoch if epochs else steps or 1000

    how: dict[str, Any] = dict(batch_size=batch_size, learning_rate=learning_rate, lr_schedule=lr_schedule)
    how |= {"ema": ema, "seed": seed, "precision": runtime.resolve_precision(precision, on)}

    process = copy.copy(process)
    default = {name: vars(process).pop(name, None) for name in ("sampler", "prior")}
    tree(process, "process")  # first: what cannot be kept may be what cannot be copied
    process = copy.deepcopy(process)
    process.take(shape_of(x))
    check_call(f"draw_prior of {type(process).__name__}", process.draw_prior, "n", "generator")
    cls, options = networks.architecture(network, network_options, process.image_shape)
    known, kept = tree(process, "process"), tree(options, "network_options")
    with runtime.seeded(0):  # refuses its arguments before anything is written
        trial = networks.build(cls, options).eval()
        check_call(f"forward of {cls.__name__}", trial.forward, "x", "t")
        answer = trial(x[:2], torch.ones(len(x[:2])))
    if not isinstance(answer, torch.Tensor) or answer.shape != x[:2].shape:
        raise ValueError(
            f"the network {cls.__name__} returned {looks(answer)}; expected: a tensor {(*x[:2].shape,)}, the "
            "shape of its input"
        )
    if not answer.requires_grad:
        raise ValueError(
            f"the network {cls.__name__} cannot be trained: its output depends on no parameter with a "
            "gradient; expected: torch.nn.Parameter, not frozen or detached"
        )
    test = None if x_test is None else data.fingerprint(x_test)
    settings = {
        "process": told(known),
        "network": name_of(cls, "network"),
        "network_options": told(kept),
        "images": {"train": data.fingerprint(x), "test": test, "n": len(x)},
        **how,
        # Where the rate falls to an end, or the last epoch is cut short, the length is part of what a run is.
        "steps": total if lr_schedule == "cosine" or total % per_epoch else None,
        "device": on.type,
        "code": training_code(),
        "own": own_code(known, kept, {"name": name_of(cls)}),
    }
    settings = json.loads(json.dumps(settings))
    store = RunFolder(folder or mkdtemp(prefix="diffusion-"))
    title = store.path.name if folder else "training"
    with store.locked():
        if (begun := store.settings()) and precision == "auto":
            settings["precision"] = begun["precision"]
        if why := store.other(settings):
            if not aside:
                raise RunError(
                    f"{store.path} holds a different run: {why}. Use another folder, pass aside=True to "
                    "rename this one, or read it with d.open"
                )
            earlier, begun = store.set_aside(), None
            settings["precision"] = how["precision"]  # not that of the other run
            print(f"retraining {title}: {why}. The earlier run is now {earlier.name}", flush=True)
        for line in unnoticed(settings["own"], known, kept, {"name": name_of(cls)}) if folder else ():
            print(f"note: {title}: {line}", flush=True)
        if not begun:
            with runtime.seeded(0):
                process.prepare(x.clone())  # which may change its argument
                check_levels(process)
                if isinstance(process, ColdDiffusion):
                    with runtime.seeded(0):
                        degrade(copy.deepcopy(process), x)
                if process.prior is not None:
                    process.prior = fitted(process.prior, process.compress(x))
            beside = [*store.path.parent.glob("*/run.json")] if folder else []
            for said in _notes(settings, copy.deepcopy(process), x, beside):
                print(f"note: {title}: {said}", flush=True)
            store.keep("process.pt", tree(process, "the prepared process"))
            store.keep("network.pt", kept)
            store.begin(settings)
        process = tree_back(store.load("process.pt"))  # new and resumed runs hold the same
        used = precision_of(precision, settings["precision"], on, title)
        run = Run(store, process, (cls, options), settings, [], used, on, images=x, **default)
        if folder is None:
            weakref.finalize(run, shutil.rmtree, store.path, ignore_errors=True)
        how["precision"] = settings["precision"]
        x_test = None if x_test is None else x_test.to(on)
        learner = Learner(process, cls, options, x.to(on), x_test, total=total, **how)
        _train(run, learner, title, callback, epoch_callback, checkpoint_steps)
    return run


def _notes(settings: dict, process: DegradationProcess, x: torch.Tensor, beside: list[Path]) -> Iterator[str]:
    """Notes on what is allowed and seldom meant, of a training that begins beside other runs."""
    if (x == x[:1]).all():
        yield "the training images are one image"
    low, high = x.min().item(), x.max().item()
    if high - low < 0.5 or low >= 0 or high <= 0:
        yield f"pixels range from {low:g} to {high:g}; expected: black is -0.5, white 0.5; else rescale them"
    for path in beside:
        with suppress(ValueError, AttributeError):  # damaged, or another program's
            if read_json(path).get("settings") == settings:
                yield f"an equal run is in {path.parent}, which diffusion.open opens"
    if isinstance(process, DDPM) and (left := float(process.schedule.alpha_bar[-1])) > REST:
        yield f"at t = T {left:.0%} of the image's variance is left, and sampling starts from noise alone"
    if isinstance(process, ColdDiffusion):  # others draw noise, each in its own way
        with runtime.seeded(0):
            try:
                yield from findings(process, x[:256])[2:]
            except (ValueError, NotImplementedError) as error:
                yield str(error)


def _train(
    run: Run,
    learner: Learner,
    title: str,
    callback: Callable | None,
    epoch_callback: Callable | None,
    checkpoint_steps: int,
) -> None:
    """Train to the end, from the last state if there is one; the run has its history after each epoch."""
    store = run.store
    per_epoch = math.ceil(len(learner.x) / learner.batch_size)
    epochs = math.ceil(learner.total / per_epoch)
    history: list[dict[str, Any]] = []
    losses = torch.zeros(per_epoch, device=learner.x.device)
    done, seconds = 0, 0.0  # of the epoch under way: its steps, and what they took
    high = False  # the loss, which is said once
    again = "training begins again at its first step"
    if state := store.state():
        done_epochs = range(1, 1 + len(state["history"][:epochs]))
        if lost := [epoch for epoch in done_epochs if not store.weights(epoch).exists()]:
            print(f"{title}: the weights of epoch {lost[0]} are lost; {again}", flush=True)
        else:
            history, done, seconds = state["history"], state["step"], state["seconds"]
            losses = state["losses"].to(losses.device)
            learner.load_state_dict(state["learner"])
            for line in history[:epochs]:
                store.read_weights(line)  # finds damage
            store.write_history(history)  # which may be damaged, or an epoch behind
            if (at := len(history) * per_epoch + done) < learner.total:
                print(f"{title} goes on at step {at:,} of {learner.total:,}", flush=True)
            else:
                print(f"{title} is trained already", flush=True)
    elif store.history():
        print(f"{title}: {store.path} has weights, but no state to go on from; {again}", flush=True)

    def look_at_loss() -> None:
        nonlocal high
        values = {"the loss": losses[:done], **dict(learner.network.named_parameters())}
        if wrong := next((name for name, value in values.items() if not value.isfinite().all()), None):
            raise RunError(
                f"{wrong} is no longer finite at step {len(history) * per_epoch + done}; the state before is "
                "intact: lower learning_rate, use precision fp32, or try a degradation of your own with "
                "`python -m diffusion.check`"
            )
        first = history[0]["losses"][0] if history else losses[0].item()
        mean = losses[max(0, done - AVERAGED) : done].mean().item()
        if not high and (high := mean > HIGH * first):
            risen = f"the loss rose from {first:.3g} to {mean:.3g}"
            print(f"note: {title}: {risen}; lower learning_rate", flush=True)

    def save() -> None:
        kept = {"history": history, "step": done, "seconds": seconds, "losses": losses.cpu()}
        store.keep("state.pt", kept | {"learner": learner.state_dict()})

    while (epoch := len(history) + 1) <= epochs:
        before, begun = (epoch - 1) * per_epoch, time.monotonic() - seconds
        n = min(per_epoch, learner.total - before)
        bar = progress(range(done, n), f"{title}: epoch {epoch}/{epochs}", n, done)
        for i, batch in zip(bar, learner.batches(epoch, done), strict=False):
            losses[i] = loss = learner.step(before + i, batch)
            done, seconds = i + 1, time.monotonic() - begun
            if done % SHOWN == 0:
                mean = losses[max(0, done - AVERAGED) : done].mean()
                bar.set_postfix_str(f"loss {mean:.4f}", refresh=False)
            if callback:
                callback(before + done, loss.item())
            if done % checkpoint_steps == 0 and done < n:
                look_at_loss()
                save()
        look_at_loss()
        test_loss, k = learner.test_loss(), min(n, max(1, POINTS // epochs))
        parts = [losses[n * i // k : n * (i + 1) // k].mean() for i in range(k)]
        line = {
            "epoch": epoch,
            "step": before + n,
            "train_loss": losses[:n].double().mean().item(),
            "test_loss": test_loss,
            "losses": [float(f"{part:.6g}") for part in parts],  # of equal parts of the epoch
            "seconds": round(time.monotonic() - begun, 3),
        }
        # Weights before the state that claims them: a kill in between repeats work rather than losing it.
        line["sha256"] = store.write_weights(epoch, learner.trained)
        history, done, seconds = [*history, line], 0, 0.0
        save()
        store.write_history(history)
        test = "" if test_loss is None else f", test loss {test_loss:.5f}"
        print(f"{title}: epoch {epoch}/{epochs}, train loss {line['train_loss']:.5f}{test}", flush=True)
        run.history = history
        if epoch_callback:
            epoch_callback(run, {**line})
    run.history = history[:epochs]
