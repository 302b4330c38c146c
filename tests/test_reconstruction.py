"""Reconstructions by a network whose answer is known."""

import pytest
import torch

from diffusion import reconstruction
from diffusion.zoom import ColdZoom, SeedDistribution


class Echo(torch.nn.Module):
    """Returns its input: the reconstruction is the degraded image."""

    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, t):
        return x + 0 * self.p


@pytest.fixture
def process():
    return ColdZoom()


def grey(value):
    return torch.full((1, 28, 28), value)


def test_error_of_an_echo_is_that_of_the_zoom(process):
    x = torch.rand(5, 1, 28, 28) - 0.5
    found = reconstruction.error_by_level(process, Echo(), x, "fp32")
    assert found["levels"] == list(range(1, 25))
    assert found["n"] == 5
    for level, mean, sd in zip(found["levels"], found["mse"], found["sd"], strict=True):
        zoomed = process.degrade(x, torch.full((5,), level))
        error = (zoomed - x).square().mean((1, 2, 3))
        assert mean == pytest.approx(error.mean().item(), rel=1e-5)
        assert sd == pytest.approx(error.std().item(), rel=1e-4)


def test_confusion_counts_true_by_read(process):
    def reader(images):  # a digit by the brightness of the image
        return torch.nn.functional.one_hot(((images.mean((1, 2, 3)) + 0.5) * 9).round().long(), 10).float()

    x = torch.stack([grey(-0.5), grey(-0.5), grey(0.5), grey(0.0 + 1 / 18)])
    labels = torch.tensor([0, 5, 9, 7])
    found = reconstruction.confusion(process, Echo(), reader, x, labels, "fp32")
    matrix = torch.tensor(found["confusion"]["matrix"])
    assert matrix.sum() == 4
    assert matrix[0, 0] == matrix[5, 0] == matrix[9, 9] == matrix[7, 5] == 1
    assert found["confusion"]["accuracy"] == 0.5
    assert found["five_as_zero"] == 1
    assert found["seven_as_zero"] == 0
    assert found["dark_centre"]["n"] == 2  # the two black images
    assert found["dark_centre"]["share"][0] == 1
    assert found["dark_centre"]["true_share"] == [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0]


def test_centre_pixels_shares():
    counts = torch.zeros(256, dtype=torch.long)
    counts[0], counts[128], counts[255] = 60, 10, 30
    found = reconstruction.centre_pixels(SeedDistribution(counts))
    assert (found["black"], found["white"], found["extreme"]) == pytest.approx((0.6, 0.3, 0.9))
