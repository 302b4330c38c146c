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
    result = probes.response(run(process, Exact(process, -0.5, share)), BLACK, seed=0, size=size)
    assert ([*result][:2], max(result), len(result)) == ([5, 8], 100, 13)
    assert [one.value for one in result.values()] == pytest.approx([share] * 13, abs=1e-3)


def test_error_of_an_echo_is_that_of_the_zoom():
    process, x = ColdZoom(), torch.rand(5, 1, 28, 28, generator=generator(0)) - 0.5
    result = probes.restoration_error(run(process, echo), x)
    assert [*result] == list(range(1, 25))
    for level, one in result.items():
        error = (process.degrade(x, torch.full((5,), level)) - x).square().mean((1, 2, 3))
        assert (one.value, one.sd) == pytest.approx((error.mean().item(), error.std().item()), rel=1e-5)
        assert one.n == 5


def test_copies_are_nearer_to_training_images_than_test_images_of_their_class():
    x = (256 * torch.rand(7, 1, 4, 4, generator=generator(0))).byte()
    near = (x[:3, None].double() - x[None, 3:].double()).square().sum((2, 3, 4)).sqrt().amin(1) / 255
    assert probes.nearest(x[:3], x[3:], chunk=2).tolist() == pytest.approx(near.tolist(), rel=1e-5)
    test = torch.arange(1.0, 201), (torch.arange(200) >= 100).long()  # of class 0 up to 100, of 1 beyond
    # Limits are 10.95 of all, 5.95 in class 0 and 105.95 in class 1.
    result = probes.memorised((torch.tensor([8.0, 6.5, 12, 103]), torch.tensor([0, 0, 0, 1])), test)
    assert (result["copies"].value, result["copies_in_class"].value) == (0.5, 0.25)


# --- which weights, which noise, which steps ---


def noted(process, networks):
    """A training whose networks differ by their epoch."""
    return SimpleNamespace(process=process, network=lambda epoch=None: networks[epoch], precision="fp32")


def test_the_response_is_of_the_weights_the_steps_and_the_noise_that_are_asked_for():
    process = DDPM(linear(100))
    networks = {None: Exact(process, -0.5, 0.75), 3: Exact(process, -0.5, 0.25)}
    result = [
        probes.response(noted(process, networks), BLACK, epoch, seed=0, steps=[7, 50]) for epoch in (None, 3)
    ]
    assert [[*one] for one in result] == [[7, 50]] * 2
    assert [one[50].value for one in result] == pytest.approx([0.75, 0.25], abs=1e-3)
    assert {answer.n for answer in result[0].values()} == {6}


class Shifted:
    """Sees the mean of a latent, and keeps it."""

    def __init__(self):
        self.means = []

    def __call__(self, x, t):
        self.means.append(x.mean((1, 2, 3)))
        return torch.zeros_like(x)


@pytest.mark.parametrize("size", [1.0, 10.0])
def test_half_of_the_latents_are_raised_and_half_lowered_by_the_noise_of_the_mean(size):
    process, network = DDPM(linear(100)), Shifted()
    probes.response(run(process, network), BLACK, seed=0, steps=[40], size=size)
    raised, plain = network.means
    shift = size / 28 * float(1 - process.schedule.alpha_bar[40]) ** 0.5
    assert (raised - plain).tolist() == pytest.approx([-shift, shift] * 3, abs=1e-5)


def test_steps_of_a_short_process_are_fewer_and_never_nought():
    result = probes.response(run(DDPM(linear(4)), Exact(DDPM(linear(4)), -0.5)), BLACK, seed=0)
    assert [*result] == [1, 2, 3, 4]
    for T, first in ((25, 1), (40, 2)):
        process = DDPM(linear(T))
        assert [*probes.response(run(process, Exact(process, -0.5)), BLACK, seed=0)][0] == first


def test_noise_of_a_probe_is_drawn_by_its_seed():
    process, networks = DDPM(linear(100)), [Shifted() for _ in range(3)]
    for network, seed in zip(networks, (0, 0, 1), strict=True):
        probes.response(run(process, network), BLACK, seed=seed, steps=[40])
    assert torch.equal(networks[0].means[1], networks[1].means[1])
    assert not torch.equal(networks[0].means[1], networks[2].means[1])
    networks = [Shifted() for _ in range(3)]
    for network, seed in zip(networks, (0, 0, 1), strict=True):
        probes.recovered(run(process, network), by_brightness, BLACK, torch.zeros(6).long(), seed)
    assert torch.equal(networks[0].means[0], networks[1].means[0])
    assert not torch.equal(networks[0].means[0], networks[2].means[0])


class Level:
    """Predicts noise so that the restored image has one grey level, whatever the latent is."""

    def __init__(self, process, grey):
        self.process, self.grey = process, grey

    def __call__(self, x, t):
        a = self.process.schedule.alpha_bar[(t * self.process.T).round().long()].float().view(-1, 1, 1, 1)
        return (x - a.sqrt() * self.grey) / (1 - a).sqrt()


def test_what_is_recovered_is_the_share_that_is_read_as_its_label():
    process = DDPM(linear(100))
    labels = torch.tensor([9, 9, 0, 9, 1, 2])
    result = probes.recovered(run(process, Level(process, 0.5)), by_brightness, BLACK, labels, 0)
    assert {one.value for one in result.values()} == {0.5}
    assert {one.n for one in result.values()} == {6}
    assert [*result] == list(range(10, 101, 10))


def test_a_sample_of_a_class_without_test_images_is_compared_with_all():
    test = torch.linspace(0, 1, 101), torch.zeros(101).long()
    result = probes.memorised((torch.tensor([0.04, 0.06]), torch.tensor([3, 3])), test)
    assert (result["copies"].value, result["copies_in_class"].value) == (0.5, 0.5)
    assert result["copies"].n == 2
