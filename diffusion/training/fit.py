"""Training: one loop for all processes, resumable at any step.

After an interruption, a run resumes with the same stream of random numbers. On a CPU, its final weights are
bit-identical to an uninterrupted run, because everything random is a function of (seed, step).
"""

import copy
import math
import os
import shutil
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from tempfile import mkdtemp
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from diffusion import runtime
from diffusion.arguments import Count, Native, Seed, checked
from diffusion.pixels import require_images, shape_of
from diffusion.processes import DegradationProcess
from diffusion.progress import progress
from diffusion.runtime import Precision
from diffusion.saved import from_plain, to_plain, to_settings
from diffusion.training import network as networks
from diffusion.training.check import prepare
from diffusion.training.folder import RunError, RunFolder
from diffusion.training.run import Run, precision_of
from diffusion.training.settings import check_network, copy_process, describe, notes
from diffusion.training.steps import Learner

POINTS = 1000  # approximate number of points of a run's loss curve
SHOWN = 20  # steps between updates of the loss in the progress bar


@checked
@torch.inference_mode(False)  # even if the caller has switched it on
@torch.enable_grad()
def fit(
    process: DegradationProcess,
    x: Any,
    x_test: Any = None,
    *,
    steps: Count | None = None,
    epochs: Count | None = None,
    folder: str | os.PathLike | None = None,
    if_exists: Literal["error", "rename"] = "error",
    batch_size: Count = 128,
    learning_rate: Annotated[float, Native, Field(gt=0, le=1000)] = 2e-3,
    lr_schedule: Literal["constant", "cosine"] = "cosine",
    network: Any = "cnn",
    network_options: dict[str, Any] | None = None,
    seed: Seed = 0,
    precision: Precision = "auto",
    ema: Annotated[float, Native, Field(gt=0, lt=1)] | None = None,
    device: str | torch.device | None = None,
    callback: Callable[[int, float], Any] | None = None,
    epoch_callback: Callable[[Run, dict[str, Any]], Any] | None = None,
    checkpoint_steps: Count = 200,
) -> Run:
    """Train a network for a process, or resume an interrupted run.

    If `folder` contains a run with equal settings, images and code, `fit` resumes it; a finished run is
    returned without further training.

    A line that begins with "note:" reports something that is allowed but probably not intended: a problem
    found by `diffusion.training.check`, or a noise schedule that ends before the image is noise.

    Args:
        process (DegradationProcess): The process to learn. The run gets a copy, `run.process`, on which
            `prepare(x)` is called. Its `sampler` and fitted `prior` are saved with the run; they may differ
            from the last call with this folder.
        x (Tensor or array): Training images (N, C, S, S), floats in [-0.5, 0.5]. Other arrays and bytes are
            converted if their shape and scale are unambiguous.
        x_test (Tensor or array, optional): Images for a test loss after each epoch. If None, measures none.
            Default None.
        steps (int, optional): Number of optimiser steps. If both `steps` and `epochs` are None, 1000. Default
            None.
        epochs (int, optional): Number of epochs, instead of `steps`. Default None.
        folder (path, optional): Folder of the run. If None, uses a temporary folder that is deleted with the
            run. Default None.
        if_exists (str): "error" raises RunError if the folder holds a different run; "rename" renames that
            run to NAME.before-1 and trains. Default "error".
        batch_size (int): Images per step. Default 128.
        learning_rate (float): Learning rate of Adam, in (0, 1000]; its peak for the "cosine" schedule.
            Default 2e-3.
        lr_schedule (str): "cosine" for a warm-up and then a decay to 0, or "constant", which lets you add
            epochs later. Default "cosine".
        network (str or type): "cnn" (`Reconstructor`), "unet" (`UNet`), your own subclass of torch.nn.Module,
            or its `module:Class`. Default "cnn".
        network_options (dict, optional): Arguments of the network, such as {"channels": [16, 32, 32, 16]}.
            Default None.
        seed (int): Seeds the initial weights, the image order and all noise. Default 0.
        precision (str): "fp32", "bf16", or "auto" for bf16 if the hardware is faster with it. A resumed run
            keeps its precision. Default "auto".
        ema (float, optional): Decay of an exponential moving average of the weights over steps, such as
            0.999. The averaged weights are saved and tested. The decay after step n is at most n / (9 + n).
            If None, does not average. Default None.
        device (str or device, optional): Device, such as "cpu" or "cuda". If None, uses $COLD_ZOOM_DEVICE,
            else a GPU, else the CPU. Default None.
        callback (Callable, optional): Called after each step as callback(step, loss), with steps counted from
            1 over all epochs. Its return value is ignored. To stop, raise an exception: the same call of
            `fit` later resumes from the last checkpoint. Default None.
        epoch_callback (Callable, optional): Called after each epoch as epoch_callback(run, line), with the
            run so far and the epoch's entry of `run.history`. Exceptions and return value as in `callback`.
            Default None.
        checkpoint_steps (int): Steps between two checkpoints. Default 200.

    Returns:
        Run: The trained run.

    Raises:
        ValueError: If an argument is out of range, a process or option cannot be saved, or the process or the
            network returns wrong images.
        RunError: If the folder holds a different run and `if_exists` is "error", another process is using it,
            the disk is full, a file is damaged, or the loss is no longer finite.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=32)
        >>> run = d.fit(d.ColdZoom(), x, steps=2, batch_size=16)
        training: epoch 1/1, train loss 0...
        >>> run.steps
        2
    """
    x = require_images("x", x).clone()  # a copy, in case the caller changes it later
    x_test = None if x_test is None else require_images("x_test", x_test).clone()
    if x_test is not None and x_test.shape[1:] != x.shape[1:]:
        raise ValueError(f"x_test is {tuple(x_test.shape)}, x {tuple(x.shape)}; expected: equal shapes")
    if steps is not None and epochs is not None:
        raise ValueError(f"steps is {steps} and epochs is {epochs}; expected: only one of them")
    total = epochs * math.ceil(len(x) / batch_size) if epochs else steps or 1000
    on = runtime.device(device)
    learning = {"batch_size": batch_size, "learning_rate": learning_rate, "lr_schedule": lr_schedule}
    learning |= {"ema": ema, "seed": seed, "precision": runtime.resolve_precision(precision, on)}

    process, sampling = copy_process(process, shape_of(x))
    cls, options = networks.architecture(network, network_options, process.image_shape)
    settings = describe(process, cls, options, x, x_test, total, on, learning)
    check_network(cls, options, x)

    store = RunFolder(folder or mkdtemp(prefix="diffusion-"))
    title = store.path.name if folder else "training"
    resumed = settings
    if precision == "auto" and (begun := store.settings()):
        resumed = settings | {"precision": begun["precision"]}  # a resumed run keeps its precision
    if if_exists == "rename" and (why := store.difference(resumed)):
        earlier = store.set_aside()
        print(f"retraining {title}: {why}. The earlier run is now {earlier.name}", flush=True)
    with store.locked():
        if begun := store.settings():
            settings = resumed
        if why := store.difference(settings):
            raise RunError(
                f"{store.path} holds a different run: {why}. Use another folder, pass "
                'if_exists="rename" to rename this one, or read it with d.open'
            )
        chosen = to_settings(to_plain(sampling, "process"))  # sampler and prior as given, which may change
        if not begun or store.load("process.pt").get("sampling", {}) != chosen:
            vars(process).update(sampling)
            prior = prepare(process, x)
            for note in notes(copy.deepcopy(process), x, copy.deepcopy(prior)):
                print(f"note: {title}: {note}", flush=True)
            if prior is not None:
                process.prior = prior
            store.keep("process.pt", to_plain(process, "the prepared process") | {"sampling": chosen})
        if not begun:
            store.keep("network.pt", to_plain(options, "network_options"))
            store.begin(settings)
        process = from_plain(store.load("process.pt"))  # the same object for new and resumed runs
        used = precision_of(precision, settings["precision"], on, title)
        run = Run(store, process, (cls, options), settings, [], used, on, images=x)
        if folder is None:
            weakref.finalize(run, shutil.rmtree, store.path, ignore_errors=True)
        x_test = None if x_test is None else x_test.to(on)
        learning = {name: settings[name] for name in learning}
        learner = Learner(process, cls, options, x.to(on), x_test, total=total, **learning)
        Loop(run, learner, title, callback, epoch_callback, checkpoint_steps).train()
    return run


