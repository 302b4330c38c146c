"""`python -m diffusion.check`: what is wrong with a degradation is said before any training."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from diffusion import check, load
from diffusion.processes import DDPM, ColdBlur, ColdZoom, linear
from own import Fade


class Late(Fade):
    def degrade(self, x, t):
        return super().degrade(x, (t + 1).clamp(max=self.T))


class Careless(ColdBlur):
    def draw_prior(self, n, generator):
        return torch.randn(n, 1, 28, 28)


class Dark(ColdBlur):
    def degrade(self, x, t):
        return fade(x, t, self.T) + 0.4 * column(t / self.T)

    def draw_prior(self, n, generator):
        return torch.full((n, 1, 28, 28), -0.5)


class Backwards(ColdBlur):
    def degrade(self, x, t):
        return super().degrade(x, torch.where(t > 0, self.T + 1 - t, 0))


class Locked(ColdBlur):
    def prepare(self, x):
        super().prepare(x)
        self.lock = threading.Lock()


class Unshaped(Fade):
    def prepare(self, x):
        self.darkest = self.degrade(x[:9], torch.full((9,), self.T))

    def degrade(self, x, t):
        return x * t


class Starts(ColdBlur):
    """Its own prior, by name."""

    prior = "patches"


def column(t):
    return t.view(-1, 1, 1, 1)


def fade(x, t, T=10):
    return x * column(1 - t / T)


def by(degrade, T=10):
    """A process that degrades by this function of images and levels."""
    return type("Mine", (Fade,), {"degrade": lambda self, x, t: degrade(x, t)})(T)


@pytest.fixture(scope="module")
def x(mnist_dir):
    return load(n=200)[0]


@pytest.mark.parametrize("process", [ColdZoom(), ColdBlur(), Starts(), DDPM(linear())])
def test_the_projects_own_processes_pass(x, process):
    found = check.check(process, x)
    assert {finding.kind for finding in found} == {"ok"}, found


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (by(lambda x, t: fade(x, t)[..., :27]), r"degrade at t = 0 gave \(32, 1, 28, 27\)"),
        (Late(), "level 0 must leave the image as it is; a pixel changes by 0.05"),
        (
            by(lambda x, t: x / (1 - t / 10)[:, None, None, None]),
            "at t = 10 gave numbers that are not finite",
        ),
        (by(lambda x, t: x.copy_(fade(x, t))), "at t = 1 changes the images that it is given"),
        (
            by(lambda x, t: fade(x, t) + column(t) * torch.randn(x.shape)),
            "t = 1 is not deterministic",
        ),
        (by(lambda x, t: fade(x, t[:1].expand(len(x)))), "use each t"),
        (by(lambda x, t: x.clone()), "level T = 10 leaves the images as they are"),
        (Locked(), "the process.lock is a _thread:lock, which cannot be written down"),
        (Careless(), "draw from the generator only"),
        (Dark(), "prior: mean -0.500.*sampling starts from"),
        (Unshaped(), r"must match .*use t\[:, None, None, None\] \(test_check.py:\d+\)"),
        (by(lambda x, t: missing(x, t)), r"'missing' is not defined \(test_check.py:\d+\)"),  # noqa: F821
    ],
)
def test_a_problem_is_named(x, process, said):
    problems = [finding.text for finding in check.check(process, x) if finding.kind == "problem"]
    assert any(re.search(said, text) for text in problems), problems


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (Fade(), "this deterministic process draws one image, whatever the seed"),
        (Backwards(), r"level \d+ is closer to the original than an earlier level"),
    ],
)
def test_what_is_worth_knowing_is_a_note(x, process, said):
    found = check.check(process, x)
    assert any(re.search(said, finding.text) for finding in found if finding.kind == "note"), found
    assert "problem" not in {finding.kind for finding in found}


def test_the_command(x, capsys):
    check.main(["own:Fade", "-T", "5", "--options", "{strength: 0.5}"])
    said = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok", "note")) for line in said)
    check.main(["own:Fade"])
    assert "levels 0, the identity, to 10\n" in capsys.readouterr().out  # the class's own T
    with pytest.raises(SystemExit) as error:
        check.main(["test_check:Late"])
    assert error.value.code == 1


def test_the_command_runs_where_python_has_no_docstrings():
    command = [sys.executable, "-OO", "-m", "diffusion.check", "own:Fade", "-T", "0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    assert done.stderr.startswith("error: T = 0 is not allowed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["own:Fade", "-T", "0"], r"T = 0 is not allowed: it should be .* 1 \(the deepest level of Fade\)"),
        (["own.py:Fade"], "needed: module:name, without .py: own:Fade"),
    ],
)
def test_what_the_command_refuses(arguments, said):
    with pytest.raises(SystemExit, match=said):
        check.main(arguments)
