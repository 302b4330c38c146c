"""Measures of pixels and of confidence that the study takes, against counts, closed forms and other code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import center_crop

from diffusion import data
from diffusion.evaluation.frechet import to_uint8
from study import pixels
from study.confidence import rank_by_quality

pytestmark = pytest.mark.usefixtures("one_thread")


def test_border_grey_is_the_mean_of_the_outer_ring():
    images = torch.zeros(5, 1, 28, 28, dtype=torch.uint8)
    images[..., 3:-3, 3:-3] = 255  # the inside does not count
    images[..., :3, :] = 51  # 3 of the ring's 300 pixels by 28, that is 84
    found = pixels.border_grey(images)
    assert (found.low, found.value, found.high) == pytest.approx((0.2 * 84 / 300,) * 3, abs=1e-12)


def test_bootstrap_is_the_interval_of_a_mean():
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = pixels.bootstrap(values, 2000, 0, "test")
    mean, low, high = found.ends
    assert mean == values.mean()
    assert (low + high) / 2 == pytest.approx(mean, abs=0.03)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert pixels.bootstrap(values, 2000, 0, "test") == found
    assert pixels.bootstrap(values, 2000, 1, "test") != found


def test_the_raw_border_tells_dark_drifts_that_clamping_hides():
    drift = torch.linspace(-0.4, 0.4, 9)
    x = torch.full((9, 1, 28, 28), -0.5) + drift[:, None, None, None]
    found = pixels.border_before_clamping(x)
    assert (found.value, found.sd) == (pytest.approx(0, abs=1e-6), pytest.approx(float(drift.std())))
    seen = pixels.border_grey(to_uint8(x)).value
    assert seen == pytest.approx(float(drift.clamp(min=0).mean()), abs=0.003)
    x[:, :, 3:-3, 3:-3] = 7.0  # what lies within the ring does not count
    assert pixels.border_before_clamping(x) == found


def test_centre_shares_agree_with_torchvision_s_crop(mnist_dir):
    x = data.load("mnist", "test", mnist_dir)[0][::4]
    crop, found = center_crop(x, [4, 4]).flatten(1), pixels.centre_shares(x)
    assert found["centre_dark"].n == 2500
    assert found["centre_dark"].value == pytest.approx(((crop < -0.4).sum(1) > 11).double().mean().item())
    assert found["centre_white"].value == pytest.approx(((crop > 0.4).sum(1) > 11).double().mean().item())
    assert found["centre_dark"].value > 0.05


def bar(height, width, n=1):
    white = torch.zeros(n, 28, 28, dtype=torch.bool)
    white[:, 3 : 3 + height, 5 : 5 + width] = True
    return white


@pytest.mark.parametrize(("height", "width"), [(20, 1), (20, 2), (20, 4), (6, 10)])
def test_the_stroke_of_a_bar_is_twice_its_area_over_its_perimeter(height, width):
    perimeter = 2 * (height + width) - 4 + 2 * math.sqrt(2)  # its corners are cut
    expected = pytest.approx(2 * height * width / perimeter)
    assert pixels.stroke_width(bar(height, width)).item() == expected
    assert pixels.stroke_width(bar(height, width).mT).item() == expected


def test_a_diagonal_stroke_is_as_wide_as_a_straight_one():
    place = torch.arange(28)
    diagonal = (place[:, None] - place).abs()[None] <= 2  # 5 pixels across, 5 / sqrt(2) wide
    assert pixels.stroke_width(diagonal).item() == pytest.approx(5 / math.sqrt(2), rel=0.1)


def test_ink_stroke_height_and_width_are_means_over_images():
    images = torch.cat([bar(20, 2)[:, None] * 255, bar(4, 10)[:, None] * 128]).to(torch.uint8)
    found = pixels.drawn(images)
    assert found["ink"].value == pytest.approx((40 + 40 * 128 / 255) / 2 / 784)
    assert (found["height"].value, found["width"].value, found["height"].n) == (12, 6, 2)
    assert found["height"].sd == pytest.approx(math.sqrt(128))
    assert {one.value for one in pixels.drawn(images * 0).values()} == {0.0}


@given(st.integers(2, 300), st.integers(1, 40), st.integers(0, 5))
def test_examples_come_from_the_best_and_the_worst_tenth(size, n, seed):
    draws, n = torch.Generator().manual_seed(size), min(n, size // 2)
    confidence = torch.rand(size, generator=draws, dtype=torch.float64)
    high, low = rank_by_quality(confidence, n, seed)
    assert len(set(high.tolist())) == len(set(low.tolist())) == n
    assert not set(high.tolist()) & set(low.tolist())
    pool, ordered = max(n, -(-size // 10)), confidence.sort().values
    assert confidence[high].min() >= ordered[-pool]
    assert confidence[low].max() <= ordered[pool - 1]
    assert torch.equal(rank_by_quality(confidence, n, seed)[0], high)
    if size > 100:
        others = [rank_by_quality(confidence, n, seed + k)[0] for k in (1, 2, 3, 4, 5)]
        assert any(not torch.equal(other, high) for other in others)
