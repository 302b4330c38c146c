"""The data of page and widget: trainings, the classifier and digits, each as JSON with packed numbers.

Numbers are packed byte plane by byte plane, the highest first, which gzip shortens by a seventh; net.js
unpacks them. Scripts are bundled by putting the modules one after another: no two share a name.
"""

import base64
import gzip
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diffusion.data import grey_values
from diffusion.evaluation.classifier import DigitClassifier
from diffusion.processes import DDPM, ColdZoom, NoiseSchedule
from diffusion.processes.priors import PRIORS, PixelCounts, prior_of
from diffusion.processes.samplers import SAMPLERS, evenly_spaced, sampler_of, visits
from diffusion.runtime import generator
from diffusion.training.network import CHANNELS, Reconstructor, ResidualBlock, UNet
from diffusion.training.run import Run

HERE = Path(__file__).parent
STEPS = (10, 24, 50, 100)  # network calls of a DDPM's walks
SHARES = 100  # places of the slider through a degradation
STARTS = 200  # drawn from a prior that is not known by its counts


def kernel() -> bytes:
    """The networks in WebAssembly, compiled from net.c."""
    return (HERE / "net.wasm").read_bytes()


def packed(values: Any, dtype: str) -> dict[str, Any]:
    """Numbers as `{type, data}`; dtype is of numpy: f4, f2, u1 or i1."""
    array = np.ascontiguousarray(torch.as_tensor(values).detach().cpu().numpy(), dtype=f">{dtype}")
    planes = array.view(np.uint8).reshape(-1, array.dtype.itemsize).T
    return {"type": dtype, "data": planes.tobytes()}


