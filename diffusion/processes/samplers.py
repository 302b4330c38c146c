"""Samplers: the steps of the way back, for DDPMs and for cold diffusion, by one protocol.

A sampler says which time steps it `visits`, and takes a `step` from one to the next. `Ancestral` and `DDIM`
are for processes whose network predicts the noise, `Naive` and `Improved` for those whose network predicts
the image. One of your own is a class with `step`, and with `visits` where it leaves out time steps; or only a
function

    step(process, x_t, prediction, t, s, generator) -> x_s        latents (n, C, S, S), t > s >= 0

which draws all noise from the generator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from diffusion.bounds import Count, Native, Share, Typeable, check_call, checked, make, summarise, whole

Sampler = Any  # with `step` as above; no type says that `visits` may be missing


def spaced(T: int, steps: int, power: int = 1) -> list[int]:
    """The time steps of a way back of so many steps, from T down to 0: (steps + 1,).

    With power 2 they lie densest near the image: Song et al. (2021), Appendix D.2. No two are equal.
    """
    wanted = T * torch.linspace(0, 1, steps + 1, dtype=torch.float64) ** power
    return torch.maximum(wanted.round().long(), torch.arange(steps + 1)).flip(0).tolist()


@checked
@dataclass(frozen=True, repr=False)
class Ancestral(Typeable):
    """The sampler of Ho et al. (2020), also of Vrikkis (2024): noise in each step but the last.

    With fewer steps than T, beta_t is that of the step from one visited time to the next (Nichol & Dhariwal
    2021, Sec. 4).

    Args:
        steps: visited; None: all T, the study's.
        clip_x0: predicted images are clipped to [-0.5, 0.5].
        spacing: of the steps; "quadratic": densest near the image.
    """

    takes: ClassVar[str] = "noise"
    steps: Annotated[int, Native, Field(ge=2)] | None = None
    clip_x0: bool = False
    spacing: Literal["uniform", "quadratic"] = "uniform"

    def visits(self, T: int) -> list[int]:
        steps = whole("steps", self.steps or T, 1, T)
        return spaced(T, steps, 2 if self.spacing == "quadratic" else 1)

    def step(
        self, process: Any, x_t: Tensor, prediction: Tensor, t: int, s: int, generator: Generator
    ) -> Tensor:
        a, b = (float(process.schedule.alpha_bar[time]) for time in (t, s))
        if a >= 1:  # the first beta is 0: x_t has no noise
            return x_t
        if self.clip_x0:  # the noise that leads to the clipped image
            x0 = ((x_t - (1 - a) ** 0.5 * prediction) / a**0.5).clamp_(-0.5, 0.5)
            prediction = (x_t - a**0.5 * x0) / (1 - a) ** 0.5
        return self.move(x_t, prediction, a, b, generator)

    def move(self, x_t: Tensor, eps: Tensor, a: float, b: float, generator: Generator) -> Tensor:
        """Eqs. (4), (5) from alpha_bar = a to b, plus sqrt(beta_t) noise; none in the last step, to b = 1."""
        beta = 1 - a / b
        mean = (x_t - beta / (1 - a) ** 0.5 * eps) / (1 - beta) ** 0.5
        if b >= 1:
            return mean
        return mean + beta**0.5 * torch.randn(x_t.shape, generator=generator).to(x_t.device)


@checked
@dataclass(frozen=True, repr=False)
class DDIM(Ancestral):
    """A DDPM sampled without noise on the way: Song et al. (2021). Arguments as of `Ancestral`."""

    def move(self, x_t: Tensor, eps: Tensor, a: float, b: float, generator: Generator) -> Tensor:
        """Eq. (12) of Song et al. (2021) with sigma = 0."""
        return (b / a) ** 0.5 * (x_t - (1 - a) ** 0.5 * eps) + (1 - b) ** 0.5 * eps


@checked
@dataclass(frozen=True, repr=False)
class Naive(Typeable):
    """Algorithm 1 of Bansal et al. (2022), Algorithm 2 of Vrikkis (2024): predict the image, degrade it less.

    Noise, of which the study has none, is added to the predicted image before that is degraded, in all steps
    but the last. A zoom so has one number of it for each pixel that it enlarges.

    `grey_noise` is noise where the network is undecided: a pixel with values in [0, 1] whose mean is p has a
    standard deviation of at most sqrt(p (1 - p)) (Bhatia and Davis 2000), which a black or white one reaches;
    a predicted p gets this part of it.

    Args:
        noise: standard deviation of the noise, everywhere; at most 1, the range of pixels.
        levels: visited, evenly spaced; None: all T.
        grey_noise: part of the most that a grey allows, in [0, 1].
    """

    takes: ClassVar[str] = "image"
    noise: Share = 0.0
    levels: Count | None = None
    grey_noise: Share = 0.0

    def visits(self, T: int) -> list[int]:
        return spaced(T, whole("levels", self.levels or T, 1, T))

    def step(
        self, process: Any, x_t: Tensor, prediction: Tensor, t: int, s: int, generator: Generator
    ) -> Tensor:
        if s and (self.noise or self.grey_noise):
            grey = (prediction + 0.5).clamp(0, 1)
            sd = self.noise + self.grey_noise * (grey * (1 - grey)).sqrt()
            prediction = prediction + sd * torch.randn(x_t.shape, generator=generator).to(x_t.device)
        return self.move(process, x_t, prediction, t, s)

    def move(self, process: Any, x_t: Tensor, x0_hat: Tensor, t: int, s: int) -> Tensor:
        return process.degrade(x0_hat, _level(x_t, s))


@checked
@dataclass(frozen=True, repr=False)
class Improved(Naive):
    """Algorithm 2 of Bansal et al. (2022): the latent, changed by the difference of two degradations.

    Arguments as of `Naive`.
    """

    def move(self, process: Any, x_t: Tensor, x0_hat: Tensor, t: int, s: int) -> Tensor:
        return super().move(process, x_t, x0_hat, t, s) + x_t - process.degrade(x0_hat, _level(x_t, t))


@dataclass(frozen=True, repr=False)
class Steps(Typeable):
    """A sampler of one's own that is a function, its `step`: it visits all levels."""

    step: Callable[..., Tensor]


