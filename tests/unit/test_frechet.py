"""Distances, floors and intervals against closed forms and independent code."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import KernelInceptionDistance

from diffusion.evaluation import frechet
from diffusion.evaluation.frechet import Reference, distance, floor, frechet_distance, kid, to_uint8

pytestmark = pytest.mark.usefixtures("one_thread")


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


def test_the_interval_covers_the_mean_distance_at_this_n():
    n, dimension, sets = 60, 8, 60
    reference = Reference(gaussian(20_000, dimension, 0))
    drawn = [gaussian(n, dimension, seed, 0.3, 1.1) for seed in range(1000, 1400)]
    target = np.mean([frechet_distance(reference, one) for one in drawn])
    found = [distance(reference, one, repeats=60, seed=seed) for seed, one in enumerate(drawn[:sets])]
    assert np.mean([one.low <= target <= one.high for one in found]) >= 0.86
    assert np.mean([one.sd for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.35)
    few = gaussian(7, dimension, 5)
    halves = frechet.of_halves(reference, few, 30, 3)
    assert distance(reference, few, 30, 3).sd == pytest.approx(halves.std(ddof=1) * math.sqrt(3 / 4))
