"""What samples look like: against counts, closed forms and other code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.evaluation import samples
from diffusion.evaluation.statistics import wilson

pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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
