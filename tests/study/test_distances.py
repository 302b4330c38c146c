"""Weighted and paired distances against repeated images, a library's matrix root and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg

from diffusion.evaluation.frechet import Reference, distance
from diffusion.evaluation.statistics import Interval
from study import distances


def normal(n, mean=0.0, seed=0, d=4):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def test_weights_are_those_of_weighted_moments():
    real, x = normal(300), normal(100, 0.5, 1)
    w = torch.rand(100, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    mean, cov = np.average(x, axis=0, weights=w), np.cov(x.T, aweights=w)
    mean_r, cov_r = real.mean(0).numpy(), np.cov(real.T)
    expected = ((mean - mean_r) ** 2).sum() + np.trace(cov + cov_r - 2 * linalg.sqrtm(cov @ cov_r).real)
    assert distances.weighted_distance(Reference(real), x, w) == pytest.approx(expected, rel=1e-9)


def two_classes(n, share, seed):
    """Features of two classes far from each other, `share` of the first one."""
    labels = (torch.arange(n) % 10 >= 10 * share).long()
    return normal(n, 0, seed) + 6.0 * labels[:, None], labels


def test_samples_that_are_right_but_for_their_mix_have_no_distance_left():
    real, real_labels = two_classes(4000, 0.5, 0)
    x, labels = two_classes(2000, 0.8, 1)
    found = distances.split(Reference(real), x, labels, real_labels, repeats=20)
    assert found["mix_frechet"].n == found["mix_reweighted"].n == distances.N
    assert found["mix_frechet"].value > 10
    assert found["mix_reweighted"].value < 0.1


def test_samples_that_are_wrong_within_their_classes_keep_their_distance():
    real, real_labels = two_classes(2000, 0.5, 0)
    x, labels = two_classes(1000, 0.5, 1)
    found = distances.split(Reference(real), x + 1.0, labels, real_labels, repeats=20)
    assert found["mix_reweighted"].value == pytest.approx(found["mix_frechet"].value, rel=1e-6)
    assert found["mix_reweighted"].low < found["mix_reweighted"].value < found["mix_reweighted"].high


def test_a_class_without_samples_stays_out():
    labels = torch.tensor([0, 0, 2])
    shares = torch.tensor([0.25, 0.5, 0.25] + [0.0] * 7)
    assert distances.class_weights(labels, shares).tolist() == pytest.approx([0.375, 0.375, 0.75])


def test_the_gap_of_paired_sets_is_known_better_than_of_two_sets():
    reference = Reference(normal(2000, d=6))
    a = normal(300, seed=1, d=6)
    found = distances.frechet_gap(reference, a + 0.3, a)
    apart = [distance(reference, x) for x in (a + 0.3, a)]
    assert found.value == pytest.approx(apart[0].value - apart[1].value)
    assert found.low < 6 * 0.3**2 < found.high  # the mean moves, the covariance does not
    assert found.high - found.low < math.hypot(*((one.high - one.low) for one in apart))
    assert distances.frechet_gap(reference, a, a) == Interval(0.0, 0.0, 0.0)
