"""Describe a run: the settings that determine its weights, and the checks before it begins.

Two runs are equal if `describe` gives equal settings for them. `fit` resumes a run only then.
"""

import copy
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffusion import data
from diffusion.bounds import check_call, summarise
from diffusion.check import check_levels, degrade, findings
from diffusion.code import own_code, training_code
from diffusion.processes import DDPM, ColdDiffusion, DegradationProcess
from diffusion.processes.base import Shape
from diffusion.processes.priors import fitted
from diffusion.runtime import seeded
from diffusion.training import network as networks
from diffusion.values import name_of, names_in, to_json, tree

REST = 0.05  # share of an image that noise may leave at t = T


def copy_process(process: DegradationProcess, shape: Shape) -> tuple[DegradationProcess, dict[str, Any]]:
    """A copy of a process for images (C, S, S), and its `sampler` and `prior`, which are not part of a run.

    ValueError: the process cannot be kept, or does not take such images.
    """
    process = copy.copy(process)
    sampling = {name: vars(process).pop(name, None) for name in ("sampler", "prior")}
    tree(process, "process")  # first: a value that cannot be kept may be one that cannot be copied
    process = copy.deepcopy(process)
    process.set_image_shape(shape)
    check_call(f"draw_prior of {type(process).__name__}", process.draw_prior, "n", "generator")
    return process, sampling


def check_network(cls: type[nn.Module], options: Mapping[str, Any], x: Tensor) -> None:
    """Raise ValueError unless the network takes its options and two images, and can be trained."""
    with seeded(0):
        network = networks.build(cls, options).eval()
        check_call(f"forward of {cls.__name__}", network.forward, "x", "t")
        output = network(x[:2], torch.ones(len(x[:2])))
    if not isinstance(output, Tensor) or output.shape != x[:2].shape:
        raise ValueError(
            f"the network {cls.__name__} returned {summarise(output)}; expected: a tensor "
            f"{(*x[:2].shape,)}, the shape of its input"
        )
    if not output.requires_grad:
        raise ValueError(
            f"the network {cls.__name__} cannot be trained: its output depends on no parameter with a "
            "gradient; expected: torch.nn.Parameter, not frozen or detached"
        )


def definitions(process: DegradationProcess, cls: type[nn.Module], options: Mapping[str, Any]) -> list[str]:
    """`module:name` of each class and function on which a run rests. ValueError: one cannot be kept."""
    trees = tree(process, "process"), tree(options, "network_options")
    return [*names_in(trees), name_of(cls, "network")]


def describe(
    process: DegradationProcess,
    cls: type[nn.Module],
    options: dict[str, Any],
    x: Tensor,
    x_test: Tensor | None,
    total: int,
    device: torch.device,
    learning: Mapping[str, Any],
) -> dict[str, Any]:
    """The settings of a run, as JSON: all that determines its weights.

    Args:
        process: before it is prepared.
        cls, options: of the network.
        total: steps in all.
        learning: batch_size, learning_rate, lr_schedule, ema, seed and precision, as `Learner` takes them.

    ValueError: the process or the options cannot be kept, or own code was edited after its import.
    """
    cut = total % math.ceil(len(x) / learning["batch_size"])  # steps of an epoch that is cut short
    test = None if x_test is None else data.fingerprint(x_test)
    settings = {
        "process": to_json(tree(process, "process")),
        "network": name_of(cls, "network"),
        "network_options": to_json(tree(options, "network_options")),
        "images": {"train": data.fingerprint(x), "test": test, "n": len(x)},
        **learning,
        # The length is part of a run whose learning rate falls to an end, or whose last epoch is cut short.
        "steps": total if learning["lr_schedule"] == "cosine" or cut else None,
        "device": device.type,
        "code": training_code(),
        "own": own_code(definitions(process, cls, options)),
    }
    return json.loads(json.dumps(settings))


def prepare(process: DegradationProcess, x: Tensor) -> None:
    """Prepare a process on the training images, and fit its prior. ValueError: it does not degrade them."""
    with seeded(0):
        process.prepare(x.clone())  # which may change its argument
        check_levels(process)
        if isinstance(process, ColdDiffusion):
            with seeded(0):
                degrade(copy.deepcopy(process), x)
        if process.prior is not None:
            process.prior = fitted(process.prior, process.to_pixels(x))


def notes(
    process: DegradationProcess, x: Tensor, settings: Mapping[str, Any], neighbours: list[Path]
) -> Iterator[str]:
    """Notes on a run that is allowed and seldom meant.

    Args:
        process: prepared.
        neighbours: files run.json of other runs.
    """
    if (x == x[:1]).all():
        yield "the training images are one image"
    low, high = x.min().item(), x.max().item()
    if high - low < 0.5 or low >= 0 or high <= 0:
        yield f"pixels range from {low:g} to {high:g}; expected: black is -0.5, white 0.5; else rescale them"
    for path in neighbours:
        with suppress(OSError, ValueError, AttributeError):  # damaged, or another program's
            if json.loads(path.read_bytes()).get("settings") == settings:
                yield f"an equal run is in {path.parent}, which diffusion.open opens"
    if isinstance(process, DDPM) and (rest := float(process.schedule.alpha_bar[-1])) > REST:
        yield f"at t = T {rest:.0%} of the image's variance is left, and sampling starts from noise alone"
    if isinstance(process, ColdDiffusion):  # others draw noise, each in its own way
        with seeded(0):
            try:
                yield from findings(process, x[:256])[2:]
            except (ValueError, NotImplementedError) as error:
                yield str(error)
