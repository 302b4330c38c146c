"""The zoom against torchvision, one image at a time, and sampling against Algorithm 2 written out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.functional import InterpolationMode, resized_crop

from diffusion.processes import ColdZoom
from helpers import sampled


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def by_torchvision(x, t, mode="nearest"):
    """Images (n, C, S, S), each at its own level."""
    S, mode = x.shape[-1], InterpolationMode(mode)
    crops = [((k + 1) // 2, (k + 1) // 2, S - k, S - k) for k in t]
    zoomed = [resized_crop(a, *b, [S, S], mode, antialias=False) for a, b in zip(x, crops, strict=True)]
    return torch.stack(zoomed)


@settings(max_examples=20)
@given(st.integers(2, 33), st.integers(1, 3), st.integers(0, 9), st.booleans())
def test_it_is_torchvisions_crop_and_resize_with_a_level_of_its_own_for_each_image(S, C, seed, strided):
    x, t = torch.rand(S, C, S, S, generator=g(seed)) - 0.5, torch.randperm(S, generator=g(seed))
    x = x.transpose(2, 3) if strided else x
    nearest, bilinear = ColdZoom(T=S - 1), ColdZoom(T=S - 1, interpolation="bilinear")
    assert torch.equal(nearest.degrade(x, t), by_torchvision(x, t.tolist()))
    assert (bilinear.degrade(x, t) - by_torchvision(x, t.tolist(), "bilinear")).abs().max() < 1e-5


def test_sampling_is_algorithm_2():
    x = torch.rand(3, 1, 28, 28, generator=g()) - 0.5
    found = sampled(ColdZoom(T=5), lambda x, t: 0.9 * x + 0.1 * t[0], 3, start=x)
    for s in (5, 4, 3, 2, 1):
        x = by_torchvision(0.9 * x + 0.1 * torch.tensor(s / 5), [s - 1] * 3)
    assert torch.equal(found, x)


def test_noise_in_training_is_of_pixels_before_they_are_enlarged_and_another_for_each_image():
    grey, seen = torch.full((4000, 1, 28, 28), 0.2), {}  # the zoom leaves it as it is

    def identity(x, t):
        seen.update(x=x, t=t)
        return x

    loss = ColdZoom(image_noise=0.3).loss(identity, grey, g())
    assert loss.item() == pytest.approx(0.3**2 / 3, rel=0.05)  # the mean of the squares of U(0, 0.3)
    deepest = seen["x"][seen["t"] == 1]  # t / T: 4 x 4 pixels are left
    assert torch.equal(deepest, deepest[..., ::7, ::7].repeat_interleave(7, 2).repeat_interleave(7, 3))
    assert deepest.std((1, 2, 3)).max() > 10 * deepest.std((1, 2, 3)).min()
    assert ColdZoom().loss(identity, grey, g()).item() == 0


@pytest.mark.parametrize(("T", "shape"), [(24, (3, 28, 28)), (3, (1, 9, 9)), (27, (1, 28, 28))])
def test_the_pixels_of_the_deepest_level_are_taken_out_and_put_back(T, shape):
    process, x = ColdZoom(T=T), torch.rand(5, *shape, generator=g()) - 0.5
    process.take(shape)
    pixels = process.compress(x)
    assert pixels.shape == (5, shape[0], shape[1] - T, shape[1] - T)
    assert torch.equal(process.expand(pixels), process.degrade(x, torch.full((5,), T)))


def test_it_goes_down_to_4_pixels_a_side_where_nothing_else_is_said():
    for process, T in ((ColdZoom(), 28), (ColdZoom(T=2), 2)):
        process.take((1, 32, 32))
        assert process.T == T
    with pytest.raises(ValueError, match="T = 28 .*27"):
        ColdZoom(T=28).take((1, 28, 28))
