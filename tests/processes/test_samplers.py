"""Samplers: what each step does, which levels they visit, and which of them a process takes."""

import pytest
import torch

from diffusion.processes import DDPM, ColdDiffusion, ColdZoom, linear
from diffusion.processes.samplers import Ancestral, Improved, Naive, sampler_of, visits
from own import Grey, Halves, stay
from walking import walk


class Adds(ColdDiffusion):
    """A degradation that is linear in its level: it adds t times one image."""

    name, T = "adds", 6

    def __init__(self, image):
        self.image = image

    def degrade(self, x, t):
        return x + t.view(-1, 1, 1, 1) * self.image

    def draw_prior(self, n, generator):
        return torch.randn((n, 1, 28, 28), generator=generator)


def walked(sampler):
    """Levels at which the network was asked, and the latents, of a way whose network always says 0.1."""
    process, asked = Adds(torch.full((1, 28, 28), 0.05)), []

    def network(x, t):
        asked.append(round(float(t[0]) * process.T))
        return torch.full_like(x, 0.1)

    return asked, walk(process, network, 2, sampler=sampler)


def test_the_improved_sampler_undoes_a_linear_degradation_whatever_the_network_says():
    """Bansal et al. (2022), Sec. 3.2."""
    _, x = walked(Improved())
    assert torch.allclose(x[0], x[6] - 6 * 0.05, atol=1e-6)
    assert torch.allclose(walked(None)[1][0], torch.tensor(0.1))  # the network's last word


def test_noise_is_added_in_each_step_but_the_last():
    _, x = walked(Naive(noise=0.6))
    for t in range(1, 6):
        assert (x[t] - 0.1 - 0.05 * t).std().item() == pytest.approx(0.6, rel=0.1)
    assert torch.allclose(x[0], torch.tensor(0.1))
    assert torch.equal(walked(Naive(noise=0.6))[1][3], x[3])


@pytest.mark.parametrize(("grey", "sd"), [(0.0, 0), (0.1, 0.3), (0.5, 0.5), (1.0, 0), (1.2, 0)])
def test_grey_noise_is_that_of_a_black_or_white_pixel(grey, sd):
    x0_hat = torch.full((50, 1, 28, 28), grey - 0.5)
    x_s = Naive(grey_noise=0.5).step(ColdZoom(), x0_hat, x0_hat, 1, 1, torch.Generator().manual_seed(0))
    assert x_s[..., :27, :27].std().item() == pytest.approx(0.5 * sd, abs=0.005)
    white = torch.rand(10_000, generator=torch.Generator().manual_seed(0)) < grey
    assert sd == pytest.approx(white.float().std().item(), abs=0.01)


def test_noise_is_added_before_the_image_is_degraded():
    black = torch.full((50, 1, 28, 28), -0.5)
    x_s = Naive(noise=0.1).step(
        ColdZoom(), black, black, 22, 21, torch.Generator().manual_seed(0)
    )  # 7 x 7 pixels are left
    pixels = x_s[..., ::4, ::4]
    assert torch.equal(x_s, pixels.repeat_interleave(4, 2).repeat_interleave(4, 3))
    assert pixels.std().item() == pytest.approx(0.1, rel=0.1)


def test_levels_may_be_left_out():
    assert walked(None)[0] == [6, 5, 4, 3, 2, 1]
    assert walked(Naive(levels=3))[0] == [6, 4, 2]
    assert walked(Naive(levels=1))[0] == [6]
    assert walked(Halves)[0] == [6, 4, 2]
    assert visits(Ancestral(steps=5), 10) == [10, 8, 6, 4, 2, 0]


def test_a_function_of_ones_own_takes_each_step():
    def to(process, x_t, prediction, t, s, generator):
        return x_t * 0 + s

    x = walk(DDPM(linear(T=4)), lambda x, t: x, 3, sampler=to)
    assert [float(x[t].mean()) for t in (3, 2, 1, 0)] == [3, 2, 1, 0]
    start = torch.rand(2, 1, 28, 28)
    assert torch.equal(walk(ColdZoom(T=5), lambda x, t: x, 2, start=start, sampler=stay)[0], start)


def five(process, x_t, x0_hat, s, less):
    """A sampler as the second edition had them."""


class Skips:
    def visits(self, T):
        return [T, 3]

    step = staticmethod(stay)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (
            lambda: sampler_of("best", ColdZoom()),
            "sampler is 'best'; allowed: ancestral, ddim, naive",
        ),
        (lambda: sampler_of(Naive(), ColdZoom(), {"noise": 1}), "takes no options"),
        (
            lambda: sampler_of(five, ColdZoom()),
            "five is no step of a sampler; it is to take process",
        ),
        (lambda: sampler_of(Grey(), ColdZoom()), "sampler is a Grey; needed: one with step"),
        (lambda: sampler_of(Skips, ColdZoom()), r"Skips visits \[24, 3\]; needed: from T = 24 down to 0"),
        (lambda: sampler_of(Naive(levels=25), ColdZoom()), "levels = 25"),
        (
            lambda: sampler_of(Ancestral(steps=1001), DDPM()),
            "steps = 1001",
        ),
        (lambda: Ancestral(steps=1), "steps = 1"),
        (lambda: Naive(noise=float("nan")), "noise = nan"),
    ],
)
def test_what_is_no_way_to_sample_is_refused(make, named):
    with pytest.raises(ValueError, match=named):
        make()
