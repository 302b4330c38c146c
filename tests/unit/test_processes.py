"""Degradations, noise schedules, samplers and priors: against torchvision and equations written out."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchvision.transforms.functional import InterpolationMode, gaussian_blur, resized_crop

from diffusion.processes import DDPM, ColdBlur, ColdCrop, ColdZoom, NoiseSchedule, cosine, linear
from diffusion.processes.priors import Mixture, Patches, Pixels
from diffusion.processes.samplers import DDIM, Ancestral, Improved, Naive, visits
from helpers import Exact, Fade, sampled, walk


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(n, side=28, colours=1, seed=0):
    """Images of noise."""
    return torch.rand(n, colours, side, side, generator=g(seed)) - 0.5


# --- any ---


@pytest.mark.parametrize("noise", [0, 0.3])
def test_cold_diffusion_learns_the_clean_image_from_each_level_from_1_to_T(noise):
    """Algorithm 1 and Eq. (11); each image is noised by another amount, before it is degraded."""
    process, x, seen = Fade(T=4, strength=0.5), drawn(4000, 8), {}
    process.image_noise = noise

    def restores(x_t, t):
        seen.update(t=t, x=x_t / (1 - 0.5 * t)[:, None, None, None])
        return seen["x"] + 0.1

    expected = 0.1**2 + noise**2 / 3  # U(0, noise), squared, has this mean
    assert process.loss(restores, x, g()).item() == pytest.approx(expected, rel=0.03)
    sd = (seen["x"] - x).std((1, 2, 3))
    for t in (0.25, 0.5, 0.75, 1.0):
        of_level = sd[seen["t"] == t]
        assert len(of_level) == pytest.approx(1000, abs=100)
        assert (of_level.mean(), of_level.std()) == pytest.approx((noise / 2, noise / 12**0.5), abs=0.01)


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
    assert (bilinear.degrade(x, t) - by_torchvision(x, t.tolist(), "bilinear")).abs().max() < 1e-5


def test_sampling_is_algorithm_2():
    x = drawn(3)
    found = sampled(ColdZoom(T=5), lambda x, t: 0.9 * x + 0.1 * t[0], 3, start=x)
    for s in (5, 4, 3, 2, 1):
        x = by_torchvision(0.9 * x + 0.1 * torch.tensor(s / 5), [s - 1] * 3)
    assert torch.equal(found, x)


DEEPEST = [(ColdZoom(24), 3, 28, 4), (ColdZoom(3), 1, 9, 6), (ColdZoom(27), 1, 28, 1), (ColdZoom(), 1, 32, 4)]


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


def test_a_crop_leaves_the_same_share_of_the_side_at_each_level_where_it_is_and_black_around():
    x, t = drawn(6, 64, 3), torch.tensor([0, 1, 2, 3, 4, 4])
    for clean, left, side in zip(x, ColdCrop(T=4).degrade(x, t), (64, 32, 16, 8, 4, 4), strict=True):
        edge = (64 - side) // 2
        expected = torch.full_like(clean, -0.5)
        expected[:, edge : 64 - edge, edge : 64 - edge] = clean[:, edge : 64 - edge, edge : 64 - edge]
        assert torch.equal(left, expected)


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
    T = process.T
    for wrong in (
        -1,
        T + 1,
        0.5,
        torch.tensor([-5, 3, 3]),
        torch.tensor([0, 3, T + 1]),
        [1, 2],
        [[1], [2], [3]],
    ):
        with pytest.raises(ValueError, match=f"t is .*whole numbers from 0 to {T}"):
            process.degrade(x, wrong, **how)
    with pytest.raises(ValueError, match=r"x is \(1, 28, 28\) .*\(B, C, S, S\)"):
        process.degrade(x[0], 1)


# --- the blur ---


def test_each_image_is_blurred_by_a_gaussian_of_its_own_level():
    x, levels = torch.zeros(4, 1, 28, 28), [0, 1, 3, 6]
    x[..., 14, 13] = 0.5
    for one, clean, t in zip(ColdBlur().degrade(x, torch.tensor(levels)), x, levels, strict=True):
        other = gaussian_blur(clean, kernel_size=21, sigma=0.4 * t) if t else clean
        assert torch.allclose(one, other, atol=1e-5), t


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


# --- noise schedules ---


@settings(max_examples=30)
@given(st.integers(2, 99), st.floats(0, 0.01), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.01, 0.9))
@example(1000, 1e-5, 0.02 - 1e-5, 0.008, 0.02)
def test_betas_are_their_formulas_and_alpha_bar_what_all_steps_keep(T, start, rise, s, most):
    f = [math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2 for t in range(T + 1)]
    betas = {
        linear(T, start, start + rise): [start + rise * (t - 1) / (T - 1) for t in range(1, T + 1)],
        cosine(T, s, most): [min(1 - f[t] / f[t - 1], most) for t in range(1, T + 1)],
    }
    for made, beta in betas.items():
        kept = np.cumprod([1, *(1 - np.array(beta))])
        np.testing.assert_allclose(made.beta, [0, *beta], atol=1e-10)
        np.testing.assert_allclose(made.alpha_bar, kept, rtol=1e-8)
        for values in (made.alpha_bar, made.alpha_bar.numpy(), made.alpha_bar.tolist()):
            again = NoiseSchedule.from_alpha_bar("again", values)
            np.testing.assert_allclose(again.beta, made.beta, atol=1e-9)
        assert torch.equal(NoiseSchedule.from_beta("array", made.beta[1:].numpy()).beta, made.beta)


# --- the DDPM and its samplers ---


def test_latents_are_eq_3_each_at_its_own_step_and_the_loss_is_the_error_of_their_noise():
    process, t, x = DDPM(cosine()), torch.tensor([0, 1, 250, 500, 999, 1000]), drawn(6)
    a, eps = process.schedule.alpha_bar[t].view(-1, 1, 1, 1), torch.randn(x.shape, generator=g(1))
    expected = (a.sqrt() * x + (1 - a).sqrt() * eps).float()
    for how in ({"eps": eps}, {"generator": g(1)}):
        assert torch.allclose(process.degrade(x, t, **how), expected, atol=1e-6)
    few, x = DDPM(linear(T=4)), drawn(1).expand(500, -1, -1, -1)
    loss = few.loss(lambda x_t, t: Exact(few, x)(x_t, t) + 0.5, x, g())
    assert loss.item() == pytest.approx(0.5**2, rel=1e-3)


@pytest.mark.parametrize("how", [{}, {"clip_x0": True}, {"steps": 50, "spacing": "quadratic"}])
@pytest.mark.parametrize("sampler", [Ancestral, DDIM])
def test_sampling_with_the_exact_predictor_finds_the_image(sampler, how):
    process, x0 = DDPM(cosine()), 2 * drawn(1)
    found = sampled(process, Exact(process, x0), 3, sampler=sampler(**how))
    # The last step adds no noise and its mean is the image, up to the variance of the first time step.
    assert torch.allclose(found, x0.clamp(-0.5, 0.5) if "clip_x0" in how else x0, atol=0.03)


def test_each_reverse_step_is_eq_5():
    schedule = linear(T=3, beta_start=0.1, beta_end=0.3)
    start, z3, z2 = torch.randn(3, 4, 1, 28, 28, generator=g(5))
    x = walk(DDPM(schedule), lambda x, t: 0.5 * x, 4, 5)
    assert torch.equal(x[3], start)
    for t, z in ((3, z3), (2, z2), (1, torch.zeros(1))):  # written out here from the study's Eq. (5)
        beta, alpha_bar = schedule.beta[t], schedule.alpha_bar[t]
        noise = beta / ((1 - alpha_bar).sqrt() * (1 - beta).sqrt()) * (0.5 * x[t].double())
        expected = x[t].double() / (1 - beta).sqrt() - noise + beta.sqrt() * z
        assert torch.allclose(x[t - 1].double(), expected, atol=1e-6)


# --- samplers of cold diffusion, and where any sampler goes ---


class Adds(Fade):
    """A degradation that is linear in its level: it adds t times a grey."""

    def degrade(self, x, t):
        return x + 0.05 * t.view(-1, 1, 1, 1)


def walked(sampler):
    """The latents of a way whose network always says 0.1."""
    start = torch.randn(2, 1, 28, 28, generator=g())
    return walk(Adds(6), lambda x, t: torch.full_like(x, 0.1), 2, start=start, sampler=sampler)


@settings(max_examples=40)
@given(st.integers(2, 300), st.data())
def test_levels_are_spaced_evenly_or_quadratically_and_none_is_visited_twice(T, data):
    n = data.draw(st.integers(2, T))
    quadratic = DDIM(steps=n, spacing="quadratic")
    for sampler in (Ancestral(steps=n), quadratic, Naive(levels=n), Improved(levels=n)):
        found = visits(sampler, T)
        assert (found[0], found[-1], len(found)) == (T, 0, n + 1)
        assert all(a > b for a, b in zip(found, found[1:], strict=False))
        for i, t in enumerate(reversed(found)):  # where steps would fall together, they are one apart
            assert t == i or abs(t - T * (i / n) ** (2 if sampler is quadratic else 1)) <= 0.5


def test_the_improved_sampler_undoes_a_linear_degradation_whatever_the_network_says():
    """Bansal et al. (2022), Sec. 3.2."""
    for sampler in (Improved(), Improved(noise=0.5)):  # one noise in both images, which cancels
        x = walked(sampler)
        for t in range(6):
            assert torch.allclose(x[t], x[6] - (6 - t) * 0.05, atol=1e-6)


def test_the_naive_sampler_degrades_the_last_word_and_adds_noise_in_each_step_but_the_last():
    plain, x = walked(None), walked(Naive(noise=0.6))
    noise = {t: x[t] - plain[t] for t in range(6)}
    for t in range(1, 6):
        assert torch.allclose(plain[t], torch.tensor(0.1 + 0.05 * t))
        assert (noise[t].mean().item(), noise[t].std().item()) == pytest.approx((0, 0.6), abs=0.06)
    assert not torch.allclose(noise[4], noise[3])
    assert torch.allclose(x[0], torch.tensor(0.1))


@pytest.mark.parametrize(("grey", "sd"), [(0.0, 0), (0.1, 0.3), (0.5, 0.5), (1.0, 0), (1.2, 0)])
def test_grey_noise_is_that_of_a_black_or_white_pixel_beside_the_noise_everywhere(grey, sd):
    x0_hat = torch.full((50, 1, 28, 28), grey - 0.5)
    for noise in (0, 0.2):
        how = Naive(noise=noise, grey_noise=0.5)
        x_s = how.step(ColdZoom(), x0_hat, x0_hat, 22, 21, g())
        pixels = x_s[..., ::4, ::4]  # 7 x 7 are left: noise is added before the image is degraded
        assert torch.equal(x_s, pixels.repeat_interleave(4, 2).repeat_interleave(4, 3))
        assert pixels.std().item() == pytest.approx(noise + 0.5 * sd, abs=0.02)


# --- priors: what they draw of the pixels that they were fitted on ---


def test_independent_pixels_and_colours_have_the_values_of_the_centres():
    black, white = torch.full((300, 3, 4, 4), -0.5), torch.full((100, 3, 4, 4), 0.5)
    fitted = Pixels().fit(torch.cat([black, white]))
    assert fitted.counts.tolist() == [300 * 48, *[0] * 254, 100 * 48]
    found = fitted.draw(500, g())
    assert found.shape == (500, 3, 4, 4)
    assert (found == 0.5).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.corrcoef(found.flatten(1).T).fill_diagonal_(0).abs().max() < 0.2  # independent


def test_patches_are_real_ones_and_all_of_them():
    patches = drawn(28, 4, 3)
    real, fitted = patches.flatten(1).unique(dim=0), Patches().fit(patches)
    assert torch.equal(fitted.draw(400, g()).flatten(1).unique(dim=0), real)


def test_the_mixture_has_the_moments_of_real_centres_in_colour_too_and_copies_none():
    patches = torch.randn(2000, 3, 2, 2, generator=g()) * 0.05
    patches[..., 1] += patches[..., 0] - 0.1  # correlated pixels
    patches[::2, 1] += 0.3  # two clusters, told by one colour
    found, real = Mixture(components=2).fit(patches).draw(4000, g(1)).flatten(1), patches.flatten(1)
    assert torch.allclose(found.mean(0), real.mean(0), atol=0.02)
    assert torch.allclose(torch.cov(found.T), torch.cov(real.T), atol=0.003)
    assert torch.allclose(torch.corrcoef(found.T), torch.corrcoef(real.T), atol=0.06)
    assert torch.cdist(found, real).min() > 0
    black_and_white = torch.full((60, 1, 2, 2), -0.5)
    black_and_white[::2] = 0.5
    found = Mixture(components=2).fit(black_and_white).draw(500, g())
    assert (found.min(), found.max()) == (-0.5, 0.5)  # and no darker than black
