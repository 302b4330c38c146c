"""Weighted and paired distances against repeated images, a library's matrix root and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from diffusion.evaluation.frechet import Reference, distance
from report.measures import distances
from unit import oracles_measures as oracle


def normal(n, mean=0.0, seed=0, d=4):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def test_weights_are_those_of_weighted_moments():
    real, x = normal(300), normal(100, 0.5, 1)
    w = 7 * torch.rand(100, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    w[70:] = 0  # these images are left out
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
    back = distances.frechet_gap(Reference(real), before, after, 40, 2)
    assert back.ends == pytest.approx((-found.value, -found.high, -found.low))
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


@pytest.mark.parametrize("weights", [[0.0, 0, 1, 0], [0.0, 0, 0, 0], [float("nan"), 1, 1, 1]])
def test_fewer_than_two_images_have_no_distance(weights):
    with pytest.raises(ValueError, match="fewer than two images have a positive weight"):
        distances.weighted_distance(Reference(normal(30)), normal(4), torch.tensor(weights))
    two = torch.tensor([1.0, 0, 0.5, 0])
    assert distances.weighted_distance(Reference(normal(30)), normal(4), two) > 0


def test_the_distances_by_mix_are_of_the_first_samples_and_of_all_classes():
    real, _ = two_classes(600, 0.5, 0)
    x, labels = two_classes(700, 0.3, 1)
    read = torch.tensor([0, 2]).repeat_interleave(300)  # of three classes, one of which is missing
    found = distances.split(Reference(real), x, labels, read, repeats=3)
    weights = (labels[:500] == 0) / (labels[:500] == 0).sum()
    expected = distances.weighted_distance(Reference(real), x[:500], weights)
    assert found["mix_frechet"] == distance(Reference(real), x[:500], 3)
    assert (found["mix_reweighted"].value, found["mix_reweighted"].n) == (pytest.approx(expected), 500)
