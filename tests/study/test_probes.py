"""Probes on networks whose answer is known."""

import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier
from diffusion.processes import DDPM, ColdZoom, cosine, linear
from diffusion.runtime import generator
from study import probes

pytestmark = pytest.mark.usefixtures("one_thread")


class ExactForBlack:
    """The best predictor of noise where every image is black: it sees an offset in full, or a share of it."""

    def __init__(self, process, share=1.0):
        self.process, self.share = process, share

    def __call__(self, x, t):
        a = self.process.schedule.alpha_bar[(t * self.process.T).round().long()].float()[:, None, None, None]
        eps = (x + 0.5 * a.sqrt()) / (1 - a).sqrt()
        return eps - (1 - self.share) * eps.mean((1, 2, 3), keepdim=True)


@pytest.mark.parametrize("share", [1.0, 0.4, 0.0])
def test_the_response_is_the_share_of_an_offset_that_a_network_sees(share):
    process, x = DDPM(linear(100)), torch.full((6, 1, 28, 28), -0.5)
    found = probes.response(process, ExactForBlack(process, share), x, "fp32")
    assert [*found][:2] == [5, 8]
    assert (max(found), len(found)) == (100, 13)
    assert [one.value for one in found.values()] == pytest.approx([share] * 13, abs=1e-3)
    assert found[5].ends[1:] == pytest.approx((share, share), abs=1e-3)


def test_a_perfect_predictor_restores_every_digit_and_a_silent_one_hardly_any_at_the_end(mnist_dir):
    x, labels = data.load("mnist", "test", mnist_dir, 100)
    process, model = DDPM(linear(100, beta_end=0.2)), classifier.load()
    eps = torch.randn(x.shape, generator=generator(0, "recoverable"))  # the noise that it adds
    perfect = probes.recovered(process, lambda z, t: eps, model, x, labels, "fp32")
    assert [*perfect] == list(range(10, 101, 10))
    assert all(one.value > 0.95 for one in perfect.values())
    still = probes.recovered(process, lambda z, t: torch.zeros_like(z), model, x, labels, "fp32")
    assert still[100].value < 0.4
    assert still[10].n == 100


# --- copies of training images ---


def images(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8, generator=generator)


def test_the_nearest_image_is_found_whatever_the_chunk():
    train, x = images(50, 0), images(7, 1)
    x[3] = train[31]
    x[3, 0, 0, 0] ^= 255  # one pixel apart: from v to 255 - v
    far = probes.nearest(x, train, chunk=8)
    by_hand = [[float(((a.float() - b.float()) / 255).square().sum().sqrt()) for b in train] for a in x]
    assert far.tolist() == pytest.approx([min(row) for row in by_hand], rel=1e-4)
    assert by_hand[3][31] == min(by_hand[3])


def test_a_class_that_always_lies_near_does_not_count_as_copied():
    labels = torch.arange(200) % 2
    far = torch.where(labels == 0, torch.linspace(1, 2, 200), torch.linspace(5, 6, 200))
    zeros = labels == 0
    found = probes.memorised((far[zeros], labels[zeros]), (far, labels))
    assert found["copies"].value == pytest.approx(0.1, abs=0.01)
    assert found["copies_in_class"].value == pytest.approx(0.05, abs=0.01)


def half(x, t):
    return 0.5 * x


def echo(x, t):
    """The reconstruction is the degraded image."""
    return x


@pytest.fixture
def grey():
    return torch.zeros(200, 1, 28, 28)


@pytest.mark.parametrize("schedule", [linear(), cosine()])
def test_error_of_half_the_input_at_common_levels_in_closed_form(grey, schedule):
    # Grey is 0, so x_t = sqrt(1 - a) eps, and the error is (sqrt(1 - a) / 2 - 1)^2.
    def expected(levels):
        return [((1 - a) ** 0.5 / 2 - 1) ** 2 for a in levels]

    common = probes.common_loss(DDPM(schedule), half, grey, "fp32")
    assert common.levels == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    assert common.by_level == pytest.approx(expected(common.levels), rel=0.03)
    assert sum(common.by_level) / 10 == pytest.approx(common.mean, rel=1e-5)


def test_the_noise_of_a_probe_is_that_of_another_schedule_with_the_same_seed(grey):
    def errors(schedule, seed):
        return probes.noise_error(DDPM(schedule), half, grey, 500, "fp32", seed)

    (a, b), other = (errors(s, 0) for s in (linear(), cosine())), errors(linear(), 1)
    assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.99
    assert abs(torch.corrcoef(torch.stack([a, other]))[0, 1]) < 0.5


# --- restorations ---


def test_error_of_an_echo_is_that_of_the_zoom():
    process, x = ColdZoom(), torch.rand(5, 1, 28, 28) - 0.5
    found = probes.restoration_error(process, echo, x, "fp32")
    assert [*found] == list(range(1, 25))
    for level, one in found.items():
        error = (process.degrade(x, torch.full((5,), level)) - x).square().mean((1, 2, 3))
        assert (one.value, one.n) == (pytest.approx(error.mean().item(), rel=1e-5), 5)
        assert one.sd == pytest.approx(error.std().item(), rel=1e-4)


def test_confusion_counts_true_by_read():
    def by_brightness(images):
        return torch.nn.functional.one_hot(((images.mean((1, 2, 3)) + 0.5) * 9).round().long(), 10).float()

    x = torch.tensor([-0.5, -0.5, 0.5, 1 / 18]).view(4, 1, 1, 1).expand(4, 1, 28, 28)
    found = probes.confusion(ColdZoom(), echo, by_brightness, x, torch.tensor([0, 5, 9, 7]), "fp32")
    expected = torch.zeros(10, 10, dtype=torch.long)
    expected[0, 0] = expected[5, 0] = expected[9, 9] = expected[7, 5] = 1
    assert found["restored_as"] == expected.tolist()
    assert found["restored_right"].value == 0.5
    assert {one.n for one in found["dark_centre_of"]} == {2}  # the two black images
    assert found["dark_centre_restored_as"][0].value == 1
    assert [one.value for one in found["dark_centre_of"]] == [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0]
