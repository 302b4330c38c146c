"""`python -m diffusion.check`: what is wrong with a degradation is said before any training."""

import pytest
import torch

from diffusion import check, load
from diffusion.processes import DDPM, ColdBlur, ColdZoom, linear
from helpers import Fade


class Wild(Fade):
    """Its prior is no function of the generator."""

    def draw_prior(self, n, generator):
        return torch.randn(n, 1, 28, 28)


class White(Fade):
    """Its samples begin where training never was."""

    def draw_prior(self, n, generator):
        return torch.full((n, 1, 28, 28), 0.5)


class Shifted(Fade):
    def degrade(self, x, t):
        return super().degrade(x, (t + 1).clamp(max=self.T))


class Noisy(Fade):
    def degrade(self, x, t):
        return super().degrade(x, t) + t[:, None, None, None] * torch.randn(x.shape)


class OneLevel(Fade):
    """It degrades a batch to the level of the first image."""

    def degrade(self, x, t):
        return super().degrade(x, t[:1].expand(len(x)))


class InPlace(Fade):
    def degrade(self, x, t):
        return x.mul_((1 - t / self.T)[:, None, None, None])


@pytest.mark.parametrize(
    ("process", "starts"),
    [(ColdZoom(), 64), (ColdBlur(5), 64), (Fade(), 1), (DDPM(linear()), None)],
)
def test_a_sound_one_is_told_with_a_note_where_samples_start_as_few_images(mnist_dir, process, starts):
    found = check.check(process, load(n=64)[0])
    first, last = found[0], found[-1]
    assert f"0, the identity, to {process.T}" in first
    assert ("64 starts are 1 images" in last) == (starts == 1)


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (Shifted(), "level 0 "),
        (Noisy(), "is not deterministic"),
        (InPlace(), "changes the images that it is given"),
        (OneLevel(), "alone; use each t"),
        (Fade(strength=0), "level T = 10 "),
        (Wild(), "draw from the generator"),
        (White(), "mean 0.500"),
        (Fade(mask=open), "mask is "),
    ],
)
def test_a_problem_is_an_error(mnist_dir, process, said):
    with pytest.raises(ValueError, match=said):
        check.check(process, load(n=64)[0])


def test_the_command_says_what_is_found_and_fails_at_a_problem(mnist_dir, capsys):
    check.main(["helpers:Fade", "-T", "5"])
    assert "0, the identity, to 5" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="^problem: .*level T = 5 "):
        check.main(["helpers:Fade", "-T", "5", "--options", "{strength: 0}"])