@dataclass
class Loop:
    """Trains a run to its end, from its last state if it has one."""

    run: Run
    learner: Learner
    title: str
    callback: Callable[[int, float], Any] | None
    epoch_callback: Callable[[Run, dict[str, Any]], Any] | None
    checkpoint_steps: int

    def __post_init__(self) -> None:
        self.store = self.run.store
        self.per_epoch = math.ceil(len(self.learner.x) / self.learner.batch_size)
        self.epochs = math.ceil(self.learner.total / self.per_epoch)
        # The current epoch: its losses, its steps so far, and the seconds that they took.
        self.losses = torch.zeros(self.per_epoch, device=self.learner.x.device)
        self.done, self.seconds = 0, 0.0

    @property
    def step(self) -> int:
        """int: Steps done."""
        return len(self.run.history) * self.per_epoch + self.done

    def train(self) -> None:
        """Train to the end. The run gets a line of history after each epoch."""
        self.resume()
        while len(self.run.history) < self.epochs:
            line = self.train_epoch(len(self.run.history) + 1)
            if self.epoch_callback:
                self.epoch_callback(self.run, {**line})
        del self.run.history[self.epochs :]

    def resume(self) -> None:
        """Resume from the last state if it and all its weights exist."""
        store, title = self.store, self.title
        restart = "training restarts at step 1"
        if not (state := store.state()):
            if store.history():
                print(f"{title}: {store.path} lacks a state to resume from; {restart}", flush=True)
            return
        done_epochs = range(1, 1 + len(state["history"][: self.epochs]))
        if lost := [epoch for epoch in done_epochs if not store.weights(epoch).exists()]:
            print(f"{title}: the weights of epoch {lost[0]} are missing; {restart}", flush=True)
            return
        self.run.history, self.done, self.seconds = state["history"], state["step"], state["seconds"]
        self.losses = state["losses"].to(self.losses.device)
        self.learner.load_state_dict(state["learner"])
        for line in self.run.history[: self.epochs]:
            store.read_weights(line)  # raises an error if the file is damaged
        store.write_history(self.run.history)  # the file may be damaged, or lack the last epoch
        if self.step < self.learner.total:
            print(f"{title} resumes at step {self.step:,} of {self.learner.total:,}", flush=True)
        else:
            print(f"{title} is already trained", flush=True)

    def train_epoch(self, epoch: int) -> dict[str, Any]:
        """Train for one epoch, or for the rest of it, and return its line of the history."""
        learner, losses, title = self.learner, self.losses, f"{self.title}: epoch {epoch}/{self.epochs}"
        before, begun = (epoch - 1) * self.per_epoch, time.monotonic() - self.seconds
        n = min(self.per_epoch, learner.total - before)
        bar = progress(range(self.done, n), title, n, self.done)
        for i, batch in zip(bar, learner.batches(epoch, self.done), strict=False):
            losses[i] = loss = learner.step(before + i, batch)
            self.done, self.seconds = i + 1, time.monotonic() - begun
            if self.done % SHOWN == 0:
                bar.set_postfix_str(f"loss {loss.item():.4f}", refresh=False)
            if self.callback:
                self.callback(self.step, loss.item())
            if self.done % self.checkpoint_steps == 0 and self.done < n:
                self.check_loss()
                self.save()
        self.check_loss()
        test_loss, k = learner.test_loss(), min(n, max(1, POINTS // self.epochs))
        parts = [losses[n * i // k : n * (i + 1) // k].mean() for i in range(k)]  # equal parts of the epoch
        line = {"epoch": epoch, "step": before + n, "train_loss": losses[:n].double().mean().item()}
        line |= {"test_loss": test_loss, "losses": [float(f"{part:.6g}") for part in parts]}
        line["seconds"] = round(time.monotonic() - begun, 3)
        # The weights before the state that refers to them: a kill in between then only repeats work.
        line["sha256"] = self.store.write_weights(epoch, learner.trained)
        self.run.history, self.done, self.seconds = [*self.run.history, line], 0, 0.0
        self.save()
        self.store.write_history(self.run.history)
        test = "" if test_loss is None else f", test loss {test_loss:.5f}"
        print(f"{title}, train loss {line['train_loss']:.5f}{test}", flush=True)
        return line

    def check_loss(self) -> None:
        """Raise RunError if the loss or a weight is no longer finite."""
        values = {"the loss": self.losses[: self.done], **dict(self.learner.network.named_parameters())}
        if wrong := next((name for name, value in values.items() if not value.isfinite().all()), None):
            raise RunError(
                f"{wrong} is no longer finite at step {self.step}; the earlier state is intact. Lower "
                "learning_rate, use fp32, or check your own degradation with diffusion.training.check"
            )

    def save(self) -> None:
        """Write the state from which training can resume."""
        position = {"history": self.run.history, "step": self.done, "seconds": self.seconds}
        losses, learner = self.losses.cpu(), self.learner.state_dict()
        self.store.keep("state.pt", position | {"losses": losses, "learner": learner})
