"""Describe a run: the settings that determine its weights, and the checks before training.

Two runs are equal if `describe` returns equal settings. Only then does `fit` resume a run.
"""

import copy
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from diffusion import data
from diffusion.arguments import summarise
from diffusion.own import own_code, training_code
from diffusion.pixels import Shape
from diffusion.processes import DDPM, ColdDiffusion, DegradationProcess
from diffusion.runtime import seeded
from diffusion.saved import name_of, names_in, to_plain, to_settings
from diffusion.training import network as networks
from diffusion.training.check import findings

REST = 0.05  # share of an image that noise may leave at t = T


def split(process: DegradationProcess) -> tuple[DegradationProcess, dict[str, Any]]:
    """Return a shallow copy of a process without its own `sampler` and `prior`, and these by name.

    They do not affect training, so they are not part of a run's settings. Attributes of its class stay.
    """
    process = copy.copy(process)
    own = {name: vars(process).pop(name, None) for name in ("sampler", "prior")}
    return process, {name: value for name, value in own.items() if value is not None}


def copy_process(process: DegradationProcess, shape: Shape) -> tuple[DegradationProcess, dict[str, Any]]:
    """Copy a process for images (C, S, S), and return the copy and its own sampler and prior, as `split`.

    Raises:
        ValueError: If the process, sampler or prior cannot be saved, or the process does not support such
            images.
    """
    to_plain(process, "process")  # first, because a value that cannot be saved may also be impossible to copy
    process, sampling = split(copy.deepcopy(process))
    process.set_image_shape(shape)
    return process, sampling


def check_network(cls: type[nn.Module], options: Mapping[str, Any], x: Tensor) -> None:
    """Check that a network accepts its options and two images.

    Raises:
        ValueError: If not.
    """
    with seeded(0):
        network = networks.build(cls, options).eval()
        output = network(x[:2], torch.ones(len(x[:2])))
    if not isinstance(output, Tensor) or output.shape != x[:2].shape:
        raise ValueError(
            f"the network {cls.__name__} returned {summarise(output)}; expected: a tensor "
            f"{(*x[:2].shape,)}, the shape of its input"
        )


def definitions(process: DegradationProcess, cls: type[nn.Module], options: Mapping[str, Any]) -> list[str]:
    """Return `module:name` of all classes and functions that the weights of a run depend on.

    Raises:
        ValueError: If one of them cannot be saved.
    """
    trees = to_plain(split(process)[0], "process"), to_plain(options, "network_options")
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
    """Return the settings of a run, as JSON: everything that determines its weights.

    Args:
        process (DegradationProcess): The process before `prepare`.
        cls (type): Class of the network.
        options (dict): Arguments of the network.
        x (Tensor): Training images.
        x_test (Tensor, optional): Test images.
        total (int): Number of steps.
        device (torch.device): Device of the training.
        learning (Mapping): batch_size, learning_rate, lr_schedule, ema, seed and precision, as in `Learner`.

    Raises:
        ValueError: If the process or the options cannot be saved, or your code was edited after its import.
    """
    cut = total % math.ceil(len(x) / learning["batch_size"])  # steps of an incomplete last epoch
    test = None if x_test is None else data.fingerprint(x_test)
    settings = {
        "process": to_settings(to_plain(process, "process")),
        "network": name_of(cls, "network"),
        "network_options": to_settings(to_plain(options, "network_options")),
        "images": {"train": data.fingerprint(x), "test": test, "n": len(x)},
        **learning,
        # The length determines the weights if the learning rate decays, or if the last epoch is incomplete.
        "steps": total if learning["lr_schedule"] == "cosine" or cut else None,
        "device": device.type,
        "code": training_code(),
        "own": own_code(definitions(process, cls, options)),
    }
    return json.loads(json.dumps(settings))


def notes(process: DegradationProcess, x: Tensor, prior: Any = None) -> Iterator[str]:
    """Yield notes about a prepared process: allowed, but probably not intended.

    Args:
        process (DegradationProcess): The process.
        x (Tensor): Training images.
        prior (object, optional): Its fitted prior. If None, `draw_prior`. Default None.
    """
    if isinstance(process, DDPM) and (rest := float(process.schedule.alpha_bar[-1])) > REST:
        yield f"at t = T {rest:.0%} of the image's variance is left, and sampling starts from noise alone"
    if isinstance(process, ColdDiffusion):  # the others add noise in `degrade`
        with seeded(0):
            try:
                yield from findings(process, x[:256], prior)[2:]
            except (ValueError, NotImplementedError) as error:
                yield str(error)
