"""Priors: what they draw of the pixels that they were fitted on."""

import pytest
import torch

from diffusion.processes.priors import Mixture, Patches, Pixels, fitted, prior_of
from own import Grey


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def test_independent_pixels_have_the_values_of_the_centres():
    black, white = torch.full((300, 1, 4, 4), -0.5), torch.full((100, 1, 4, 4), 0.5)
    found = Pixels().fit(torch.cat([black, white]))
    assert (found.counts.sum(), found.counts[0], found.counts[255]) == (400 * 16, 300 * 16, 100 * 16)
    drawn = found.draw(500, g())
    assert drawn.shape == (500, 1, 4, 4)
    assert set(drawn.unique().tolist()) == {-0.5, 0.5}
    assert (drawn == 0.5).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.corrcoef(drawn.flatten(1).T).fill_diagonal_(0).abs().max() < 0.2  # independent


def test_patches_are_real_ones():
    patches = torch.rand(28, 1, 4, 4, generator=g())
    real = {tuple(p.flatten().tolist()) for p in patches}
    assert {tuple(p.flatten().tolist()) for p in Patches().fit(patches).draw(40, g())} <= real


def test_the_mixture_has_the_moments_of_real_centres_and_copies_none():
    random = g()
    patches = torch.randn(4000, 1, 2, 2, generator=random) * 0.05
    patches[..., 1] += patches[..., 0] - 0.1  # correlated pixels
    patches[::2] += 0.3  # in two clusters
    drawn, real = Mixture(components=2).fit(patches).draw(4000, g(1)).flatten(1), patches.flatten(1)
    assert torch.allclose(drawn.mean(0), real.mean(0), atol=0.02)
    assert torch.allclose(torch.cov(drawn.T), torch.cov(real.T), atol=0.003)
    assert torch.cdist(drawn, real).min() > 0
    with pytest.raises(ValueError, match="50 components need as many patches; there are 20"):
        Mixture().fit(patches[:20])


def test_one_of_ones_own_is_fitted_in_place_or_gives_what_draws():
    class Gives:
        def fit(self, pixels):
            return Grey(0.3)

    pixels = torch.zeros(3, 1, 4, 4)
    assert (fitted(Grey(0.2), pixels).draw(2, g()) == 0.2).all()
    assert fitted(Gives(), pixels).level == 0.3

    class Draws:
        draw = Grey.draw

    ready = Draws()
    assert fitted(ready, pixels) is ready
    Gives.fit = lambda self, pixels: 3
    with pytest.raises(ValueError, match="gave what does not draw"):
        fitted(Gives(), pixels)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: prior_of("pixel"), "prior is 'pixel'.*did you mean 'pixels'"),
        (lambda: prior_of("patches", {"x": 1}), "Patches has no option 'x'"),
        (
            lambda: prior_of("mixture", {"components": 0}),
            "components = 0",
        ),
        (lambda: prior_of(Mixture(), {"components": 3}), "takes no options"),
        (lambda: prior_of(3), "prior is a int; needed: one with fit or draw"),
    ],
)
def test_what_is_no_prior_is_refused(make, named):
    with pytest.raises(ValueError, match=named):
        make()
