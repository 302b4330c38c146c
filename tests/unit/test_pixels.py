"""Measures of pixels and of confidence that the study takes, against counts and closed forms."""

import pytest
import torch

from diffusion.evaluation.frechet import to_uint8
from diffusion.runtime import generator
from report.measures import pixels
from report.measures.confidence import rank_by_quality


def outside(x):
    """The mean of each image without its inner square, by subtraction."""
    x = x.double()
    return (x.sum((1, 2, 3)) - x[..., 3:25, 3:25].sum((1, 2, 3))) / (28 * 28 - 22 * 22)


def test_the_border_is_the_outer_ring_as_it_is_seen_and_as_it_was_before_clamping():
    x = torch.rand((9, 1, 28, 28), generator=generator(0)) / 2 - 0.5
    x += torch.linspace(-0.5, 0.5, 9)[:, None, None, None]  # some are darker than black
    raw, seen = pixels.border_before_clamping(x), pixels.border_grey(to_uint8(x))
    expected = outside(x) + 0.5
    assert (raw.value, raw.sd) == pytest.approx((expected.mean().item(), expected.std().item()))
    assert seen.value == pytest.approx(outside(to_uint8(x)).mean().item() / 255)
    assert seen.low < seen.value < seen.high
    assert raw.value < seen.value - 0.05


@pytest.mark.parametrize(("of", "pool"), [(200, 20), (20, 10)])  # a tenth, or all where these are few
def test_examples_come_from_the_best_and_the_worst_tenth(of, pool):
    confidence = torch.rand(of, generator=generator(0), dtype=torch.float64)
    high, low = ({*one.tolist()} for one in rank_by_quality(confidence, 16))
    best = confidence.argsort(descending=True).tolist()
    assert len(high) == len(low) == min(16, pool)
    assert high <= {*best[:pool]}
    assert low <= {*best[-pool:]}
