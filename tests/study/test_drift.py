"""The law of offsets, against the samplers themselves with a network of which the response is known."""

from dataclasses import replace

import pytest
import torch

from diffusion.processes.samplers import DDIM, Ancestral
from diffusion.processes.schedules import linear
from diffusion.runtime import generator
from study import drift
from study.counterparts import opened
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


def test_a_training_that_is_released_short_and_long_counts_once():
    paper, watched = opened("paper"), opened("starts")
    both = replace(paper, watched=watched)
    courses = drift.courses(both)
    assert [len(courses[schedule]) for schedule in ("linear", "cosine")] == [2, 2]
    ddpms = [one for one in paper.trainings.values() if one.model in courses]
    twice = {("linear", 1), ("cosine", 1)}  # trained for thirty epochs and for a hundred
    assert twice <= watched.trainings.keys() & paper.trainings.keys()
    found = {one.training for one in drift.ways(both)}
    assert len(found) == len(ddpms) + len(watched.trainings) - len(twice)
