"""Training: one loop for every process, resumable at any step.

Everything random is a function of (seed, step): the order of the images of an epoch, the time steps and the
noise of a step. A run that was killed therefore goes on with the same stream and ends, on a CPU, with
bit-identical weights.
"""

import contextlib
import copy
import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from diffusion import runtime
from diffusion.processes import DegradationProcess
from diffusion.processes.base import check_images
from diffusion.runtime import differences, digest, generator, own_source
from diffusion.training import network as networks
from diffusion.training import sampling
from diffusion.training.checkpoints import RunError, RunFolder, load_weights, weights_bytes

RECIPE = 1  # raise it when a change alters the weights of a training (tests/test_golden.py notices)
WARM_UP = 0.03  # share of all steps over which the "cosine" learning rate rises, at most 200 steps


@dataclass
class Run:
    """A trained model: what `fit` and `released` return.

    Attributes:
        history: a line an epoch: epoch, train_loss, test_loss (None without test images), seconds, sha256.
        steps: optimiser steps in all.
        folder: where the run lies.
        samples: folder in which drawn samples are kept; None: they are not.
        temporary: what removes a temporary folder when the run is no longer used.
    """

    process: DegradationProcess
    name: str
    seed: int
    folder: RunFolder
    identity: dict[str, Any]
    history: list[dict]
    steps: int
    precision: str
    device: torch.device
    architecture: tuple[str | type[nn.Module], Sequence[int], Mapping[str, Any] | None]
    samples: Path | None = None
    temporary: TemporaryDirectory | None = None

    @property
    def epochs(self) -> int:
        return len(self.history)

    @property
    def parameters_count(self) -> int:
        """Number of the network's parameters."""
        return sum(p.numel() for p in networks.build(*self.architecture).parameters())

    def weights(self, epoch: int | None = None) -> Path:
        """The weights file after an epoch; None: the last."""
        return self.folder.weights(self._line(epoch)["epoch"])

    def weights_sha256(self, epoch: int | None = None) -> str:
        """SHA-256 of the weights file after an epoch; None: the last."""
        line = self._line(epoch)
        return line.get("sha256") or hashlib.sha256(self.folder.read_weights(line["epoch"])).hexdigest()

    def network(self, epoch: int | None = None, average: int = 1) -> nn.Module:
        """The network after an epoch (None: the last), in evaluation mode, on the device.

        Args:
            average: the mean of the weights after this many epochs, the last of which is `epoch`.

        Raises:
            RunError: weights are lost or damaged, or there is no such epoch.
        """
        last = self._line(epoch)["epoch"]
        found = [self._network(one) for one in self._epochs(last, average)]
        means = [torch.stack(each).mean(0) for each in zip(*(n.parameters() for n in found), strict=True)]
        for parameter, mean in zip(found[0].parameters(), means, strict=True):
            parameter.data = mean
        return found[0].to(self.device)

    def _network(self, epoch: int) -> nn.Module:
        content, name = self.folder.read_weights(epoch), str(self.folder.weights(epoch))
        fresh = networks.build(*self.architecture)
        return load_weights(content, fresh, self._line(epoch).get("sha256"), name)

    def _epochs(self, last: int, number: int) -> range:
        if not 1 <= number <= last:
            raise RunError(f"average is {number}; {self.name} has {last} epochs to average over")
        return range(last, last - number, -1)

    def sample(self, n: int, seed: int | None = None, epoch: int | None = None, average: int = 1) -> Tensor:
        """n generated images, (n, 1, 28, 28) float32 on the CPU, about [-0.5, 0.5].

        Args:
            seed: of the noise or of the prior; None: that of the training.
            epoch, average: as `network` takes them.
        """
        title = f"{self.name}: {n} samples" + (f" after epoch {epoch}" if epoch else "")
        seed = self.seed if seed is None else seed
        network, sha256 = self.network(epoch, average), self.weights_sha256(epoch)
        if average > 1:
            epochs = self._epochs(self._line(epoch)["epoch"], average)
            sha256 = digest([self.weights_sha256(one) for one in epochs])
        return sampling.draw(self.process, network, sha256, n, seed, self.samples, self.precision, title)

    def _line(self, epoch: int | None) -> dict:
        found = self.history[-1:] if epoch is None else [ln for ln in self.history if ln["epoch"] == epoch]
        if not found:
            raise RunError(f"epoch is {epoch}; {self.name} has epochs 1 to {self.epochs}")
        return found[0]

    def __repr__(self) -> str:
        last = self.history[-1]
        losses = [
            f"{k.replace('_', ' ')} {last[k]:.5f}" for k in ("train_loss", "test_loss") if last[k] is not None
        ]
        return (
            f"{self.name}, seed {self.seed}: {type(self.process).__name__} with T = {self.process.T}, "
            f"{self.parameters_count:,} parameters, {self.epochs} epochs of {self.steps:,} steps in all, "
            f"{', '.join(losses)}; {self.precision} on {self.device.type}, {self.folder.path}"
        )


