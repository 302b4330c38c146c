"""Priors: what they draw of the pixels that they were fitted on."""

import pytest
import torch

from diffusion.processes.priors import Mixture, Patches, Pixels


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def test_independent_pixels_and_colours_have_the_values_of_the_centres():
    black, white = torch.full((300, 3, 4, 4), -0.5), torch.full((100, 3, 4, 4), 0.5)
    found = Pixels().fit(torch.cat([black, white]))
    assert found.counts.tolist() == [300 * 48, *[0] * 254, 100 * 48]
    drawn = found.draw(500, g())
    assert drawn.shape == (500, 3, 4, 4)
    assert (drawn == 0.5).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.corrcoef(drawn.flatten(1).T).fill_diagonal_(0).abs().max() < 0.2  # independent


def test_patches_are_real_ones_and_all_of_them():
    patches = torch.rand(28, 3, 4, 4, generator=g())
    real, found = patches.flatten(1).unique(dim=0), Patches().fit(patches)
    assert torch.equal(found.draw(400, g()).flatten(1).unique(dim=0), real)


def test_the_mixture_has_the_moments_of_real_centres_in_colour_too_and_copies_none():
    patches = torch.randn(2000, 3, 2, 2, generator=g()) * 0.05
    patches[..., 1] += patches[..., 0] - 0.1  # correlated pixels
    patches[::2, 1] += 0.3  # two clusters, told by one colour
    drawn, real = Mixture(components=2).fit(patches).draw(4000, g(1)).flatten(1), patches.flatten(1)
    assert torch.allclose(drawn.mean(0), real.mean(0), atol=0.02)
    assert torch.allclose(torch.cov(drawn.T), torch.cov(real.T), atol=0.003)
    assert torch.allclose(torch.corrcoef(drawn.T), torch.corrcoef(real.T), atol=0.06)
    assert torch.cdist(drawn, real).min() > 0
    black_and_white = torch.full((60, 1, 2, 2), -0.5)
    black_and_white[::2] = 0.5
    drawn = Mixture(components=2).fit(black_and_white).draw(500, g())
    assert (drawn.min(), drawn.max()) == (-0.5, 0.5)  # and no darker than black
