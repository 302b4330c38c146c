"""The reconstructor: size, shapes, and the properties that the report explains."""

import pytest
import torch

from diffusion.training.network import Reconstructor, RMSNorm, UNet, architecture, build


def test_size_and_layers():
    network = Reconstructor()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in convolutions] == [
        (1, 16, 7),
        (16, 32, 7),
        (32, 32, 7),
        (32, 16, 7),
        (16, 1, 3),
    ]
    by_hand = (
        sum(i * o * k * k + o for i, o, k in [(1, 16, 7), (16, 32, 7), (32, 32, 7), (32, 16, 7), (16, 1, 3)])
        + 4 * 2 * 28 * 28  # one affine LayerNorm over the pixels a block
        + sum(i * o + o for i, o in [(32, 128), (128, 128), (128, 128), (128, 16)])
    )
    assert sum(p.numel() for p in network.parameters()) == by_hand == 146_961


def test_rms_normalisation_keeps_the_sign_of_the_mean_and_has_as_many_parameters():
    x = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(0)) + 0.5
    by_hand = x / (x.square().mean((-2, -1), keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(RMSNorm((28, 28))(x), by_hand, atol=1e-6)
    study, rms = Reconstructor(), Reconstructor(norm="rms")
    assert sum(p.numel() for p in rms.parameters()) == sum(p.numel() for p in study.parameters())


@pytest.mark.parametrize(
    "network",
    [Reconstructor(), Reconstructor(norm="rms"), Reconstructor(dilations=[1, 2, 4, 1]), UNet()],
    ids=["study", "rms", "dilated", "unet"],
)
def test_networks_are_as_large_and_see_the_time_and_each_image_alone(network):
    size = sum(p.numel() for p in network.parameters())
    assert abs(size / 146_961 - 1) < 0.05
    x, t = (
        torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(1)),
        torch.tensor([0.1, 0.5, 1.0]),
    )
    with torch.inference_mode():
        out = network(x, t)
        assert out.shape == x.shape
        assert torch.allclose(network(x[1:2], t[1:2]), out[1:2], atol=1e-5)
        assert (network(x[1:2], t[2:]) - out[1:2]).abs().max() > 1e-4


def test_the_mean_of_a_channel_is_lost_in_layernorm_alone():
    x = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for norm in ("layer", "rms"):
            torch.manual_seed(0)
            convolve, normalise, _ = Reconstructor([16], norm=norm).blocks[0]
            means = [normalise(convolve(x + offset)).mean((-2, -1)) for offset in (0, 0.5)]
            shift = (means[1] - means[0]).abs().max()
            assert shift < 1e-6 if norm == "layer" else shift > 0.1


@pytest.mark.parametrize(
    ("network", "options", "named"),
    [
        ("cnnn", {}, "'cnnn'; allowed: cnn, unet, or module:name of your own; did you mean 'cnn'"),
        ("resnet", {}, "'resnet'; allowed: cnn, unet, or module:name of your own$"),
        ("cnn", {"width": 3}, "Reconstructor has no option 'width'"),
        ("cnn", {"norm": "batch"}, "'batch'; allowed: layer, rms"),
        ("cnn", {"dilations": [1, 2]}, r"dilations is \[1, 2\]; needed: one for each of 1"),
        ("unet", {"width": 10}, "width = 10"),
        ("own:stay", {}, "needed: a subclass of torch.nn.Module"),
        (Reconstructor(), {}, "network is of type Reconstructor; needed: a subclass of torch.nn.Module"),
    ],
)
def test_what_is_no_network_is_refused(network, options, named):
    with pytest.raises(ValueError, match=named):
        build(*architecture(network, (4,), options))
