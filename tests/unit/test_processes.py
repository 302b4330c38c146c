"""Degradations, samplers and priors: against torchvision, closed forms and moments."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.functional import InterpolationMode, resized_crop

from diffusion.processes import DDPM, ColdBlur, ColdCrop, ColdZoom, linear
from diffusion.processes.priors import Gaussians, Mixture, Patches, Pixels
from diffusion.processes.zoom import zoom
from helpers import Fade, walk


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(n, side=28, colours=1, seed=0):
    """Images of noise."""
    return torch.rand(n, colours, side, side, generator=g(seed)) - 0.5


# --- any ---


def test_the_way_back_is_in_chunks_and_in_float32_whatever_sampler_and_network_compute_in():
    asked, start = [], drawn(7)

    def wide(process, x_t, prediction, t, s, generator):
        return process.degrade(prediction, torch.full((7,), s)).double()

    def network(x, t):
        asked.append((len(x), x.dtype, t.dtype, *{*t.tolist()}))
        return (x * 0.5).half()

    x = walk(Fade(T=2), network, 7, start=start, sampler=wide, chunk=3)
    assert asked == [(n, torch.float32, torch.float32, share) for share in (1.0, 0.5) for n in (3, 3, 1)]
    assert torch.equal(x[1], (start * 0.5).half().float() * 0.5)
    assert torch.equal(walk(Fade(T=2), network, 7, start=start, sampler=wide)[0], x[0])


# --- the zoom ---


def by_torchvision(x, t, mode="nearest"):
    """Images (n, C, S, S), each at its own level."""
    S, mode = x.shape[-1], InterpolationMode(mode)
    crops = [((k + 1) // 2, (k + 1) // 2, S - k, S - k) for k in t]
    zoomed = [resized_crop(a, *b, [S, S], mode, antialias=False) for a, b in zip(x, crops, strict=True)]
    return torch.stack(zoomed)


@settings(max_examples=20)
@given(st.integers(2, 33), st.integers(1, 3), st.integers(0, 9), st.booleans())
def test_it_is_torchvisions_crop_and_resize_with_a_level_of_its_own_for_each_image(S, C, seed, strided):
    x, t = drawn(S, S, C, seed), torch.randperm(S, generator=g(seed))
    x = x.transpose(2, 3) if strided else x
    nearest, bilinear = ColdZoom(T=S - 1), ColdZoom(T=S - 1, interpolation="bilinear")
    assert torch.equal(nearest.degrade(x, t), by_torchvision(x, t.tolist()))
    assert torch.equal(zoom(x, t), nearest.degrade(x, t))
    assert (bilinear.degrade(x, t) - by_torchvision(x, t.tolist(), "bilinear")).abs().max() < 1e-5


DEEPEST = [(ColdZoom(24), 3, 28, 4), (ColdZoom(3), 1, 9, 6), (ColdZoom(27), 1, 28, 1), (ColdZoom(), 1, 32, 4)]
DEEPEST += [(ColdZoom(24), 1, 32, 8), (ColdZoom(), 1, 4, 3), (ColdZoom(), 1, 2, 1)]  # one level at least


@pytest.mark.parametrize(
    ("process", "C", "S", "left"), [*DEEPEST, (ColdCrop(), 3, 28, 4), (ColdCrop(3), 1, 9, 4)]
)
def test_the_pixels_of_the_deepest_level_are_taken_out_and_put_back(process, C, S, left):
    """4 a side, where nothing is said."""
    process, x = copy.copy(process), drawn(5, S, C)
    process.set_image_shape((C, S, S))
    pixels, deepest = process.to_pixels(x), process.degrade(x, torch.full((5,), process.T))
    assert pixels.shape == (5, C, left, left)
    assert torch.equal(process.from_pixels(pixels), deepest)
    assert torch.equal(process.from_pixels(deepest), deepest)


# --- levels ---

BUILT_IN = [ColdZoom(24), ColdCrop(8), ColdBlur(5), DDPM(linear(10))]


@pytest.mark.parametrize("process", BUILT_IN, ids=lambda process: type(process).__name__)
def test_a_level_stands_for_all_images_or_for_one_each_and_is_from_0_to_T(process):
    x, how = drawn(3), {"eps": torch.zeros(3, 1, 28, 28)} if isinstance(process, DDPM) else {}
    expected = process.degrade(x, torch.full((3,), 4), **how)
    for four in (4, np.int64(4), [4], torch.tensor(4), torch.tensor([4], dtype=torch.int32), [4, 4, 4]):
        assert torch.equal(process.degrade(x, four, **how), expected)
    many = process.degrade(x[:1], torch.arange(3), **how)
    assert torch.equal(many, process.degrade(x[:1].expand(3, -1, -1, -1), torch.arange(3), **how))
    with pytest.raises(ValueError, match=f"t is .* from 0 to {process.T}"):
        process.degrade(x, process.T + 1, **how)


# --- the blur ---


def test_its_prior_has_mean_and_covariance_of_blurred_images_in_colour_too():
    x = drawn(300, 8, 3)
    x[:, 1] = 0.5 * x[:, 0] + 0.2  # colours that belong together
    process = ColdBlur(T=4)
    process.set_image_shape((3, 8, 8))
    process.prepare(x)
    real = process.degrade(x, torch.full((300,), 4)).flatten(1)
    found = process.draw_prior(4000, g(1)).flatten(1)
    assert torch.allclose(found.mean(0), real.mean(0), atol=0.1 * real.std(0).mean())
    assert torch.allclose(torch.cov(found.T), torch.cov(real.T), atol=0.15 * real.var(0).mean())
    z = torch.randn(4000, 192, generator=g(1))  # of the generator alone
    assert torch.allclose(found, process.mean + z @ process.spread.mT, atol=1e-5)


# --- priors: what they draw of the pixels that they were fitted on ---


def test_independent_pixels_and_colours_have_the_values_of_the_centres():
    black, white = torch.full((300, 3, 4, 4), -0.5), torch.full((100, 3, 4, 4), 0.5)
    found = Pixels().fit(torch.cat([black, white])).draw(500, g())
    assert (found == 0.5).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.corrcoef(found.flatten(1).T).fill_diagonal_(0).abs().max() < 0.2  # independent


def test_a_mixture_of_one_has_the_mean_and_covariance_of_the_first_20000_patches_and_its_floor():
    """In colour, too. Its floor of 1e-4 keeps what never varies from being singular."""
    values = torch.rand(20_001, 2, 2, 2, generator=g()) - 0.5
    values[:, 1, 0, 1] = 0.25 * values[:, 0, 1, 0] + 0.1
    values[20_000] = 40.0
    found, real = Mixture(1).fit(values), values[:20_000].flatten(1).double()
    assert torch.allclose(found.means[0], real.mean(0), atol=1e-9)
    covariance = torch.cov(real.T, correction=0) + 1e-4 * torch.eye(8)
    assert torch.allclose(found.spread[0] @ found.spread[0].T, covariance, atol=1e-9)
    assert (found.weights.tolist(), found.channels) == ([1.0], 2)


def test_a_mixture_has_a_component_for_each_cluster_and_copies_no_patch():
    patches = torch.randn(2000, 3, 2, 2, generator=g()) * 0.05
    patches[:500, 1] += 0.3  # two clusters, told by one colour
    fitted = Mixture(2).fit(patches)
    assert sorted(fitted.weights.tolist()) == pytest.approx([0.25, 0.75], abs=0.01)
    assert torch.cdist(fitted.draw(4000, g(1)).flatten(1), patches.flatten(1)).min() > 0


def test_a_mixture_is_the_same_wherever_it_is_fitted_and_its_draws_are_those_of_the_generator():
    patches, found = torch.rand(300, 1, 2, 2, generator=g()) - 0.5, []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - scikit-learn would draw from it
        found.append(Mixture(5).fit(patches).draw(9, g(3)))
    assert torch.equal(*found)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 99))
def test_draws_of_a_mixture_are_a_mean_and_its_spread_times_noise_clipped(colours, side, n, seed):
    D, draws = colours * side * side, g(seed)
    weights, means, spread = (
        torch.randn(shape, generator=g(seed + 1), dtype=torch.float64) for shape in (3, (3, D), (3, D, D))
    )
    found = Gaussians(weights.abs(), 0.3 * means, 0.2 * spread, colours).draw(n, g(seed))
    which = torch.multinomial(weights.abs(), n, replacement=True, generator=draws)
    noise = torch.randn((n, D, 1), generator=draws, dtype=torch.float64)
    values = [0.3 * means[k] + (0.2 * spread[k] @ z)[:, 0] for k, z in zip(which, noise, strict=True)]
    expected = torch.stack(values).clip(-0.5, 0.5).float().view(n, colours, side, side)
    assert torch.allclose(found, expected, atol=1e-6)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_pixels_and_patches_that_are_drawn_have_grey_values_of_what_they_are_fitted_on(
    a, b, colours, side, seed
):
    greys = torch.tensor([a, a, b, b]).float().div(255).sub(0.5)  # as images are loaded
    pixels = greys.view(4, 1, 1, 1).repeat(1, colours, side, side)
    fitted = Pixels().fit(pixels)
    expected = torch.zeros(256, dtype=torch.long)
    expected[a] += 2 * colours * side**2
    expected[b] += 2 * colours * side**2
    assert torch.equal(fitted.counts, expected)
    found = fitted.draw(5, g(seed))
    assert found.shape == (5, colours, side, side)
    assert {*found.unique().tolist()} <= {*pixels.unique().tolist()}
    assert torch.equal(fitted.draw(5, g(seed)), found)
    patches = Patches().fit(pixels)
    drawn = patches.draw(5, g(seed))
    assert torch.equal(drawn, pixels[torch.randint(4, (5,), generator=g(seed))])
    pixels.zero_()  # of which it has a copy
    assert torch.equal(patches.draw(5, g(seed)), drawn)
