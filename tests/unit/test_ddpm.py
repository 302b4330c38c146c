"""The DDPM and its samplers against their equations, written out independently."""

import pytest
import torch

from diffusion.processes import DDPM, cosine, linear
from diffusion.processes.samplers import DDIM, Ancestral
from helpers import sampled, walk

IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5


class Exact:
    """The exact noise predictor when every image is the same one, x0."""

    def __init__(self, process, x0):
        self.process, self.x0 = process, x0

    def __call__(self, x, t):
        a = self.process.schedule.alpha_bar[(t * self.process.T).round().long()].float().view(-1, 1, 1, 1)
        return (x - a.sqrt() * self.x0) / (1 - a).sqrt()


def test_latents_are_eq_3_each_at_its_own_step():
    process, t = DDPM(cosine()), torch.tensor([0, 1, 250, 500, 999, 1000])
    a = process.schedule.alpha_bar[t].view(-1, 1, 1, 1)
    noise = process.degrade(IMAGES, t, generator=torch.Generator().manual_seed(1)) - a.sqrt() * IMAGES
    assert noise.std((1, 2, 3)).tolist() == pytest.approx((1 - a).sqrt().flatten().tolist(), rel=0.1)
    eps = torch.ones(6, 1, 28, 28)
    expected = a.sqrt() * IMAGES + (1 - a).sqrt() * eps
    assert torch.allclose(process.degrade(IMAGES, t, eps).double(), expected, atol=1e-6)


def test_the_loss_is_the_error_of_the_noise():
    process, x = DDPM(linear(T=4)), IMAGES[:1].expand(500, -1, -1, -1)
    loss = process.loss(lambda x_t, t: Exact(process, x)(x_t, t) + 0.5, x, torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("how", [{}, {"clip_x0": True}, {"steps": 50, "spacing": "quadratic"}])
@pytest.mark.parametrize("sampler", [Ancestral, DDIM])
def test_sampling_with_the_exact_predictor_finds_the_image(sampler, how):
    process, x0 = DDPM(cosine()), 2 * IMAGES[:1]
    found = sampled(process, Exact(process, x0), 3, sampler=sampler(**how))
    # The last step adds no noise and its mean is the image, up to the variance of the first time step.
    assert torch.allclose(found, x0.clamp(-0.5, 0.5) if "clip_x0" in how else x0, atol=0.03)


def test_each_reverse_step_is_eq_5():
    schedule = linear(T=3, beta_start=0.1, beta_end=0.3)
    random = torch.Generator().manual_seed(5)
    start, z3, z2 = (torch.randn(4, 1, 28, 28, generator=random) for _ in range(3))
    x = walk(DDPM(schedule), lambda x, t: 0.5 * x, 4, 5)
    assert torch.equal(x[3], start)
    for t, z in ((3, z3), (2, z2), (1, torch.zeros(1))):  # written out here from the study's Eq. (5)
        beta, alpha_bar = schedule.beta[t], schedule.alpha_bar[t]
        noise = beta / ((1 - alpha_bar).sqrt() * (1 - beta).sqrt()) * (0.5 * x[t].double())
        expected = x[t].double() / (1 - beta).sqrt() - noise + beta.sqrt() * z
        assert torch.allclose(x[t - 1].double(), expected, atol=1e-6)


def test_ddim_leads_from_noise_to_the_distribution_of_images():
    """For images from N(0, s^2) the best prediction is known, and where the probability flow leads."""
    schedule, s = cosine(), 0.3

    def network(x, t):
        a = schedule.alpha_bar[(t * schedule.T).round().long()].float()[:, None, None, None]
        return (1 - a).sqrt() * x / (a * s**2 + 1 - a)

    x, a = walk(DDPM(schedule), network, 2, 5, sampler=DDIM()), float(schedule.alpha_bar[-1])
    assert torch.allclose(x[0], x[schedule.T] * s / (a * s**2 + 1 - a) ** 0.5, atol=5e-3)  # quantiles stay
