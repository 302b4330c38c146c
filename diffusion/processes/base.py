"""The contract of a degradation process, and cold diffusion. Training and measuring use only this contract.

Shapes:
    x, x0, x_t  (B, C, S, S) float32; (B, 1, 28, 28) in Vrikkis (2024). Clean images are in [-0.5, 0.5],
                latents may exceed it
    t           (B,) integers in 0..T; level 0 leaves the image unchanged, level T degrades it fully
    network     network(x_t, t / T) -> (B, C, S, S)
    n           number of images to generate

A process defines what the network learns. Sampling adds a sampler (processes/samplers.py) and a prior, from
which it starts (processes/priors.py).

To write your own degradation, derive from `ColdDiffusion` and define `degrade` and where sampling starts. A
degradation with noise derives from `DegradationProcess`. In a profile, name the class as `module:Class`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.arguments import summarise
from diffusion.pixels import GREY28, Shape
from diffusion.processes.samplers import Naive, Sampler, visits

Network = Callable[[Tensor, Tensor], Tensor]


def levels(x: Tensor, t: Any, T: int) -> Tensor:
    """Return t as levels (B,) of images x (B, C, S, S).

    Args:
        x (Tensor): The images.
        t (int or Tensor): One level for all images or one for each, whole numbers from 0 to T. On a GPU their
            values are not checked, because training would have to wait for them.
        T (int): The deepest level.

    Raises:
        ValueError: If x or t is something else.
    """
    if not isinstance(x, Tensor) or x.ndim != 4:
        raise ValueError(f"x is {summarise(x)}; expected: a tensor of images (B, C, S, S)")
    t = torch.as_tensor(t)
    sound = t.ndim < 2 and (t.numel() == 1 or len(t) == len(x) or len(x) == 1) and not t.is_floating_point()
    if not sound or t.device.type == "cpu" and t.numel() and not 0 <= t.min() <= t.max() <= T:
        given = t.tolist() if t.numel() < 9 else summarise(t)
        raise ValueError(f"t is {given}; expected: whole numbers from 0 to {T}, one for each image or all")
    return t.reshape(-1).long().expand(len(x) if t.numel() == 1 else len(t))


class DegradationProcess(ABC):
    """A process that degrades images step by step, and the contract for learning to reverse it.

    All attributes of a process determine a run: `fit` records them when training begins. A process that needs
    to know the training images learns from them in `prepare`.

    Attributes:
        T (int): The deepest level.
        predicts (str): "image" or "noise": what the network predicts. It decides which samplers fit. Default
            "image".
        sampler (object): Default sampler of a run, as in `Run.sample`. Default None.
        prior (object): Default prior of a run, as in `Run.sample`. If None, sampling starts from
            `draw_prior`. Default None.
        image_shape (tuple of int): (C, S, S) of one image; `fit` sets it from the training images. Default
            (1, 28, 28).

    Example:
        >>> import diffusion as d
        >>> d.ColdZoom().predicts, d.DDPM().predicts
        ('image', 'noise')
    """

    image_shape: Shape = GREY28
    T: int
    predicts: str = "image"
    sampler: Any = None
    prior: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(T={getattr(self, 'T', None)})"

    def set_image_shape(self, image_shape: Shape) -> None:
        """Adapt the process to images (C, S, S).

        Raises:
            ValueError: If the process does not support such images.
        """
        if image_shape != self.image_shape:
            self.image_shape = image_shape

    @abstractmethod
    def degrade(self, x: Tensor, t: Tensor, **how: Any) -> Tensor:
        """Degrade images to level t.

        Args:
            x (Tensor): Images (B, C, S, S) in [-0.5, 0.5]; predicted images may exceed it.
            t (Tensor): Level of each image, (B,), in 0..T.
            **how: Further arguments of a subclass, such as the noise.

        Returns:
            Tensor: The degraded images x_t, (B, C, S, S).
        """

    @abstractmethod
    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Return the mean squared error of one batch at random levels.

        Args:
            network (Callable): network(x_t, t / T) -> (B, C, S, S).
            x (Tensor): Training images (B, C, S, S).
            generator (Generator): CPU generator that draws all random numbers of the batch.

        Returns:
            Tensor: A scalar.
        """

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """Draw n fully degraded images (n, C, S, S) to start from. Used if the process has no prior."""
        name = type(self).__name__
        raise ValueError(f"{name} has no draw_prior and no prior; needed: one of them")

    def prepare(self, x: Tensor) -> None:  # noqa: B027 - optional to override
        """Learn from the training images (N, C, S, S). All attributes set here are saved with the weights."""

    def to_pixels(self, x: Tensor) -> Tensor:
        """Return the pixels that a prior models: images at level T, or fewer pixels that determine them."""
        return self.degrade(x, torch.full((len(x),), self.T, device=x.device))

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Convert pixels drawn by a prior to latents at t = T, (n, C, S, S)."""
        return pixels

    def draw_steps(self, batch: int, generator: Generator) -> Tensor:
        """Draw levels (batch,), uniform on 1..T.

        Both ends are included: sampling starts at T, so training must see T.
        """
        return torch.randint(1, self.T + 1, (batch,), generator=generator)

    @torch.no_grad()
    def reverse(
        self, network: Network, x_T: Tensor, sampler: Sampler, generator: Generator, chunk: int = 128
    ) -> Iterator[tuple[int, Tensor]]:
        """Walk back from x_T to t = 0: predict, take one step of the sampler, and repeat.

        Args:
            network (Callable): network(x_t, t / T) -> (n, C, S, S).
            x_T (Tensor): Latents (n, C, S, S) to start from.
            sampler (object): Takes the steps.
            generator (Generator): CPU generator of the noise.
            chunk (int): Images per network call. Limits memory and does not change the samples. Default 128.

        Yields:
            tuple: (t, x_t), from (T, x_T) to t = 0.

        Raises:
            ValueError: If the sampler returns something other than latents.
        """
        x_t = x_T
        yield self.T, x_t
        for t, s in pairwise(visits(sampler, self.T)):
            prediction = in_chunks(network, x_t, t, self.T, chunk)
            x_t = sampler.step(self, x_t, prediction, t, s, generator)
            if not isinstance(x_t, Tensor) or x_t.shape != x_T.shape:
                who, shape = f"the sampler, {summarise(sampler)},", tuple(x_T.shape)
                raise ValueError(f"{who} gave {summarise(x_t)}; expected: a torch tensor {shape} of floats")
            x_t = x_t.float() if x_t.dtype == torch.float64 else x_t
            yield s, x_t


class ColdDiffusion(DegradationProcess):
    """Cold diffusion: a deterministic degradation, reversed by a network that predicts the clean image.

    The method is from Bansal et al. (2022). In Vrikkis (2024), all variety of the samples comes from the
    random start.

    Attributes:
        image_noise (float): Largest standard deviation of noise added to training images before they are
            degraded, drawn per image from [0, image_noise]. The network so learns to repair latents that no
            real image produces but sampling does. Default 0.0.

    Example:
        >>> import diffusion as d
        >>> class Fade(d.ColdDiffusion):
        ...     T, prior = 10, d.Patches()
        ...
        ...     def degrade(self, x, t):
        ...         return x * (1 - t / self.T)[:, None, None, None]
        >>> Fade().T
        10
    """

    image_noise: float = 0.0
    sampler: Any = Naive()

    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Return the mean squared error of the reconstruction over pixels and batch.

        Vrikkis (2024), Algorithm 1 and Eq. (11). See `DegradationProcess.loss` for the arguments.
        """
        t = self.draw_steps(len(x), generator).to(x.device)
        noisy = x
        if self.image_noise:
            sd = self.image_noise * torch.rand((len(x), 1, 1, 1), generator=generator)
            noisy = x + (sd * torch.randn(x.shape, generator=generator)).to(x.device)
        return mse_loss(network(self.degrade(noisy, t), t / self.T).float(), x)


def in_chunks(network: Network, x: Tensor, t: int, T: int, chunk: int = 128) -> Tensor:
    """Return network(x, t/T) for all x at one time step in float32, computed `chunk` images at a time."""
    time = torch.full((len(x),), t / T, dtype=torch.float32, device=x.device)
    out = [network(a, b).float() for a, b in zip(x.split(chunk), time.split(chunk), strict=True)]
    return torch.cat(out)
