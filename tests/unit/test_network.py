"""The networks: their size, and what they see."""

import pytest
import torch

from diffusion.training.network import Reconstructor, UNet

X = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "network",
    [Reconstructor(), Reconstructor(norm="rms", dilations=[1, 2, 4, 1]), UNet()],
    ids=["study", "variant", "unet"],
)
def test_networks_are_as_large_and_see_the_time_and_each_image_alone(network):
    assert abs(sum(p.numel() for p in network.parameters()) / 146_961 - 1) < 0.05
    t = torch.tensor([0.1, 0.2, 0.4])
    with torch.inference_mode():
        out = network(X, t)
        assert out.shape == X.shape
        assert torch.allclose(network(X[1:2], t[1:2]), out[1:2], atol=1e-5)
        assert (network(X[1:2], t[2:]) - out[1:2]).abs().max() > 1e-4
