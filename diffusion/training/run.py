"""Trained models: the runs that `fit`, `open` and `released` return."""

import contextlib
import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn

from diffusion import data, runtime
from diffusion.arguments import Count, Seed, checked, nearest, summarise
from diffusion.own import own_code
from diffusion.pixels import as_images, finite_images
from diffusion.places import releases
from diffusion.processes import DegradationProcess, priors
from diffusion.processes.samplers import sampler_of, visits
from diffusion.progress import progress
from diffusion.runtime import Precision
from diffusion.saved import from_plain, load_definition, to_plain, to_settings
from diffusion.training import network as networks
from diffusion.training.check import fit_prior
from diffusion.training.folder import RunError, RunFolder
from diffusion.training.sampling import walk
from diffusion.training.settings import definitions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(slots=True, weakref_slot=True)  # a misspelt attribute is refused
class Run:
    """A trained model, as returned by `fit`, `open` and `released`.

    Attributes:
        store (RunFolder): The files of the run's folder.
        process (DegradationProcess): The process, prepared on the training images and with a fitted prior.
        architecture (tuple): Class and arguments of the network.
        settings (dict): All settings that determine the weights, as JSON.
        history (list of dict): One entry per epoch: epoch, step (steps done so far), train_loss, test_loss
            (None without test images), losses (means over equal parts of the epoch), seconds, and sha256 of
            the weights.
        precision (str): "fp32" or "bf16" for sampling; `settings["precision"]` is the training precision.
        device (torch.device): Device for sampling.
        images (Tensor, optional): Training images, on which priors are fitted. If None, a known data set with
            the run's hash is looked up. Default None.
        sampler (object): Default sampler of `sample`. If None, uses the process's sampler. Default None.
        prior (object): Default prior of `sample`. If None, uses the process's prior. Default None.
        fits (dict): Priors that were fitted for this run.

    Example:
        >>> import diffusion as d
        >>> run = d.released("original/zoom-0")
        >>> run.sampler = d.Naive(noise=0.1)  # the default from now on
        >>> run.process
        ColdZoom(T=24)
        >>> run.parameters_count
        146961
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
        """Path: The folder of the run."""
        return self.store.path

    @property
    def name(self) -> str:
        """str: Name of the run's folder."""
        return self.folder.name

    @property
    def seed(self) -> int:
        """int: Seed of the training."""
        return self.settings["seed"]

    @property
    def epochs(self) -> int:
        """int: Number of epochs, the last one possibly cut short."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """int: Number of optimiser steps."""
        return self.history[-1]["step"]

    @property
    def calls(self) -> int:
        """int: Network calls per image with the default sampler."""
        return len(visits(sampler_of(self.sampler, self.process), self.process.T)) - 1

    @property
    def parameters_count(self) -> int:
        """int: Number of parameters of the network."""
        return sum(p.numel() for p in self._new_network().parameters())

    @property
    def losses(self) -> list[tuple[int, float]]:
        """list: Training loss as (step, mean loss of the steps before), about 1000 parts at most."""
        points, before = [], 0
        for line in self.history:
            k, n = len(line["losses"]), line["step"] - before
            points += [(before + n * i // k, loss) for i, loss in enumerate(line["losses"], 1)]
            before += n
        return points

    def weights_sha256(self, epoch: int | None = None) -> str:
        """Return the SHA-256 of the weights file after an epoch; if None, after the last."""
        return self._line(epoch)["sha256"]

    def network(self, epoch: int | None = None) -> nn.Module:
        """Load the network after an epoch, on the run's device and in evaluation mode.

        Args:
            epoch (int, optional): The epoch. If None, the last. Default None.

        Returns:
            torch.nn.Module: The network, called as network(x_t, t / T).

        Raises:
            RunError: If there is no such epoch, or weights are missing or damaged.
        """
        network = self._new_network()
        network.load_state_dict(self.store.read_weights(self._line(epoch)))
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
        precision: Precision | None = None,
        callback: Callable[[int, Tensor], Any] | None = None,
    ) -> Tensor:
        """Generate images.

        Equal calls give equal images.

        Args:
            n (int, optional): Number of images. If None, as many as `start` has. Default None.
            seed (int, optional): Seeds the noise and the prior. If None, uses the run's seed. Default None.
            epoch (int, optional): Uses the weights after this epoch. If None, the last. Default None.
            sampler (object, optional): A sampler such as d.DDIM(steps=24) or d.Naive(noise=0.2), its name, or
                your own function or class. If None, uses `run.sampler`, else the process's sampler. Default
                None.
            prior (object, optional): A prior such as d.Mixture(), its name, or your own object, fitted on the
                training images. If None, uses `run.prior`, else the process's prior. Default None.
            start (Tensor or array, optional): Starts here instead of from a prior: latents (n, C, S, S) at t
                = T, or for a zoom with T = 24 its pixels (n, 1, 4, 4). A single start is used for all n
                images. Default None.
            precision (str, optional): "fp32", "bf16" or "auto", see `open`. If None, uses `run.precision`.
                Default None.
            callback (Callable, optional): Called as callback(t, x_t) at each visited time step, with the
                latents (n, C, S, S) on the CPU. Default None.

        Returns:
            Tensor: Images (n, C, S, S), float32 on the CPU, in about [-0.5, 0.5].

        Raises:
            ValueError: If an argument is out of range, or a prior or sampler returns wrong images.
            RunError: If weights are missing or damaged.

        Example:
            >>> import diffusion as d
            >>> run = d.released("original/zoom-0")
            >>> run.sample(2, seed=1).shape
            torch.Size([2, 1, 28, 28])
        """
        if start is None:
            origin = self.fitted(prior)
        elif prior is not None:
            raise ValueError("prior and start are both given; expected: only one of them")
        else:
            origin = self._latents(start, n)
            n = len(origin)
        if n is None:
            raise ValueError("n is None; expected: the number of images, or start")
        chosen = sampler_of(self.sampler if sampler is None else sampler, self.process)
        used = self.precision
        if precision is not None:
            used = precision_of(precision, self.settings["precision"], self.device, self.name)
        parts = copy.deepcopy((self.process, chosen, origin))  # sampling may change them
        steps = walk(self.network(epoch), *parts, n, self.seed if seed is None else seed, used)
        title = f"{self.name}: samples" + (f" after epoch {epoch}" if epoch else "")
        x = None
        with contextlib.closing(steps):  # ends inference mode at once, even if the callback raises
            for t, x in progress(steps, title, len(visits(chosen, self.process.T))):
                if callback:
                    callback(t, x)
        return finite_images(x, (n, *self.process.image_shape), "the sampler")

    def trajectory(self, *arguments: Any, **options: Any) -> dict[int, Tensor]:
        """Generate images, and return the latents at each visited time step. Arguments are as in `sample`.

        Returns:
            dict: Time step -> latents (n, C, S, S), from T down to 0, the images.

        Example:
            >>> import diffusion as d
            >>> run = d.released("original/zoom-0")
            >>> steps = run.trajectory(2, sampler=d.Naive(levels=3))
            >>> [*steps]
            [24, 16, 8, 0]
        """
        latents: dict[int, Tensor] = {}
        self.sample(*arguments, **options, callback=latents.__setitem__)
        return latents

    def _latents(self, start: Any, n: int | None) -> Tensor:
        """Return latents or a prior's pixels for n images to start from.

        Raises:
            ValueError: If their number or shape is wrong.
        """
        given = torch.as_tensor(as_images(start)).detach().float().cpu()
        if given.ndim != 4 or not len(given) or n and len(given) not in (1, n):
            x = torch.zeros(1, *self.process.image_shape)
            pixels = () if self.process.predicts == "noise" else self.process.to_pixels(x).shape[1:]
            shapes = dict.fromkeys(f"{(n or 1, *shape)}" for shape in (x.shape[1:], pixels) if shape)
            raise ValueError(
                f"start has shape {(*given.shape,)}; expected: {' or '.join(shapes)}, or one for all"
            )
        return given.expand(n or len(given), *given.shape[1:])

    def fitted(self, prior: Any = None) -> Any:
        """Fit a prior on the training images, if it has `fit`; equal priors are fitted once.

        Args:
            prior (object, optional): The prior. If None, the default prior of the run. Default None.

        Returns:
            object: The fitted prior.

        Raises:
            ValueError: If the training images are not known.
        """
        given = self.prior if prior is None else prior
        if given is None and hasattr(self.process.prior, "draw"):
            return self.process.prior  # already fitted by `fit`, even if it could be fitted again
        prior = self.process.prior if given is None else priors.prior(given)
        if not hasattr(prior, "fit"):
            return prior
        key = json.dumps(to_settings(to_plain(prior, "prior")))
        if key not in self.fits:
            known, n = self.settings["images"]["train"], self.settings["images"]["n"]
            if self.images is None:
                self.images = data.find(known, n, fetch=self.folder.is_relative_to(releases()))
            if self.images is None or data.fingerprint(self.images) != known:
                raise ValueError(
                    f"the prior, {summarise(prior)}, needs the training images, which were not found; "
                    "set run.images to the images that the run was trained on"
                )
            self.fits[key] = fit_prior(self.process, self.images, prior)
        return self.fits[key]

    def _new_network(self) -> nn.Module:
        with runtime.seeded(0):  # the user's random numbers stay as they are
            return networks.build(*self.architecture)

    def _line(self, epoch: int | None) -> dict[str, Any]:
        """Return the line of the history of an epoch; if None, of the last."""
        number = self.epochs if epoch is None else epoch
        if not 1 <= number <= self.epochs:
            raise RunError(f"epoch is {epoch}; {self.name} has epochs 1 to {self.epochs}")
        return self.history[number - 1]

    def __repr__(self) -> str:
        """Return the call that opens the run, with a relative path inside the current folder."""
        path, here = self.folder, Path.cwd()
        return f"open({str(path.relative_to(here) if path.is_relative_to(here) else path)!r})"

    def __str__(self) -> str:
        process = self.process
        return (
            f"{self.name}: {type(process).__name__} with T = {process.T}, seed {self.seed}, "
            f"{self.parameters_count:,} parameters, epochs: {self.epochs}, steps: {self.steps:,}; "
            f"{self.precision} on {self.device.type}, {self.folder}{self._card()}"
        )

    def _card(self) -> str:
        """Return the row of a released run in the table of `released`; empty for other runs."""
        if not self.folder.is_relative_to(releases()):
            return ""
        row = released().loc["/".join(self.folder.relative_to(releases()).parts[::2])].dropna()
        return "".join(f"\n{name}: {value}" for name, value in row.items())


def precision_of(precision: str, trained: str, device: torch.device, name: str) -> str:
    """Return the precision to sample in; prints a note if "auto" is not the training precision."""
    if precision != "auto":
        return precision
    used = runtime.affordable(trained, device)
    if used != trained:
        print(
            f"note: {name} was trained in {trained}; sampling uses {used}, which is faster here", flush=True
        )
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
    """Open a run by its folder.

    The modules of its classes are imported, and the class of its network is called with the saved arguments.
    Nothing else in the folder is executed.

    Args:
        folder (path): Folder of the run.
        process (DegradationProcess, optional): The prepared process, if its class cannot be imported. Default
            None.
        network (type, optional): Class of the network, if it cannot be imported. Default None.
        device (str or device, optional): Device to sample on, such as "cpu" or "cuda". If None, uses
            $COLD_ZOOM_DEVICE, else a GPU, else the CPU. Default None.
        precision (str): Precision to sample in: "fp32", "bf16", or "auto" for the training precision, or fp32
            with a note where bf16 is slow. Default "auto".

    Returns:
        Run: The run. It samples with the defaults of its process.

    Raises:
        RunError: If no epoch is finished, or a file is damaged or of an earlier format.
        ValueError: If a class cannot be imported, or its file was edited after the import.

    Example:
        >>> import diffusion as d
        >>> x, _ = d.load("mnist", n=32)
        >>> run = d.fit(d.ColdZoom(), x, steps=2, batch_size=16, folder="runs/mine")
        mine: epoch 1/1, train loss 0...
        >>> d.open("runs/mine", precision="fp32").steps
        2
    """
    store = RunFolder(folder)
    if (settings := store.settings()) is None:
        raise RunError(f"{store.path} is not a run folder (no run.json)")
    if not (history := store.history()):
        raise RunError(f"{store.path} has no finished epoch; call fit again to resume it")
    try:
        prepared = from_plain(store.load("process.pt")) if process is None else process
        cls = load_definition(settings["network"]) if network is None else network
        architecture = networks.architecture(cls, from_plain(store.load("network.pt")))
    except ValueError as error:
        raise ValueError(
            f"{store.path} cannot be opened: {error}; or pass process= (prepared) or network= to open"
        ) from error
    own = own_code(definitions(prepared, *architecture))
    if changed := sorted({name for name, _ in own.items() ^ settings["own"].items()}):
        print(f"note: {', '.join(changed)} has changed since {store.path} was trained", flush=True)
    on = runtime.device(device)
    used = precision_of(precision, settings["precision"], on, store.path.name)
    prior = None if process is None else process.prior  # perhaps not fitted yet
    return Run(store, prepared, architecture, settings, history, used, on, prior=prior)


@overload
def released() -> "pd.DataFrame": ...
@overload
def released(name: str, *, precision: Precision = "auto") -> Run: ...
def released(name: str | None = None, *, precision: Precision = "auto") -> "Run | pd.DataFrame":
    """Open a released run, or return a table of all of them.

    Args:
        name (str, optional): PROFILE/MODEL-SEED, such as "paper/zoom-0". If None, returns the table. Default
            None.
        precision (str): Precision to sample in, see `open`. Default "auto".

    Returns:
        Run or DataFrame: The run, or one row per run with its process, network, training, number of samples,
            distance with digit features, share of recognised digits, and the call for its best samples.

    Raises:
        ValueError: If there is no such run.

    Example:
        >>> import diffusion as d
        >>> d.released().loc["paper/zoom-0", "process"]
        'zoom, T = 24'
        >>> d.released("original/zoom-0").process
        ColdZoom(T=24)
    """
    root = releases()
    paths = sorted(root.glob("*/runs/*/run.json"))
    known = {path.parent.relative_to(root).as_posix().replace("/runs/", "/"): path.parent for path in paths}
    if name is None:
        import pandas as pd  # takes a second

        return pd.read_csv(root / "models.csv", index_col="name").reindex([*known])
    if name not in known:
        raise ValueError(f"{name!r} is not released{nearest(name, known)}; d.released() lists all runs")
    return open(known[name], precision=precision)
