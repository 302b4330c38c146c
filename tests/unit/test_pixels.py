"""Measures of pixels and of confidence that the study takes, against counts, closed forms and other code."""

import math

import numpy as np
import pytest
import torch

from diffusion.evaluation.frechet import to_uint8
from study import pixels
from study.confidence import rank_by_quality

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_border_is_the_outer_ring_of_which_clamping_hides_what_drifts_below_black():
    drift = torch.linspace(-0.4, 0.4, 9)
    x = (drift[:, None, None, None] - 0.5).expand(9, 1, 28, 28).clone()
    x[..., 3:-3, 3:-3] = 7.0  # the inside does not count
    x[..., :3, :] = 0.5  # 84 of the ring's 300 pixels
    raw, seen = 216 / 300 * drift + 84 / 300, 216 / 300 * drift.clamp(min=0) + 84 / 300
    found = pixels.border_before_clamping(x)
    assert (found.value, found.sd) == pytest.approx((float(raw.mean()), float(raw.std())), abs=1e-6)
    assert pixels.border_grey(to_uint8(x)).value == pytest.approx(float(seen.mean()), abs=0.003)


def test_bootstrap_is_the_interval_of_a_mean():
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = pixels.bootstrap(values, 2000, 0, "test")
    half = 1.96 * values.std() / 20
    assert found.ends == pytest.approx((values.mean(), found.value - half, found.value + half), abs=0.03)


@pytest.mark.parametrize(("height", "width"), [(20, 2), (6, 10)])
def test_of_a_bar_the_stroke_is_twice_its_area_over_its_perimeter(height, width):
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[..., 3 : 3 + height, 5 : 5 + width] = 255
    images[..., 1:3, 5 : 5 + width] = 127  # not yet white
    found = {name: one.value for name, one in pixels.drawn(images).items()}
    perimeter = 2 * (height + width) - 4 + 2 * math.sqrt(2)  # its corners are cut
    expected = {"stroke": 2 * height * width / perimeter, "height": height, "width": width}
    assert found == pytest.approx(expected | {"ink": width * (height + 2 * 127 / 255) / 784})


def test_examples_come_from_the_best_and_the_worst_tenth():
    confidence = torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    best = confidence.argsort(descending=True).tolist()
    for found, among in zip(rank_by_quality(confidence, 16, 0), (best[:20], best[-20:]), strict=True):
        assert len({*found.tolist()}) == 16
        assert {*found.tolist()} < {*among}
