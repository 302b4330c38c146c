"""Measures of pixels and of confidence that the study takes, against counts and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from diffusion.evaluation.frechet import to_uint8
from diffusion.runtime import generator
from report.measures import confidence, pixels
from report.measures.confidence import rank_by_quality
from report.measures.registry import MEASURES


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
    means = (pixels.ring(to_uint8(x)).double().mean(1) / 255).numpy()
    assert seen == pixels.bootstrap(means, 2000, 0, "background")
    assert raw.value < seen.value - 0.05


# --- pixels ---


def test_the_mean_of_a_border_has_the_interval_of_resamples():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = pixels.bootstrap(values, 3000, 0, "x")
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 400**0.5
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert pixels.bootstrap(values, 9, 0, "x") == pixels.bootstrap(values, 9, 0, "x")
    assert pixels.bootstrap(values, 9, 0, "x") != pixels.bootstrap(values, 9, 1, "x")
    skewed = pixels.bootstrap(np.array([0.0] * 99 + [1e6]), 20, 0, "x")
    assert skewed.low <= skewed.value <= skewed.high
    constant = pixels.bootstrap(np.full(5, 0.1), 5, 0, "x")
    assert constant.ends == pytest.approx((0.1, 0.1, 0.1))
    assert constant.low <= constant.value <= constant.high


def test_ink_is_the_mean_of_all_pixels_with_the_interval_of_student():
    images = (torch.rand(20, 1, 28, 28, generator=generator(0)) * 256).byte()
    means = (images.double().mean((1, 2, 3)) / 255).numpy()
    expected, found = stats.ttest_1samp(means, 0).confidence_interval(), pixels.ink(images)
    assert found.ends == pytest.approx((means.mean(), expected.low, expected.high))
    assert (found.n, found.sd) == (20, pytest.approx(means.std(ddof=1)))


def centres(level: float, n: int) -> torch.Tensor:
    """An image that is grey but for n of its 16 central pixels."""
    x = torch.zeros(1, 1, 28, 28)
    places = [(i, j) for i in range(12, 16) for j in range(12, 16)]
    for i, j in places[:n]:
        x[0, 0, i, j] = level
    return x


@pytest.mark.parametrize(
    ("level", "dark", "white"),
    [(-0.41, 1, 0), (-0.4, 0, 0), (-0.39, 0, 0), (0.39, 0, 0), (0.4, 0, 0), (0.41, 0, 1), (-0.5, 1, 0)],
)
def test_a_centre_is_dark_or_white_by_the_outer_tenth_of_twelve_of_its_sixteen_pixels(level, dark, white):
    for n, enough in ((11, 0), (12, 1), (16, 1)):
        x = centres(level, n)
        found = pixels.dark_centre(x).item(), pixels.white_centre(x).item()
        assert found == (dark * enough, white * enough)
    around = torch.full((1, 1, 28, 28), level)
    around[..., 12:16, 12:16] = 0.0
    assert not pixels.dark_centre(around).item()
    assert not pixels.white_centre(around).item()


def test_shares_of_centres_are_of_all_images():
    x = torch.cat([centres(-0.5, 16)] * 3 + [centres(0.5, 16)] + [centres(0.0, 16)] * 4)
    found = pixels.centre_shares(x)
    assert {name: (one.value, one.n) for name, one in found.items()} == {
        "centre_dark": (3 / 8, 8),
        "centre_white": (1 / 8, 8),
    }


def test_measures_of_pixels_are_of_the_images_as_they_are_seen_or_as_they_were():
    x = torch.full((3, 1, 28, 28), -0.75)
    seen = SimpleNamespace(x=x, images=to_uint8(x), seed=3)
    taken = {name: MEASURES[name].function(seen)[name] for name in ("border", "background", "ink")}
    assert {name: measured.value for name, measured in taken.items()} == {
        "border": -0.25,
        "background": 0.0,
        "ink": 0.0,
    }
    grey = torch.arange(3, dtype=torch.uint8)[:, None, None, None].expand(3, 1, 28, 28)
    seen = SimpleNamespace(images=grey, seed=3)
    assert MEASURES["background"].function(seen) == {"background": pixels.border_grey(grey, 3)}


# --- confidence ---


def evaluator(confidence: torch.Tensor) -> SimpleNamespace:
    return SimpleNamespace(test=SimpleNamespace(confidence=confidence), classes=3)


def test_the_threshold_is_the_confidence_that_all_but_a_twentieth_of_the_test_images_reach():
    found = confidence.threshold(evaluator(torch.arange(101.0) / 100))
    assert found == pytest.approx(0.05)


def test_low_confidence_is_below_the_threshold_and_recognised_is_not():
    read = torch.tensor([0.1, 0.5, 0.5, 0.9])
    labels = torch.tensor([0, 1, 2, 2])
    low = confidence.low_confidence(read, 0.5)
    assert (low.value, low.n) == (0.25, 4)
    assert low.low < 0.25 < low.high
    of = evaluator(torch.linspace(0.45, 1.45, 101))  # whose twentieth is at 0.5
    of.test.confidence[5] = 0.5
    seen = SimpleNamespace(confidence=read, labels=labels, evaluator=of)
    measure = MEASURES["low_confidence"]
    assert measure.function(seen)["low_confidence"].value == 0.25
    shares = confidence.recognised(torch.tensor([1, 2, 2]), 3)
    assert MEASURES["recognised_share"].function(seen) == {"recognised_share": shares}
    shares = confidence.recognised(torch.tensor([1, 2, 2]), 4)
    assert [(one.value, one.n) for one in shares] == [(0.0, 3), (1 / 3, 3), (2 / 3, 3), (0.0, 3)]
    assert [one.value for one in confidence.recognised(torch.tensor([1]), 2)] == [0.0, 1.0]
    assert [one.value for one in confidence.recognised(torch.tensor([], dtype=torch.long), 2)] == [0.0, 0.0]
    without = SimpleNamespace(confidence=None, labels=None)
    assert measure.function(without) == MEASURES["recognised_share"].function(without) == {}


@pytest.mark.parametrize(("of", "n", "pool"), [(205, 16, 21), (200, 30, 30), (9, 16, 4), (40, 2, 4)])
def test_examples_are_drawn_at_random_from_all_of_their_pool_and_by_the_seed(of, n, pool):
    read = torch.rand(of, generator=generator(1), dtype=torch.float64)
    order = read.argsort(descending=True).tolist()
    drawn = [rank_by_quality(read, n, seed) for seed in range(30)]
    for high, low in drawn:
        assert len({*high.tolist()}) == len({*low.tolist()}) == min(n, pool)
        assert not {*high.tolist()} & {*low.tolist()}
    assert {i for high, _ in drawn for i in high.tolist()} == {*order[:pool]}
    assert {i for _, low in drawn for i in low.tolist()} == {*order[-pool:]}
    assert rank_by_quality(read, n, 3)[0].tolist() == drawn[3][0].tolist()
    assert rank_by_quality(read, n)[0].tolist() == drawn[0][0].tolist()
    if pool > 4:
        high, low = ([order.index(i) for i in one.tolist()] for one in drawn[0])
        assert [i % pool for i in high] != [(i - of) % pool for i in low]  # each side has a stream of its own
