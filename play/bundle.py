"""Data of the page and the widget: models, classifier and digits, as JSON with packed numbers.

Numbers are packed by byte plane, highest byte first, which makes gzip's output a seventh smaller; net.js
unpacks them. Scripts are bundled by concatenating modules, which must not share names.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diffusion.evaluation.classifier import DigitClassifier
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.pixels import GREY28, grey_values
from diffusion.processes import DDPM, ColdZoom
from diffusion.processes.samplers import SAMPLERS, sampler_of, spaced, visits
from diffusion.runtime import generator
from diffusion.training.network import CHANNELS, Reconstructor, ResidualBlock, UNet
from diffusion.training.run import Run

HERE = Path(__file__).parent
STEPS = (10, 24, 50, 100)  # numbers of network calls for a DDPM
PLACES = 100  # positions of the slider through a degradation
STARTS = 200  # starts drawn from the prior of a zoom
WIDEST = 4  # largest dilation that layers.h supports
DIGITS = tuple("0123456789")  # names of the classes


def content(
    trainings: Sequence[dict[str, Any]],
    images: Tensor | None = None,
    labels: Sequence[int] | None = None,
    recogniser: DigitRecogniser | None = None,
    names: Sequence[str] = DIGITS,
) -> dict[str, Any]:
    """All data for the scripts.

    Args:
        trainings: models from `training`.
        images: real images (N, 1, 28, 28) in [-0.5, 0.5].
        labels: classes of the images.
        recogniser: reads the results and decides which are digits; all its training digits are included.
        names: names of the classes.
    """
    data = {"wasm": kernel(), "trainings": list(trainings), "digits": None, "reader": None}
    if labels is not None:
        label_names = [names[int(label)] for label in labels]
        data["digits"] = {"images": packed(grey_values(images), "u1"), "labels": label_names}
    if recogniser is not None:
        weights, features = read_weights(recogniser.classifier), recogniser.features
        data["reader"] = {"weights": packed(weights, "f2"), "features": packed(features, "f2")}
        data["reader"] |= {"pixels": packed((255 * recogniser.pixels).round(), "u1")}
        data["reader"] |= {"bound": recogniser.bound, "names": list(names)}
    return data


def kernel() -> bytes:
    """The networks in WebAssembly, compiled from net.c."""
    return (HERE / "net.wasm").read_bytes()


def packed(values: Any, dtype: str) -> dict[str, Any]:
    """Pack numbers as `{type, data}`; dtype is a numpy name: f4, f2 or u1."""
    array = np.ascontiguousarray(torch.as_tensor(values).detach().cpu().numpy(), dtype=f">{dtype}")
    planes = array.view(np.uint8).reshape(-1, array.dtype.itemsize).T
    return {"type": dtype, "data": planes.tobytes()}


def training(run: Run, label: str | None = None, weights: str = "f4") -> dict[str, Any]:
    """Describe a trained model for the scripts.

    Args:
        run: a finished run.
        label: name on the page; None: model and seed.
        weights: precision of the parameters, "f4" or "f2". A zoom needs "f4"; half precision changes its
            digits.

    Raises:
        ValueError: the page does not support the sampler, process or network.
    """
    process, name, network = run.process, run.name, run.network().cpu()
    sampler = sampler_of(run.sampler, process)
    if type(sampler) not in SAMPLERS.values():
        kind = type(sampler).__name__
        raise ValueError(f"the sampler of {name} is {kind}; the page supports {', '.join(SAMPLERS)}")
    data = {"name": name, "label": label or name, "sha256": run.weights_sha256()}
    data |= {"T": process.T, "sampler": type(sampler).__name__}
    if type(process) is ColdZoom:
        data |= {"kind": "zoom", "steps": list(range(1, process.T + 1)), "walk": visits(sampler, process.T)}
        data |= {"interpolation": process.interpolation}
        data |= {"noise": sampler.noise, "greyNoise": sampler.grey_noise}
        prior = run.fitted()
        starts = prior.draw(STARTS, generator(0, "page"))
        data |= {"prior": type(prior).__name__, "starts": [round(v, 4) for v in starts.flatten().tolist()]}
    elif type(process) is DDPM:
        walks = {str(n): spaced(process.T, n) for n in STEPS if n <= process.T}
        steps = sorted(set(spaced(process.T, min(PLACES, process.T))).union(*walks.values()))
        data |= {"kind": "ddpm", "steps": steps, "walks": walks, "clip": sampler.clip_x0}
        alpha_bar = process.schedule.alpha_bar[steps].tolist()
        data |= {"schedule": process.schedule.name, "alpha_bar": alpha_bar}
    else:
        kind = type(process).__name__
        raise ValueError(f"the process of {name} is {kind}; the page supports ColdZoom and DDPM")
    computed = function(network) if process.image_shape == GREY28 else None
    if computed is None:
        raise ValueError(
            f"the page does not support the network of {name}; it supports cnn with channels {CHANNELS} and "
            f"dilations up to {WIDEST}, and unet of width 16, for grey images of 28 x 28 pixels"
        )
    data |= {"network": computed, "dilations": dilations(network)}
    data |= {"weights": packed(parameters(network), weights)}
    return data | {"encodings": packed(encodings(network, data["steps"], process.T), "f4")}


def function(network: nn.Module) -> str | None:
    """Name of the function in net.c for a network: "cnn" or "cnn_rms" (by its norm), or "unet"; else None."""
    wide = dilations(network)
    with torch.device("meta"):  # no memory, no random numbers
        known: dict[str, nn.Module] = {"unet": UNet()}
        if len(wide) == len(CHANNELS) and max(wide) <= WIDEST:
            known |= {"cnn": Reconstructor(dilations=wide)}
            known |= {"cnn_rms": Reconstructor(norm="rms", dilations=wide)}
    for name, module in known.items():
        if type(network) is type(module) and repr(network) == repr(module):  # all layers, with their sizes
            return name
    return None


def dilations(network: nn.Module) -> list[int]:
    """Dilations of the blocks of a `Reconstructor`; empty for another network."""
    return [block[0].dilation[0] for block in network.blocks] if type(network) is Reconstructor else []


def parameters(network: nn.Module) -> np.ndarray:
    """Parameters for net.c, in its order: all except the parameters of the time encoding, (n,) float32."""
    kept = [p.detach().flatten() for key, p in network.named_parameters() if "time" not in key.split(".")]
    return torch.cat(kept).numpy()


@torch.inference_mode()
def encodings(network: nn.Module, steps: Sequence[int], T: int) -> Tensor:
    """Time encodings: the numbers that each step adds to channels, (steps, channels), computed in float64.

    For the cnn these are 16 channels of the first block; for the U-Net, 192 channels of all residual blocks.
    """
    exact = deepcopy(network).double()
    time = exact.time(torch.tensor(steps, dtype=torch.float64) / T)
    blocks = [block.time(time) for block in exact.modules() if isinstance(block, ResidualBlock)]
    return torch.cat(blocks, dim=1) if blocks else time


def read_weights(model: DigitClassifier) -> Tensor:
    """Parameters of the classifier, weight and bias by layer, with batch normalisation folded in."""
    convolutions, norms, linear = (
        [m for m in model.modules() if isinstance(m, kind)] for kind in (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    )
    layers = [*map(fuse_conv_bn_eval, convolutions, norms), *linear]
    return torch.cat([p.detach().flatten() for layer in layers for p in (layer.weight, layer.bias)])


def script(entry: str) -> str:
    """Bundle a module of this folder and all its imports into one module."""
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
