"""The example of a degradation of one's own."""

import torch
from torchvision.transforms.functional import gaussian_blur

from diffusion.processes import ColdBlur


def test_blur_is_gaussian_away_from_the_border():
    x = torch.zeros(1, 1, 28, 28)
    x[..., 14, 14] = 0.5
    blurred = ColdBlur().degrade(x, torch.tensor([3]))
    other = gaussian_blur(x, kernel_size=13, sigma=1.2)
    assert torch.allclose(blurred, other, atol=1e-5)


def test_the_prior_has_mean_and_spread_of_blurred_images():
    process = ColdBlur()
    x = torch.rand(500, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    process.prepare(x)
    real = process.degrade(x, torch.full((500,), 20))
    prior = process.draw_prior(2000, torch.Generator().manual_seed(1))
    assert torch.allclose(prior.mean(0), real.mean(0), atol=0.1 * real.std(0).max())
    assert torch.allclose(prior.std(0), real.std(0), rtol=0.15)