SAMPLERS: dict[str, type] = {"ancestral": Ancestral, "ddim": DDIM, "naive": Naive, "improved": Improved}


def sampler(name: Any, **options: Any) -> Sampler:
    """A sampler by its name in `SAMPLERS`, or `module:name` of your own, a class made with the options.

    ValueError: there is none of that name, or it refuses its options.
    """
    chosen = make("sampler", name, SAMPLERS, options, has="step __call__")
    return chosen if hasattr(chosen, "step") else Steps(chosen)


def sampler_of(given: Any, process: Any) -> Sampler:
    """A sampler for a process: one, its class or its name; None: the process's.

    ValueError: it takes what the process's network does not predict, or has more steps than the process.
    """
    chosen = sampler(process.sampler if given is None else given)
    takes = getattr(chosen, "takes", process.predicts)
    if takes != process.predicts:
        fit = ", ".join(f"d.{cls.__name__}()" for cls in SAMPLERS.values() if cls.takes == process.predicts)
        raise ValueError(
            f"{type(chosen).__name__} needs a network that predicts the {takes}; the network of "
            f"{summarise(process)} predicts the {process.predicts}; use {fit}, or your own"
        )
    check_call("a sampler's step", chosen.step, "process", "x_t", "prediction", "t", "s", "generator")
    visits(chosen, process.T)
    return chosen


def visits(sampler: Any, T: int) -> list[int]:
    """The time steps that a sampler visits, all where it does not say; ValueError: not from T down to 0."""
    times = [*sampler.visits(T)] if hasattr(sampler, "visits") else [*range(T, -1, -1)]
    if [*times[:1], *times[-1:]] != [T, 0] or sorted({*map(int, times)}, reverse=True) != times:
        needed = f"needed: from T = {T} down to 0, no step twice"
        raise ValueError(f"{type(sampler).__name__} visits {times}; {needed}")
    return times


def _level(x: Tensor, t: int) -> Tensor:
    return torch.full((len(x),), t, device=x.device)
