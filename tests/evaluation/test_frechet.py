"""Distances, floors and intervals against closed forms and independent code."""

import math
import re

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from diffusion.evaluation.frechet import (
    Reference,
    distance,
    floor,
    frechet_distance,
    kid,
    to_uint8,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def gaussian(n: int, dimension: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    noise = torch.randn(n, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return noise * scale + shift


def by_scipy(a: np.ndarray, b: np.ndarray) -> float:
    """The distance as its definition has it, with scipy's matrix square root."""
    s, t = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t).real))


# --- to_uint8 ---


@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20))
def test_values_are_clamped_scaled_and_rounded_never_wrapped(values):
    images = torch.zeros(1, 1, 28, 28)
    images.view(-1)[: len(values)] = torch.tensor(values)
    expected = np.rint((np.clip(np.array(values, np.float32), -0.5, 0.5) + np.float32(0.5)) * np.float32(255))
    found = to_uint8(images).view(-1)[: len(values)].numpy()
    assert np.array_equal(found, expected.astype(np.uint8))
    assert np.all(np.diff(found[np.argsort(values)].astype(int)) >= 0)  # wrapping would break the order


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(4, 1, 28, 28, dtype=torch.uint8), "needed: "),
        (torch.zeros(4, 28, 28), "needed: "),
        (torch.full((2, 1, 28, 28), math.nan), "1568 of 1568 pixels are not finite"),
        (torch.full((2, 1, 28, 28), math.inf), "not finite"),
    ],
)
def test_what_are_no_images_is_refused(images, said):
    with pytest.raises(ValueError, match=said):
        to_uint8(images)


# --- Fréchet distance ---


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(12, 60), st.integers(12, 60), st.floats(-2, 2), st.floats(0.2, 3))
def test_the_distance_is_its_definition(dimension, n, m, shift, scale):
    a, b = gaussian(n, dimension, 1), gaussian(m, dimension, 2, shift, scale)
    expected = by_scipy(a.numpy(), b.numpy())
    assert abs(frechet_distance(Reference(a), b) - expected) < 1e-8 * (1 + expected)
    assert abs(frechet_distance(Reference(b), a) - expected) < 1e-8 * (1 + expected)
    assert frechet_distance(Reference(a), a) < 1e-9


def test_statistics_are_kept_in_float64():
    # Features far from zero: in float32 the covariance would drown in the rounding of the squared mean.
    a, b = gaussian(300, 4, 1, 1000, 0.01), gaussian(300, 4, 2, 1000.02, 0.02)
    assert frechet_distance(Reference(a), b) == pytest.approx(by_scipy(a.numpy(), b.numpy()), rel=1e-3)


def test_a_reference_does_not_go_stale():
    real, first = gaussian(80, 5, 1), gaussian(40, 5, 3)
    reference = Reference(real)
    before = frechet_distance(reference, first), kid(reference, first)
    frechet_distance(reference, gaussian(60, 5, 4, 0.5))
    real.add_(100)  # it owns its features
    assert (frechet_distance(reference, first), kid(reference, first)) == before


@settings(max_examples=15)
@given(st.integers(2, 40), st.integers(0, 100))
def test_distances_are_torchmetrics_below_and_above_full_rank(n, seed):
    real, features = gaussian(100, 16, 1), gaussian(n, 16, seed + 10, 0.3, 1.2)
    metrics = FrechetInceptionDistance(Identity(16)), KernelInceptionDistance(Identity(16), 50, n // 2)
    found = []
    for metric in metrics if n > 3 else metrics[:1]:
        metric.set_dtype(torch.float64).update(real, real=True)
        metric.update(features, real=False)
        torch.manual_seed(seed)
        found.append(metric.compute())
    assert frechet_distance(Reference(real), features) == pytest.approx(found[0].item(), abs=1e-5)
    if n > 3:
        one = kid(Reference(real), features, seed)
        assert (one.value, one.sd) == pytest.approx([part.item() for part in found[1]], rel=1e-12)


class Identity(torch.nn.Module):
    """Takes the place of torchmetrics' feature network: the input already is features."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, features):
        return features


BAD_FEATURES = {
    "(1, 3)": gaussian(1, 3, 1),
    "(2, 2, 3)": gaussian(4, 3, 1).view(2, 2, 3),
    "int64": torch.zeros(4, 3, dtype=torch.int64),
    "(4, 2)": gaussian(4, 2, 1),
    "finite": gaussian(4, 3, 1).fill_(math.nan),
}


@pytest.mark.parametrize("said", BAD_FEATURES)
def test_bad_features_are_refused(said):
    with pytest.raises(ValueError, match=re.escape(said)):
        frechet_distance(Reference(gaussian(40, 3, 2)), BAD_FEATURES[said])


# --- floor, interval, gap ---


def test_floor_falls_as_one_over_n():
    train, reference = gaussian(20_000, 16, 1), Reference(gaussian(20_000, 16, 2))
    small, large = (floor(train, reference, n, repeats=8) for n in (200, 800))
    assert small.n == 200
    assert small.value / large.value == pytest.approx(4, rel=0.25)
    assert 0 < large.sd < small.sd < small.value
    assert floor(train, reference, 200, repeats=8) == small
    assert floor(train, reference, 200, repeats=8, seed=1) != small


def test_interval_covers_the_mean_distance_at_this_n_and_a_plain_bootstrap_does_not():
    n, dimension, sets = 60, 8, 60
    reference = Reference(gaussian(20_000, dimension, 0))
    target = np.mean(
        [frechet_distance(reference, gaussian(n, dimension, s, 0.3, 1.1)) for s in range(1000, 1400)]
    )
    covered = plainly = 0
    found = []
    for seed in range(sets):
        features = gaussian(n, dimension, seed + 1, 0.3, 1.1)
        one = distance(reference, features, repeats=60, seed=seed)
        assert 0 <= one.low <= one.value <= one.high
        covered += one.low <= target <= one.high
        draws = torch.Generator().manual_seed(seed)
        plain = [
            frechet_distance(reference, features[torch.randint(n, (n,), generator=draws)]) for _ in range(60)
        ]
        plainly += np.quantile(plain, 0.025) <= target <= np.quantile(plain, 0.975)
        found.append(one)
    assert covered >= 0.86 * sets
    assert plainly < 0.6 * sets
    assert np.mean([one.sd for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.35)
