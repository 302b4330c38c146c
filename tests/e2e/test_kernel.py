"""The WebAssembly that the page runs, against torch, and against its sources: no browser is needed for it."""

import os
from copy import deepcopy
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import wasmtime

from diffusion.training.network import Reconstructor, RMSNorm, UNet
from play import bundle, kernel

# Of the largest number of an answer, or of 1. A sum is rounded along a chain of at most 81 numbers, 49 of a
# plane and then 32 planes, by about sqrt(81) 2^-24 = 5e-7; exp and erfc are exact to 2e-7. A network has at
# most 16 such layers in a row, and its norms keep differences from growing.
TOLERANCE = 1e-5
# Of a constant image, some planes are constant but for rounding, which LayerNorm divides by sqrt(1e-5).
CONSTANT = 1e-4


@lru_cache
def module():
    engine = wasmtime.Engine()
    return engine, wasmtime.Module(engine, bundle.kernel())


@pytest.fixture(scope="module", autouse=True)
def _closed():
    """The compiled module is closed before Python ends and takes away what closes it."""
    yield
    for one in reversed(module() if module.cache_info().currsize else ()):
        one.close()
    module.cache_clear()


class Kernel:
    """net.wasm with the parameters of a network, run by wasmtime."""

    def __init__(self, network):
        engine, compiled = module()
        self.store = wasmtime.Store(engine)
        self.exports = wasmtime.Instance(self.store, compiled, []).exports(self.store)
        self.network, self.function = network, bundle.function(network)
        self.write("weights", bundle.parameters(network))

    def write(self, name, values):
        at = self.exports[name](self.store)
        self.exports["memory"].write(self.store, np.asarray(values, dtype="<f4").tobytes(), at)

    def __call__(self, x, share):
        """The answer to x (784,) at t/T = share, (784,) float32."""
        self.write("image", x)
        self.write("encoding", bundle.encodings(self.network, [share], 1)[0])
        self.exports[self.function](self.store, *bundle.dilations(self.network))
        at = self.exports["image"](self.store)
        return np.frombuffer(self.exports["memory"].read(self.store, at, at + 784 * 4), "<f4")


class Exact(torch.nn.Module):
    """RMSNorm in float64, which torch's own lacks."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        mean = x.square().mean((2, 3), keepdim=True)
        return x / (mean + 1e-5).sqrt() * self.norm.weight + self.norm.bias


def exact(network):
    network = deepcopy(network).double()
    for block in [*network.modules()]:
        for name, child in [*block.named_children()]:
            if isinstance(child, RMSNorm):
                setattr(block, name, Exact(child))
    return network


@torch.inference_mode()
def assert_computes(network, x, shares, tolerance=TOLERANCE):
    """The kernel answers as torch in float64, from call to call."""
    computed = Kernel(network)
    expected = exact(network)(x.view(-1, 1, 28, 28).double(), shares).flatten(1).numpy()
    for one, share, answer in zip(x.numpy(), shares.tolist(), expected, strict=True):
        difference = np.abs(computed(one, share) - answer).max()
        assert difference < tolerance * max(1, np.abs(answer).max()), share


WIDER = torch.tensor([0.5, 1, 3])  # of the spread of new parameters: up to the tails of GELU
FAINTER = torch.tensor([0.01, 0.03, 1, 30])  # down to where the norms' 1e-5 counts


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["cnn", "cnn_rms", "unet"])
@torch.inference_mode()
def test_the_kernel_computes_any_network_of_its_kinds(kind, seed):
    """With random parameters, none of them 0 or 1, random dilations, and images from faint to bright."""
    draw = torch.Generator().manual_seed(seed)
    dilations = torch.randint(1, bundle.WIDEST + 1, (4,), generator=draw).tolist()
    norm = "rms" if kind == "cnn_rms" else "layer"
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = UNet() if kind == "unet" else Reconstructor(norm=norm, dilations=dilations)
    for parameter in network.parameters():
        spread = WIDER[seed] * (parameter.std() if parameter.std() > 0 else 1)
        parameter += spread * torch.randn(parameter.shape, generator=draw)
    x = FAINTER[:, None] * torch.randn(4, 784, generator=draw)
    shares = torch.rand(4, generator=draw, dtype=torch.float64)
    assert bundle.function(network) == kind
    assert_computes(network, x, shares)
    assert_computes(network, torch.tensor([[0.0], [-0.5]]).expand(2, 784), shares[:2], CONSTANT)


# === the binary ==========================================================================================


def test_the_binary_is_marked_with_the_present_sources():
    assert bundle.kernel().endswith(kernel.seal()), (
        "run `make kernel`, then `python -m play.page --out released/page`"
    )


def test_the_binary_is_what_the_sources_compile_to():
    """To the byte, by the compiler of constraints.txt."""
    if find_spec("ziglang") is None:
        assert "CI" not in os.environ, "CI needs ziglang: make env-kernel installs it"
        pytest.skip("no compiler: make env-kernel installs one")
    assert kernel.compiled() == bundle.kernel()
