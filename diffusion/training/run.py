"""A trained model: what `fit`, `open` and `released` return."""

import copy
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn

from diffusion import data, runtime
from diffusion.bounds import Count, Seed, checked, nearest, summarise, write
from diffusion.code import own_code
from diffusion.processes import DegradationProcess, priors
from diffusion.processes.samplers import sampler_of, visits
from diffusion.provenance import releases
from diffusion.runtime import Precision
from diffusion.training import network as networks
from diffusion.training.describe import definitions
from diffusion.training.folder import RunError, RunFolder
from diffusion.training.sampling import Sampling, mean_of
from diffusion.values import load_definition, to_json, tree, tree_back

if TYPE_CHECKING:
    from diffusion.figures.style import PrintFigure


class Losses(list[tuple[int, float]]):
    """(step, loss) each: in a notebook it is shown as its curve."""

    def plot(self) -> "PrintFigure":
        """The curve, a figure as wide as a page of text."""
        from diffusion.figures.curves import curve  # takes a second

        steps, losses = zip(*self, strict=True)
        return curve(("step", "training loss"), steps, losses)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        return self.plot()._repr_mimebundle_()


@dataclass(slots=True, weakref_slot=True)  # a misspelt attribute is refused
class Run:
    """A trained model.

    Attributes:
        store: the files of its folder.
        process: with what it learnt from the training images, its prior fitted.
        architecture: the network's class and its arguments.
        settings: all that determines the weights, as JSON.
        history: a line an epoch: epoch, step (done by then), train_loss, test_loss (None without test
            images), losses (means over equal parts of the epoch), seconds, sha256 of the weights.
        precision: of sampling; that of training is `settings["precision"]`.
        images: the training images, on which a prior is fitted; None: they are looked for when one is.
        sampler, prior: how it is sampled where nothing else is said; None: as its process says.
    """

    store: RunFolder
    process: DegradationProcess
    architecture: tuple[type[nn.Module], dict[str, Any]]
    settings: dict[str, Any]
    history: list[dict[str, Any]]
    precision: str
    device: torch.device
    images: Tensor | None = field(default=None, repr=False)
    sampler: Any = None
    prior: Any = None
    fits: dict[str, Any] = field(default_factory=dict, repr=False)  # priors fitted for it

    @property
    def folder(self) -> Path:
        return self.store.path

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.name

    @property
    def seed(self) -> int:
        return self.settings["seed"]

    @property
    def epochs(self) -> int:
        return len(self.history)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.history[-1]["step"]

    @property
    def calls(self) -> int:
        """Network calls for one image, sampled as it is by default."""
        return len(visits(sampler_of(self.sampler, self.process), self.process.T)) - 1

    @property
    def parameters_count(self) -> int:
        return sum(p.numel() for p in self._new_network().parameters())

    @property
    def losses(self) -> Losses:
        """Training loss by step: (last step of a part, mean over that part), at most about 1,000 parts.

        A notebook draws it; `run.losses.plot()` is the figure.
        """
        points, before = [], 0
        for line in self.history:
            k, n = len(line["losses"]), line["step"] - before
            points += [(before + n * i // k, loss) for i, loss in enumerate(line["losses"], 1)]
            before += n
        return Losses(points)

    def weights_sha256(self, epoch: int | None = None) -> str:
        """SHA-256 of the weights file after an epoch; None: the last."""
        return self._lines(epoch)[-1]["sha256"]

    def network(self, epoch: int | None = None, average: int = 1) -> nn.Module:
        """The network after an epoch (None: the last), on the device, for evaluation.

        Its weights may be the `average` over so many epochs, the last of which is `epoch`. RunError: there is
        no such epoch, or weights are lost or damaged.
        """
        states = [self.store.read_weights(line) for line in self._lines(epoch, average)]
        network = self._new_network()
        network.load_state_dict(mean_of(states) if average > 1 else states[0])
        return network.to(self.device).eval()

    @checked
    def sample(
        self,
        n: Count | None = None,
        seed: Seed | None = None,
        epoch: Count | None = None,
        *,
        sampler: Any = None,
        prior: Any = None,
        start: Any = None,
        average: Count = 1,
        precision: Precision | None = None,
    ) -> Tensor:
        """n generated images, (n, C, S, S) float32 on the CPU, about [-0.5, 0.5].

        Equal calls give equal images.

        Args:
            n: images; None: as many as `start` has.
            seed: of the noise and of the prior; None: that of the training.
            epoch, average: as `network` takes them.
            sampler: such as d.DDIM(steps=24) or d.Naive(noise=0.2), its name, or a function or class of your
                own; None: `self.sampler`, or else the process's.
            prior: such as d.Mixture(), its name, or an object of your own, which is fitted on the training
                images; None: `self.prior`, or else the process's.
            start: where sampling starts in place of a prior: (n, C, S, S) latents at t = T, or of a zoom with
                T = 24 its (n, 1, 4, 4) pixels; one stands for all n.
            precision: in place of the run's, as `open` takes it.

        Raises:
            ValueError: an argument that is not allowed, or a prior or sampler that gives no such images.
            RunError: weights are lost or damaged.
        """
        options = {"sampler": sampler, "prior": prior, "start": start, "average": average}
        title = f"{self.name}: samples" + (f" after epoch {epoch}" if epoch else "")
        return self._sampling(n, seed, epoch, **options, precision=precision).draw(title)

    def trajectory(
        self, n: int | None = None, seed: int | None = None, epoch: int | None = None, **how: Any
    ) -> dict[int, Tensor]:
        """The latents on the way to n images: time step -> (n, C, S, S); arguments as of `sample`."""
        return dict(self._sampling(n, seed, epoch, **how).walk())

    def _sampling(
        self, n, seed, epoch, *, sampler=None, prior=None, start=None, average=1, precision=None
    ) -> Sampling:
        """Return the settings with which `sample` generates; the arguments are those of `sample`."""
        if start is None:
            start = self.fitted(prior)
        elif prior is not None:
            raise ValueError("prior and start are both given; sampling starts from one of them")
        else:
            start = self._latents(start, n)
            n = len(start)
        if n is None or n < 1:
            raise ValueError(f"n is {n}; expected: the number of images, at least 1, or start")
        sampler = sampler_of(self.sampler if sampler is None else sampler, self.process)
        used = self.precision
        if precision is not None:
            used = precision_of(precision, self.settings["precision"], self.device, self.name)
        process, sampler, start = copy.deepcopy((self.process, sampler, start))  # sampling may change them
        seed = self.seed if seed is None else seed
        return Sampling(process, self.network(epoch, average), sampler, start, n, seed, used)

    def _latents(self, start: Any, n: int | None) -> Tensor:
        """Latents or a prior's pixels to start from, for n images. ValueError: they are not as many."""
        given = torch.as_tensor(data.as_images(start)).detach().float().cpu()
        if given.ndim != 4 or not len(given) or n and len(given) not in (1, n):
            x = torch.zeros(1, *self.process.image_shape)
            pixels = () if self.process.predicts == "noise" else self.process.to_pixels(x).shape[1:]
            shapes = dict.fromkeys(f"{(n or 1, *shape)}" for shape in (x.shape[1:], pixels) if shape)
            raise ValueError(
                f"start has shape {(*given.shape,)}; expected: {' or '.join(shapes)}, or one for all"
            )
        return given.expand(n or len(given), *given.shape[1:])

    def fitted(self, prior: Any = None) -> Any:
        """A prior, fitted on the training images if it has `fit`; None: as the run is sampled by default.

        An equal one is fitted once. ValueError: the images are not known.
        """
        prior = self.prior if prior is None else prior
        prior = self.process.prior if prior is None else priors.prior(prior)
        if not hasattr(prior, "fit"):
            return prior
        key = json.dumps(to_json(tree(prior, "prior")))
        if key not in self.fits:
            known, n = self.settings["images"]["train"], self.settings["images"]["n"]
            if self.images is None:
                self.images = data.find(known, n, fetch=self.folder.is_relative_to(releases()))
            if self.images is None or data.fingerprint(self.images) != known:
                raise ValueError(
                    f"the prior, {summarise(prior)}, is fitted on the training images, which are not known; "
                    "set run.images to the images that the run was trained on"
                )
            with runtime.seeded(0):
                self.fits[key] = priors.fitted(copy.deepcopy(prior), self.process.to_pixels(self.images))
        return self.fits[key]

    def _new_network(self) -> nn.Module:
        with runtime.seeded(0):  # the user's random numbers stay as they are
            return networks.build(*self.architecture)

    def _lines(self, epoch: int | None, average: int = 1) -> list[dict[str, Any]]:
        """The lines of the history of so many epochs, of which the last is `epoch`."""
        last = self.epochs if epoch is None else epoch
        if not 1 <= average <= last <= self.epochs:
            raise RunError(f"epoch is {epoch}, average {average}; {self.name} has epochs 1 to {self.epochs}")
        return self.history[last - average : last]

    def __repr__(self) -> str:
        """The call that opens it, by its path from the current folder if it is in there."""
        path, here = self.folder, Path.cwd()
        return f"open({write(str(path.relative_to(here) if path.is_relative_to(here) else path))})"

    def __str__(self) -> str:
        process = self.process
        return (
            f"{self.name}: {type(process).__name__} with T = {process.T}, seed {self.seed}, "
            f"{self.parameters_count:,} parameters, epochs: {self.epochs}, steps: {self.steps:,}; "
            f"{self.precision} on {self.device.type}, {self.folder}"
        )


def precision_of(asked: str, trained: str, on: torch.device, who: str) -> str:
    """The precision to sample a training in; "auto" as `open` says, with a line where it is another one."""
    if asked != "auto":
        return asked
    if (used := runtime.affordable(trained, on)) != trained:
        print(f"note: {who}, trained in {trained}, is sampled in {used}, which is faster here", flush=True)
    return used


@checked
def open(
    folder: str | os.PathLike,
    *,
    process: DegradationProcess | None = None,
    network: type[nn.Module] | None = None,
    device: str | torch.device | None = None,
    precision: Precision = "auto",
) -> Run:
    """The training in a run folder, sampled by default as its process is.

    The modules of the classes that it names are imported, and its network's class is called with the
    arguments that the folder keeps; nothing that the folder holds is executed.

    Args:
        process: the process, prepared, where its class cannot be imported.
        network: the class of its network, where that cannot be imported.
        device: to sample on, such as "cpu" or "cuda"; None: $COLD_ZOOM_DEVICE, else a GPU, else the CPU.
        precision: to sample in. "auto" is that of the training, or fp32 where that is a bf16 in which this
            machine is not fast; a line says so.

    Raises:
        RunError: there is no finished epoch, or a file of the run is damaged or of an earlier form.
        ValueError: a class cannot be had, or its file was edited after it was imported.
    """
    store = RunFolder(folder)
    if (settings := store.settings()) is None:
        raise RunError(f"{store.path} is not a run folder (no run.json)")
    if not (history := store.history()):
        raise RunError(f"{store.path} has no finished epoch; call fit again, which goes on")
    try:
        prepared = tree_back(store.load("process.pt")) if process is None else process
        cls = load_definition(settings["network"]) if network is None else network
        architecture = networks.architecture(cls, tree_back(store.load("network.pt")))
    except ValueError as error:
        raise ValueError(
            f"{store.path} cannot be opened: {error}; else give process=, prepared, or network="
        ) from error
    own = own_code(definitions(prepared, *architecture))
    if changed := sorted({name for name, _ in own.items() ^ settings["own"].items()}):
        print(f"note: {', '.join(changed)} has changed since {store.path} was trained", flush=True)
    on = runtime.device(device)
    used = precision_of(precision, settings["precision"], on, store.path.name)
    return Run(store, prepared, architecture, settings, history, used, on)


@overload
def released() -> list[str]: ...
@overload
def released(name: str, model: str | None = None, seed: int = 0, *, precision: Precision = "auto") -> Run: ...
def released(
    name: str | None = None, model: str | None = None, seed: int = 0, *, precision: Precision = "auto"
) -> Run | list[str]:
    """A released model, such as released("paper", "zoom") or released("paper/zoom-0"), as `open` has it.

    Without a name, those that there are, PROFILE/MODEL-SEED. ValueError: there is none of that name.
    """
    root = releases()
    paths = sorted(root.glob("*/runs/*/run.json"))
    known = {path.parent.relative_to(root).as_posix().replace("/runs/", "/"): path.parent for path in paths}
    if name is None:
        return [*known]
    name = name if model is None else f"{name}/{model}-{seed}"
    if name not in known:
        raise ValueError(f"{name!r} is not released{nearest(name, known)}; there are {', '.join(known)}")
    return open(known[name], precision=precision)