def learning_rate_at(step: int, total: int, peak: float, schedule: str) -> float:
    """Rate of a step (0-based): "constant", or "cosine" with a short linear warm-up, falling to zero."""
    if schedule == "constant":
        return peak
    warm = max(1, min(200, round(WARM_UP * total)))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def fit(
    process: DegradationProcess,
    x: Tensor,
    x_test: Tensor | None = None,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    folder: str | os.PathLike | None = None,
    name: str = "model",
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    lr_schedule: str = "cosine",
    network: str | type[nn.Module] = "cnn",
    channels: Sequence[int] = networks.CHANNELS,
    network_options: Mapping[str, Any] | None = None,
    seed: int = 0,
    precision: str = "auto",
    checkpoint_steps: int = 200,
) -> Run:
    """Train a network for a process, or go on where an earlier call stopped.

    Args:
        process: what to learn; `process.prepare(x)` is called, and the run keeps a copy, `run.process`.
        x: training images, (N, 1, 28, 28) in [-0.5, 0.5], at least a batch of them.
        x_test: images whose loss is measured after each epoch; None: it is not.
        steps, epochs: length of the training, one of the two; steps = 1000 if neither is given.
        folder: the run lies in `<folder>/<name>-<seed>-<digest>`; None: in a temporary one,
            which goes when the run is no longer used.
        name: of the model, in the folder's name and in messages.
        batch_size: images in a step.
        learning_rate: of Adam; the peak, if it decays.
        lr_schedule: "cosine" (warm-up, then decay to 0) or "constant", which more epochs can extend.
        network: "cnn", "unet", or a class of your own, or its `module:Class`.
        channels, network_options: its arguments.
        seed: of the initial weights, of the order of the images and of all noise.
        precision: "fp32", "bf16", or "auto": bf16 where hardware is faster in it.
        checkpoint_steps: steps between resumable states.

    Raises:
        ValueError: an argument out of range.
        RunError: another process holds the run, the disk is full, or the loss is no longer finite.
    """
    if not isinstance(process, DegradationProcess):
        raise ValueError(
            f"process is a {type(process).__name__}; needed: a process such as diffusion.ColdZoom()"
        )
    check_images(x)
    if x_test is not None:
        check_images(x_test)
    if batch_size > len(x):
        raise ValueError(
            f"batch_size is {batch_size}, but there are {len(x)} training images; make it smaller"
        )
    for what, value, ok in [
        ("steps and epochs", (steps, epochs), steps is None or epochs is None),
        ("steps", steps, steps is None or steps >= 1),
        ("epochs", epochs, epochs is None or epochs >= 1),
        ("batch_size", batch_size, batch_size >= 1),
        ("learning_rate", learning_rate, 0 < learning_rate < math.inf),
        ("lr_schedule", lr_schedule, lr_schedule in ("constant", "cosine")),
        ("channels", channels, len(channels) > 0 and all(c >= 1 for c in channels)),
        ("seed", seed, isinstance(seed, int) and seed >= 0),
        ("checkpoint_steps", checkpoint_steps, checkpoint_steps >= 1),
        ("name", name, re.fullmatch(r"[A-Za-z0-9][\w-]{0,79}", name)),
    ]:
        if not ok:
            raise ValueError(f"{what} is {value!r}, which is not allowed; see help(diffusion.fit)")
    on = runtime.device()
    precision = runtime.resolve_precision(precision, on)
    process.prepare(x)
    with contextlib.suppress(Exception):  # one that cannot be copied is the caller's own
        process = copy.deepcopy(process)
    per_epoch = math.ceil(len(x) / batch_size)
    total = epochs * per_epoch if epochs else steps or 1000
    architecture = (network, tuple(channels), dict(network_options or {}))
    identity = {
        "recipe": RECIPE,
        "process": process.settings() | {"code": own_source(type(process))},
        "network": _describe(*architecture),
        "data": {"train": _hash(x), "test": None if x_test is None else _hash(x_test)},
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lr_schedule": lr_schedule,
        # Where the rate falls to an end, or the last epoch is cut short, the length is part of what it is.
        "steps": total if lr_schedule == "cosine" or total % per_epoch else None,
        "seed": seed,
        "precision": precision,
        "device": on.type,
    }
    identity = json.loads(json.dumps(identity))
    temporary = TemporaryDirectory(prefix="diffusion-") if folder is None else None
    store = _find(Path(temporary.name if temporary else folder), name, seed, identity)
    loop = _Loop(store, process, architecture, identity, x.to(on), None if x_test is None else x_test.to(on))
    loop.title, loop.total = name, total
    with store.locked():
        store.write_identity(identity)
        store.save_process(process.state())
        if kept := store.load_process():
            process.load_state(kept)  # of the run, in case another machine rounds otherwise
        loop.run(n_epochs := math.ceil(total / per_epoch), checkpoint_steps)
    history = loop.history[:n_epochs]
    run = Run(process, name, seed, store, identity, history, total, precision, on, architecture)
    run.temporary = temporary
    if not temporary:
        run.samples = samples_folder(store.path)
    return run


