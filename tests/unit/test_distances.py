"""Weighted and paired distances against repeated images, a library's matrix root and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

from diffusion.evaluation.frechet import Reference, distance, frechet_distance, half_distances
from diffusion.evaluation.statistics import half_error
from diffusion.runtime import generator
from report.measures import distances, divergence
from report.measures.registry import MEASURES
from unit import oracles_measures as oracle


def normal(n, mean=0.0, seed=0, d=4):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def test_weights_are_those_of_weighted_moments():
    real, x = normal(300), normal(100, 0.5, 1)
    w = torch.rand(100, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    mean, cov = np.average(x, axis=0, weights=w), np.cov(x.T, aweights=w)
    mean_r, cov_r = real.mean(0).numpy(), np.cov(real.T)
    expected = ((mean - mean_r) ** 2).sum() + np.trace(cov + cov_r - 2 * linalg.sqrtm(cov @ cov_r).real)
    assert distances.weighted_distance(Reference(real), x, w) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=6)
@given(st.integers(8, 40), st.floats(-1, 1), st.floats(0.5, 2))
def test_a_change_has_the_interval_of_sets_that_are_halved_alike(n, shift, scale):
    real, before = normal(200, d=3), normal(n, 0.3, 1, 3)
    after = before * scale + shift
    found = distances.frechet_gap(Reference(real), after, before, 40, 2)
    values = [oracle.frechet(x.numpy(), real.numpy()) for x in (after, before)]
    assert found.value == pytest.approx(values[0] - values[1], abs=1e-7)
    assert found.value - found.low == pytest.approx(found.high - found.value)
    # One set is moved as a whole: its distance changes by a number for each mean, whatever its spread.
    same = distances.frechet_gap(Reference(real), before, before.clone(), 40, 2)
    assert same.ends == (0, 0, 0)
    moved = distances.frechet_gap(Reference(real), before + shift, before, 40, 2)
    gap = 2 * shift * (before - real.mean(0)).sum(1)  # of the mean's part, by image
    assert moved.high - moved.value == pytest.approx(1.96 * gap.std().item() / n**0.5, rel=0.6, abs=1e-9)


def two_classes(n, share, seed):
    """Features of two classes far from each other, `share` of the first one."""
    labels = (torch.arange(n) % 10 >= 10 * share).long()
    return normal(n, 0, seed) + 6.0 * labels[:, None], labels


@pytest.mark.parametrize(("share", "off"), [(0.8, 0.0), (0.3, 1.0)])
def test_what_is_wrong_with_the_mix_of_classes_goes_and_what_is_wrong_within_them_stays(share, off):
    real, real_labels = two_classes(4000, 0.3, 0)
    x, labels = two_classes(2000, share, 1)
    found = distances.split(Reference(real), x + off, labels, real_labels, repeats=20)
    whole, mixed = found["mix_frechet"], found["mix_reweighted"]
    assert mixed.low < mixed.value < mixed.high
    assert whole.n == mixed.n == distances.N  # of so many, whatever there are
    if off:
        assert mixed.value == pytest.approx(whole.value, rel=1e-6)
        assert mixed.high - mixed.low < (whole.high - whole.low) / 2  # a half has another mix
    else:
        assert mixed.value < 0.1 < 10 < whole.value


# --- weights ---


def test_weights_make_the_shares_of_the_classes():
    labels, shares = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0.25, 0.5, 0.15, 0.1])
    weights = distances.class_weights(labels, shares)
    sums = [float(weights[labels == k].sum()) / len(labels) for k in range(3)]
    assert sums == pytest.approx([0.25, 0.5, 0.15])
    assert float(weights[0]) == float(weights[2])


def test_weights_may_have_any_sum_and_equal_ones_give_the_distance():
    real, x = Reference(normal(300)), normal(50, 0.3, 1)
    expected = frechet_distance(real, x)
    for weight in (1.0, 7.0, 1e-3):
        assert distances.weighted_distance(real, x, torch.full((50,), weight)) == pytest.approx(expected)
    doubled = distances.weighted_distance(real, x.float(), torch.ones(50))
    assert doubled == pytest.approx(expected, rel=1e-5)


def test_a_weight_of_nought_leaves_an_image_out():
    real, x = Reference(normal(300)), normal(40, 0.3, 1)
    w = torch.cat([torch.ones(30), torch.zeros(10)])
    assert distances.weighted_distance(real, x, w) == pytest.approx(frechet_distance(real, x[:30]))


@pytest.mark.parametrize("weights", [[0.0, 0, 1, 0], [0.0, 0, 0, 0], [float("nan"), 1, 1, 1]])
def test_fewer_than_two_images_have_no_distance(weights):
    with pytest.raises(ValueError, match="fewer than two images have a positive weight"):
        distances.weighted_distance(Reference(normal(30)), normal(4), torch.tensor(weights))
    two = torch.tensor([1.0, 0, 0.5, 0])
    assert distances.weighted_distance(Reference(normal(30)), normal(4), two) > 0


# --- the distance without the mix, and before and after a change ---


def test_the_interval_of_a_reweighted_distance_is_that_of_random_halves():
    real, real_labels = two_classes(400, 0.5, 0)
    x, labels = two_classes(101, 0.3, 1)
    reference, shares = Reference(real), torch.tensor([0.5, 0.5])
    found = distances.reweighted(reference, x + 0.5, labels, shares, repeats=9)
    halves = []
    for repeat in range(9):
        half = torch.randperm(101, generator=generator(0, 50, repeat))[:50]
        w = distances.class_weights(labels[half], shares)
        halves.append(distances.weighted_distance(reference, x[half] + 0.5, w))
    error = 1.96 * np.std(halves, ddof=1) * (50 / 51) ** 0.5
    value = distances.weighted_distance(reference, x + 0.5, distances.class_weights(labels, shares))
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx((max(0, value - error), value + error))
    assert found.n == 101
    near = distances.reweighted(reference, x, labels, shares, repeats=3)
    assert near.low >= 0


def test_the_distances_by_mix_are_of_the_first_samples_and_of_all_classes():
    real, _ = two_classes(600, 0.5, 0)
    x, labels = two_classes(700, 0.3, 1)
    read = torch.cat(
        [torch.zeros(300), torch.full((300,), 2)]
    ).long()  # of three classes, one of which is missing
    found = distances.split(Reference(real), x, labels, read, repeats=3)
    assert found["mix_frechet"] == distance(Reference(real), x[:500], 3)
    first = distances.class_weights(labels[:500], torch.tensor([0.5, 0.0, 0.5]))
    assert found["mix_reweighted"].value == pytest.approx(
        distances.weighted_distance(Reference(real), x[:500], first)
    )
    assert {one.n for one in found.values()} == {500}


def test_a_gap_is_after_minus_before_and_what_both_share_does_not_widen_it():
    reference = Reference(normal(400))
    before = normal(200, 0.2, 1)
    after = before + 0.3
    gap = distances.frechet_gap(reference, after, before, repeats=20, seed=3)
    assert gap.value == pytest.approx(
        frechet_distance(reference, after) - frechet_distance(reference, before)
    )
    assert gap.value > 0
    assert gap.value - gap.low == pytest.approx(gap.high - gap.value)
    draws = half_distances(reference, after, 20, 3) - half_distances(reference, before, 20, 3)
    assert gap.high - gap.value == pytest.approx(half_error(draws, 200))
    back = distances.frechet_gap(reference, before, after, repeats=20, seed=3)
    assert back.ends == pytest.approx((-gap.value, -gap.high, -gap.low))
    nothing = distances.frechet_gap(reference, before.float(), before.float())
    assert nothing.ends == (0.0, 0.0, 0.0)
    apart = distances.frechet_gap(reference, normal(200, 0.5, 9), before, repeats=20)
    assert apart.high - apart.low > 1.5 * (gap.high - gap.low)  # other samples do not share their scatter


# --- class shares ---


def test_shares_are_counts_and_their_intervals_those_of_wilson():
    labels = torch.tensor([0] * 30 + [2] * 60 + [3] * 10)
    found = divergence.class_shares(labels, 5)
    assert [one.value for one in found] == [0.3, 0.0, 0.6, 0.1, 0.0]
    for one, count in zip(found, (30, 0, 60, 10, 0), strict=True):
        z, p = stats.norm.ppf(0.975), count / 100
        middle, half = p + z**2 / 200, z * (p * (1 - p) / 100 + z**2 / 40_000) ** 0.5
        ends = [(middle + sign * half) / (1 + z**2 / 100) for sign in (-1, 1)]
        assert [one.low, one.high] == pytest.approx(ends, abs=1e-12)


def test_a_missing_class_counts_as_a_half_unless_none_does():
    labels = torch.tensor([0, 0, 0, 2])
    assert divergence.shares(labels, 4).tolist() == pytest.approx([3 / 5, 0.5 / 5, 1 / 5, 0.5 / 5])
    assert divergence.shares(labels, 4, 0).tolist() == [0.75, 0.0, 0.25, 0.0]
    assert divergence.shares(labels, 4, 2.0).tolist() == pytest.approx([3 / 8, 2 / 8, 1 / 8, 2 / 8])


def test_the_divergence_is_that_of_kullback_and_leibler_from_the_real_shares():
    real = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    labels = torch.tensor([0] * 20 + [1] * 80)
    found = divergence.divergence(labels, real, 3)
    assert found.value == pytest.approx(stats.entropy([0.2, 0.8, 0.0], [0.5, 0.3, 0.2]))
    assert found.low < found.value < found.high
    assert divergence.divergence(real, real, 3).value == pytest.approx(0.0, abs=1e-12)
    never = divergence.divergence(labels, torch.tensor([0] * 99), 2)  # class 1 counts as half a label
    assert never.value == pytest.approx(stats.entropy([0.2, 0.8], [99 / 99.5, 0.5 / 99.5]))
    assert np.isfinite(never.high)


def test_the_interval_of_a_divergence_comes_from_draws_about_the_samples_own_shares():
    real, labels = torch.arange(1000) % 4, torch.tensor([0] * 70 + [1] * 50 + [2] * 50 + [3] * 30)
    found = divergence.divergence(labels, real, 4, seed=5)
    draws = np.random.default_rng(1).multinomial(200, [0.35, 0.25, 0.25, 0.15], 4000) / 200
    values = stats.entropy(draws.T, np.full((4, 1), 0.25))
    below, above = np.quantile(values - values.mean(), [0.025, 0.975])
    assert found.low == pytest.approx(max(0, found.value - above), abs=0.005)
    assert found.high == pytest.approx(found.value - below, abs=0.005)


@pytest.mark.parametrize("n", [50, 400])
def test_the_floor_is_the_bias_of_as_many_real_images(n):
    real = torch.arange(1000) % 4
    found = divergence.divergence_floor(real, n, 4)
    assert found.value == pytest.approx(3 / (2 * n), rel=0.12)  # chi-square of 3 degrees, over 2 n
    assert found.sd == pytest.approx(6**0.5 / (2 * n), rel=0.15)
    assert (found.n, found.low) == (n, None)
    assert divergence.divergence_floor(real, n, 4, seed=1) != found


def test_the_divergence_is_of_the_first_samples_and_the_shares_of_all():
    evaluator = SimpleNamespace(classes=3, all_labels=torch.tensor([0, 1, 2, 2]))
    seen = SimpleNamespace(labels=torch.tensor([0, 0, 1, 2]), n=3, seed=4, evaluator=evaluator)
    labels, prior, classes, seed = MEASURES["divergence"].arguments(seen)
    assert (labels.tolist(), prior.tolist(), classes, seed) == ([0, 0, 1], [0, 1, 2, 2], 3, 4)
    assert MEASURES["class_share"].arguments(seen)[0].tolist() == [0, 0, 1, 2]
    without = SimpleNamespace(labels=None)
    assert not MEASURES["divergence"].arguments(without)
    assert not MEASURES["class_share"].arguments(without)
    assert not MEASURES["divergence"].real  # real images are what it is measured from
    assert not MEASURES["class_share"].real
