"""Diagnostics on networks whose answer is known."""

import pytest
import torch

from diffusion import data
from diffusion.evaluation import classifier, diagnostics
from diffusion.processes import DDPM, ColdZoom, cosine, linear
from diffusion.processes.priors import Pixels
from diffusion.runtime import generator
from diffusion.training.network import Reconstructor

pytestmark = pytest.mark.usefixtures("one_thread")


def silent(x, t):
    """Answers zero: its error is the variance of the noise, 1."""
    return torch.zeros_like(x)


def half(x, t):
    return 0.5 * x


def echo(x, t):
    """The reconstruction is the degraded image."""
    return x


@pytest.fixture
def grey():
    return torch.zeros(200, 1, 28, 28)


def test_error_of_half_the_input_in_closed_form(grey):
    # Grey is 0, so x_t = sqrt(1 - a) eps, and the error is (sqrt(1 - a) / 2 - 1)^2.
    def expected(levels):
        return [((1 - a) ** 0.5 / 2 - 1) ** 2 for a in levels]

    common = diagnostics.common_loss(DDPM(cosine()), half, grey, "fp32")
    assert common.levels == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    assert common.by_level == pytest.approx(expected(common.levels), rel=0.03)
    assert sum(common.by_level) / 10 == pytest.approx(common.mean, rel=1e-5)


def test_common_levels_put_schedules_on_one_scale(grey):
    a, b = (diagnostics.common_loss(DDPM(s), half, grey, "fp32") for s in (linear(), cosine()))
    assert a.mean == pytest.approx(b.mean, rel=0.01)
    own = [DDPM(s).loss(half, grey, generator(0)).item() for s in (linear(), cosine())]
    assert own[1] > 1.1 * own[0]


def test_the_noise_of_a_probe_is_that_of_another_schedule_with_the_same_seed(grey):
    def errors(schedule, seed):
        return diagnostics.noise_error(DDPM(schedule), half, grey, 500, "fp32", seed)

    (a, b), other = (errors(s, 0) for s in (linear(), cosine())), errors(linear(), 1)
    assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.99
    assert abs(torch.corrcoef(torch.stack([a, other]))[0, 1]) < 0.5


def test_the_printed_learning_rate_does_not_learn_where_the_other_one_does():
    x = torch.rand(256, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5

    def trial(channels, steps):
        process = DDPM(cosine())
        return diagnostics.learning_rate_check(process, lambda: Reconstructor(channels), x, "fp32", steps)

    found = trial((8, 16, 8), 6)
    assert (found.steps, found.printed.learning_rate, found.used.learning_rate) == (6, 2**-4, 2e-4)
    assert found.printed.first_loss == found.used.first_loss  # the same network and batch
    assert found.used.last_loss < found.used.first_loss
    assert found.used.last_loss < found.printed.last_loss
    assert trial((4, 4), 1).used.first_loss != found.used.first_loss  # of the network that is asked for


def test_a_loss_that_explodes_is_said_to_do_so():
    class Exploding(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.p = torch.nn.Parameter(torch.ones(1))

        def forward(self, x, t):
            return x * (self.p * 1e30 if self.p != 1 else self.p)

    x = torch.zeros(8, 1, 28, 28)
    found = diagnostics.learning_rate_check(DDPM(linear()), Exploding, x, "fp32", steps=2).printed
    assert (found.finite, found.last_loss) == (False, None)


# --- restorations ---


def test_error_of_an_echo_is_that_of_the_zoom():
    process, x = ColdZoom(), torch.rand(5, 1, 28, 28) - 0.5
    found = diagnostics.error_by_level(process, echo, x, "fp32")
    assert (found.levels, found.n) == (list(range(1, 25)), 5)
    for level, mean, sd in zip(found.levels, found.mse, found.sd, strict=True):
        error = (process.degrade(x, torch.full((5,), level)) - x).square().mean((1, 2, 3))
        assert mean == pytest.approx(error.mean().item(), rel=1e-5)
        assert sd == pytest.approx(error.std().item(), rel=1e-4)


def test_confusion_counts_true_by_read():
    def by_brightness(images):
        return torch.nn.functional.one_hot(((images.mean((1, 2, 3)) + 0.5) * 9).round().long(), 10).float()

    x = torch.tensor([-0.5, -0.5, 0.5, 1 / 18]).view(4, 1, 1, 1).expand(4, 1, 28, 28)
    found = diagnostics.confusion(ColdZoom(), echo, by_brightness, x, torch.tensor([0, 5, 9, 7]), "fp32")
    expected = torch.zeros(10, 10, dtype=torch.long)
    expected[0, 0] = expected[5, 0] = expected[9, 9] = expected[7, 5] = 1
    assert found["confusion"].matrix == expected.tolist()
    assert found["confusion"].accuracy == 0.5
    assert (found["five_as_zero"], found["seven_as_zero"]) == (1, 0)
    assert found["dark_centre"].n == 2  # the two black images
    assert found["dark_centre"].share[0] == 1
    assert found["dark_centre"].true_share == [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0]


def test_centre_pixels_shares():
    prior = Pixels().fit(torch.tensor([-0.5] * 60 + [0.0] * 10 + [0.5] * 30).view(-1, 1, 1, 1))
    found = diagnostics.centre_pixels(prior.counts)
    assert (found.black, found.white, found.extreme) == pytest.approx((0.6, 0.3, 0.9))
    assert (found.counts[0], found.counts[255], sum(found.counts)) == (60, 30, 100)


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
    found = diagnostics.response(process, ExactForBlack(process, share), x, "fp32")
    assert (found.t[0], found.t[1], found.t[-1], len(found.t)) == (5, 8, 100, 13)
    assert [one.value for one in found.response] == pytest.approx([share] * 13, abs=1e-3)
    assert found.response[0].ends[1:] == pytest.approx((share, share), abs=1e-3)


def test_a_perfect_predictor_restores_every_digit_and_a_silent_one_hardly_any_at_the_end(mnist_dir):
    x, labels = data.load("mnist", "test", mnist_dir, 100)
    process, model = DDPM(linear(100, beta_end=0.2)), classifier.load()
    eps = torch.randn(x.shape, generator=generator(0, "recoverable"))  # the noise that it adds
    perfect = diagnostics.recoverable(process, lambda z, t: eps, model, x, labels, "fp32")
    assert perfect.t == list(range(10, 101, 10))
    assert all(one.value > 0.95 for one in perfect.right)
    still = diagnostics.recoverable(process, silent, model, x, labels, "fp32")
    assert still.right[-1].value < 0.4
    assert still.right[0].n == 100
