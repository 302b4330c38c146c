"""Dark and white centres, on images whose centres are known."""

import pytest
import torch
from torchvision.transforms.functional import center_crop

from diffusion import centres, data


def with_centre(n_black, n_white):
    """A grey image with so many black and white pixels in its central 4 x 4."""
    values = torch.zeros(16)
    values[:n_black], values[16 - n_white :] = -0.5, 0.5
    x = torch.zeros(1, 1, 28, 28)
    x[..., 12:16, 12:16] = values.view(4, 4)
    return x


@pytest.mark.parametrize(
    ("black", "white"), [(12, 0), (16, 0), (12, 4), (11, 5), (0, 12), (5, 11), (8, 8), (0, 0)]
)
def test_twelve_of_the_sixteen_central_pixels_decide(black, white):
    x = with_centre(black, white)
    assert centres.dark(x).tolist() == [black >= 12]
    assert centres.white(x).tolist() == [white >= 12]


def test_what_lies_around_the_centre_does_not_count():
    x = torch.full((1, 1, 28, 28), -0.5)
    x[..., 12:16, 12:16] = 0.0
    assert not centres.dark(x).any()
    assert centres.dark(torch.full((1, 1, 28, 28), -0.5)).all()


def test_pixels_beyond_the_range_count_as_black_and_white():
    assert centres.dark(1.4 * with_centre(12, 0)).all()
    assert centres.white(1.4 * with_centre(0, 12)).all()


def test_shares_of_dark_and_white_centres():
    x = torch.cat([with_centre(16, 0)] * 3 + [with_centre(0, 16)] * 2 + [with_centre(8, 8)] * 5)
    found = centres.extreme(x)
    assert found == {"n": 10, "dark": pytest.approx(0.3), "white": pytest.approx(0.2)}


def test_real_images_agree_with_torchvision_s_crop(mnist_dir):
    x = data.load("test", mnist_dir)[0][:2000]
    crop = center_crop(x, [4, 4]).flatten(1)
    assert centres.extreme(x)["dark"] == pytest.approx(((crop < -0.4).sum(1) > 11).double().mean().item())
    assert centres.extreme(x)["white"] == pytest.approx(((crop > 0.4).sum(1) > 11).double().mean().item())
    assert centres.extreme(x)["dark"] > 0.05