def plain(content: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(content).decode()


def as_text(value: Any) -> Any:
    """The same with all bytes as base64 of gzip, for JSON. The same input gives the same text."""
    if isinstance(value, bytes):
        return plain(gzip.compress(value, 9, mtime=0))
    if isinstance(value, Mapping):
        return {key: as_text(item) for key, item in value.items()}
    return [as_text(item) for item in value] if isinstance(value, list) else value


def function(network: nn.Module, name: str) -> str:
    """The function of net.c that computes a network: cnn, cnn_rms (the study's, with either norm) or unet.

    Args:
        name: of the training, for the error.

    Raises:
        ValueError: none does.
    """
    with torch.device("meta"):  # nothing is drawn
        known = {"cnn": Reconstructor(), "cnn_rms": Reconstructor(norm="rms"), "unet": UNet()}
    for found, one in known.items():
        if type(network) is type(one) and repr(network) == repr(one):  # all layers, with their sizes
            return found
    raise ValueError(
        f"the network of {name} is another than the page computes, which are cnn with channels {CHANNELS} "
        "and no dilations, and unet of width 16; leave this training out"
    )


def parameters(network: nn.Module) -> np.ndarray:
    """The parameters that net.c takes, in its order: all but those of the time encoding, (n,) float32."""
    kept = [p.detach().flatten() for key, p in network.named_parameters() if "time" not in key.split(".")]
    return torch.cat(kept).numpy()


@torch.inference_mode()
def encodings(network: nn.Module, steps: Sequence[int], T: int) -> Tensor:
    """The numbers that each step adds to the network's channels, (steps, channels), computed in float64.

    Of the cnn they are the first block's, 16; of the U-Net those of all residual blocks in turn, 192.
    """
    exact = deepcopy(network).double()
    time = exact.time(torch.tensor(steps, dtype=torch.float64) / T)
    blocks = [block.time(time) for block in exact.modules() if isinstance(block, ResidualBlock)]
    return torch.cat(blocks, dim=1) if blocks else time


def training(run: Run, label: str | None = None, weights: str = "f4") -> dict[str, Any]:
    """A training as the page takes it.

    Args:
        label: what the page calls it; None: its name and seed.
        weights: precision of the parameters, f4 or f2. A zoom needs f4: half precision changes its digits.

    Raises:
        ValueError: another network or process than the page computes.
    """
    process, name, network = run.process, f"{run.name}-{run.seed}", run.network(average=run.way.average).cpu()
    sampler = sampler_of(run.way.sampler, process)
    known = next((key for key, cls in SAMPLERS.items() if type(sampler) is cls), None)
    if known is None:
        raise ValueError(
            f"{name} is sampled by {type(sampler).__name__}; the page draws {', '.join(SAMPLERS)}"
        )
    found = {"name": name, "label": label or f"{run.name}, seed {run.seed}", "sha256": run.weights_sha256()}
    if type(process) is ColdZoom:
        found |= {"kind": "zoom", "T": process.T, "steps": list(range(1, process.T + 1))}
        found |= {"interpolation": process.interpolation, "prior": _prior(run)}
        found |= {"noise": sampler.noise, "noise_power": sampler.power}
        found |= {"sampler": known, "walk": visits(sampler, process.T)}
    elif type(process) is DDPM:
        walks = {str(n): evenly_spaced(process.T, n) for n in STEPS if n <= process.T}
        found |= {"kind": "ddpm", "clip": sampler.clip_x0, "sampler": known, "walks": walks}
        found |= schedule(process.schedule)
    else:
        raise ValueError(f"{name} is a {type(process).__name__}; the page shows ColdZoom and DDPM")
    found |= {"network": function(network, name), "weights": packed(parameters(network), weights)}
    return found | {"encodings": packed(encodings(network, found["steps"], process.T), "f4")}


def schedule(noise: NoiseSchedule) -> dict[str, Any]:
    """A noise schedule at the steps that the page visits: name, T, steps and alpha_bar."""
    T = noise.T
    steps = {round(T * k / SHARES) for k in range(SHARES + 1)}
    steps |= {t for n in STEPS if n <= T for t in evenly_spaced(T, n)}
    visited = sorted(steps)
    return {"schedule": noise.name, "T": T, "steps": visited, "alpha_bar": noise.alpha_bar[visited].tolist()}


def _prior(run: Run) -> dict[str, Any]:
    """Name, and the counts of independent pixels, or starts drawn from another prior."""
    prior = prior_of(run.process.prior if run.way.prior is None else run.way.prior)
    fitted = run.fitted(prior)
    name = next((key for key, cls in PRIORS.items() if type(prior) is cls), type(prior).__name__)
    if type(fitted) is PixelCounts:
        return {"name": name, "counts": fitted.counts.tolist()}
    return {"name": name, "starts": fitted.draw(STARTS, generator(0, "page")).flatten().tolist()}


@torch.inference_mode()
def classifier(model: DigitClassifier, threshold: float = 0.5) -> dict[str, Any]:
    """The classifier with its normalisation folded in, and 8-bit weights with a scale for each output.

    Args:
        threshold: confidence from which an image is called recognised.
    """
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    folded = []
    for convolution, norm in zip(convolutions, norms, strict=True):
        factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = convolution.weight.double() * factor[:, None, None, None]
        folded.append((weight, norm.bias.double() - norm.running_mean.double() * factor))
    folded += [(m.weight.double(), m.bias.double()) for m in model.modules() if isinstance(m, nn.Linear)]
    layers = []
    for weight, bias in folded:
        scale = weight.flatten(1).abs().amax(1) / 127
        whole = (weight.flatten(1) / scale[:, None]).round()
        layers.append(
            {
                "inputs": weight.shape[1],
                "outputs": weight.shape[0],
                "weights": packed(whole, "i1"),
                "scales": packed(scale, "f4"),
                "biases": packed(bias, "f4"),
            }
        )
    return {"layers": layers, "threshold": threshold}


def digits(images: Tensor, labels: Sequence[int]) -> dict[str, Any]:
    """Images (N, 1, 28, 28) in [-0.5, 0.5] as grey levels, with their labels."""
    return {"images": packed(grey_values(images), "u1"), "labels": list(map(int, labels))}


def script(entry: str) -> str:
    """A module of this folder and all that it imports, as one module without imports."""
    seen: list[str] = []

    def visit(name: str) -> str:
        if name in seen:
            return ""
        seen.append(name)
        text = (HERE / name).read_text(encoding="utf-8")
        before = [visit(other) for other in re.findall(r'^import .*? from "\./(.+?)";$', text, re.M | re.S)]
        text = re.sub(r'^import [^;]*? from "\./.+?";\n', "", text, flags=re.M)
        own = re.sub(r"^export (?!default)", "", text, flags=re.M)
        return "".join(before) + f"// --- {name}\n{own.strip()}\n\n"

    return visit(entry)
