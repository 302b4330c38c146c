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


def fade(x, t):
    return x * column(1 - t / 10)


@pytest.fixture(scope="module")
def x(mnist_dir):
    return load(n=64)[0]


@pytest.mark.parametrize("process", [ColdZoom(), ColdBlur(5), DDPM(linear())])
def test_the_projects_own_processes_pass(x, process):
    found = check.check(process, x)
    assert {finding.kind for finding in found} == {"ok"}, found


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (by(lambda x, t: fade(x, (t + 1).clamp(max=10))), "level 0 must .*; a pixel changes by 0.05"),
        (by(lambda x, t: fade(x, t) + column(t) * torch.randn(x.shape)), "t = 1 is not deterministic"),
        (by(lambda x, t: fade(x, t[:1].expand(len(x)))), "images differ by .* from those alone; use each t"),
        (by(lambda x, t: x * t), r"must match .*use t\[:, None, None, None\] \(test_check.py:\d+\)$"),
        (by(fade, lambda n: torch.randn(n, 1, 28, 28)), "draw from the generator only"),
    ],
)
def test_a_problem_is_the_last_that_is_said(x, process, said):
    *others, last = check.check(process, x)
    assert last.kind == "problem"
    assert re.search(said, last.text), last
    assert "problem" not in {one.kind for one in others}


def test_what_is_worth_knowing_is_a_note(x):
    found = check.check(Fade(), x)
    assert any(one.kind == "note" and "process draws one image" in one.text for one in found), found
    assert "problem" not in {one.kind for one in found}


def test_the_command(mnist_dir, capsys):
    check.main(["helpers:Fade", "-T", "5", "--options", "{strength: 0.5}"])
    *lines, _ = said = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok", "note")) for line in said)
    assert lines[0].endswith("levels 0, the identity, to 5")
    with pytest.raises(SystemExit) as error:
        check.main(["helpers:Fade", "--options", "{strength: 0}"])
    assert error.value.code == 1
