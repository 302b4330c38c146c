"""What samples look like: against counts, closed forms and other code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.functional import center_crop

from diffusion import data
from diffusion.evaluation import samples
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.statistics import wilson

pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def test_split(mnist_dir):
    x, labels = data.load("mnist", "test", mnist_dir)
    return x[::4], labels[::4]


# --- classes ---


@settings(max_examples=25)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=60))
def test_class_shares_and_their_divergence_are_their_definitions(labels):
    prior_labels = torch.arange(10).repeat_interleave(torch.arange(1, 11))  # class k has k + 1 of 55
    found, n = samples.class_shares(torch.tensor(labels), prior_labels), len(labels)
    counts = [labels.count(k) for k in range(10)]
    assert [one.value for one in found["class_share"]] == pytest.approx([c / n for c in counts])
    divergence = sum(c / n * math.log(c / n / ((k + 1) / 55)) for k, c in enumerate(counts) if c)
    assert found["divergence"].value == pytest.approx(divergence, abs=1e-12)
    assert [(one.low, one.high) for one in found["class_share"]] == [wilson(c, n) for c in counts]
    assert 0 <= found["divergence"].low <= found["divergence"].value <= found["divergence"].high


def test_the_divergence_is_of_the_first_n():
    labels = torch.cat([torch.arange(20) % 10, torch.full((20,), 3)])
    found = samples.class_shares(labels, torch.arange(10), 20)
    assert found["divergence"].value == pytest.approx(0, abs=1e-12)
    assert found["class_share"][3].value == 22 / 40  # while shares are of all
    assert samples.class_shares(labels, torch.arange(10))["divergence"].value > 0.1


@pytest.mark.parametrize(("weights", "n"), [((3, 1, 1, 1, 1, 1, 1, 1, 4, 6), 300), ((1,) * 10, 60)])
def test_divergence_interval_covers_the_mean_at_this_n(weights, n, monkeypatch):
    monkeypatch.setattr(samples, "REPEATS", 200)
    prior_labels, share = torch.arange(10).repeat(100), np.array(weights) / sum(weights)
    random = np.random.default_rng(0)
    draws = [np.repeat(np.arange(10), random.multinomial(n, share)) for _ in range(200)]
    found = [samples.class_shares(torch.from_numpy(d), prior_labels)["divergence"] for d in draws]
    target = np.mean([f.value for f in found])
    exact = float((share * np.log(share * 10)).sum())
    assert target == pytest.approx(exact + 9 / (2 * n), rel=0.1)
    assert np.mean([f.low <= target <= f.high for f in found]) > 0.88
    floor = samples.divergence_floor(prior_labels, n)
    above = np.mean([f.low > floor.value for f in found])
    assert above == 1 if exact > 0.1 else above < 0.1  # told apart where they differ, and only there


def test_a_single_class_is_the_extreme_and_a_class_that_no_real_image_has_is_finite():
    found = samples.class_shares(torch.full((50,), 3), torch.arange(10))["divergence"]
    assert found.value == found.low == pytest.approx(math.log(10))  # resampling changes nothing
    absent = samples.class_shares(torch.full((50,), 9), torch.arange(9))["divergence"]
    assert math.log(10) < absent.value < 4


# --- examples ---


@given(st.integers(2, 300), st.integers(1, 40), st.integers(0, 5))
def test_examples_come_from_the_best_and_the_worst_tenth(size, n, seed):
    confidence, n = torch.rand(size, generator=seeded(size), dtype=torch.float64), min(n, size // 2)
    high, low = samples.rank_by_quality(confidence, n, seed)
    assert len(set(high.tolist())) == len(set(low.tolist())) == n
    assert not set(high.tolist()) & set(low.tolist())
    pool, ordered = max(n, -(-size // 10)), confidence.sort().values
    assert confidence[high].min() >= ordered[-pool]
    assert confidence[low].max() <= ordered[pool - 1]
    assert torch.equal(samples.rank_by_quality(confidence, n, seed)[0], high)
    if size > 100:
        others = [samples.rank_by_quality(confidence, n, seed + k)[0] for k in (1, 2, 3, 4, 5)]
        assert any(not torch.equal(other, high) for other in others)


# --- pixels ---


def test_border_grey_is_the_mean_of_the_outer_ring():
    images = torch.zeros(5, 1, 28, 28, dtype=torch.uint8)
    images[..., 3:-3, 3:-3] = 255  # the inside does not count
    images[..., :3, :] = 51  # 3 of the ring's 300 pixels by 28, that is 84
    found = samples.border_grey(images)
    assert (found.low, found.value, found.high) == pytest.approx((0.2 * 84 / 300,) * 3, abs=1e-12)


def test_the_raw_border_tells_dark_drifts_that_clamping_hides():
    drift = torch.linspace(-0.4, 0.4, 9)
    x = torch.full((9, 1, 28, 28), -0.5) + drift[:, None, None, None]
    found = samples.border_before_clamping(x)
    assert (found.value, found.sd) == (pytest.approx(0, abs=1e-6), pytest.approx(float(drift.std())))
    seen = samples.border_grey(to_uint8(x)).value
    assert seen == pytest.approx(float(drift.clamp(min=0).mean()), abs=0.003)
    x[:, :, 3:-3, 3:-3] = 7.0  # what lies within the ring does not count
    assert samples.border_before_clamping(x) == found


def test_centre_shares_agree_with_torchvision_s_crop(test_split):
    x = test_split[0]
    crop, found = center_crop(x, [4, 4]).flatten(1), samples.centre_shares(x)
    assert found["centre_dark"].n == 2500
    assert found["centre_dark"].value == pytest.approx(((crop < -0.4).sum(1) > 11).double().mean().item())
    assert found["centre_white"].value == pytest.approx(((crop > 0.4).sum(1) > 11).double().mean().item())
    assert found["centre_dark"].value > 0.05


# --- variety ---


def precision_and_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """The definition, one distance at a time."""

    def inside(points, manifold):
        radii = [sorted(np.linalg.norm(manifold - centre, axis=1))[k] for centre in manifold]
        hits = [any(np.linalg.norm(manifold - point, axis=1) <= radii) for point in points]
        return np.mean(hits)

    return inside(fake, real), inside(real, fake)


def prc(real, fake, n=None, **options):
    n = n or min(len(real), len(fake))
    return samples.precision_recall_coverage(torch.as_tensor(real), torch.as_tensor(fake), n, **options)


def test_variety_is_the_definition_with_the_sets_in_the_right_roles():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(40, 3)), random.normal(size=(40, 3)) * 0.4
    found = prc(real, fake)
    assert (found["precision"].value, found["recall"].value) == pytest.approx(
        precision_and_recall(real, fake), abs=1e-6
    )
    assert found["precision"].value > found["recall"].value  # good samples that lack variety
    covered = 0
    for centre in real:
        radius = sorted(np.linalg.norm(real - centre, axis=1))[5]  # [0] is the image itself
        covered += np.linalg.norm(fake - centre, axis=1).min() <= radius
    assert found["coverage"].value == covered / 40


def test_the_interval_of_recall_and_coverage_has_the_spread_over_fresh_sets():
    sets = [
        (torch.randn(150, 6, generator=seeded(k)), torch.randn(150, 6, generator=seeded(100 + k)))
        for k in range(20)
    ]
    found = [prc(real, fake) for real, fake in sets]
    for key in ("recall", "coverage"):
        each = [one[key] for one in found]
        spread = float(np.std([one.value for one in each], ddof=1))
        widths = [(one.high - one.low) / 3.92 for one in each]
        assert 0.6 < np.mean(widths) / spread < 2, key
        assert all(0 <= one.low <= one.value <= one.high <= 1 for one in each)


def bar(height, width, n=1):
    white = torch.zeros(n, 28, 28, dtype=torch.bool)
    white[:, 3 : 3 + height, 5 : 5 + width] = True
    return white


@pytest.mark.parametrize(("height", "width"), [(20, 1), (20, 2), (20, 4), (6, 10)])
def test_the_stroke_of_a_bar_is_twice_its_area_over_its_perimeter(height, width):
    perimeter = 2 * (height + width) - 4 + 2 * math.sqrt(2)  # its corners are cut
    expected = pytest.approx(2 * height * width / perimeter)
    assert samples.stroke_width(bar(height, width)).item() == expected
    assert samples.stroke_width(bar(height, width).mT).item() == expected


def test_a_diagonal_stroke_is_as_wide_as_a_straight_one():
    place = torch.arange(28)
    diagonal = (place[:, None] - place).abs()[None] <= 2  # 5 pixels across, 5 / sqrt(2) wide
    assert samples.stroke_width(diagonal).item() == pytest.approx(5 / math.sqrt(2), rel=0.1)


def test_ink_stroke_height_and_width_are_means_over_images():
    images = torch.cat([bar(20, 2)[:, None] * 255, bar(4, 10)[:, None] * 128]).to(torch.uint8)
    found = samples.drawn(images)
    assert found["ink"].value == pytest.approx((40 + 40 * 128 / 255) / 2 / 784)
    assert (found["height"].value, found["width"].value, found["height"].n) == (12, 6, 2)
    assert found["height"].sd == pytest.approx(math.sqrt(128))
    assert {one.value for one in samples.drawn(images * 0).values()} == {0.0}
