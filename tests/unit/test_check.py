"""`diffusion.training.check`: what is wrong with a degradation is said before any training."""

import pytest
import torch

from diffusion import load
from diffusion.processes import DDPM, ColdBlur, ColdDiffusion, ColdZoom, linear
from diffusion.training import check
from helpers import Fade


def apart(t):
    return t[:, None, None, None]


BROKEN = {  # part of the message -> methods of the class
    "of torch.float64; expected: torch.float32": {
        "degrade": lambda self, x, t: Fade.degrade(self, x, t).double()
    },
    "is not deterministic": {"degrade": lambda self, x, t: x + apart(t) * torch.randn(x.shape)},
    "changes its argument x": {
        "degrade": lambda self, x, t: x.mul_(1 - apart(t) / self.T),
        "prior": "patches",
    },
    "use only `generator`": {"draw_prior": lambda self, n, generator: torch.randn(n, 1, 28, 28)},
    "Broken has no draw_prior and no prior": {"draw_prior": ColdDiffusion.draw_prior},
    "mean 0.500": {"draw_prior": lambda self, n, generator: torch.full((n, 1, 28, 28), 0.5)},
}


@pytest.mark.parametrize(
    ("process", "starts"),
    [(ColdZoom(), 64), (ColdBlur(5), 64), (Fade(), 1), (DDPM(linear()), None)],
)
def test_a_sound_one_is_told_with_a_note_where_samples_start_as_few_images(mnist_dir, process, starts):
    found = check.check(process, load(n=64)[0])
    first, last = found[0], found[-1]
    assert f"levels 0 (unchanged) to {process.T}" in first
    assert ("64 starts contain only 1 different" in last) == (starts == 1)
    assert len(found) == {64: 2, 1: 3, None: 1}[starts]


PROBLEMS = {said: type("Broken", (Fade,), how | {"__module__": __name__})() for said, how in BROKEN.items()}
PROBLEMS |= {"level T = 10 ": Fade(strength=0), "mask is ": Fade(mask=open), "T is 10.0": Fade(T=10.0)}


@pytest.mark.parametrize(("said", "process"), PROBLEMS.items())
def test_a_problem_is_an_error(mnist_dir, said, process):
    with pytest.raises(ValueError, match=said):
        check.check(process, load(n=64)[0])
