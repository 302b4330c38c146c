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


@settings(max_examples=12)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(2, 70))
def test_class_shares_are_of_all_and_their_divergence_of_the_first_n(labels, n):
    prior = torch.arange(10).repeat_interleave(torch.arange(1, 11))  # class k has k + 1 of 55
    found, first = samples.class_shares(torch.tensor(labels), prior, n), labels[:n]
    counts = [labels.count(k) for k in range(10)]
    ends = [(count / len(labels), *wilson(count, len(labels))) for count in counts]
    assert [one.ends for one in found["class_share"]] == ends
    shares = {k: first.count(k) / len(first) for k in first}
    divergence = sum(share * math.log(share / ((k + 1) / 55)) for k, share in shares.items())
    assert found["divergence"].value == pytest.approx(divergence, abs=1e-12)


@pytest.mark.parametrize(("weights", "n"), [((3, 1, 1, 1, 1, 1, 1, 1, 4, 6), 300), ((1,) * 10, 60)])
def test_the_interval_of_a_divergence_covers_its_mean_at_this_n(weights, n):
    prior, share = torch.arange(10).repeat(100), np.array(weights) / sum(weights)
    random = np.random.default_rng(0)
    draws = [np.repeat(np.arange(10), random.multinomial(n, share)) for _ in range(120)]
    found = [samples.class_shares(torch.from_numpy(one), prior)["divergence"] for one in draws]
    target, exact = np.mean([one.value for one in found]), float((share * np.log(share * 10)).sum())
    assert target == pytest.approx(exact + 9 / (2 * n), rel=0.1)
    assert np.mean([one.low <= target <= one.high for one in found]) > 0.88
    floor = samples.divergence_floor(prior, n)
    assert (floor.value, floor.n) == (pytest.approx(9 / (2 * n), rel=0.05), n)
    above = np.mean([one.low > floor.value for one in found])
    assert above == 1 if exact > 0.1 else above < 0.1  # told apart where they differ, and only there


def test_a_class_that_no_real_image_has_counts_as_half_an_image():
    absent = samples.class_shares(torch.full((50,), 9), torch.arange(9))["divergence"]
    assert absent.value == pytest.approx(math.log(9.5 / 0.5))


def test_a_clear_digit_is_read_with_less_than_certainty():
    labels, confidence = samples.read(torch.tensor([[0.0, 25, 1], [3, 2, 1]]))
    assert labels.tolist() == [1, 0]
    assert 1 - 1e-9 < confidence[0] < 1
    assert confidence[1].item() == pytest.approx(1 / (1 + math.exp(-1) + math.exp(-2)))


def reach(points: np.ndarray, k: int) -> np.ndarray:
    """The distance of each point to its k-th neighbour, itself not counted."""
    return np.array([sorted(np.linalg.norm(points - one, axis=1))[k] for one in points])


def prc(real, fake, n=None):
    return samples.precision_recall_coverage(torch.as_tensor(real), torch.as_tensor(fake), n or len(real))


def test_variety_is_the_definition_with_the_sets_in_the_right_roles():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(40, 3)), random.normal(size=(40, 3)) * 0.4
    found, between = prc(real, fake), np.linalg.norm(fake[:, None] - real, axis=2)
    assert found["precision"].value == pytest.approx((between <= reach(real, 3)).any(1).mean())
    assert found["recall"].value == pytest.approx((between <= reach(fake, 3)[:, None]).any(0).mean())
    assert found["coverage"].value == pytest.approx((between.min(0) <= reach(real, 5)).mean())
    precise = found["precision"]
    assert (precise.low, precise.high) == wilson(round(40 * precise.value), 40)
    few = prc(real, fake, 13)["coverage"]
    assert (few.n, 13 * few.value) == (13, pytest.approx(round(13 * few.value)))


def test_the_interval_of_recall_and_coverage_has_the_spread_over_fresh_sets():
    random = torch.Generator().manual_seed(0)
    found = [prc(*torch.randn(2, 151, 6, generator=random)) for _ in range(20)]
    for key in ("recall", "coverage"):
        each = [one[key] for one in found]
        widths = [(one.high - one.low) / 3.92 for one in each]
        assert 0.6 < np.mean(widths) / np.std([one.value for one in each], ddof=1) < 2, key
