"""Things of a user's own, by the door of `module:name`: degradations, schedule, prior, network, data sets."""

import numpy as np
import torch

from diffusion.data import DataSet
from diffusion.processes import ColdBlur, ColdDiffusion, NoiseSchedule


class Fade(ColdDiffusion):
    """Pixels fade to grey."""

    name = "fade"

    def __init__(self, T=10, strength=1.0, mask=None):
        self.T, self.strength, self.mask = T, strength, mask

    def degrade(self, x, t):
        return x * (1 - self.strength * t / self.T)[:, None, None, None]

    def draw_prior(self, n, generator):
        return torch.zeros(n, 1, 28, 28)


class NoName(Fade):
    name = ""


class NoDepth(ColdBlur):
    def __init__(self):
        super().__init__()


class Leaves(Fade):
    def __init__(self, T=10):
        raise SystemExit(0)


class Fails(Fade):
    def __init__(self, T=10):
        raise KeyError("no such")


class OtherDepth(Fade):
    def __init__(self, T):
        self.T = T + 1


def root(T, power=0.5):
    """A schedule of one's own."""
    beta = 0.02 * torch.linspace(1 / T, 1, T, dtype=torch.float64) ** power
    return NoiseSchedule.from_beta("root", beta)


def none():
    """No schedule."""


class Grey:
    """A prior of one's own."""

    def __init__(self, level=0.0):
        self.level = level

    def fit(self, pixels):
        self.side = pixels.shape[-1]

    def draw(self, n, generator):
        return torch.full((n, 1, self.side, self.side), self.level)


def stay(process, x_t, prediction, t, s, generator):
    """A sampler of one's own, which goes nowhere."""
    return x_t


class Halves:
    """A sampler of one's own that visits every second level, and the last ones."""

    def visits(self, T):
        return [*range(T, 0, -2), 0]

    def step(self, process, x_t, prediction, t, s, generator):
        return process.degrade(prediction, torch.full((len(x_t),), s))


class Linear(torch.nn.Module):
    """A network of one's own."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, x, t):
        return self.scale * x


def bars(n_train, n_test):
    """A data set whose classes are told by the place of a white line."""

    def read(split, folder):
        labels = np.arange({"train": n_train, "test": n_test}[split]) % 10
        images = np.zeros((len(labels), 28, 28), np.uint8)
        images[np.arange(len(labels)), 2 * labels + 3] = 255
        return images, labels

    return DataSet("Bars", read, noun="bar")


BARS = bars(100, 50)
