"""Probes on networks whose answer is known."""

from types import SimpleNamespace

import pytest
import torch

from diffusion.processes import DDPM, ColdZoom, linear
from diffusion.runtime import generator
from helpers import Exact
from report.measures import probes

BLACK = torch.full((6, 1, 28, 28), -0.5)


def run(process, network):
    """A training whose network is known."""
    return SimpleNamespace(process=process, network=lambda epoch=None: network, precision="fp32")


def echo(x, t):
    """The reconstruction is the degraded image."""
    return x


def by_brightness(images):
    """Logits of ten classes: 0 of black images, 9 of white ones."""
    return torch.nn.functional.one_hot(((images.mean((1, 2, 3)) + 0.5) * 9).round().long(), 10).float()


@pytest.mark.parametrize(("share", "size"), [(1.0, 1.0), (0.4, 3.0)])
def test_the_response_is_the_share_of_an_offset_that_a_network_sees(share, size):
    process = DDPM(linear(100))
    found = probes.response(run(process, Exact(process, -0.5, share)), BLACK, seed=0, size=size)
    assert ([*found][:2], max(found), len(found)) == ([5, 8], 100, 13)
    assert [one.value for one in found.values()] == pytest.approx([share] * 13, abs=1e-3)


def test_what_an_exact_network_restores_in_one_step_is_read_as_it_is_at_every_step():
    process, labels = DDPM(linear(100)), torch.tensor([0, 0, 5, 0, 9, 0])
    found = probes.recovered(run(process, Exact(process, -0.5)), by_brightness, BLACK, labels, 0)
    assert {t: one.value for t, one in found.items()} == dict.fromkeys(range(10, 101, 10), 4 / 6)


def test_error_of_an_echo_is_that_of_the_zoom():
    process, x = ColdZoom(), torch.rand(5, 1, 28, 28, generator=generator(0)) - 0.5
    found = probes.restoration_error(run(process, echo), x)
    assert [*found] == list(range(1, 25))
    for level, one in found.items():
        error = (process.degrade(x, torch.full((5,), level)) - x).square().mean((1, 2, 3))
        assert (one.value, one.sd) == pytest.approx((error.mean().item(), error.std().item()), rel=1e-5)


def test_copies_are_nearer_to_training_images_than_test_images_of_their_class():
    x = (256 * torch.rand(7, 1, 4, 4, generator=generator(0))).byte()
    near = (x[:3, None].double() - x[None, 3:].double()).square().sum((2, 3, 4)).sqrt().amin(1) / 255
    assert probes.nearest(x[:3], x[3:], chunk=2).tolist() == pytest.approx(near.tolist(), rel=1e-5)
    test = torch.arange(1.0, 201), (torch.arange(200) >= 100).long()  # of class 0 up to 100, of 1 beyond
    found = probes.memorised((torch.tensor([8.0, 8, 8, 103]), torch.tensor([0, 0, 1, 1])), test)
    assert (found["copies"].value, found["copies_in_class"].value) == (0.75, 0.5)
