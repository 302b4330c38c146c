"""The bytes that the page runs, run by wasmtime: an arithmetic test needs no browser."""

import numpy as np
import torch
import wasmtime

from diffusion.play import bundle
from diffusion.processes.zoom import enlarge, zoom


class Kernel:
    """net.wasm with the parameters of a network."""

    def __init__(self, network):
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, bundle.kernel())
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.at = {name: self.exports[name](self.store) for name in ("weights", "image", "encoding")}
        self.network, self.function = network, bundle.function(network, "it")
        self.write("weights", bundle.parameters(network))

    def write(self, name, values):
        content = np.asarray(values, dtype="<f4").tobytes()
        self.exports["memory"].write(self.store, content, self.at[name])

    def __call__(self, x, share):
        """The answer to x (784,) at t/T = share, (784,) float32."""
        self.write("image", x)
        self.write("encoding", bundle.encodings(self.network, [share], 1)[0])
        self.exports[self.function](self.store)
        start = self.at["image"]
        return np.frombuffer(self.exports["memory"].read(self.store, start, start + 784 * 4), "<f4").copy()

    def digit(self, seed, noise=None, T=24):
        """The digit of a seed (16,), with noise (T, 784) on the way or none, (784,) float32."""
        x = enlarge(torch.as_tensor(seed, dtype=torch.float32).view(1, 1, 28 - T, 28 - T), 28)
        for t in range(T, 0, -1):
            x0 = torch.from_numpy(self(x.flatten().numpy(), t / T))
            x = zoom(x0.view(1, 1, 28, 28), torch.tensor([t - 1]))
            if noise is not None and t > 1:
                x = x + torch.from_numpy(noise[t - 1]).view(1, 1, 28, 28)
        return x.flatten().numpy()
