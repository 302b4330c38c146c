"""The zoom against torchvision, one image at a time, and sampling against Algorithm 2 written out."""

import pytest
import torch
from torchvision.transforms.functional import InterpolationMode, resized_crop

from diffusion.processes import ColdZoom
from diffusion.processes.zoom import zoom
from walking import sampled


@pytest.fixture
def images():
    bytes_ = torch.randint(0, 256, (28, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return bytes_.float() / 255 - 0.5


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def torchvision_zoom(x, t, mode):
    top, size = (t + 1) // 2, 28 - t
    return resized_crop(x, top, top, size, size, [28, 28], mode, antialias=False)


def test_equals_torchvision_to_the_bit_with_a_level_of_its_own_for_each_image(images):
    levels = torch.randperm(28, generator=g(1))
    expected = [
        torchvision_zoom(x, int(t), InterpolationMode.NEAREST) for x, t in zip(images, levels, strict=True)
    ]
    assert torch.equal(zoom(images, levels), torch.stack(expected))


def test_bilinear_equals_torchvision_to_rounding(images):
    levels = torch.arange(28)
    expected = [
        torchvision_zoom(x, int(t), InterpolationMode.BILINEAR) for x, t in zip(images, levels, strict=True)
    ]
    assert (zoom(images, levels, "bilinear") - torch.stack(expected)).abs().max() < 1e-5


def test_sampling_is_algorithm_2(images):
    process, start = ColdZoom(T=5), images[:3]
    seen = []

    def network(x, t):
        seen.append(round(float(t[0]) * 5))
        return 0.9 * x + 0.01

    found, x = sampled(process, network, 3, start=start), start
    for s in (5, 4, 3, 2, 1):
        x = torch.stack([torchvision_zoom(i, s - 1, InterpolationMode.NEAREST) for i in 0.9 * x + 0.01])
    assert seen == [5, 4, 3, 2, 1]
    assert torch.equal(found, x)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ColdZoom(T=0), "T = 0"),
        (lambda: ColdZoom(T=28).take((1, 28, 28)), "T = 28"),
        (lambda: ColdZoom(interpolation="bicubic"), "interpolation = 'bicubic'"),
        (lambda: ColdZoom(image_noise=-1), "image_noise = -1"),
        (lambda: ColdZoom().draw_prior(1, g()), r"from a prior of central pixels, such as d.Pixels\(\)"),
        (lambda: ColdZoom().expand(torch.zeros(2, 1, 5, 5)), r"needed: \(n, 1, 4, 4\), or \(n, 1, 28, 28\)"),
    ],
)
def test_bad_input_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_an_empty_batch_and_a_strided_one(images):
    process = ColdZoom()
    assert process.degrade(images[:0], torch.zeros(0, dtype=torch.long)).shape == (0, 1, 28, 28)
    wide = images.transpose(2, 3)  # not contiguous
    t = torch.full((28,), 5)
    assert torch.equal(process.degrade(wide, t), process.degrade(wide.contiguous(), t))


def test_noise_in_training_is_of_pixels_before_they_are_enlarged():
    grey, seen = torch.full((4000, 1, 28, 28), 0.2), {}  # the zoom leaves it as it is

    def identity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.update(x=x, t=t)
        return x

    ColdZoom(image_noise=0.3).loss(identity, grey, g())
    deepest = seen["x"][seen["t"] == 1]  # t / T: 4 x 4 pixels are left
    assert torch.equal(deepest, deepest[..., ::7, ::7].repeat_interleave(7, 2).repeat_interleave(7, 3))
    loss = ColdZoom(image_noise=0.3).loss(lambda x, t: x, grey, g())
    assert loss.item() == pytest.approx(0.3**2 / 3, rel=0.05)  # the mean of the squares of U(0, 0.3)
    assert ColdZoom().loss(lambda x, t: x, grey, g()).item() == 0


def test_the_pixels_of_the_deepest_level_are_taken_out_and_put_back(images):
    process = ColdZoom()
    pixels = process.compress(images)
    assert pixels.shape == (28, 1, 4, 4)
    assert torch.equal(process.expand(pixels), process.degrade(images, torch.full((28,), 24)))
    assert torch.equal(process.expand(images), images)
