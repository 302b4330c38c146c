"""A trained model, and the ways to sample it."""

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from diffusion import data, identity, runtime
from diffusion.bounds import Precision, Seed, check, looks, whole
from diffusion.files import digest
from diffusion.identity import describe
from diffusion.processes import ColdZoom
from diffusion.processes.base import DegradationProcess
from diffusion.processes.priors import fitted, prior_of
from diffusion.processes.samplers import Sampler, sampler_of, visits
from diffusion.training import network as networks
from diffusion.training import sampling
from diffusion.training.checkpoints import RunError, RunFolder, load_weights

LOSSES = ("train_loss", "test_loss")


@dataclass(frozen=True)
class Way:
    """A way to sample a training.

    Attributes:
        sampler, prior: as `Run.sample` takes them.
        average: the weights are the mean over so many last epochs.
    """

    sampler: Any = None
    prior: Any = None
    average: int = 1


@dataclass
class Run:
    """A trained model: what `fit`, `open` and `released` return.

    Attributes:
        process: with what it learnt from the training images.
        identity: all that determines the weights, as JSON.
        history: a line an epoch: epoch, train_loss, test_loss (None without test images), step (done by
            then), losses (means over equal parts of the epoch), seconds, sha256.
        steps: optimiser steps in all.
        store: the files of its folder, `run.folder`.
        architecture: the network's class and its arguments.
        way: how it is sampled where nothing else is said.
        precision: that it is sampled in; that of the training is `identity["precision"]`.
        keeps: fitted priors and the way to sample are kept on disk; not so of a release.
        learnt: priors that were fitted for it, by what they are known by.
        images: the training images, of which a prior is fitted; None: they are looked for when one is.
    """

    process: DegradationProcess
    name: str
    seed: int
    store: RunFolder
    identity: dict[str, Any]
    history: list[dict]
    steps: int
    precision: str
    device: torch.device
    architecture: tuple[type[nn.Module], dict[str, Any]]
    way: Way = Way()
    keeps: bool = True
    learnt: dict[str, Any] = field(default_factory=dict, repr=False)
    images: Tensor | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.store.path

    @property
    def epochs(self) -> int:
        return len(self.history)

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Training loss by step: (last step of a part, mean over that part), at most about 1,000 parts."""
        found, before = [], 0
        for line in self.history:
            for number, loss in enumerate(line.get("losses", ()), 1):
                found.append((before + (line["step"] - before) * number // len(line["losses"]), loss))
            before = line.get("step", 0)
        return found

    @property
    def parameters_count(self) -> int:
        """Number of the network's parameters."""
        return sum(p.numel() for p in self._fresh().parameters())

    @property
    def calls(self) -> int:
        """Network calls for one image, sampled by default."""
        return len(visits(sampler_of(self.way.sampler, self.process), self.process.T)) - 1

    def weights_file(self, epoch: int | None = None) -> Path:
        """The weights file after an epoch; None: the last."""
        return self.store.weights(self._line(epoch)["epoch"])

    def weights_sha256(self, epoch: int | None = None) -> str:
        """SHA-256 of the weights file after an epoch; None: the last."""
        return self._line(epoch)["sha256"]

    def network(self, epoch: int | None = None, average: int = 1) -> nn.Module:
        """The network after an epoch (None: the last), in evaluation mode, on the device.

        Its weights may be the `average` over so many epochs, the last of which is `epoch`. RunError: weights
        are lost or damaged, or there is no such epoch.
        """
        states = []
        for one in self._epochs(epoch, average):
            path, content = self.weights_file(one), self.store.read_weights(one, self.weights_sha256(one))
            states.append(load_weights(content, network := self._fresh(), str(path)).state_dict())
        if average > 1:
            network.load_state_dict(sampling.mean_of(states))
        return network.to(self.device)

    def sample(
        self,
        n: int | None = None,
        seed: int | None = None,
        epoch: int | None = None,
        *,
        sampler: Any = None,
        prior: Any = None,
        start: Tensor | None = None,
        average: int | None = None,
        precision: str | None = None,
    ) -> Tensor:
        """n generated images, (n, C, S, S) float32 on the CPU, about [-0.5, 0.5].

        What is not named is as the run is sampled by default, or else as its process says. The same arguments
        give the same images.

        Args:
            n: images; None: as many as `start` has.
            seed: of the noise and of the prior; None: that of the training.
            epoch, average: as `network` takes them.
            sampler: such as d.DDIM(steps=24) or d.Naive(noise=0.2), its name, or a function or class of your
                own.
            prior: such as d.Mixture(), its name, or an object of your own. It is fitted on the training
                images, once, and kept with the run.
            start: where sampling starts in place of a prior, a tensor or an array: (n, C, S, S) latents at
                t = T, or of a zoom with T = 24 its (n, 1, 4, 4) pixels; one stands for all n.
            precision: in place of the run's, as `open` takes it.

        Raises:
            ValueError: an argument that is not allowed, or a prior or sampler that gives no such images.
            RunError: weights are lost or damaged.
        """
        n, seed, average, walker, begin = self._asked(n, seed, sampler, prior, start, average)
        title = f"{self.name}: {n} samples" + (f" after epoch {epoch}" if epoch else "")
        process, walker, begin = copy.deepcopy((self.process, walker, begin))  # each time as they are
        network = self.network(epoch, average)
        return sampling.draw(process, network, walker, begin, n, seed, self._in(precision), title)

    def drawn_by(
        self, n: int, seed: int | None = None, epoch: int | None = None, *, precision: Any = None, **how: Any
    ) -> dict[str, Any]:
        """As JSON, all that determines the images that `sample` gives for these arguments."""
        n, seed, average, walker, begin = self._asked(n, seed, **how)
        own: dict[str, str] = {}
        return {
            "weights": [self.weights_sha256(one) for one in self._epochs(epoch, average)],
            "process": describe(self.process, "process", own),
            "sampler": describe(walker, "sampler", own),
            "start": describe(begin, "start", own),
            "network": describe(self.architecture, "network", own),
            "own": own,
            "code": identity.code("samples"),
            "n": n,
            "seed": seed,
            "precision": self._in(precision),
            "device": self.device.type,
        }

    def trajectory(
        self,
        n: int | None = None,
        seed: int | None = None,
        epoch: int | None = None,
        *,
        precision: str | None = None,
        **how: Any,
    ) -> dict[int, Tensor]:
        """The latents on the way to n images: time step -> (n, C, S, S); arguments as of `sample`."""
        n, seed, average, walker, begin = self._asked(n, seed, **how)
        network = self.network(epoch, average)
        process, walker, begin = copy.deepcopy((self.process, walker, begin))
        return dict(sampling.walk(process, network, walker, begin, n, seed, self._in(precision)))

    def by_default(self, sampler: Any = None, prior: Any = None, average: int = 1) -> Self:
        """Say how this run is sampled where nothing else is said; kept in its folder, but not in a release.

        ValueError: the process cannot be sampled so.
        """
        self._epochs(None, average)
        way = Way(sampler and sampler_of(sampler, self.process), prior_of(prior), average)
        self.fitted(self.process.prior if prior is None else way.prior)
        if self.keeps:
            self.store.write_about(self.store.about() | {"sampling": self.store.keep("sampling", way)})
        self.way = way
        return self

    def _asked(
        self,
        n: Any,
        seed: Any,
        sampler: Any = None,
        prior: Any = None,
        start: Any = None,
        average: Any = None,
    ) -> tuple[int, int, int, Sampler, Any]:
        """Number, seed, average, sampler and start of a call, checked; what is None is as by default."""
        refuse_what_no_hash_tells()
        start = data.as_images(start)
        if n is None and start is not None:
            n = len(start) if isinstance(start, Tensor) and start.ndim else 1
        n = whole("n", n, 1, meaning="images")
        seed = self.seed if seed is None else check("seed", seed, Seed)
        average = self.way.average if average is None else average
        walker = sampler_of(self.way.sampler if sampler is None else sampler, self.process)
        return n, seed, average, walker, self._start(n, prior, start)

    def _in(self, precision: Any) -> str:
        """The precision of a call: the run's, where None is asked for."""
        if precision is None:
            return self.precision
        asked = check("precision", precision, Precision)
        return sampled_in(asked, self.identity["precision"], self.device, f"{self.name}-{self.seed}")

    # --- where sampling starts ---

    def _start(self, n: int, prior: Any, start: Tensor | None) -> Any:
        if start is None:
            return self.fitted(prior)
        if prior is not None:
            raise ValueError("prior and start are both given; sampling starts from one of them")
        floats = isinstance(start, Tensor) and start.is_floating_point() and start.ndim
        if not floats or len(start) not in (1, n):
            number = "one image" if n == 1 else f"1 or {n} images"
            raise ValueError(f"start is {looks(start)}; needed: a tensor or array of floats, of {number}")
        if isinstance(self.process, ColdZoom) and not start.abs().max() <= 0.5 + 1e-6:  # others may leave it
            raise ValueError(f"start reaches {start.abs().max():g}; needed: pixels in [-0.5, 0.5]")
        return start.detach().float().cpu().expand(n, *start.shape[1:])

    def fitted(self, prior: Any = None) -> Any:
        """A prior, fitted on the training images if it has `fit`; ValueError: these are not known.

        None: as it is sampled by default, or as its process says, which may be from none. It is fitted once,
        and kept in the folder under a hash of all that it is made of.
        """
        prior = self.way.prior if prior is None else prior
        prior = prior_of(self.process.prior if prior is None else prior)
        if not hasattr(prior, "fit"):
            return prior
        own: dict[str, str] = {}
        known = [describe(one, what, own) for one, what in ((prior, "prior"), (self.process, "process"))]
        name = f"priors/{digest([known, own, self.identity['data']['train']], 16)}"
        if name in self.learnt:
            return self.learnt[name]
        for path in self.folder.glob(f"{name}-*.pt"):
            try:
                return self.learnt.setdefault(name, self.store.load(f"priors/{path.name}"))
            except (RunError, ValueError) as error:
                print(f"warning: {error}; the prior is fitted again", flush=True)
        with runtime.seeded(0):
            made = fitted(copy.deepcopy(prior), self.process.compress(self._training_images(prior)))
        if self.keeps and os.access(self.folder, os.W_OK):
            try:
                made = self.store.load(self.store.keep(name, made))  # as it is had back
            except ValueError as error:
                who = f"the prior, a {type(prior).__name__}"
                print(f"note: {who}, is fitted anew each time: {error}", flush=True)
        self.learnt[name] = made
        return made

    def _training_images(self, prior: Any) -> Tensor:
        wanted = self.identity["data"]
        if self.images is None:
            self.images = data.find(wanted["train"], wanted["n"])
        if self.images is None and not self.keeps:  # a release is of MNIST, which is fetched if need be
            self.images = data.load("mnist")[0][: wanted["n"]]
        if self.images is None or data.fingerprint(self.images) != wanted["train"]:
            why = "are not those of this run" if self.images is not None else "are not known"
            raise ValueError(
                f"the prior, a {type(prior).__name__}, is fitted on the training images, which {why}; "
                "set run.images to the images that the run was trained on"
            )
        return self.images

    # --- weights ---

    def _fresh(self) -> nn.Module:
        with runtime.seeded(0):  # the user's random numbers stay as they are
            return networks.build(*self.architecture)

    def _epochs(self, epoch: int | None, average: int) -> range:
        last = self._line(epoch)["epoch"]
        average = whole("average", average, 1, last, f"epochs of {self.name}")
        return range(last, last - average, -1)

    def _line(self, epoch: int | None) -> dict:
        found = self.history[-1:] if epoch is None else [ln for ln in self.history if ln["epoch"] == epoch]
        if not found:
            raise RunError(f"epoch is {epoch}; {self.name} has epochs 1 to {self.epochs}")
        return found[0]

    def __repr__(self) -> str:
        losses = [f"{k.replace('_', ' ')} {v:.5f}" for k, v in self.history[-1].items() if k in LOSSES and v]
        epochs = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        return (
            f"{self.name}, seed {self.seed}: {type(self.process).__name__} with T = {self.process.T}, "
            f"{self.parameters_count:,} parameters, {epochs} of {self.steps:,} steps in all, "
            f"{', '.join(losses)}; {self.precision} on {self.device.type}, {self.folder}"
        )


def refuse_what_no_hash_tells() -> None:
    """Raise ValueError where torch's defaults were changed."""
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    if dtype != torch.float32 or device.type != "cpu":
        raise ValueError(f"torch's defaults are {dtype} on {device}; needed: torch.float32 on cpu")


def sampled_in(precision: str, trained: str, on: torch.device, who: str) -> str:
    """The precision to sample a training in; "auto" as `open` says. What is unexpected gets a line."""
    found = runtime.affordable(trained, on) if precision == "auto" else precision
    if precision == "auto" and found != trained:
        print(
            f"note: {who}, trained in {trained}, is sampled in {found}, in which this machine is faster",
            flush=True,
        )
    runtime.say_if_slow(found, on, f"{who} is sampled")
    return found


def kept_way(store: RunFolder, about: Mapping[str, Any]) -> Way:
    """The default way to sample a run; what cannot be had back is reported."""
    try:
        return store.load(about["sampling"]) if "sampling" in about else Way()
    except (RunError, ValueError) as error:
        print(f"warning: the way to sample {store.path} is not used: {error}", flush=True)
        return Way()
