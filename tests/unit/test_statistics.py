"""Distances, shares and their intervals: against their definitions, closed forms, simulations, other code."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import KernelInceptionDistance

from diffusion.evaluation import classifier, frechet, variety
from diffusion.evaluation.frechet import Reference, distance, floor, frechet_distance, kid, to_uint8
from diffusion.evaluation.statistics import (
    centred,
    half_error,
    half_scale,
    share_of,
    wilson,
)
from report.measures import divergence
from unit import oracles_measures as oracle

# --- intervals, against formulas as they are printed, and by all halves that there are ---


@pytest.mark.parametrize("n", [4, 5, 7, 10])
def test_halves_of_n_cases_scaled_have_the_spread_of_an_estimate_of_n(n):
    """Of a mean the variance is known, s^2 / n, and all halves can be drawn."""
    x = np.random.default_rng(n).normal(size=n)
    means = np.array([np.mean(half) for half in combinations(x, n // 2)])
    assert half_scale(n) ** 2 * means.var() == pytest.approx(x.var(ddof=1) / n)
    assert half_error(means, n) == pytest.approx(1.96 * means.std(ddof=1) * half_scale(n))


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_share_has_wilsons_interval(mask):
    found, count = share_of(torch.tensor(mask)), sum(mask)
    assert found.ends == pytest.approx((count / len(mask), *oracle.wilson(count, len(mask))), abs=1e-9)
    assert found.n == len(mask)


def test_a_share_of_nothing_is_unknown():
    assert (*share_of(torch.zeros(0) > 0).ends, wilson(0, 0)) == (0, 0, 1, (0, 1))


@given(st.floats(0, 100), st.lists(st.floats(0, 100), min_size=2, max_size=60))
@example(10, [*np.linspace(50, 54, 9), 62])  # biased, with a tail above
@example(1, [*np.linspace(50, 54, 9), 62])
@example(5, [0.0] * 59 + [100])  # 97.5% of these lie below their mean
@example(5, [0.0] + [100.0] * 59)
def test_an_interval_is_turned_round_about_the_estimate_and_not_below_0(estimate, draws):
    found = centred(estimate, np.array(draws))
    assert found == pytest.approx(oracle.basic_interval(estimate, draws), abs=1e-9)
    assert 0 <= found[0] <= estimate <= found[1]


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
    expected = oracle.frechet(a.numpy(), b.numpy())
    for one, other, wanted in ((a, b, expected), (b, a, expected), (a, a, 0)):
        assert frechet_distance(Reference(one), other) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


class Identity(torch.nn.Module):
    num_features = 2
    forward = staticmethod(lambda features: features)


@pytest.mark.parametrize(
    ("n_real", "n", "size", "subsets"),
    [(100, 41, 20, 50), (30, 90, 15, 50), (9, 4, 2, 50), (2100, 2040, 1000, 2)],
)
def test_kid_is_torchmetrics_of_subsets_of_half_of_the_smaller_set_at_most_1000(
    n_real, n, size, subsets, monkeypatch
):
    if n > 1000:  # of which fifty subsets take seconds
        monkeypatch.setattr(frechet, "SUBSETS", subsets)
    real, features = gaussian(n_real, 2, 1), gaussian(n, 2, 11, 0.3, 1.2)
    metric = KernelInceptionDistance(Identity(), subsets, size).set_dtype(torch.float64)
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
    assert found.n == 10
    assert floor(train, reference, 40, repeats=4).sd < 1e-9  # all, each time
    assert floor(train[:20], reference, 11, repeats=9).sd > 0.01  # of too few, anew each time


@pytest.mark.parametrize("n", [7, 30])
def test_a_distance_has_the_interval_and_the_sd_of_halves_of_its_samples_scaled(n):
    reference, few = Reference(gaussian(20_000, 8, 0)), gaussian(n, 8, 5)
    halves = frechet.half_distances(reference, few, 30, 3)
    found, draws = distance(reference, few, 30, 3), halves * math.sqrt((n // 2) / (n - n // 2))
    value = oracle.frechet(reference.features.numpy(), few.numpy())
    assert found.ends == pytest.approx((value, *oracle.basic_interval(value, draws)))
    assert (found.sd, found.n) == (pytest.approx(draws.std(ddof=1)), n)
    assert n == 7 or len({*halves}) == 30  # each half is another one
    first, other = (frechet.half_distances(reference, few, 1, seed) for seed in (3, 4))
    assert first == halves[:1] != other


def test_the_interval_of_a_distance_covers_its_mean_over_sets_of_this_size():
    reference = Reference(gaussian(4000, 3, 0))
    found = [distance(reference, gaussian(40, 3, seed, 0.3), 40) for seed in range(1, 81)]
    target, spread = np.mean([one.value for one in found]), np.std([one.value for one in found])
    assert 0.88 < np.mean([one.low <= target <= one.high for one in found]) <= 1
    assert np.mean([one.sd for one in found]) == pytest.approx(spread, rel=0.15)


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
    assert floor.sd == pytest.approx(18**0.5 / (2 * n), rel=0.15)  # of a chi-square of 9 degrees
    above = np.mean([one.low > floor.value for one in found])
    assert above == 1 if exact > 0.1 else above < 0.1  # told apart where they differ, and only there


def test_a_class_that_no_real_image_has_counts_as_half_an_image():
    absent = divergence.divergence(torch.full((50,), 9), torch.arange(9), 10)
    assert absent.value == pytest.approx(math.log(9.5 / 0.5))


def test_a_clear_digit_is_read_with_less_than_certainty():
    labels, confidence = classifier.read(torch.tensor([[0.0, 25, 1], [3, 2, 1]]))
    assert labels.tolist() == [1, 0]
    assert 1 - 1e-9 < confidence[0] < 1
    assert confidence[1].item() == pytest.approx(1 / (1 + math.exp(-1) + math.exp(-2)))


def prc(real, fake, n=None, seed=0):
    return variety.precision_recall_coverage(
        torch.as_tensor(real), torch.as_tensor(fake), n or len(real), seed
    )


@settings(max_examples=12)
@given(st.integers(12, 40), st.integers(1, 4), st.floats(0, 2), st.floats(0.2, 2), st.integers(0, 12))
def test_fidelity_and_variety_are_their_definitions(n, dimension, shift, scale, copies):
    real, fake = gaussian(n, dimension, 1), gaussian(n, dimension, 2, shift, scale)
    fake[:copies] = real[:copies]
    found = prc(real, fake)
    expected = oracle.precision_recall_coverage(real.numpy(), fake.numpy())
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected)
    assert all(one.n == n and 0 <= one.low <= one.value <= one.high <= 1 for one in found.values())
    ends = oracle.wilson(round(n * found["precision"].value), n)
    assert (found["precision"].low, found["precision"].high) == pytest.approx(ends, abs=1e-9)
    for one in (found["recall"], found["coverage"]):  # symmetric, but for the ends of the range
        below, above = one.value - one.low, one.high - one.value
        assert below == pytest.approx(above) or one.low == 0 < below < above or one.high == 1 > below > above


def test_fidelity_and_variety_are_of_as_many_images_of_each_drawn_by_the_seed(monkeypatch):
    real, fake = gaussian(40, 3, 1), gaussian(30, 3, 2, scale=0.6)
    few = prc(real, fake, 13)
    for one in few.values():
        assert (one.n, 13 * one.value) == (13, pytest.approx(round(13 * one.value)))
    assert few == prc(real, fake, 13) != prc(real, fake, 13, 1)
    for first in (prc(real[:13], fake, 13), prc(real, fake[:13], 13)):  # neither set is its first images
        assert any(few[name].value != first[name].value for name in few)
    assert [one.n for one in prc(real, fake, 99).values()] == [30] * 3
    monkeypatch.setattr(variety, "HALVES", 2)
    assert [one.n for one in prc(gaussian(2001, 1, 1), gaussian(2001, 1, 2)).values()] == [2000] * 3
    assert prc(real, fake, variety.FEWEST_IMAGES)["coverage"].n == 12  # as many as a half has neighbours
    with pytest.raises(RuntimeError):
        prc(real, fake, variety.FEWEST_IMAGES - 1)


def test_distances_are_exact_far_from_zero_where_products_of_matrices_are_rounded():
    real = gaussian(40, 3, 1, 1e4)
    real[10:20] = real[10] + 100 + 1e-7 * gaussian(10, 3, 3)
    near = real[10:20] + 3e-7 * gaussian(10, 3, 4)
    expected = oracle.precision_recall_coverage(real.numpy(), near.numpy())["coverage"]
    assert 0 < variety.coverage(real, near) == expected < 0.25
    real[10:20] = real[10]
    assert variety.coverage(real, real[10:11]) == 0.25  # an image is not away from its copy


def test_the_interval_of_recall_and_coverage_has_the_spread_over_fresh_sets():
    random = torch.Generator().manual_seed(0)
    found = [prc(*torch.randn(2, 101, 6, generator=random)) for _ in range(20)]
    for key in ("recall", "coverage"):
        each = [one[key] for one in found]
        widths = [(one.high - one.low) / 3.92 for one in each]
        assert 0.6 < np.mean(widths) / np.std([one.value for one in each], ddof=1) < 2, key