def samples_folder(run: Path) -> Path:
    """Folder of a run's samples: `samples` beside the folder `runs`, else in the run's own folder."""
    return (run.parent.parent if run.parent.name == "runs" else run) / "samples"


class _Loop:
    """The epochs of one run, with all that a resume needs: network, optimiser, position and history."""

    def __init__(
        self,
        store: RunFolder,
        process: DegradationProcess,
        architecture: tuple,
        identity: Mapping[str, Any],
        x: Tensor,
        x_test: Tensor | None,
    ):
        self.store, self.process, self.architecture, self.identity = store, process, architecture, identity
        self.x, self.x_test = x, x_test
        self.seed, self.batch_size, self.precision = (
            identity[k] for k in ("seed", "batch_size", "precision")
        )
        self.per_epoch = math.ceil(len(x) / self.batch_size)
        with runtime.seeded(generator(self.seed, "network").initial_seed()):
            self.network = networks.build(*architecture).to(x.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)  # the rate is set in every step
        self.title, self.total = "model", 0
        self.history: list[dict] = []
        self.step = 0  # steps done in the epoch under way
        self.losses = torch.zeros(self.per_epoch, device=x.device)
        self.seconds = 0.0  # spent on the epoch under way

    def run(self, epochs: int, checkpoint_steps: int) -> None:
        """Train up to an epoch of the run of `total` steps, from the last state if there is one."""
        if state := self.store.load_state():
            self._restore(state)
            self._repair(checkpoint_steps)
            self.store.write_history(self.history)
        while len(self.history) < epochs:
            self._epoch(len(self.history) + 1, checkpoint_steps)

    def _epoch(self, epoch: int, checkpoint_steps: int) -> None:
        order = torch.randperm(len(self.x), generator=generator(self.seed, "order", epoch)).to(self.x.device)
        before = (epoch - 1) * self.per_epoch
        steps = min(self.per_epoch, self.total - before)
        begun = time.monotonic() - self.seconds
        title = f"{self.title}: epoch {epoch}/{math.ceil(self.total / self.per_epoch)}"
        self.network.train()
        bar = runtime.progress(range(self.step, steps), title, steps, self.step)
        for _ in bar:
            batch = order[self.step * self.batch_size : (self.step + 1) * self.batch_size]
            self._step(before + self.step, self.x[batch])
            if self.step % checkpoint_steps == 0 and self.step < steps:
                bar.set_postfix_str(f"loss {self._mean_loss():.4f}", refresh=False)
                self.seconds = time.monotonic() - begun
                self._save()
        line = {"epoch": epoch, "train_loss": self._mean_loss(), "test_loss": self._test_loss()}
        line["seconds"] = round(time.monotonic() - begun, 3)
        self.store.refuse_not_finite(f"after epoch {epoch}", self.network.state_dict(), [line])
        content = self._weights(epoch)
        self.history.append(line | {"sha256": hashlib.sha256(content).hexdigest()})
        self.step, self.seconds = 0, 0.0
        # Weights before the state that claims them: a kill in between repeats work rather than losing it.
        self.store.save_weights(epoch, content)
        self._save()
        self.store.write_history(self.history)
        test = "" if line["test_loss"] is None else f", test loss {line['test_loss']:.5f}"
        print(f"{title}: train loss {line['train_loss']:.5f}{test}, {line['seconds']:.0f} s", flush=True)

    def _step(self, number: int, x: Tensor) -> None:
        rate = learning_rate_at(
            number, self.total, self.identity["learning_rate"], self.identity["lr_schedule"]
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self._loss(x, generator(self.seed, "noise", number))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.losses[self.step] = loss.detach()
        self.step += 1

    def _loss(self, x: Tensor, noise: torch.Generator) -> Tensor:
        with runtime.autocast(self.x.device, self.precision):
            return self.process.loss(self.network, x, noise)

    def _mean_loss(self) -> float:
        """Mean over the epoch's steps so far; raises RunError if one was not finite."""
        losses = self.losses[: self.step].double().cpu()
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            number = len(self.history) * self.per_epoch + int(bad[0]) + 1
            raise RunError(
                f"the loss became {losses[bad[0]].item()} in step {number}; nothing was overwritten, the "
                f"last good state is {self.store.last_good()}: lower learning_rate, or use precision fp32"
            )
        return losses.mean().item()

    @torch.inference_mode()
    def _test_loss(self) -> float | None:
        """Mean loss over the test images, at time steps and noise that are the same in every epoch."""
        if self.x_test is None:
            return None
        self.network.eval()
        total = 0.0
        for i, x in enumerate(self.x_test.split(self.batch_size)):
            total += self._loss(x, generator(self.seed, "test", i)).item() * len(x)
        return total / len(self.x_test)

    def _weights(self, epoch: int) -> bytes:
        return weights_bytes(self.network, {"run": digest(self.identity), "epoch": epoch})

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "step": self.step,
            "losses": self.losses.cpu(),
            "seconds": self.seconds,
            "run": digest(self.identity),
        }
        self.store.save_state(len(self.history) * self.per_epoch + self.step, state)

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state.get("run") != digest(self.identity):
            raise RunError(
                f"the state in {self.store.path} is of another run; delete the folder to train anew"
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.step, self.seconds = state["history"], state["step"], state["seconds"]
        self.losses = state["losses"].to(self.x.device)

    def _repair(self, checkpoint_steps: int) -> None:
        """Make damaged or lost weights anew: the last epoch's from the state, others by training up to them.

        Raises:
            RunError: training again gave other weights than the history names, as another machine might.
        """
        damaged = [line for line in self.history if not self._intact(line)]
        if damaged and damaged[-1]["epoch"] == len(self.history) and self.step == 0:
            self._replace(damaged.pop(), self._weights(len(self.history)))
        if not damaged:
            return
        last = damaged[-1]["epoch"]
        print(
            f"{self.title}: weights of epoch {damaged[0]['epoch']} are lost or damaged; training again "
            f"to epoch {last}"
        )
        folder = RunFolder(self.store.path / "repair")  # a run of its own, so that it can be killed and go on
        again = _Loop(folder, self.process, self.architecture, self.identity, self.x, self.x_test)
        again.title, again.total = f"{self.title}, repair", self.total
        again.run(last, checkpoint_steps)
        repaired = [folder.read_weights(line["epoch"]) for line in damaged]
        shutil.rmtree(folder.path)
        for line, content in zip(damaged, repaired, strict=True):
            self._replace(line, content)

    def _intact(self, line: Mapping[str, Any]) -> bool:
        try:
            content = self.store.read_weights(line["epoch"])
        except RunError:
            return False
        return line.get("sha256") in (None, hashlib.sha256(content).hexdigest())

    def _replace(self, line: dict, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if line.get("sha256") not in (None, found):
            raise RunError(
                f"{self.store.weights(line['epoch'])} is lost or damaged, and training again gave other "
                "weights, as on another machine or with another number of threads or torch; delete "
                f"{self.store.path} to train anew"
            )
        self.store.save_weights(line["epoch"], content)
        print(
            f"{self.title}: weights of epoch {line['epoch']} were lost or damaged and are repaired",
            flush=True,
        )


def _find(folder: Path, name: str, seed: int, identity: Mapping[str, Any]) -> RunFolder:
    """The run of this identity, whatever its folder's name, or a new one; says what a new one differs in."""
    new = RunFolder(folder / f"{name}-{seed}-{digest(identity)}")
    if new.path.is_dir():
        return new
    others = []
    for path in sorted(folder.glob("*/run.json")):
        found = RunFolder(path.parent)
        recorded = found.identity()
        if recorded == identity:
            return found
        if path.parent.name.startswith(f"{name}-{seed}-"):
            why = ["its run.json is damaged"] if recorded is None else list(differences(recorded, identity))
            others.append((len(why), why[0], path.parent))
    if others:
        _, why, old = min(others)  # the one that is most like it
        print(f"{name}, seed {seed}: a new run, since {why}; {old} stays as it is", flush=True)
    return new


def _describe(
    network: str | type[nn.Module], channels: Sequence[int], options: Mapping[str, Any]
) -> dict[str, Any]:
    cls = type(networks.build(network, channels, options))
    own = cls.__module__.partition(".")[0] != "diffusion"
    name = f"{cls.__module__}:{cls.__qualname__}" if own else cls.__name__
    return {"name": name, "channels": list(channels), "options": dict(options), "code": own_source(cls)}


def _hash(x: Tensor) -> str:
    return hashlib.sha256(x.cpu().contiguous().numpy()).hexdigest()
