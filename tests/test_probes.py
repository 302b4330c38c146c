"""Measurements of noise predictors, on predictors whose answer is known."""

import pytest
import torch

from diffusion import probes, schedules
from diffusion.ddpm import DDPM


class Silent(torch.nn.Module):
    """Always answers zero; its error is the variance of the noise, 1."""

    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, t):
        return x * 0 * self.p


class Half(Silent):
    """Answers half of its input."""

    def forward(self, x, t):
        return 0.5 * x + 0 * self.p


@pytest.fixture
def black():
    return torch.zeros(200, 1, 28, 28)


def test_silence_errs_by_one_at_every_level(black):
    process = DDPM(schedules.linear())
    found = probes.timestep_loss(process, Silent(), black, "fp32")
    assert found["t"][0] == 1
    assert found["t"][-1] == 1000
    assert found["test_loss"] == pytest.approx([1.0] * 20, rel=0.02)
    assert found["alpha_bar"] == [process.schedule.alpha_bar[t].item() for t in found["t"]]
    assert probes.common_loss(process, Silent(), black, "fp32")["mean"] == pytest.approx(1, rel=0.02)


def test_error_of_half_the_input_in_closed_form(black):
    # Black here is 0, so x_t = sqrt(1 - a) eps, and the error is (sqrt(1 - a) / 2 - 1)^2.
    process = DDPM(schedules.cosine())
    found = probes.timestep_loss(process, Half(), black, "fp32")
    expected = [((1 - a) ** 0.5 / 2 - 1) ** 2 for a in found["alpha_bar"]]
    assert found["test_loss"] == pytest.approx(expected, rel=0.02)


def test_common_levels_put_schedules_on_one_scale(black):
    # The same predictor has different own losses under two schedules, and (nearly) one common loss.
    linear, cosine = DDPM(schedules.linear()), DDPM(schedules.cosine())
    common = [probes.common_loss(p, Half(), black, "fp32")["mean"] for p in (linear, cosine)]
    assert common[0] == pytest.approx(common[1], rel=0.01)
    own = [sum(probes.timestep_loss(p, Half(), black, "fp32")["test_loss"]) for p in (linear, cosine)]
    assert own[1] > 1.1 * own[0]


def test_the_common_loss_is_resolved_by_level(black):
    found = probes.common_loss(DDPM(schedules.cosine()), Half(), black, "fp32")
    assert found["levels"] == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    expected = [((1 - a) ** 0.5 / 2 - 1) ** 2 for a in found["levels"]]
    assert found["by_level"] == pytest.approx(expected, rel=0.03)
    assert sum(found["by_level"]) / 10 == pytest.approx(found["mean"], rel=1e-5)


def test_the_common_loss_of_each_image_has_the_variance_of_a_mean_square():
    # Silence errs by the mean square of 784 normal numbers, of variance 2 / 784, at all levels alike.
    found = probes.common_loss(DDPM(schedules.linear()), Silent(), torch.zeros(500, 1, 28, 28), "fp32")
    each = torch.tensor(found["each"])
    assert each.shape == (500,)
    assert found["mean"] == pytest.approx(each.mean().item())
    assert each.std().item() == pytest.approx((2 / 784) ** 0.5, rel=0.15)


def test_two_schedules_are_compared_on_the_same_images_and_noise(black):
    linear, cosine = (
        torch.tensor(probes.common_loss(DDPM(s), Half(), black, "fp32")["each"])
        for s in (schedules.linear(), schedules.cosine())
    )
    assert torch.corrcoef(torch.stack([linear, cosine]))[0, 1] > 0.99
    other = probes.common_loss(DDPM(schedules.linear()), Half(), black, "fp32", seed=1)
    assert abs(torch.corrcoef(torch.stack([linear, torch.tensor(other["each"])]))[0, 1]) < 0.5


def test_offset_response_is_the_rise_of_the_answer():
    process = DDPM(schedules.linear())
    assert probes.offset_response(process, Half(), "fp32") == {
        "shift": 1 / 28,
        "response": pytest.approx(0.5 / 28, abs=1e-6),
    }
    assert probes.offset_response(process, Half(), "fp32", shift=0.2)["response"] == pytest.approx(0.1)
    assert probes.offset_response(process, Silent(), "fp32")["response"] == 0


def test_the_trial_of_a_rate_is_of_the_network_that_is_asked_for():
    x, process = torch.zeros(128, 1, 28, 28), DDPM(schedules.linear())
    wide, narrow = (
        probes.learning_rate_check(process, x, 1e-3, "fp32", steps=1, channels=c)["first_loss"]
        for c in ((16, 32, 32, 16), (4, 4, 4, 4))
    )
    assert wide != narrow


def test_the_printed_learning_rate_does_not_learn_where_the_meant_one_does():
    x = torch.rand(256, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    process = DDPM(schedules.cosine())
    printed = probes.learning_rate_check(process, x, 2**-4, "fp32", steps=6)
    used = probes.learning_rate_check(process, x, 2e-3, "fp32", steps=6)
    assert printed["first_loss"] == used["first_loss"]  # the same network and batch
    assert used["last_loss"] < used["first_loss"]
    assert used["last_loss"] < printed["last_loss"]
