"""`python -m diffusion.check`: what is wrong with a degradation is said before any training."""

import re

import pytest
import torch

from diffusion import check, load
from diffusion.processes import DDPM, ColdBlur, ColdZoom, linear
from helpers import Fade


def column(t):
    return t.view(-1, 1, 1, 1)


def by(degrade, prior=None):
    """A process that degrades by this function of images and levels."""
    methods = {"degrade": lambda self, x, t: degrade(x, t)}
    methods |= {"draw_prior": lambda self, n, generator: prior(n)} if prior else {}
    return type("Mine", (Fade,), methods)()


class Few(Fade):
    """Its samples begin as 8 images."""

    images = 8

    def draw_prior(self, n, generator):
        return (torch.arange(n) % self.images / 1e3).view(-1, 1, 1, 1).expand(n, 1, 28, 28)


class Stalls(Few):
    """From level 2 on nothing more is lost."""

    images = 64

    def degrade(self, x, t):
        return super().degrade(x, t.clamp(max=2))

    def draw_prior(self, n, generator):
        return super().draw_prior(n, generator) - 0.3


def fade(x, t):
    return x * column(1 - t / 10)


@pytest.mark.parametrize(
    ("process", "kind", "said"),
    [
        (ColdZoom(), "ok", ""),
        (ColdBlur(5), "ok", ""),
        (DDPM(linear()), "ok", ""),
        (Fade(), "note", "process draws one image"),
        (Stalls(), "note", "levels 3, 4, 5, "),
        (Few(), "note", "64 starts of the prior are 8 images"),
        (by(lambda x, t: fade(x, (t + 1).clamp(max=10))), "problem", "level 0 .* a pixel changes by 0.05"),
        (by(lambda x, t: fade(x, t) + column(t) * torch.randn(x.shape)), "problem", "is not deterministic"),
        (by(lambda x, t: fade(x, t[:1].expand(len(x)))), "problem", "images differ by .* alone; use each t"),
        (by(lambda x, t: x * t), "problem", r"must match .*use t\[:, None.*\(test_check.py:\d+\)$"),
        (by(fade, lambda n: torch.randn(n, 1, 28, 28)), "problem", "draw from the generator only"),
    ],
)
def test_a_note_or_the_first_problem_is_found_where_there_is_one(mnist_dir, process, kind, said):
    found = check.check(process, load(n=64)[0])
    (told,) = [one for one in found if one.kind != "ok"] or found[-1:]
    assert told.kind == kind
    assert re.search(said, told.text), told
    assert kind != "problem" or told == found[-1]  # which ends the search


def test_the_command_says_all_and_ends_with_1_where_there_is_a_problem(mnist_dir, capsys):
    with pytest.raises(SystemExit, match="^1$"):
        check.main(["helpers:Fade", "-T", "5", "--options", "{strength: 0}"])
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.endswith("levels 0, the identity, to 5")
    assert last.startswith("problem")
