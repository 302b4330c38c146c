"""Samplers: where they go, and what each step of cold diffusion does. Steps of DDPMs: test_ddpm.py."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.processes import ColdZoom
from diffusion.processes.samplers import DDIM, Ancestral, Improved, Naive, sampler_of, visits
from helpers import Fade, walk


class Adds(Fade):
    """A degradation that is linear in its level: it adds t times a grey."""

    def degrade(self, x, t):
        return x + 0.05 * t.view(-1, 1, 1, 1)


def walked(sampler):
    """The latents of a way whose network always says 0.1."""
    start = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return walk(Adds(6), lambda x, t: torch.full_like(x, 0.1), 2, start=start, sampler=sampler)


@settings(max_examples=40)
@given(st.integers(2, 300), st.data())
def test_levels_are_spaced_evenly_or_quadratically_and_none_is_visited_twice(T, data):
    n = data.draw(st.integers(2, T))
    quadratic = DDIM(steps=n, spacing="quadratic")
    for sampler in (Ancestral(steps=n), quadratic, Naive(levels=n), Improved(levels=n)):
        found = visits(sampler, T)
        assert (found[0], found[-1], len(found)) == (T, 0, n + 1)
        assert all(a > b for a, b in zip(found, found[1:], strict=False))
        for i, t in enumerate(reversed(found)):  # where steps would fall together, they are one apart
            assert t == i or abs(t - T * (i / n) ** (2 if sampler is quadratic else 1)) <= 0.5


def test_the_improved_sampler_undoes_a_linear_degradation_whatever_the_network_says():
    """Bansal et al. (2022), Sec. 3.2."""
    for sampler in (Improved(), Improved(noise=0.5)):  # one noise in both images, which cancels
        x = walked(sampler)
        for t in range(6):
            assert torch.allclose(x[t], x[6] - (6 - t) * 0.05, atol=1e-6)


def test_the_naive_sampler_degrades_the_last_word_and_adds_noise_in_each_step_but_the_last():
    plain, x = walked(None), walked(Naive(noise=0.6))
    noise = {t: x[t] - plain[t] for t in range(6)}
    for t in range(1, 6):
        assert torch.allclose(plain[t], torch.tensor(0.1 + 0.05 * t))
        assert (noise[t].mean().item(), noise[t].std().item()) == pytest.approx((0, 0.6), abs=0.06)
    assert not torch.allclose(noise[4], noise[3])
    assert torch.allclose(x[0], torch.tensor(0.1))


@pytest.mark.parametrize(("grey", "sd"), [(0.0, 0), (0.1, 0.3), (0.5, 0.5), (1.0, 0), (1.2, 0)])
def test_grey_noise_is_that_of_a_black_or_white_pixel_beside_the_noise_everywhere(grey, sd):
    x0_hat = torch.full((50, 1, 28, 28), grey - 0.5)
    for noise in (0, 0.2):
        how = Naive(noise=noise, grey_noise=0.5)
        x_s = how.step(ColdZoom(), x0_hat, x0_hat, 22, 21, torch.Generator().manual_seed(0))
        pixels = x_s[..., ::4, ::4]  # 7 x 7 are left: noise is added before the image is degraded
        assert torch.equal(x_s, pixels.repeat_interleave(4, 2).repeat_interleave(4, 3))
        assert pixels.std().item() == pytest.approx(noise + 0.5 * sd, abs=0.02)


def own(way):
    """A sampler of one's own that visits what it is told."""
    return SimpleNamespace(step=Naive().step, visits=lambda T: way)


WAY = ".*visits .*from T = 24 down to 0, no step twice"
REFUSED = [
    ("sampler is 'best'; allowed: ancestral, ddim, naive", "best"),
    ("lambda.* is no step .*process, x_t", lambda x: x),
    (r"DDIM takes the noise .* allowed: d.Naive\(\), d.Improved", DDIM()),
    ("levels = 25 .*24", Naive(levels=25)),
    *((WAY, own(way)) for way in [(24, 3), (23, 0), (24, 12, 12, 0), (24, 12, 13, 0), (24, 0.5, 0)]),
]


@pytest.mark.parametrize(("said", "given"), REFUSED)
def test_what_is_no_way_to_sample_is_refused(said, given):
    with pytest.raises(ValueError, match=said):
        sampler_of(given, ColdZoom())
