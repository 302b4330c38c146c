"""The networks: their formulas written out, their size, and what they see."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.training.network import Reconstructor, UNet, architecture, build
from oracles import networks

X = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))


def shaken(network):
    """A network whose weights are all random: norms begin at ones and zeros, which hide much."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    return network.eval()


def inputs(n, shape):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(n, *shape, generator=generator), torch.rand(n, generator=generator)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4)), min_size=1, max_size=4), st.data())
def test_the_reconstructor_is_its_formula(blocks, data):
    channels, dilations = (list(part) for part in zip(*blocks, strict=True))
    norm, shape = data.draw(st.sampled_from(["layer", "rms"])), (data.draw(st.integers(1, 3)), 9, 9)
    dilations = data.draw(st.sampled_from([dilations, None]))
    how = {"channels": channels, "norm": norm, "dilations": dilations, "image_shape": shape}
    network, (x, t) = shaken(Reconstructor(**how)), inputs(3, shape)
    expected = networks.reconstructor(network.state_dict(), x, t, norm, dilations or [1] * len(channels))
    assert expected.shape == x.shape
    assert torch.allclose(network(x, t), expected, atol=1e-3)  # frequencies are in float32


@settings(max_examples=8)
@given(st.sampled_from([4, 8, 12]), st.integers(1, 3), st.integers(4, 13))
def test_the_unet_is_its_formula_at_sides_that_do_not_halve_too(width, colours, side):
    network = shaken(
        UNet(width, (colours, side, side))
    ).double()  # the norm of a pixel alone divides by 0.003
    x, t = (value.double() for value in inputs(3, (colours, side, side)))
    expected = networks.unet(network.state_dict(), x, t)
    assert expected.shape == x.shape
    assert torch.allclose(network(x, t), expected, atol=1e-3)  # frequencies are in float32


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (Reconstructor(), 146_961),
        (Reconstructor(norm="rms", dilations=[1, 2, 4, 1]), 146_961),
        (UNet(), 146_097),
    ],
    ids=["study", "variant", "unet"],
)
def test_networks_are_as_large_and_see_the_time_and_each_image_alone(network, parameters):
    assert sum(p.numel() for p in network.parameters()) == parameters
    t = torch.tensor([0.1, 0.2, 0.4])
    with torch.inference_mode():
        out = network(X, t)
        assert out.shape == X.shape
        assert torch.allclose(network(X[1:2], t[1:2]), out[1:2], atol=1e-5)
        assert (network(X[1:2], t[2:]) - out[1:2]).abs().max() > 1e-4


def test_a_network_is_made_for_the_images_and_from_its_options_which_stay_as_they_are():
    assert architecture("cnn", {"channels": [4, 8]}, (3, 16, 16)) == (
        Reconstructor,
        {"channels": [4, 8], "image_shape": (3, 16, 16)},
    )
    assert architecture(torch.nn.Identity, {}, (3, 16, 16)) == (torch.nn.Identity, {})  # does not ask for it
    assert architecture("unet") == (UNet, {})
    own = architecture("cnn", {"image_shape": (1, 9, 9)}, (3, 16, 16))
    assert own == (Reconstructor, {"image_shape": (1, 9, 9)})  # what is asked for is not overruled
    for call in (lambda: architecture(3), lambda: build(Reconstructor, {"chanels": [4]})):
        with pytest.raises(ValueError, match="^network is 3; expected: a subclass|^network .*'chanels'"):
            call()
