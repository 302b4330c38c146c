"""Measures of pixels and of confidence that the study takes, against counts and closed forms."""

import numpy as np
import pytest
import torch
from scipy import stats

from diffusion.evaluation import classifier
from diffusion.evaluation.evaluator import Evaluator
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


def test_the_mean_of_a_border_has_the_interval_of_resamples_drawn_by_the_seed():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found, half = pixels.bootstrap(values, 3000, 0, "x"), 1.96 * values.std() / 400**0.5
    expected = values.mean(), values.mean() - half, values.mean() + half
    assert found.ends == pytest.approx(expected, abs=0.02)
    assert [pixels.bootstrap(values, 3000, seed, "x") == found for seed in (0, 1)] == [True, False]
    for few in (np.array([0.0] * 99 + [1e6]), np.full(5, 0.1)):  # skewed, or rounded: never outside
        found = pixels.bootstrap(few, 5, 0, "x")
        assert found.low <= found.value <= found.high


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
    shares = {name: (one.value, one.n) for name, one in pixels.centre_shares(x).items()}
    assert shares == {"centre_dark": (3 / 8, 8), "centre_white": (1 / 8, 8)}


# --- confidence ---


def test_low_confidence_is_below_the_threshold_that_all_but_a_twentieth_of_the_test_images_reach(mnist_dir):
    """A set of images, of which some are blank: `recognised` are all others."""
    evaluator = Evaluator.for_dataset("mnist", n_train=60, n_test=100, n_digits=40, measures=MEASURES)
    x = evaluator.x_test[:50].clone()
    x[::5] = 0
    read = classifier.read(classifier.logits(evaluator.classifier, x))
    least = np.quantile(evaluator.test.confidence.numpy(), 0.05)
    below = read[1].numpy() < least
    found = evaluator.measure(x, only=["low_confidence", "recognised_share"])
    assert (found["low_confidence"].value, found["low_confidence"].n) == (below.mean(), 50)
    assert confidence.threshold(evaluator) == pytest.approx(least)
    counts = np.bincount(read[0].numpy()[~below], minlength=10)
    assert [one.value for one in found["recognised_share"]] == pytest.approx([*counts / counts.sum()])
    assert found["recognised_share"][0].n == counts.sum()
    exactly = confidence.low_confidence(torch.tensor([0.1, 0.5, 0.5, 0.9]), 0.5)
    assert (exactly.value, exactly.n) == (0.25, 4)
    nothing = confidence.recognised(torch.tensor([], dtype=torch.long), 2)
    assert [one.value for one in nothing] == [0.0, 0.0]


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
