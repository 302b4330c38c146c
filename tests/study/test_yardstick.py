"""The yardstick of notebook 07: mixes of classes, and images that are no digits."""

import numpy as np
import pytest
import torch
from scipy import stats

from cells import defined
from diffusion import data
from diffusion.evaluation.frechet import Reference

YARDSTICK = defined("07_yardstick", "kinds", "scribbles", "noise", "distorted", "mixed")


@pytest.mark.parametrize("divergence", [0.02, 0.4])
def test_a_tilted_mix_has_the_divergence_asked_for(divergence):
    prior = np.arange(1.0, 11) / 55
    share = YARDSTICK["tilted"](prior, np.random.default_rng(0).normal(size=10), divergence)
    assert stats.entropy(share, prior) == pytest.approx(divergence, rel=1e-6)


def test_real_images_get_further_the_more_their_classes_are_mixed():
    labels = torch.arange(2000) % 2
    x = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x += 6.0 * labels[:, None]
    found = [YARDSTICK["mixed"](Reference(x), x, labels, divergence) for divergence in (0.0, 0.02, 0.4)]
    assert found[0] < 1e-2 < found[1] < found[2]


def test_kinds_are_images_and_a_stitched_digit_is_of_two_classes(mnist_dir):
    x, labels = data.load("mnist", "test", mnist_dir, 200)
    for name, kind in YARDSTICK["DISTORTED"].items():
        made = kind(x, labels, torch.Generator().manual_seed(0))
        assert made.shape == x.shape, name
        assert made.min() >= -0.5, name
        assert made.max() <= 0.5, name
    flat = torch.arange(200.0)[:, None, None, None].expand(-1, 1, 28, 28)
    made = YARDSTICK["stitched"](flat, labels, torch.Generator().manual_seed(0))
    halves = [one.unique().long() for one in made]
    assert all(len(pair) == 2 and labels[pair[0]] != labels[pair[1]] for pair in halves)
