"""The law of offsets, against the samplers themselves with a network of which the response is known."""

import numpy as np
import pytest
import torch

from diffusion.processes.samplers import DDIM, Ancestral
from diffusion.processes.schedules import linear
from diffusion.runtime import generator
from paper.drift import Response, corrected, spread
from report.measures.probes import SHIFT

BLIND = [Response(1.0, [1, 1000], [0.0, 0.0])]
SEEING = [Response(1.0, [1, 1000], [0.9, 0.9])]
GROWING = [Response(1.0, [1, 1000], [0.2, 0.5]), Response(30.0, [1, 1000], [0.8, 1.0])]  # with time and size


@pytest.mark.parametrize("sampler", [Ancestral(50), DDIM(50)])
@pytest.mark.parametrize("added", [0.0, 0.5])
@pytest.mark.parametrize("responses", [BLIND, SEEING, GROWING])
def test_it_is_the_spread_that_the_sampler_leaves(sampler, responses, added):
    """Also where a part of what the network misses is added to its prediction."""
    schedule, steps = linear(1000), sampler.visits(1000)
    random = generator("offsets")
    x = torch.randn(20_000, generator=random, dtype=torch.float64)  # offsets, in units of 1/28
    for t, s in zip(steps[:-1], steps[1:], strict=True):
        a, b = (float(schedule.alpha_bar[one]) for one in (t, s))
        noise = x / (1 - a) ** 0.5
        parts = [np.interp(t, one.t, one.part) for one in responses]
        rho = np.interp(noise.abs().log().numpy(), np.log([one.size for one in responses]), parts)
        eps = torch.from_numpy(rho) * noise
        x = sampler.move(x, eps + added * (noise - eps), a, b, random)
    heard = corrected(responses, added)
    found = spread(schedule.alpha_bar.numpy(), heard, steps, isinstance(sampler, DDIM))
    assert found == pytest.approx(SHIFT * float(x.std()), rel=0.05)
