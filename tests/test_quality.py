"""Classes, digits, background, variety, choice of samples: against counts, closed forms and other code."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion import classifier, data, quality, variety
from diffusion.metrics import to_uint8
from diffusion.yardstick import Yardstick


def test_divergence_and_entropy_are_of_as_many_samples_for_every_model(monkeypatch):
    labels = torch.cat([torch.arange(20) % 10, torch.full((20,), 3)])
    monkeypatch.setattr(quality, "predict", lambda images, model: (labels, torch.full((40,), 0.9).double()))
    prior = torch.arange(10).repeat(5)
    stick = SimpleNamespace(reader=None, all_labels=prior, seed=0, threshold=0.5)
    found = Yardstick.qualities(stick, torch.zeros(40, 1, 28, 28), 20)["classes"]
    first, whole = (quality.class_balance(part, prior) for part in (labels[:20], labels))
    assert found["divergence"] == pytest.approx(0, abs=1e-12)
    assert whole["divergence"] > 0.1
    assert found["entropy"] == first["entropy"] != whole["entropy"]
    assert found["share"] == whole["share"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wilson(k: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's interval as he wrote it."""
    centre = k / n + z * z / (2 * n)
    half = z * math.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


@pytest.fixture(scope="module")
def test_split(mnist_dir):
    return data.load("test", mnist_dir)


@pytest.fixture(scope="module")
def real(test_split):
    """Labels and confidence that the classifier gives the whole test split."""
    return quality.predict(to_uint8(test_split[0]))


@pytest.fixture(scope="module")
def threshold(real):
    return quality.not_digit_threshold(real[1])


# --- classes ---


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60))
def test_class_shares_divergence_and_entropy_are_their_definitions(labels):
    prior_labels = torch.arange(10).repeat_interleave(torch.arange(1, 11))  # class k has k + 1 of 55
    found = quality.class_balance(torch.tensor(labels), prior_labels, repeats=50)
    n = len(labels)
    counts = [labels.count(k) for k in range(10)]
    assert found["share"] == pytest.approx([c / n for c in counts])
    assert found["divergence"] == pytest.approx(
        sum(c / n * math.log(c / n / ((k + 1) / 55)) for k, c in enumerate(counts) if c), abs=1e-12
    )
    assert found["entropy"] == pytest.approx(-sum(c / n * math.log(c / n) for c in counts if c), abs=1e-12)
    for c, low, high in zip(counts, found["low"], found["high"], strict=True):
        assert (low, high) == pytest.approx(wilson(c, n), abs=1e-12)
    assert 0 <= found["divergence_low"] <= found["divergence"] <= found["divergence_high"]


