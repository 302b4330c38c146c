"""The law of offsets, against the samplers themselves with a network of which the response is known."""

import pytest
import torch

from diffusion.processes.samplers import DDIM, Ancestral
from diffusion.processes.schedules import linear
from diffusion.runtime import generator
from study.drift import Response, spread
from study.probes import SHIFT


@pytest.mark.parametrize("sampler", [Ancestral(50), DDIM(50)])
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.9])
def test_it_is_the_spread_that_the_sampler_leaves(sampler, rho):
    schedule, steps = linear(1000), sampler.visits(1000)
    random = generator("offsets")
    x = torch.randn(20_000, generator=random, dtype=torch.float64)  # offsets, in units of 1/28
    for t, s in zip(steps[:-1], steps[1:], strict=True):
        a, b = (float(schedule.alpha_bar[one]) for one in (t, s))
        x = sampler.move(x, rho * x / (1 - a) ** 0.5, a, b, random)
    seen = Response(1.0, [1, 1000], [rho, rho])
    found = spread(schedule.alpha_bar.numpy(), [seen], steps, isinstance(sampler, DDIM))
    assert found == pytest.approx(SHIFT * float(x.std()), rel=0.05)
