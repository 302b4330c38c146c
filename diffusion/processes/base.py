"""The contract of a degradation process, and cold diffusion. Training and measuring know only this.

Shapes, stated once:
    x, x0, x_t  (B, C, S, S) float32, in the study (B, 1, 28, 28); clean images lie in [-0.5, 0.5], latents
                may leave it
    t           (B,) integer in 0..T; 0 leaves the image as it is, T degrades it fully
    network     network(x_t, t / T) -> (B, C, S, S)
    n           number of images to generate

A process says what is learnt. How it is sampled is said when it is: the sampler (processes/samplers.py) and
where it starts, the prior (processes/priors.py).

A degradation of your own derives from `ColdDiffusion` and says how to degrade and where sampling starts;
one with noise derives from `DegradationProcess`. Name it in a profile as `module:Class`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from diffusion.bounds import Typeable, refuse_old_methods, refuse_old_names, summarise
from diffusion.data import as_images
from diffusion.processes.samplers import Naive, Sampler, visits

Network = Callable[[Tensor, Tensor], Tensor]
Shape = tuple[int, int, int]  # (C, S, S)
GREY28: Shape = (1, 28, 28)


def shape_of(x: Tensor) -> Shape:
    """(C, S, S) of images (B, C, S, S)."""
    _, channels, height, width = x.shape
    return channels, height, width


def check_images(x: Any, name: str = "images") -> None:
    """Raise ValueError unless x is (B, C, S, S) of floats, B > 0, with all pixels in [-0.5, 0.5]."""
    if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[2] != x.shape[3] or not x.is_floating_point():
        pair = "; d.load returns a pair: x, labels = d.load(...)" if isinstance(x, tuple) else ""
        raise ValueError(f"{name}: {summarise(x)}; expected: square images, floats (N, C, S, S){pair}")
    if not x.numel():
        raise ValueError(f"{name} has no images; expected: at least one")
    low, high = x.min().item(), x.max().item()
    if not (low >= -0.5 - 1e-6 and high <= 0.5 + 1e-6):  # written so that NaN fails
        raise ValueError(
            f"{name}: pixels range from {low:g} to {high:g}; expected: [-0.5, 0.5]; use x - 0.5 for [0, 1], "
            "x / 2 for [-1, 1] or x / 255 - 0.5 for [0, 255]"
        )


def require_images(name: str, x: Any) -> Tensor:
    """Images as floats (N, C, S, S) in [-0.5, 0.5], as `data.as_images` takes them, or a ValueError."""
    x = as_images(x)
    check_images(x, name)
    return x.detach().float()


def levels(x: Tensor, t: Any, T: int) -> Tensor:
    """t as levels (B,) of images x (B, C, S, S): whole numbers from 0 to T, one for each image or for all.

    ValueError: x or t is something else. On a GPU values are not looked at, as training would wait for them.
    """
    if not isinstance(x, Tensor) or x.ndim != 4:
        raise ValueError(f"x is {summarise(x)}; expected: a tensor of images (B, C, S, S)")
    t = torch.as_tensor(t)
    sound = t.ndim < 2 and (t.numel() == 1 or len(t) == len(x) or len(x) == 1) and not t.is_floating_point()
    if not sound or t.device.type == "cpu" and t.numel() and not 0 <= t.min() <= t.max() <= T:
        given = t.tolist() if t.numel() < 9 else summarise(t)
        raise ValueError(f"t is {given}; expected: whole numbers from 0 to {T}, one for each image or all")
    return t.reshape(-1).long().expand(len(x) if t.numel() == 1 else len(t))


@refuse_old_names
class DegradationProcess(Typeable, ABC):
    """A way to degrade images step by step, to learn the way back and to walk it.

    All of its attributes determine a training: `diffusion.fit` writes them down as they are when it begins.
    What it needs to know of the training images it learns in `prepare`.

    Attributes:
        T: the deepest level.
        predicts: what its network predicts, "image" or "noise"; samplers ask.
        sampler, prior: how it is sampled where nothing else is said, as `Run.sample` takes them; no prior:
            from `draw_prior`.
        image_shape: (C, S, S) of an image, which `diffusion.fit` takes from the training images.
    """

    image_shape: Shape = GREY28
    T: int
    predicts: str = "image"
    sampler: Any = None
    prior: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_old_methods(cls, "DegradationProcess")

    def set_image_shape(self, image_shape: Shape) -> None:
        """Become a process of images (C, S, S); raises ValueError where there is none of these."""
        if image_shape != self.image_shape:
            self.image_shape = image_shape

    @abstractmethod
    def degrade(self, x: Tensor, t: Tensor, **how: Any) -> Tensor:
        """x_t of the shape of x, (B, C, S, S), with a different t per image."""

    @abstractmethod
    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Mean squared error of one batch at random time steps, a scalar.

        Args:
            generator: a CPU generator; all randomness of the batch is drawn from it.
        """

    def draw_prior(self, n: int, generator: Generator) -> Tensor:
        """n fully degraded images to start sampling from, (n, C, S, S), where there is no prior."""
        name = type(self).__name__
        raise ValueError(f"{name} has no draw_prior and no prior; needed: one of them")

    def prepare(self, x: Tensor) -> None:  # noqa: B027 - optional to override
        """Learn from the training images (N, C, S, S); all attributes are kept beside the weights."""

    def to_pixels(self, x: Tensor) -> Tensor:
        """The pixels that a prior describes: degraded images at t = T, or the fewer that make these up."""
        return self.degrade(x, torch.full((len(x),), self.T, device=x.device))

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Latents at t = T, (n, C, S, S), from what a prior draws."""
        return pixels

    def draw_steps(self, batch: int, generator: Generator) -> Tensor:
        """t uniform on 1..T, both ends included: sampling starts at T, so training must see T."""
        return torch.randint(1, self.T + 1, (batch,), generator=generator)

    @torch.no_grad()
    def reverse(
        self, network: Network, x_T: Tensor, sampler: Sampler, generator: Generator, chunk: int = 128
    ) -> Iterator[tuple[int, Tensor]]:
        """The way back from x_T (n, C, S, S): ask the network, take a step of the sampler, and again.

        Yields (t, x_t), the start first and t = 0 last. The chunk, images a network call, bounds memory; it
        does not change the samples.
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
    """A process whose `degrade(x, t)` has no randomness: Bansal et al. (2022).

    The network learns to undo the degradation in one go. In the study, all variety of the samples comes from
    where sampling starts.

    Attributes:
        image_noise: standard deviation up to which training adds noise to the images before it degrades them,
            another one for each image; the network so learns to mend latents that no image has, as sampling
            makes them.
    """

    image_noise: float = 0.0
    sampler: Any = Naive()

    def loss(self, network: Network, x: Tensor, generator: Generator) -> Tensor:
        """Algorithm 1 and Eq. (11): the mean squared error of the reconstruction, over pixels and batch."""
        t = self.draw_steps(len(x), generator).to(x.device)
        noisy = x
        if self.image_noise:
            sd = self.image_noise * torch.rand((len(x), 1, 1, 1), generator=generator)
            noisy = x + (sd * torch.randn(x.shape, generator=generator)).to(x.device)
        return mse_loss(network(self.degrade(noisy, t), t / self.T).float(), x)


def in_chunks(network: Network, x: Tensor, t: int, T: int, chunk: int = 128) -> Tensor:
    """network(x, t/T) for all of x at one time step, `chunk` images at a time, in float32."""
    time = torch.full((len(x),), t / T, dtype=torch.float32, device=x.device)
    out = [network(a, b).float() for a, b in zip(x.split(chunk), time.split(chunk), strict=True)]
    return torch.cat(out)
