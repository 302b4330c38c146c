"""The example of a degradation of one's own."""

import torch
from torchvision.transforms.functional import gaussian_blur

from diffusion.processes import ColdBlur


def test_each_image_is_blurred_by_a_gaussian_of_its_own_level():
    x, levels = torch.zeros(4, 1, 28, 28), [0, 1, 3, 6]
    x[..., 14, 13] = 0.5
    for one, clean, t in zip(ColdBlur().degrade(x, torch.tensor(levels)), x, levels, strict=True):
        other = gaussian_blur(clean, kernel_size=21, sigma=0.4 * t) if t else clean
        assert torch.allclose(one, other, atol=1e-5), t


def test_the_prior_has_mean_and_covariance_of_blurred_images_in_colour_too():
    x = torch.rand(300, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    x[:, 1] = 0.5 * x[:, 0] + 0.2  # colours that belong together
    process = ColdBlur(T=4)
    process.take((3, 8, 8))
    process.prepare(x)
    real = process.degrade(x, torch.full((300,), 4)).flatten(1)
    drawn = process.draw_prior(4000, torch.Generator().manual_seed(1)).flatten(1)
    assert torch.allclose(drawn.mean(0), real.mean(0), atol=0.1 * real.std(0).mean())
    assert torch.allclose(torch.cov(drawn.T), torch.cov(real.T), atol=0.15 * real.var(0).mean())
