"""The data of page and widget: trainings, the classifier and digits, as JSON with packed numbers.

Numbers are packed byte plane by byte plane, the highest first, which gzip shortens by a seventh; net.js
unpacks them. Scripts are bundled by putting the modules one after another: no two share a name.
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

from diffusion.data import grey_values
from diffusion.evaluation.classifier import DigitClassifier
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.processes import DDPM, ColdZoom
from diffusion.processes.samplers import SAMPLERS, sampler_of, spaced, visits
from diffusion.runtime import generator
from diffusion.training.network import CHANNELS, Reconstructor, ResidualBlock, UNet
from diffusion.training.run import Run

HERE = Path(__file__).parent
STEPS = (10, 24, 50, 100)  # network calls of a DDPM's walks
PLACES = 100  # of the slider through a degradation
STARTS = 200  # drawn from a zoom's prior
WIDEST = 4  # dilation that layers.h has room for
DIGITS = tuple("0123456789")  # names of the classes


def content(
    trainings: Sequence[dict[str, Any]],
    images: Tensor | None = None,
    labels: Sequence[int] | None = None,
    recogniser: DigitRecogniser | None = None,
    names: Sequence[str] = DIGITS,
) -> dict[str, Any]:
    """All that the scripts are given: trainings as `training` makes them, and real images, (N, 1, 28, 28).

    A recogniser reads the results, and says which are digits; all its training digits are sent.
    """
    found = {"wasm": kernel(), "trainings": list(trainings), "digits": None, "reader": None}
    if labels is not None:
        of_each = [names[int(label)] for label in labels]
        found["digits"] = {"images": packed(grey_values(images), "u1"), "labels": of_each}
    if recogniser is not None:
        weights, features = read_weights(recogniser.classifier), recogniser.features
        found["reader"] = {"weights": packed(weights, "f2"), "features": packed(features, "f2")}
        found["reader"] |= {"pixels": packed((255 * recogniser.pixels).round(), "u1")}
        found["reader"] |= {"bound": recogniser.bound, "names": list(names)}
    return found


def kernel() -> bytes:
    """The networks in WebAssembly, compiled from net.c."""
    return (HERE / "net.wasm").read_bytes()


def packed(values: Any, dtype: str) -> dict[str, Any]:
    """Numbers as `{type, data}`; dtype is of numpy: f4, f2 or u1."""
    array = np.ascontiguousarray(torch.as_tensor(values).detach().cpu().numpy(), dtype=f">{dtype}")
    planes = array.view(np.uint8).reshape(-1, array.dtype.itemsize).T
    return {"type": dtype, "data": planes.tobytes()}


def training(run: Run, label: str | None = None, weights: str = "f4") -> dict[str, Any]:
    """A training as the scripts take it; ValueError: they compute none such.

    Args:
        label: what it is called; None: its name and seed.
        weights: precision of the parameters, f4 or f2. A zoom needs f4: half precision changes its digits.
    """
    process, name, network = run.process, run.name, run.network().cpu()
    sampler = sampler_of(run.sampler, process)
    if type(sampler) not in SAMPLERS.values():
        raise ValueError(
            f"{name} is sampled by {type(sampler).__name__}; the page draws {', '.join(SAMPLERS)}"
        )
    found = {"name": name, "label": label or name, "sha256": run.weights_sha256()}
    found |= {"T": process.T, "sampler": type(sampler).__name__}
    if type(process) is ColdZoom:
        found |= {"kind": "zoom", "steps": list(range(1, process.T + 1)), "walk": visits(sampler, process.T)}
        found |= {"interpolation": process.interpolation}
        found |= {"noise": sampler.noise, "greyNoise": sampler.grey_noise}
        prior = run.fitted()
        starts = prior.draw(STARTS, generator(0, "page"))
        found |= {"prior": type(prior).__name__, "starts": [round(v, 4) for v in starts.flatten().tolist()]}
    elif type(process) is DDPM:
        walks = {str(n): spaced(process.T, n) for n in STEPS if n <= process.T}
        steps = sorted(set(spaced(process.T, min(PLACES, process.T))).union(*walks.values()))
        found |= {"kind": "ddpm", "steps": steps, "walks": walks, "clip": sampler.clip_x0}
        alpha_bar = process.schedule.alpha_bar[steps].tolist()
        found |= {"schedule": process.schedule.name, "alpha_bar": alpha_bar}
    else:
        raise ValueError(f"{name} is a {type(process).__name__}; the page shows ColdZoom and DDPM")
    if (computed := function(network)) is None:
        raise ValueError(
            f"the network of {name} is another than the page computes: cnn with channels {CHANNELS} and "
            f"dilations up to {WIDEST}, or unet of width 16"
        )
    found |= {"network": computed, "dilations": dilations(network)}
    found |= {"weights": packed(parameters(network), weights)}
    return found | {"encodings": packed(encodings(network, found["steps"], process.T), "f4")}


def function(network: nn.Module) -> str | None:
    """The function of net.c that computes a network: cnn, cnn_rms (the study's, with either norm) or unet."""
    wide = dilations(network)
    with torch.device("meta"):  # nothing is drawn
        known: dict[str, nn.Module] = {"unet": UNet()}
        if len(wide) == len(CHANNELS) and max(wide) <= WIDEST:
            known |= {"cnn": Reconstructor(dilations=wide)}
            known |= {"cnn_rms": Reconstructor(norm="rms", dilations=wide)}
    for found, one in known.items():
        if type(network) is type(one) and repr(network) == repr(one):  # all layers, with their sizes
            return found
    return None


def dilations(network: nn.Module) -> list[int]:
    """Those of the blocks of the study's network, which its function takes; of another network none."""
    return [block[0].dilation[0] for block in network.blocks] if type(network) is Reconstructor else []


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


def read_weights(model: DigitClassifier) -> Tensor:
    """The classifier's parameters, its normalisation folded into them: of each layer weight and bias."""
    convolutions, norms, linear = (
        [m for m in model.modules() if isinstance(m, kind)] for kind in (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    )
    layers = [*map(fuse_conv_bn_eval, convolutions, norms), *linear]
    return torch.cat([p.detach().flatten() for layer in layers for p in (layer.weight, layer.bias)])


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
