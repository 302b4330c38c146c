"""The reconstructor: size, shapes, and the properties that the report explains."""

import pytest
import torch

from diffusion.training.network import Reconstructor, UNet, architecture

X = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))


def test_the_studys_network_has_its_layers_and_parameters():
    convolutions = [m for m in Reconstructor().modules() if isinstance(m, torch.nn.Conv2d)]
    layers = [(1, 16, 7), (16, 32, 7), (32, 32, 7), (32, 16, 7), (16, 1, 3)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in convolutions] == layers
    by_hand = sum(i * o * k * k + o for i, o, k in layers) + 4 * 2 * 28 * 28  # a norm a block, by pixel
    by_hand += sum(i * o + o for i, o in [(32, 128), (128, 128), (128, 128), (128, 16)])
    assert sum(p.numel() for p in Reconstructor().parameters()) == by_hand == 146_961


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


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_mean_of_a_channel_is_lost_in_layernorm_and_kept_by_rms(norm):
    torch.manual_seed(0)
    convolve, normalise, _ = Reconstructor([16], norm=norm).blocks[0]
    with torch.inference_mode():
        means = [normalise(convolve(X[:1] + offset)).mean((-2, -1)) for offset in (0, 0.5)]
    shift = (means[1] - means[0]).abs().max()
    assert shift < 1e-6 if norm == "layer" else shift > 0.1


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="'cnnn'; allowed: cnn, unet, .*did you mean 'cnn'"):
        architecture("cnnn", (4,), {})
