"""Torch's answers in float64, kept for the tests of kernel and page; and how near the kernel comes to them.

python tests/play/references.py    (some minutes)
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]


import diffusion as d  # noqa: E402
from diffusion.play import bundle  # noqa: E402
from diffusion.processes.zoom import enlarge, zoom  # noqa: E402
from diffusion.runtime import generator  # noqa: E402
from wasm_kernel import Kernel  # noqa: E402

SEEDS, KEPT = 200, 12  # of the zoom; the worst of them and the first ones are kept for the tests
CALLS = 8  # single calls of each network
STEPS = 10  # of the DDPM
MODELS = [
    *[("paper", "zoom", 24), ("paper", "linear", 1000), ("paper", "cosine", 1000)],
    *[("beyond", "zoom_unet_noise", 24), ("beyond", "linear_unet", 1000)],
]
HOW = {"plain": (False, "ancestral"), "clipped": (True, "ancestral"), "ddim": (False, "ddim")}


@torch.inference_mode()
def digits(network, patches, noise=None, T=24):
    """Torch's digits of seeds (n, 1, 4, 4), (n, 784), in their type; the noise (T, 784) is on the way."""
    x = enlarge(patches, 28)
    for t in range(T, 0, -1):
        x = zoom(network(x, torch.full((len(x),), t / T, dtype=x.dtype)), torch.full((len(x),), t - 1))
        if noise is not None and t > 1:
            x = x + torch.from_numpy(noise[t - 1]).to(x.dtype).view(1, 1, 28, 28)
    return x.flatten(1).numpy()


@torch.inference_mode()
def ddpm(network, process, visited, noise, clip, sampler):
    """`DDPM.reverse` in float64 from given noise (k, 784): Eqs. (4), (5) of the study; Eq. (12) of DDIM."""
    alpha_bar = process.schedule.alpha_bar
    x = torch.from_numpy(noise[0]).double()
    for k, (t, less) in enumerate(zip(visited, visited[1:], strict=False)):
        a, b = alpha_bar[t], alpha_bar[less]
        share = torch.tensor([t / process.T], dtype=torch.float64)
        eps = network(x.view(1, 1, 28, 28), share).flatten()
        x0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
        if clip:
            x0 = x0.clamp(-0.5, 0.5)
            eps = (x - a.sqrt() * x0) / (1 - a).sqrt()
        if sampler == "ddim":
            x = b.sqrt() * x0 + (1 - b).sqrt() * eps
            continue
        beta = 1 - a / b
        x = (x - beta / (1 - a).sqrt() * eps) / (1 - beta).sqrt()
        if less:
            x = x + beta.sqrt() * torch.from_numpy(noise[k + 1]).double()
    return x.numpy()


def compared(run, patches, noise=None):
    """Torch's digits in float64, (n, 784), and how far the kernel's worst pixels are from them, (n,)."""
    exact, kernel = digits(run.network().double(), patches.double(), noise), Kernel(run.network())
    start = time.process_time()
    found = np.stack([kernel.digit(patch, noise) for patch in patches.flatten(1).numpy()])
    spent = (time.process_time() - start) / len(patches) / 24 * 1000
    print(f"{run.name}-{run.seed}: {spent:.1f} ms of processor time a call in wasmtime")
    difference = np.abs(found - exact).max(1)
    torch32 = np.abs(digits(run.network(), patches, noise) - exact).max(1)
    for name, values in (("kernel", difference), ("torch float32", torch32)):
        median, most, largest = np.quantile(values, [0.5, 0.9, 1])
        print(f"{run.name}-{run.seed}, {name}: median {median:.1e}, 90% {most:.1e}, max {largest:.1e}")
    return exact, difference


def telling(difference):
    """The seeds that are kept: the worst ones, and the first of the others."""
    order = np.argsort(-difference)[: KEPT // 2].tolist()
    return order + [i for i in range(SEEDS) if i not in order][: KEPT - len(order)]


def halved(run):
    """The network with the parameters of half precision that the page has."""
    network = run.network()
    for name, parameter in network.named_parameters():
        if "time" not in name.split("."):
            parameter.data = parameter.data.half().float()
    return network.double()


def main():
    found = {}
    zooms = [d.released("paper", "zoom", seed) for seed in (0, 1)]
    patches = zooms[0].process.prior.draw(SEEDS, generator(1, "references"))
    exact, difference = zip(*(compared(run, patches) for run in zooms), strict=True)
    kept = telling(np.maximum(*difference))
    found["seeds"] = patches.flatten(1).numpy()[kept]
    found |= {f"zoom-{i}": one[kept].astype(np.float32) for i, one in enumerate(exact)}

    run = d.released("beyond", "zoom_unet_noise")
    patches = run.process.prior.draw(SEEDS, generator(1, "references"))
    noise = run.process.noise * torch.randn(24, 784, generator=generator(3, "references")).numpy()
    exact, difference = compared(run, patches, noise)
    kept = telling(difference)
    found |= {"unet-seeds": patches.flatten(1).numpy()[kept], "unet-noise": noise}
    found["unet-digits"] = exact[kept].astype(np.float32)

    for profile, model, T in MODELS:
        run = d.released(profile, model)
        network, kernel, worst = run.network().double(), Kernel(run.network()), 0.0
        for i in range(40):
            t = T * (i + 1) // 40 or 1
            noise = torch.randn(1, 1, 28, 28, generator=generator(i, "call"))
            x = zoom(noise.clamp(-0.5, 0.5), torch.tensor([t])) if T == 24 else noise
            with torch.inference_mode():
                answer = network(x.double(), torch.tensor([t / T], dtype=torch.float64)).flatten().numpy()
            worst = max(worst, np.abs(kernel(x.flatten().numpy(), t / T) - answer).max())
            if i % (40 // CALLS) == 0:
                found.setdefault(f"call-{model}", []).append([*x.flatten().numpy(), *answer, t / T])
        print(f"{model}: one call, 40 inputs: max {worst:.1e}")
        found[f"call-{model}"] = np.array(found[f"call-{model}"], dtype=np.float32)

    found["noise"] = torch.randn(STEPS, 784, generator=generator(2, "references")).numpy()
    for profile, model in (("paper", "linear"), ("beyond", "linear_unet")):
        run = d.released(profile, model)
        network, whole, moved = halved(run), run.network().double(), []
        visited = bundle.evenly_spaced(run.process.T, STEPS)
        for name, (clip, sampler) in HOW.items():
            exact = ddpm(network, run.process, visited, found["noise"], clip, sampler)
            found[f"ddpm-{model}-{name}"] = exact.astype(np.float32)
        visited = bundle.evenly_spaced(run.process.T, 24)
        for i in range(24):
            noise = torch.randn(24, 784, generator=generator(i, "halves")).numpy()
            half, full = (ddpm(n, run.process, visited, noise, *HOW["plain"]) for n in (network, whole))
            moved.append(np.abs(half - full).max())
        print(f"{model}: half precision moves a pixel by {np.median(moved):.1e}, max {max(moved):.1e}")
    np.savez_compressed(HERE / "references.npz", **found)
    print((HERE / "references.npz").stat().st_size, "bytes kept")


if __name__ == "__main__":
    main()
