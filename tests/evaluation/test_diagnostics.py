"""Diagnostics on networks whose answer is known."""

import pytest
import torch

from diffusion.evaluation import diagnostics
from diffusion.processes import DDPM, ColdZoom, cosine, linear

pytestmark = pytest.mark.usefixtures("one_thread")


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

    common = diagnostics.common_loss(DDPM(schedule), half, grey, "fp32")
    assert common.levels == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    assert common.by_level == pytest.approx(expected(common.levels), rel=0.03)
    assert sum(common.by_level) / 10 == pytest.approx(common.mean, rel=1e-5)


def test_the_noise_of_a_probe_is_that_of_another_schedule_with_the_same_seed(grey):
    def errors(schedule, seed):
        return diagnostics.noise_error(DDPM(schedule), half, grey, 500, "fp32", seed)

    (a, b), other = (errors(s, 0) for s in (linear(), cosine())), errors(linear(), 1)
    assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.99
    assert abs(torch.corrcoef(torch.stack([a, other]))[0, 1]) < 0.5


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
