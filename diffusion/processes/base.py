"""The contract of a degradation process, and cold diffusion. Training and measuring know only this.

Shapes, stated once:
    x, x0, x_t  (B, 1, 28, 28) float; clean images lie in [-0.5, 0.5], latents may leave it
    t           (B,) integer in 0..T; 0 leaves the image as it is, T degrades it fully
    network     network(x_t, t / T) -> (B, 1, 28, 28)
    n           number of images to generate

A degradation of your own derives from `ColdDiffusion` and says how to degrade and where sampling starts;
one with noise derives from `DegradationProcess`. Name it in a profile as `module:Class`.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.runtime import device_of, digest, name_of, named, own_source

Network = Callable[[Tensor, Tensor], Tensor]


def check_shape(x: Tensor) -> None:
    """Raise ValueError unless x is (B, 1, 28, 28) of floats."""
    if not isinstance(x, Tensor):
        raise ValueError(f"images are a {type(x).__name__}; needed: a tensor (B, 1, 28, 28) of floats")
    if x.ndim != 4 or x.shape[1:] != (1, 28, 28) or not x.is_floating_point():
        raise ValueError(f"images are {tuple(x.shape)} of {x.dtype}; needed: (B, 1, 28, 28) of floats")


def check_images(x: Tensor) -> None:
    """Raise ValueError unless x is (B, 1, 28, 28) with all pixels in [-0.5, 0.5]."""
    check_shape(x)
    low, high = (x.min().item(), x.max().item()) if x.numel() else (0.0, 0.0)
    if not (low >= -0.5 - 1e-6 and high <= 0.5 + 1e-6):  # written so that NaN fails
        raise ValueError(
            f"pixels range from {low:g} to {high:g}; needed: [-0.5, 0.5], so pixel / 255 - 0.5 for bytes"
        )


def check_steps(t: Tensor, T: int, batch: int) -> None:
    """Raise ValueError unless t is (batch,) whole numbers in 0..T."""
    if t.shape != (batch,) or t.is_floating_point() or t.dtype == torch.bool:
        raise ValueError(f"t has shape {tuple(t.shape)} and type {t.dtype}; needed: ({batch},) integers")
    if batch and not (0 <= int(t.min()) and int(t.max()) <= T):  # noqa: SIM300
        raise ValueError(f"t ranges from {int(t.min())} to {int(t.max())}; allowed: 0 to T = {T}")


class DegradationProcess(ABC):
    """A way to degrade images step by step, to learn the way back and to walk it."""

    name: str
    T: int

    @abstractmethod
    def degrade(self, x: Tensor, t: Tensor, **how: Any) -> Tensor:
        """x_t of shape (B, 1, 28, 28), with a different t per image."""

    @abstractmethod
    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Mean squared error of one batch at random time steps, a scalar.

        Args:
            generator: a CPU generator; all randomness of the batch is drawn from it.
        """

    @abstractmethod
    def reverse(
        self, network: Network, n: int, generator: Generator, chunk: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Walk back from t = T, yielding (t, x_t) for the starting point and after every step, t = 0 last."""

    def prepare(self, x: Tensor) -> None:  # noqa: B027 - optional to override
        """Learn from the training images (N, 1, 28, 28) what sampling needs; most processes need nothing."""

    def state(self) -> dict[str, Tensor]:
        """Tensors that `prepare` learnt, to be kept beside the weights."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 - optional to override
        """Take up what another process's `state` holds, in place of `prepare`."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note the arguments, which `settings` reports unless a subclass does so by itself."""
        self = super().__new__(cls)
        try:
            bound = inspect.signature(cls).bind(*args, **kwargs)
        except TypeError:  # __init__ will say what is wrong
            return self
        bound.apply_defaults()
        self._arguments = dict(bound.arguments)
        return self

    def settings(self) -> dict[str, Any]:
        """Settings that determine this process, as JSON: a part of a run's identity."""
        known = {"process": self.name, "T": self.T}
        return {k: as_json(v) for k, v in self._arguments.items()} | known

    def sampling_settings(self) -> dict[str, Any]:
        """Settings that determine the samples beyond `settings`."""
        return {}

    def reverse_steps(self) -> int:
        """Number of network calls that `reverse` makes for one image."""
        return self.T

    def draw_steps(self, batch: int, generator: Generator) -> Tensor:
        """t uniform on 1..T, both ends included: sampling starts at T, so training must see T."""
        return torch.randint(1, self.T + 1, (batch,), generator=generator)

    @torch.inference_mode()
    def sample(self, network: Network, n: int, generator: Generator, chunk: int = 128) -> Tensor:
        """n generated images, (n, 1, 28, 28). The chunk bounds memory; it does not change the samples."""
        return deque(self.reverse(network, n, generator, chunk), maxlen=1).pop()[1]

    @torch.inference_mode()
    def trajectory(
        self, network: Network, n: int, generator: Generator, steps: Iterable[int], chunk: int = 128
    ) -> dict[int, Tensor]:
        """The latents at the given time steps on the way to the same samples: {t: (n, 1, 28, 28)}."""
        wanted = set(steps)
        return {t: x.clone() for t, x in self.reverse(network, n, generator, chunk) if t in wanted}


def forgets(process: DegradationProcess) -> bool:
    """True for a process of one's own that learns from the data without keeping it in its `state`."""
    return type(process).prepare is not DegradationProcess.prepare and not process.state()


def naive(process: DegradationProcess, x_t: Tensor, x0_hat: Tensor, s: int, less: int) -> Tensor:
    """The predicted image degraded a little less: the study's Algorithm 2, Algorithm 1 of Bansal et al."""
    return process.degrade(x0_hat, torch.full((len(x_t),), less, device=x_t.device))


def improved(process: DegradationProcess, x_t: Tensor, x0_hat: Tensor, s: int, less: int) -> Tensor:
    """The latent, changed by the difference of two degradations: Algorithm 2 of Bansal et al."""
    there = process.degrade(x0_hat, torch.full((len(x_t),), s, device=x_t.device))
    return naive(process, x_t, x0_hat, s, less) + x_t - there


# A step of the walk back from level s to `less`: (process, x_t, x0_hat, s, less) -> the next latent.
Sampler = Callable[[DegradationProcess, Tensor, Tensor, int, int], Tensor]
COLD_SAMPLERS: dict[str, Sampler] = {"naive": naive, "improved": improved}


class ColdDiffusion(DegradationProcess):
    """A process whose `degrade(x, t)` has no randomness: Bansal et al. (2022).

    The network learns to undo the degradation in one go. In the study, all variety of the samples comes from
    `draw_prior`.

    Attributes:
        sampler: "naive" (the study), "improved", or the `module:function` of your own, see `COLD_SAMPLERS`.
        noise: standard deviation of Gaussian noise added to the latent after each step but the last.
        noise_power: at level t it is noise (t / T)^noise_power; 0: the same at all levels.
        latent_noise: standard deviation up to which training adds noise to the latents, another one for each
            image; the network so learns to mend latents that no image has, as sampling makes them.
        sampling_levels: how many of the T levels sampling visits, evenly spaced; None: all.
    """

    sampler: str = "naive"
    step: Sampler = staticmethod(naive)
    noise: float = 0.0
    noise_power: float = 0.0
    latent_noise: float = 0.0
    sampling_levels: int | None = None

    def walk(
        self,
        sampler: str | Sampler = "naive",
        noise: float = 0.0,
        sampling_levels: int | None = None,
        noise_power: float = 0.0,
    ) -> Self:
        """Set how sampling walks back; returns the process. A sampler is named, or it is the function itself.

        Raises:
            ValueError: another sampler, noise or its power below 0, or levels outside 1..T.
        """
        self.step = named("sampler", sampler, COLD_SAMPLERS)
        if not 0 <= noise < math.inf:
            raise ValueError(f"noise is {noise}; allowed: a standard deviation, 0 or more")
        if not 0 <= noise_power < math.inf:
            raise ValueError(f"noise_power is {noise_power}; allowed: 0 (constant) or more")
        if sampling_levels is not None and not 1 <= sampling_levels <= self.T:
            raise ValueError(
                f"sampling_levels is {sampling_levels}; allowed: 1 to T = {self.T}, or None for all"
            )
        self.sampler, self.noise, self.sampling_levels = name_of("sampler", sampler), noise, sampling_levels
        self.noise_power = noise_power
        return self

    @abstractmethod
    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """n fully degraded images to start sampling from, (n, 1, 28, 28)."""

    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Algorithm 1 and Eq. (11): the mean squared error of the reconstruction, over pixels and batch."""
        check_images(x)
        t = self.draw_steps(len(x), generator).to(x.device)
        x_t = self.degrade(x, t)
        if self.latent_noise:
            sd = self.latent_noise * torch.rand((len(x), 1, 1, 1), generator=generator)
            x_t = x_t + (sd * torch.randn(x.shape, generator=generator)).to(x.device)
        return mse_loss(network(x_t, t / self.T).float(), x)

    def reverse(
        self, network: Network, n: int, generator: Generator, chunk: int = 128
    ) -> Iterator[tuple[int, Tensor]]:
        """Algorithm 2: predict the image, degrade it a little less, and again."""
        check_count(n)
        x_t = self.draw_prior(n, generator).to(device_of(network))
        yield self.T, x_t
        for s, less in pairwise(evenly_spaced(self.T, self.reverse_steps())):
            x0_hat = in_chunks(network, x_t, s, self.T, chunk)
            x_t = self.step(self, x_t, x0_hat, s, less)
            if sd := self.noise_at(less):
                x_t = x_t + sd * torch.randn(x_t.shape, generator=generator).to(x_t.device)
            yield less, x_t

    def noise_at(self, t: int) -> float:
        """Standard deviation of the noise that sampling adds to a latent of level t; 0 at level 0."""
        return self.noise * (t / self.T) ** self.noise_power if t else 0.0

    def sampling_settings(self) -> dict[str, Any]:
        """Those of the arguments of `walk` that are not the study's."""
        names = ("sampler", "noise", "noise_power", "sampling_levels")
        found = {k: getattr(self, k) for k in names if getattr(self, k) != getattr(ColdDiffusion, k)}
        code = own_source(self.step)
        return found | ({"sampler_code": code} if code else {})

    def reverse_steps(self) -> int:
        return self.sampling_levels or self.T


def evenly_spaced(T: int, steps: int) -> list[int]:
    """The time steps that a walk of so many steps visits, from T down to 0: (steps + 1,)."""
    return torch.linspace(0, T, steps + 1, dtype=torch.float64).round().long().flip(0).tolist()


def as_json(value: Any) -> Any:
    """An argument as JSON that stays the same from run to run: tensors by hash, other objects by class."""
    if isinstance(value, Tensor):
        return digest(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return f"{type(value).__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def in_chunks(network: Network, x: Tensor, t: int, T: int, chunk: int = 128) -> Tensor:
    """network(x, t/T) for all of x at one time step, `chunk` images at a time, in float32."""
    time = torch.full((len(x),), t / T, dtype=torch.float32, device=x.device)
    out = [network(a, b).float() for a, b in zip(x.split(chunk), time.split(chunk), strict=True)]
    return torch.cat(out)


def check_count(n: int) -> None:
    """Raise ValueError unless n is a number of images that can be generated."""
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n is {n!r}; needed: a whole number of images, 1 or more")
