"""Measures of pixels and of confidence that the study takes, against counts, closed forms and other code."""

import math

import numpy as np
import pytest
import torch

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
    half = 1.96 * values.std() / 20
    assert found.ends == pytest.approx((values.mean(), found.value - half, found.value + half), abs=0.03)


def test_the_raw_border_tells_dark_drifts_that_clamping_hides():
    drift = torch.linspace(-0.4, 0.4, 9)
    x = torch.full((9, 1, 28, 28), -0.5) + drift[:, None, None, None]
    found = pixels.border_before_clamping(x)
    assert (found.value, found.sd) == (pytest.approx(0, abs=1e-6), pytest.approx(float(drift.std())))
    seen = pixels.border_grey(to_uint8(x)).value
    assert seen == pytest.approx(float(drift.clamp(min=0).mean()), abs=0.003)
    x[:, :, 3:-3, 3:-3] = 7.0  # what lies within the ring does not count
    assert pixels.border_before_clamping(x) == found


@pytest.mark.parametrize(("height", "width"), [(20, 2), (6, 10)])
def test_the_stroke_of_a_bar_is_twice_its_area_over_its_perimeter(height, width):
    white = torch.zeros(1, 28, 28, dtype=torch.bool)
    white[:, 3 : 3 + height, 5 : 5 + width] = True
    perimeter = 2 * (height + width) - 4 + 2 * math.sqrt(2)  # its corners are cut
    assert pixels.stroke_width(white).item() == pytest.approx(2 * height * width / perimeter)


def test_examples_come_from_the_best_and_the_worst_tenth():
    confidence = torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    high, low = rank_by_quality(confidence, 16, 0)
    best = confidence.argsort(descending=True).tolist()
    assert len({*high.tolist()}) == len({*low.tolist()}) == 16
    assert {*high.tolist()} < {*best[:20]}
    assert {*low.tolist()} < {*best[-20:]}