def test_the_test_split_diverges_from_uniform_but_not_from_itself(test_split):
    labels = test_split[1]
    assert quality.class_balance(labels, torch.arange(10))["divergence"] == pytest.approx(0.0017, abs=5e-5)
    assert quality.class_balance(labels, labels)["divergence"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_divergence_floor_is_the_known_bias(test_split, n):
    found = quality.divergence_floor(test_split[1], n)
    assert set(found) == {"mean", "sd", "n"}
    assert found["n"] == n
    # 2n KL is chi-square with 9 degrees of freedom: mean 9, variance 18.
    assert found["mean"] == pytest.approx(9 / (2 * n), rel=0.06)
    assert found["sd"] == pytest.approx(math.sqrt(18) / (2 * n), rel=0.1)


@pytest.mark.parametrize(("weights", "n"), [((3, 1, 1, 1, 1, 1, 1, 1, 4, 6), 300), ((1,) * 10, 60)])
def test_divergence_interval_covers_the_mean_at_this_n(weights, n):
    prior_labels, share = torch.arange(10).repeat(100), np.array(weights) / sum(weights)
    random = np.random.default_rng(0)
    draws = [np.repeat(np.arange(10), random.multinomial(n, share)) for _ in range(200)]
    found = [quality.class_balance(torch.from_numpy(d), prior_labels, repeats=200) for d in draws]
    target = np.mean([f["divergence"] for f in found])
    exact = float((share * np.log(share * 10)).sum())
    assert target == pytest.approx(exact + 9 / (2 * n), rel=0.1)
    assert np.mean([f["divergence_low"] <= target <= f["divergence_high"] for f in found]) > 0.88
    real = quality.divergence_floor(prior_labels, n)
    above = np.mean([f["divergence_low"] > real["mean"] for f in found])
    assert above == 1 if exact > 0.1 else above < 0.1  # told apart where they differ, and only there


def test_a_single_class_is_the_extreme():
    found = quality.class_balance(torch.full((50,), 3), torch.arange(10))
    assert found["divergence"] == pytest.approx(math.log(10))
    assert found["divergence_low"] == pytest.approx(math.log(10))  # resampling changes nothing
    assert found["divergence_high"] == pytest.approx(math.log(10))
    assert found["entropy"] == 0
    assert found["high"][3] == pytest.approx(1)
    assert found["low"][0] == pytest.approx(0)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.tensor([3]), "N at least 2"),
        (torch.tensor([1.0, 2.0]), "integers"),
        (torch.tensor([1, 10]), "range over 1..10"),
        (torch.tensor([-1, 2]), "allowed: 0..9"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        quality.class_balance(labels, torch.arange(10))


def test_a_prior_without_a_class_is_refused():
    with pytest.raises(ValueError, match=r"lack the classes \[9\]"):
        quality.class_balance(torch.arange(10), torch.arange(9))
    with pytest.raises(ValueError, match="n is 1"):
        quality.divergence_floor(torch.arange(10), 1)


# --- what is no digit ---


def test_labels_are_right_and_confidence_orders_without_ties(test_split, real):
    labels, confidence = real
    assert (labels == test_split[1]).double().mean() >= 0.99
    assert confidence.dtype == torch.float64
    assert confidence.min() > 0.1
    assert confidence.max() < 1
    wrong = labels != test_split[1]
    assert confidence[wrong].mean() < confidence[~wrong].mean() - 0.1


def test_the_threshold_leaves_out_five_percent_of_real_images(real, threshold, mnist_dir):
    found = quality.not_digit(real[1], threshold)
    assert found["share"] == pytest.approx(0.05, abs=1e-3)
    assert (found["low"], found["high"]) == pytest.approx(wilson(round(found["share"] * 10_000), 10_000))
    assert found["threshold"] == threshold
    _, train = quality.predict(to_uint8(data.load("train", mnist_dir, 3000)[0]))
    assert (
        0.01 < quality.not_digit(train, threshold)["share"] < 0.06
    )  # images that it was trained on are easier


def test_images_that_are_no_digits_are_told_from_digits(test_split, real, threshold):
    images, labels = test_split
    first, second = images[:1000], images[1000:2000]
    differ = labels[:1000] != labels[1000:2000]
    halves = torch.cat([first[..., :14, :], second[..., 14:, :]], dim=2)[differ]
    quadrants = [first[..., 14:, 14:], second[..., 14:, :14], second[..., :14, 14:], first[..., :14, :14]]
    shuffled = torch.cat([torch.cat(quadrants[:2], 3), torch.cat(quadrants[2:], 3)], 2)
    noise = torch.rand(1000, 1, 28, 28, generator=seeded(0)) - 0.5
    blank = torch.full((2, 1, 28, 28), -0.5)

    def share(x, limit=threshold):
        return quality.not_digit(quality.predict(to_uint8(x))[1], limit)["share"]

    assert share(halves) > 0.7
    assert share(shuffled) > 0.95
    assert share(noise) > 0.8
    assert share(blank) == 1
    assert share(noise, float(real[1].quantile(0.01))) < 0.1  # why the rule is not at 1 %


def test_confidence_that_is_no_probability_is_refused():
    for confidence in (torch.tensor([0.5, 1.2]), torch.tensor([0.5, math.nan])):
        with pytest.raises(ValueError, match="must lie in"):
            quality.not_digit(confidence, 0.5)
    with pytest.raises(ValueError, match="N at least 2"):
        quality.not_digit_threshold(torch.tensor([0.5]))


# --- background ---


def test_background_is_the_mean_of_the_outer_ring():
    images = torch.zeros(5, 1, 28, 28, dtype=torch.uint8)
    images[..., 3:-3, 3:-3] = 255  # the inside does not count
    images[..., :3, :] = 51  # 3 of the ring's 300 pixels by 28, that is 84
    found = quality.background(images)
    assert found["mean"] == pytest.approx(0.2 * 84 / 300, abs=1e-12)
    assert found["low"] == pytest.approx(found["mean"], abs=1e-12)  # all images are equal
    assert found["high"] == pytest.approx(found["mean"], abs=1e-12)


def test_background_interval_is_that_of_a_mean_over_images():
    levels = torch.randint(0, 256, (400,), generator=seeded(1))
    images = levels.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    found = quality.background(images)
    error = levels.double().std().item() / 255 / math.sqrt(400)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found["mean"] == pytest.approx(levels.double().mean().item() / 255)
    assert found == quality.background(images)
    assert found != quality.background(images, seed=1)


def test_real_images_have_a_dark_background(test_split):
    found = quality.background(to_uint8(test_split[0][:2000]))
    assert 0 < found["low"] < found["mean"] < found["high"] < 0.006
    with pytest.raises(ValueError, match="at least 2"):
        quality.background(to_uint8(test_split[0][:1]))


def test_the_raw_border_tells_dark_drifts_that_clamping_hides():
    drift = torch.linspace(-0.4, 0.4, 9)
    samples = torch.full((9, 1, 28, 28), -0.5) + drift[:, None, None, None]
    found = quality.border(samples)
    assert found == {"mean": pytest.approx(0, abs=1e-6), "sd": pytest.approx(float(drift.std()))}
    seen = quality.background(to_uint8(samples))["mean"]
    assert seen == pytest.approx(float(drift.clamp(min=0).mean()), abs=0.003)
    samples[:, :, 3:-3, 3:-3] = 7.0  # what lies within the ring does not count
    assert quality.border(samples) == found


def test_backgrounds_of_pairs_are_compared_in_pairs():
    grey = torch.randint(0, 100, (50, 1, 1, 1), generator=seeded(1)).expand(50, 1, 28, 28)
    a, b = (grey + 51).to(torch.uint8), grey.to(torch.uint8)
    found = quality.background_gap(a, b)
    assert found == {
        key: pytest.approx(0.2) for key in ("mean", "low", "high")
    }  # whatever the images' own grey
    other = quality.background_gap(a, b.flip(0))
    assert other["mean"] == pytest.approx(0.2)
    assert other["low"] < other["mean"] < other["high"]
    with pytest.raises(ValueError, match="50 and 49 images"):
        quality.background_gap(a, b[:49])


def test_shares_of_no_image_may_be_anything():
    found = quality.shares(torch.tensor([], dtype=torch.int64))
    assert found == {"n": 0, "share": [0.0] * 10, "low": [0.0] * 10, "high": [1.0] * 10}
    assert quality.shares(torch.tensor([3, 3, 4]))["share"][3] == pytest.approx(2 / 3)


# --- variety ---


def precision_and_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """The definition, one distance at a time."""

    def inside(points, manifold):
        hits = 0
        radii = [sorted(np.linalg.norm(manifold - centre, axis=1))[k] for centre in manifold]
        for point in points:
            distances = np.linalg.norm(manifold - point, axis=1)
            hits += any(d <= r for d, r in zip(distances, radii, strict=True))
        return hits / len(points)

    return inside(fake, real), inside(real, fake)


def test_variety_is_the_definition_with_the_sets_in_the_right_roles():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(40, 3)), random.normal(size=(40, 3)) * 0.4
    found = quality.variety(torch.from_numpy(real), torch.from_numpy(fake))
    assert (found["precision"], found["recall"]) == pytest.approx(precision_and_recall(real, fake), abs=1e-6)
    assert found["precision"] > found["recall"]  # good samples that lack variety
    assert found["n"] == 40


