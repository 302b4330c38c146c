"""The DDPM against its equations, written out independently."""

import pytest
import torch

from diffusion.processes import DDPM, schedules
from diffusion.processes.samplers import DDIM, Ancestral
from walking import sampled, walk


@pytest.fixture
def images():
    return torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5


class Oracle:
    """The exact noise predictor when every image is the same one, x0."""

    def __init__(self, process, x0):
        self.process, self.x0 = process, x0

    def __call__(self, x, t):
        step = (t * self.process.T).round().long()
        a = self.process.schedule.alpha_bar[step].float()[:, None, None, None]
        return (x - a.sqrt() * self.x0) / (1 - a).sqrt()


@pytest.mark.parametrize("how", [{}, {"clip_x0": True}, {"steps": 50}, {"steps": 2}])
@pytest.mark.parametrize("make", [schedules.linear, schedules.cosine])
def test_sampling_with_the_exact_predictor_finds_the_image(images, make, how):
    process = DDPM(make())
    found = sampled(process, Oracle(process, images[:1]), 3, sampler=Ancestral(**how))
    # The last step adds no noise and its mean is the image, up to the variance of the first time step.
    assert torch.allclose(found, images[:1].expand(3, -1, -1, -1), atol=0.02)


def test_each_reverse_step_is_eq_5():
    schedule = schedules.linear(T=3, beta_start=0.1, beta_end=0.3)
    random = torch.Generator().manual_seed(5)
    start, z3, z2 = (torch.randn(4, 1, 28, 28, generator=random) for _ in range(3))
    x = walk(DDPM(schedule), lambda x, t: 0.5 * x, 4, 5)
    assert torch.equal(x[3], start)
    for t, z in ((3, z3), (2, z2), (1, torch.zeros(1))):  # written out here from the study's Eq. (5)
        beta, alpha_bar = schedule.beta[t], schedule.alpha_bar[t]
        noise = beta / ((1 - alpha_bar).sqrt() * (1 - beta).sqrt()) * (0.5 * x[t].double())
        expected = x[t].double() / (1 - beta).sqrt() - noise + beta.sqrt() * z
        assert torch.allclose(x[t - 1].double(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: DDPM(schedules.cosine), "schedule is a function; needed: a NoiseSchedule"),
        (lambda: DDPM().compress(torch.zeros(2, 1, 28, 28)), "starts from noise and takes no prior"),
        (lambda: DDPM().degrade(torch.ones(2, 1, 28, 28), torch.ones(2).long()), "range from 1 to 1"),
    ],
)
def test_bad_input_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_ddim_follows_the_probability_flow_of_a_gaussian():
    """For images from N(0, s^2) the best prediction is known, and where the flow leads: quantiles stay."""
    schedule, s = schedules.cosine(), 0.3

    def network(x, t):
        a = schedule.alpha_bar[(t * schedule.T).round().long()].float()[:, None, None, None]
        return (1 - a).sqrt() * x / (a * s**2 + 1 - a)

    x = walk(DDPM(schedule), network, 2, 5, sampler=DDIM())
    a = float(schedule.alpha_bar[-1])
    assert torch.allclose(x[0], x[schedule.T] * s / (a * s**2 + 1 - a) ** 0.5, atol=5e-3)
    ancestral = sampled(DDPM(schedule), network, 20, 5)
    assert ancestral.std().item() == pytest.approx(s, rel=0.05)  # the same images as a set
