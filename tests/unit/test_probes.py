"""Probes on networks whose answer is known."""

import pytest
import torch

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


@pytest.mark.parametrize(("share", "size"), [(1.0, 1.0), (0.4, 3.0)])
def test_the_response_is_the_share_of_an_offset_that_a_network_sees(share, size):
    process, x = DDPM(linear(100)), torch.full((6, 1, 28, 28), -0.5)
    found = probes.response(process, ExactForBlack(process, share), x, "fp32", size=size)
    assert [*found][:2] == [5, 8]
    assert (max(found), len(found)) == (100, 13)
    assert [one.value for one in found.values()] == pytest.approx([share] * 13, abs=1e-3)


def echo(x, t):
    """The reconstruction is the degraded image."""
    return x


@pytest.mark.parametrize("schedule", [linear(20, beta_end=0.5), cosine(20)])
def test_error_of_half_the_input_at_common_levels_in_closed_form(schedule):
    """Grey is 0, so x_t = sqrt(1 - a) eps, and the error is (sqrt(1 - a) / 2 - 1)^2."""
    grey = torch.zeros(200, 1, 28, 28)
    common = probes.common_loss(DDPM(schedule), lambda x, t: 0.5 * x, grey, "fp32")
    assert common.levels == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    steps = [min(schedule.alpha_bar[1:].tolist(), key=lambda a: abs(a - level)) for level in common.levels]
    expected = [((1 - a) ** 0.5 / 2 - 1) ** 2 for a in steps]
    assert common.by_level == pytest.approx(expected, rel=0.02)


def test_error_of_an_echo_is_that_of_the_zoom():
    process, x = ColdZoom(), torch.rand(5, 1, 28, 28, generator=generator(0)) - 0.5
    found = probes.restoration_error(process, echo, x, "fp32")
    assert [*found] == list(range(1, 25))
    for level, one in found.items():
        error = (process.degrade(x, torch.full((5,), level)) - x).square().mean((1, 2, 3))
        assert (one.value, one.n) == (pytest.approx(error.mean().item(), rel=1e-5), 5)


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