def test_samples_of_one_kind_have_precision_without_recall():
    real = torch.cat([torch.randn(200, 4, generator=seeded(k)) + 20 * k for k in range(5)])
    found = quality.variety(real, torch.randn(1000, 4, generator=seeded(9)))
    assert found["precision"] > 0.9
    assert found["recall"] == pytest.approx(0.2, abs=0.05)


def test_the_interval_of_recall_and_coverage_has_the_spread_over_fresh_sets():
    sets = [
        (torch.randn(200, 6, generator=seeded(k)), torch.randn(200, 6, generator=seeded(100 + k)))
        for k in range(40)
    ]
    found = [variety.variety(real, fake) for real, fake in sets]
    for key in ("recall", "coverage"):
        spread = float(np.std([f[key] for f in found], ddof=1))
        widths = [(f[f"{key}_high"] - f[f"{key}_low"]) / 3.92 for f in found]
        assert 0.6 < np.mean(widths) / spread < 2, key
        assert all(0 <= f[f"{key}_low"] <= f[key] <= f[f"{key}_high"] <= 1 for f in found)


def test_coverage_is_its_definition():
    random = np.random.default_rng(3)
    real, fake = random.normal(size=(40, 3)), random.normal(size=(30, 3)) * 0.4
    covered = 0
    for centre in real:
        radius = sorted(np.linalg.norm(real - centre, axis=1))[5]  # [0] is the image itself
        covered += np.linalg.norm(fake - centre, axis=1).min() <= radius
    assert variety.coverage(torch.from_numpy(real), torch.from_numpy(fake)) == covered / 40


