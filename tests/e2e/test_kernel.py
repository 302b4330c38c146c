"""The WebAssembly that the page runs, against torch: no browser is needed for it."""

import numpy as np
import pytest
import torch
import wasmtime

import diffusion as d
from play import bundle

ONE_CALL = 1e-4  # of a pixel; 1 grey level is 4e-3


class Kernel:
    """net.wasm with the parameters of a network, run by wasmtime."""

    def __init__(self, network):
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, bundle.kernel())
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
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


NETWORKS = {
    "cnn": lambda: d.released("paper", "zoom").network().double(),
    "unet": lambda: d.released("beyond", "zoom_unet_noise").network().double(),
    "cnn dilated": lambda: d.released("beyond", "zoom_dilated").network().double(),
    "cnn_rms": lambda: d.released("beyond", "zoom_rms").network(),  # torch's own has no float64
}


@torch.inference_mode()
@pytest.mark.parametrize("name", NETWORKS)
def test_the_kernel_computes_what_torch_computes(name):
    """In float32, from call to call; a constant image is no division by zero."""
    network, draw = NETWORKS[name]().cpu(), torch.Generator().manual_seed(1)
    kernel, dtype = Kernel(network), next(network.parameters()).dtype
    x = torch.cat([torch.randn(3, 784, generator=draw), torch.zeros(1, 784)])
    shares = torch.tensor([1.0, 0.4, 1 / 24, 0.5])
    expected = network(x.view(-1, 1, 28, 28).to(dtype), shares.to(dtype)).flatten(1).numpy()
    assert kernel.function == name.split()[0]
    for one, share, answer in zip(x.numpy(), shares.double().tolist(), expected, strict=True):
        assert np.abs(kernel(one, share) - answer).max() < ONE_CALL
