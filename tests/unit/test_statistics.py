"""Distances, shares and their intervals: against closed forms, simulations and other code."""

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import KernelInceptionDistance

from diffusion.evaluation import frechet, samples
from diffusion.evaluation.frechet import Reference, distance, floor, frechet_distance, kid, to_uint8
from diffusion.evaluation.statistics import centred, half_error, half_scale, share_of, wilson
from report.measures import divergence

# --- intervals, against formulas as they are printed, and by all halves that there are ---


@pytest.mark.parametrize("n", [4, 5, 7, 10])
def test_halves_of_n_cases_scaled_have_the_spread_of_an_estimate_of_n(n):
    """Of a mean the variance is known, s^2 / n, and all halves can be drawn."""
    x = np.random.default_rng(n).normal(size=n)
    means = np.array([np.mean(half) for half in combinations(x, n // 2)])
    assert half_scale(n) ** 2 * means.var() == pytest.approx(x.var(ddof=1) / n)
    assert half_error(means, n) == pytest.approx(1.96 * means.std(ddof=1) * half_scale(n))


def test_a_share_has_wilsons_interval_also_of_none():
    """Wilson (1927): with no case in n it ends at z^2 / (n + z^2)."""
    found = share_of(torch.arange(12) < 0)
    assert (*found.ends, found.n) == (0, 0, pytest.approx(1.959964**2 / (12 + 1.959964**2)), 12)
    assert wilson(0, 0) == (0, 1)


def test_an_interval_is_turned_round_about_the_estimate_and_not_below_0():
    draws = np.concatenate([np.linspace(50, 54, 9), [62]])  # biased, with a tail above
    low, high = np.quantile(draws, [0.025, 0.975]) - draws.mean()
    assert centred(10, draws) == pytest.approx((10 - high, 10 - low))
    assert centred(1, draws) == pytest.approx((0, 1 - low))


# --- distances ---


def gaussian(n: int, dimension: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    noise = torch.randn(n, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return noise * scale + shift


@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20))
@example([-0.5, 0.5, 0.4999, 0.0, 1 / 510 - 0.5, 0.6, -2])
def test_values_are_clamped_scaled_and_rounded_never_wrapped(values):
    expected = np.rint((np.clip(np.array(values, np.float32), -0.5, 0.5) + np.float32(0.5)) * np.float32(255))
    found = to_uint8(torch.tensor(values).view(1, 1, 1, -1))
    assert found.dtype == torch.uint8
    assert found.flatten().tolist() == expected.tolist()


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(2, 60), st.integers(2, 60), st.floats(-2, 2), st.floats(0.2, 3))
@example(4, 60, 50, 1000.02, 0.02)  # far from zero: in float32 the covariance would drown in rounding
@example(16, 8, 100, 0.3, 1.2)  # fewer than dimensions
def test_the_distance_is_its_definition(dimension, n, m, shift, scale):
    a, b = gaussian(n, dimension, 1, shift - shift % 1), gaussian(m, dimension, 2, shift, scale)
    s, t = (np.atleast_2d(np.cov(x.numpy().T)) for x in (a, b))
    root = np.sqrt(scipy.linalg.eigvals(s @ t).real.clip(0)).sum()  # the trace of the matrix's root
    expected = float((a.mean(0) - b.mean(0)).square().sum() + np.trace(s + t) - 2 * root)
    for one, other, wanted in ((a, b, expected), (b, a, expected), (a, a, 0)):
        assert frechet_distance(Reference(one), other) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


class Identity(torch.nn.Module):
    num_features = 2
    forward = staticmethod(lambda features: features)


@pytest.mark.parametrize(("n_real", "n", "size"), [(100, 41, 20), (30, 90, 15), (2100, 2040, 1000)])
def test_kid_is_torchmetrics_of_subsets_of_half_of_the_smaller_set_at_most_1000(n_real, n, size):
    real, features = gaussian(n_real, 2, 1), gaussian(n, 2, 11, 0.3, 1.2)
    metric = KernelInceptionDistance(Identity(), 50, size).set_dtype(torch.float64)
    metric.update(real, real=True)
    metric.update(features, real=False)
    torch.manual_seed(7)
    mean, sd = (part.item() for part in metric.compute())
    found = kid(Reference(real), features, 7)
    assert (found.value, found.sd, found.n) == pytest.approx((mean, sd, n), rel=1e-12)


def test_draws_of_the_floor_share_no_image_while_there_are_enough():
    """One image of 40 is another one: exactly one of four draws of ten has it."""
    train, reference = torch.zeros(40, 1), Reference(torch.zeros(9, 1))
    train[17] = 1
    found, each = floor(train, reference, 10, repeats=4), np.array([0.1**2 + 0.1, 0, 0, 0])
    assert (found.value, found.sd) == pytest.approx((each.mean(), each.std(ddof=1)))
    assert floor(train, reference, 40, repeats=4).sd < 1e-9  # all, each time
    assert floor(train[:20], reference, 11, repeats=9).sd > 0.01  # of too few, anew each time


def test_the_sd_of_a_distance_is_that_of_halves_of_its_samples_scaled():
    reference, few = Reference(gaussian(20_000, 8, 0)), gaussian(7, 8, 5)
    halves = frechet.half_distances(reference, few, 30, 3)
    assert distance(reference, few, 30, 3).sd == pytest.approx(halves.std(ddof=1) * math.sqrt(3 / 4))


# --- classes, fidelity and variety ---


@settings(max_examples=12)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(2, 70))
def test_class_shares_are_of_all_and_their_divergence_of_the_first_n(labels, n):
    prior = torch.arange(10).repeat_interleave(torch.arange(1, 11))  # class k has k + 1 of 55
    found, first = divergence.class_shares(torch.tensor(labels), 10), labels[:n]
    counts = [labels.count(k) for k in range(10)]
    ends = [(count / len(labels), *wilson(count, len(labels))) for count in counts]
    assert [one.ends for one in found] == ends
    shares = {k: first.count(k) / len(first) for k in first}
    exact = sum(share * math.log(share / ((k + 1) / 55)) for k, share in shares.items())
    assert divergence.divergence(torch.tensor(first), prior, 10).value == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(("weights", "n"), [((3, 1, 1, 1, 1, 1, 1, 1, 4, 6), 300), ((1,) * 10, 60)])
def test_the_interval_of_a_divergence_covers_its_mean_at_this_n(weights, n):
    prior, share = torch.arange(10).repeat(100), np.array(weights) / sum(weights)
    random = np.random.default_rng(0)
    draws = [np.repeat(np.arange(10), random.multinomial(n, share)) for _ in range(120)]
    found = [divergence.divergence(torch.from_numpy(one), prior, 10) for one in draws]
    target, exact = np.mean([one.value for one in found]), float((share * np.log(share * 10)).sum())
    assert target == pytest.approx(exact + 9 / (2 * n), rel=0.1)
    assert np.mean([one.low <= target <= one.high for one in found]) > 0.88
    floor = divergence.divergence_floor(prior, n, 10)
    assert (floor.value, floor.n) == (pytest.approx(9 / (2 * n), rel=0.05), n)
    above = np.mean([one.low > floor.value for one in found])
    assert above == 1 if exact > 0.1 else above < 0.1  # told apart where they differ, and only there


def test_a_class_that_no_real_image_has_counts_as_half_an_image():
    absent = divergence.divergence(torch.full((50,), 9), torch.arange(9), 10)
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


def test_each_draw_behind_an_interval_has_a_key_of_its_own(monkeypatch):
    keys, generator = [], samples.generator
    monkeypatch.setattr(samples, "generator", lambda *key: keys.append(key) or generator(*key))
    prc(np.eye(12), np.eye(12))
    assert len({*keys}) == len(keys) == 2 + 2 * samples.HALVES


def test_the_interval_of_recall_and_coverage_has_the_spread_over_fresh_sets():
    random = torch.Generator().manual_seed(0)
    found = [prc(*torch.randn(2, 151, 6, generator=random)) for _ in range(20)]
    for key in ("recall", "coverage"):
        each = [one[key] for one in found]
        widths = [(one.high - one.low) / 3.92 for one in each]
        assert 0.6 < np.mean(widths) / np.std([one.value for one in each], ddof=1) < 2, key
