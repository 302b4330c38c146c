"""Samplers: the steps from noise or degraded images back to images, with one protocol for all processes.

`Ancestral` and `DDIM` are for processes whose network predicts the noise. `Naive` and `Improved` are for
processes whose network predicts the image. A custom sampler is a function

    step(process, x_t, prediction, t, s, generator) -> x_s        # latents (n, C, S, S), t > s >= 0

that draws all noise from the generator; or a class with the method `step`, and with `visits` if it skips time
steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from diffusion.arguments import Count, Native, Share, check_whole, checked, summarise
from diffusion.names import create

Sampler = Any  # with `step` as above; no type says that `visits` may be missing


def spaced(T: int, steps: int, power: int = 1) -> list[int]:
    """Return time steps from T down to 0 for a number of steps, (steps + 1,), without duplicates.

    With power 2, the steps are densest near the image: Song et al. (2021), Appendix D.2.
    """
    wanted = T * torch.linspace(0, 1, steps + 1, dtype=torch.float64) ** power
    return torch.maximum(wanted.round().long(), torch.arange(steps + 1)).flip(0).tolist()


@checked
@dataclass(frozen=True)
class Ancestral:
    """The sampler of Ho et al. (2020) for a DDPM: it adds noise in each step except the last.

    Vrikkis (2024) uses it, too. With fewer than T steps, beta_t is the variance between one visited time step
    and the next (Nichol and Dhariwal 2021, Sec. 4).

    Args:
        steps (int, optional): Number of time steps to visit, at least 2. If None, visits all T, as in the
            original study. Default None.
        clip_x0 (bool): Whether to clip predicted images to [-0.5, 0.5]. Default False.
        spacing (str): "uniform", or "quadratic", which is densest near the image. Default "uniform".

    Example:
        >>> import diffusion as d
        >>> run = d.released("original/linear-0")
        >>> run.sample(2, sampler=d.Ancestral(steps=4)).shape
        torch.Size([2, 1, 28, 28])
    """

    takes: ClassVar[str] = "noise"
    steps: Annotated[int, Native, Field(ge=2)] | None = None
    clip_x0: bool = False
    spacing: Literal["uniform", "quadratic"] = "uniform"

    def visits(self, T: int) -> list[int]:
        """Return the time steps to visit, from T down to 0."""
        steps = check_whole("steps", self.steps or T, 1, T)
        return spaced(T, steps, 2 if self.spacing == "quadratic" else 1)

    def step(
        self, process: Any, x_t: Tensor, prediction: Tensor, t: int, s: int, generator: Generator
    ) -> Tensor:
        """Take one step from time step t to s, given the predicted noise."""
        a, b = (float(process.schedule.alpha_bar[time]) for time in (t, s))
        if a >= 1:  # the first beta is 0: x_t has no noise
            return x_t
        if self.clip_x0:  # the noise that leads to the clipped image
            x0 = ((x_t - (1 - a) ** 0.5 * prediction) / a**0.5).clamp_(-0.5, 0.5)
            prediction = (x_t - a**0.5 * x0) / (1 - a) ** 0.5
        return self.move(x_t, prediction, a, b, generator)

    def move(self, x_t: Tensor, eps: Tensor, a: float, b: float, generator: Generator) -> Tensor:
        """Take the step of Eqs. (4) and (5) from alpha_bar = a to b; add sqrt(beta_t) noise unless b = 1."""
        beta = 1 - a / b
        mean = (x_t - beta / (1 - a) ** 0.5 * eps) / (1 - beta) ** 0.5
        if b >= 1:
            return mean
        return mean + beta**0.5 * torch.randn(x_t.shape, generator=generator).to(x_t.device)


@checked
@dataclass(frozen=True)
class DDIM(Ancestral):
    """The DDIM sampler for a DDPM (Song et al. 2021): it adds no noise, so few steps suffice.

    Args:
        steps (int, optional): Number of time steps to visit, at least 2. If None, visits all T. Default None.
        clip_x0 (bool): Whether to clip predicted images to [-0.5, 0.5]. Default False.
        spacing (str): "uniform", or "quadratic", which is densest near the image. Default "uniform".

    Example:
        >>> import diffusion as d
        >>> run = d.released("original/linear-0")
        >>> run.sample(2, sampler=d.DDIM(steps=4)).shape
        torch.Size([2, 1, 28, 28])
    """

    def move(self, x_t: Tensor, eps: Tensor, a: float, b: float, generator: Generator) -> Tensor:
        """Take the step of Song et al. (2021), Eq. (12), with sigma = 0, from alpha_bar = a to b."""
        return (b / a) ** 0.5 * (x_t - (1 - a) ** 0.5 * eps) + (1 - b) ** 0.5 * eps


@checked
@dataclass(frozen=True)
class Naive:
    """Naive cold sampling: predict the clean image, then degrade it to the next lower level.

    Bansal et al. (2022), Algorithm 1; Vrikkis (2024), Algorithm 2. Optionally, noise is added to the
    predicted image before it is degraded, in each step except the last; the original study adds none. In a
    zoom, each enlarged pixel gets one noise value.

    `grey_noise` adds noise where the network is undecided. A pixel with values in [0, 1] and mean p has a
    standard deviation of at most sqrt(p (1 - p)) (Bhatia and Davis 2000); a predicted p gets `grey_noise`
    times this maximum.

    Args:
        noise (float): Standard deviation of the noise on all pixels, 0 to 1; 1 is the range of pixels.
            Default 0.0.
        levels (int, optional): Number of levels to visit, evenly spaced. If None, visits all T. Default None.
        grey_noise (float): Noise on undecided pixels as a share of its maximum, 0 to 1. Default 0.0.

    Example:
        >>> import diffusion as d
        >>> run = d.released("original/zoom-0")
        >>> run.sample(2, sampler=d.Naive(noise=0.1, levels=4)).shape
        torch.Size([2, 1, 28, 28])
    """

    takes: ClassVar[str] = "image"
    noise: Share = 0.0
    levels: Count | None = None
    grey_noise: Share = 0.0

    def visits(self, T: int) -> list[int]:
        """Return the levels to visit, from T down to 0."""
        return spaced(T, check_whole("levels", self.levels or T, 1, T))

    def step(
        self, process: Any, x_t: Tensor, prediction: Tensor, t: int, s: int, generator: Generator
    ) -> Tensor:
        """Take one step from level t to s, given the predicted image."""
        if s and (self.noise or self.grey_noise):
            grey = (prediction + 0.5).clamp(0, 1)
            sd = self.noise + self.grey_noise * (grey * (1 - grey)).sqrt()
            prediction = prediction + sd * torch.randn(x_t.shape, generator=generator).to(x_t.device)
        return self.move(process, x_t, prediction, t, s)

    def move(self, process: Any, x_t: Tensor, x0_hat: Tensor, t: int, s: int) -> Tensor:
        """Degrade the predicted image to level s."""
        return process.degrade(x0_hat, _level(x_t, s))


@checked
@dataclass(frozen=True)
class Improved(Naive):
    """Improved cold sampling: add the difference of two degradations of the predicted image to the latent.

    Bansal et al. (2022), Algorithm 2.

    Args:
        noise (float): Standard deviation of the noise on all pixels, 0 to 1, see `Naive`. Default 0.0.
        levels (int, optional): Number of levels to visit, evenly spaced. If None, visits all T. Default None.
        grey_noise (float): Noise on undecided pixels as a share of its maximum, 0 to 1. Default 0.0.

    Example:
        >>> import diffusion as d
        >>> run = d.released("original/zoom-0")
        >>> run.sample(2, sampler=d.Improved(levels=4)).shape
        torch.Size([2, 1, 28, 28])
    """

    def move(self, process: Any, x_t: Tensor, x0_hat: Tensor, t: int, s: int) -> Tensor:
        """Move the latent by the difference of two degradations of the predicted image, to levels s and t."""
        return super().move(process, x_t, x0_hat, t, s) + x_t - process.degrade(x0_hat, _level(x_t, t))


@dataclass(frozen=True)
class FunctionSampler:
    """A custom sampler given as a function, its `step`. It visits all levels."""

    step: Callable[..., Tensor]


SAMPLERS: dict[str, type] = {"ancestral": Ancestral, "ddim": DDIM, "naive": Naive, "improved": Improved}


def sampler(name: Any, **options: Any) -> Sampler:
    """Make a sampler by name.

    Args:
        name (str, type or object): "ancestral", "ddim", "naive" or "improved"; your own `module:name`; or a
            class, object or function.
        **options: Arguments of the class.

    Returns:
        object: The sampler.

    Raises:
        ValueError: If the name is unknown, or the class refuses an option.

    Example:
        >>> import diffusion as d
        >>> d.sampler("ddim", steps=24)
        DDIM(steps=24, clip_x0=False, spacing='uniform')
    """
    chosen = create("sampler", name, SAMPLERS, options, has="step __call__")
    return chosen if hasattr(chosen, "step") else FunctionSampler(chosen)


def sampler_of(given: Any, process: Any) -> Sampler:
    """Return a sampler for a process.

    Args:
        given (object): A sampler, its class or its name. If None, uses the process's sampler.
        process (DegradationProcess): The process.

    Raises:
        ValueError: If the sampler needs another kind of prediction, or more steps than the process has.
    """
    chosen = sampler(process.sampler if given is None else given)
    takes = getattr(chosen, "takes", process.predicts)
    if takes != process.predicts:
        fit = ", ".join(f"d.{cls.__name__}()" for cls in SAMPLERS.values() if cls.takes == process.predicts)
        raise ValueError(
            f"{type(chosen).__name__} needs a network that predicts the {takes}; the network of "
            f"{summarise(process)} predicts the {process.predicts}; use {fit}, or your own"
        )
    visits(chosen, process.T)
    return chosen


def visits(sampler: Any, T: int) -> list[int]:
    """Return the time steps that a sampler visits; all of them if it has no method `visits`.

    Raises:
        ValueError: If they do not fall from T to 0, or contain a step twice.
    """
    times = [*sampler.visits(T)] if hasattr(sampler, "visits") else [*range(T, -1, -1)]
    if [*times[:1], *times[-1:]] != [T, 0] or sorted({*map(int, times)}, reverse=True) != times:
        expected = f"from T = {T} down to 0, each step at most once"
        raise ValueError(f"{type(sampler).__name__} visits {times}; expected: {expected}")
    return times


def _level(x: Tensor, t: int) -> Tensor:
    return torch.full((len(x),), t, device=x.device)