def test_coverage_of_a_perfect_model_is_what_its_authors_derive():
    n, k = 1500, 5  # Naeem et al. (2020), Eq. (11): 1 - prod_i (n - i) / (2n - i), i = 1..k
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    real, fake = (torch.randn(n, 8, generator=seeded(s)) for s in (1, 2))
    assert variety.coverage(real, fake) == pytest.approx(expected, abs=0.015)


def test_scattered_samples_raise_recall_and_not_coverage():
    real = torch.randn(500, 8, generator=seeded(1))
    found = quality.variety(real, 6 * torch.randn(500, 8, generator=seeded(2)))
    assert found["recall"] > 0.9
    assert found["coverage"] < 0.3


def test_copies_of_a_real_image_cover_no_others_than_its_neighbours():
    real = torch.cat([torch.randn(10, 4, generator=seeded(k)) + 100 * k for k in range(3)])
    assert 0 < variety.coverage(real, real[:1].repeat(9, 1)) <= 1 / 3  # at most its own cluster
    assert variety.coverage(torch.ones(9, 4), torch.ones(3, 4)) == 1  # a radius of zero, met exactly


def test_variety_takes_the_same_seeded_number_from_both():
    real, fake = torch.randn(300, 4, generator=seeded(1)), torch.randn(100, 4, generator=seeded(2))
    assert quality.variety(real, fake)["n"] == 100
    assert quality.variety(real, fake, 50) == quality.variety(real, fake, 50)
    assert quality.variety(real, fake, 50) != quality.variety(real, fake, 50, seed=1)
    for n in (11, 101):
        with pytest.raises(ValueError, match="allowed: 12 to 100"):
            quality.variety(real, fake, n)


# --- choice and range ---


@given(st.integers(2, 300), st.integers(1, 40), st.integers(0, 5))
def test_examples_come_from_the_best_and_the_worst_tenth(size, n, seed):
    confidence = torch.rand(size, generator=seeded(size), dtype=torch.float64)
    if n > size // 2:
        with pytest.raises(ValueError, match=f"n is {n}; allowed: 1 to {size // 2}"):
            quality.rank_by_quality(confidence, n, seed)
        return
    high, low = quality.rank_by_quality(confidence, n, seed)
    assert len(set(high.tolist())) == len(set(low.tolist())) == n
    assert not set(high.tolist()) & set(low.tolist())
    pool = max(n, -(-size // 10))
    ordered = confidence.sort().values
    assert confidence[high].min() >= ordered[-pool]
    assert confidence[low].max() <= ordered[pool - 1]
    again = quality.rank_by_quality(confidence, n, seed)
    assert torch.equal(again[0], high)
    assert torch.equal(again[1], low)


def test_examples_depend_on_the_seed_and_may_come_from_logits():
    logits = torch.randn(1000, 10, generator=seeded(1)) * 4
    confidence = logits.double().softmax(1).amax(1)
    by_logits, by_confidence = (quality.rank_by_quality(c, 16) for c in (logits, confidence))
    assert torch.equal(by_logits[0], by_confidence[0])
    assert torch.equal(by_logits[1], by_confidence[1])
    assert not torch.equal(quality.rank_by_quality(logits, 16, seed=1)[0], by_logits[0])
    with pytest.raises(ValueError, match="n is 0"):
        quality.rank_by_quality(logits, 0)


def test_the_rule_is_stated():
    assert "at random (seeded)" in quality.QUALITY_RULE
    assert "tenth" in quality.QUALITY_RULE


def test_value_range_counts_pixels_outside():
    samples = torch.zeros(2, 1, 28, 28)
    samples[0, 0, 0, :6] = torch.tensor([20.0, -20.0, 0.5, -0.5, 0.54, -0.54])  # the last two: a hair outside
    found = quality.value_range(samples)
    assert found == {"outside": 2 / 1568, "minimum": -20.0, "maximum": 20.0}
    samples[0, 0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="finite"):
        quality.value_range(samples)


def test_predict_is_the_classifier_on_model_units(test_split):
    images = test_split[0][:20]
    labels, confidence = quality.predict(to_uint8(images))
    probabilities = classifier.load()(images).softmax(1)
    assert torch.equal(labels, probabilities.argmax(1))
    assert (confidence - probabilities.amax(1)).abs().max() < 1e-5
