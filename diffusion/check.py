"""Try a degradation of one's own in seconds, before any training.

python -m diffusion.check module:Class [-T 20] [--options '{strength: 2}']
"""

import argparse
import os
import sys
from dataclasses import dataclass
from typing import Literal

import torch
import yaml
from torch import Tensor

from diffusion import data, processes
from diffusion.processes import ColdDiffusion, DegradationProcess
from diffusion.processes.base import check_images
from diffusion.runtime import generator

LEVELS = 50  # levels looked at, at most
SLACK = 0.9  # a level may be this much closer to the original than an earlier one


@dataclass(frozen=True)
class Finding:
    """One line of `check`: `problem` must be mended, `note` is worth knowing."""

    kind: Literal["ok", "problem", "note"]
    text: str


def check(process: DegradationProcess, x: Tensor) -> list[Finding]:
    """Findings about a process.

    Args:
        process: what to try; `prepare(x)` is called on it.
        x: images, (N, 1, 28, 28) in [-0.5, 0.5], of which the first 32 are degraded.
    """
    check_images(x)
    process.prepare(x.clone())
    checks = [_shapes, _level_zero, _loss]
    if isinstance(process, ColdDiffusion):
        checks += [_repeatable, _own_levels, _in_order, _prior, _state]
    found = []
    for one in checks:
        try:
            found.append(one(process, x.clone()))  # a faulty one may change it
        except Exception as error:  # whatever a user's code raises
            where = one.__name__.strip("_").replace("_", " ")
            found.append(Finding("problem", f"{where}: {type(error).__name__}: {error}"))
    return found


def is_constant(images: Tensor) -> bool:
    """True if all images (N, 1, 28, 28) are one."""
    return len(images) > 1 and bool((images - images[:1]).abs().max() < 1e-6)


def _levels(process: DegradationProcess) -> list[int]:
    steps = torch.linspace(0, process.T, min(LEVELS, process.T) + 1)
    return steps.round().long().unique().tolist()


def _degrade(process: DegradationProcess, x: Tensor, t: int | Tensor) -> Tensor:
    t = torch.full((len(x),), t) if isinstance(t, int) else t
    options = {} if isinstance(process, ColdDiffusion) else {"generator": generator("check")}
    return process.degrade(x, t, **options)


def _shapes(process: DegradationProcess, x: Tensor) -> Finding:
    x = x[:32]
    before = x.clone()
    for t in _levels(process):
        out = _degrade(process, x, t)
        if out.shape != x.shape or not out.is_floating_point():
            return Finding(
                "problem",
                f"degrade at t = {t} gives {tuple(out.shape)} of {out.dtype}; needed: floats like x",
            )
        if not out.isfinite().all():
            return Finding("problem", f"degrade at t = {t} gives numbers that are not finite")
        if not torch.equal(x, before):
            return Finding(
                "problem", f"degrade at t = {t} changes the images that it is given; work on a copy"
            )
    return Finding("ok", f"shapes and finite numbers at levels 0 to {process.T}")


def _level_zero(process: DegradationProcess, x: Tensor) -> Finding:
    off = float((_degrade(process, x[:32], 0) - x[:32]).abs().max())
    if off > 1e-3:
        return Finding("problem", f"level 0 must leave the image as it is; a pixel changes by {off:.3g}")
    return Finding("ok", "level 0 is the identity")


def _loss(process: DegradationProcess, x: Tensor) -> Finding:
    scale = torch.ones((), requires_grad=True)
    loss = process.loss(lambda x_t, t: x_t * scale, x[:32], generator("check"))
    loss.backward()
    if loss.ndim or not loss.isfinite() or scale.grad is None or not scale.grad.isfinite():
        return Finding("problem", f"loss is {loss}; needed: a finite scalar with a gradient")
    return Finding("ok", f"loss of the identity network: {loss.item():.4f}")


def _repeatable(process: DegradationProcess, x: Tensor) -> Finding:
    for t in _levels(process):
        if not torch.equal(_degrade(process, x[:32], t), _degrade(process, x[:32], t)):
            return Finding(
                "problem", f"degrade at t = {t} gives other images each time; it must not draw random numbers"
            )
    return Finding("ok", "degrade is deterministic")


def _own_levels(process: DegradationProcess, x: Tensor) -> Finding:
    levels = torch.tensor(_levels(process)).repeat(32)[:32]
    x = x[: len(levels)]
    together = _degrade(process, x, levels[: len(x)])
    alone = torch.cat([_degrade(process, x[i : i + 1], int(levels[i])) for i in range(len(x))])
    if (off := float((together - alone).abs().max())) > 1e-4:
        return Finding(
            "problem",
            f"in a batch with several t, images differ by {off:.3g} from those alone; use each t",
        )
    return Finding("ok", "each image of a batch is degraded at its own level")


def _in_order(process: DegradationProcess, x: Tensor) -> Finding:
    x, levels = x[:32], _levels(process)
    far = [float((_degrade(process, x, t) - x).abs().mean()) for t in levels]
    if far[-1] < 1e-6:
        return Finding("problem", f"level T = {process.T} leaves the images as they are")
    for i, t in enumerate(levels):
        if far[i] < SLACK * max(far[: i + 1]):
            return Finding(
                "problem", f"levels are out of order: t = {t} is closer to the original than an earlier level"
            )
    return Finding("ok", f"degradation grows with t; at T pixels are {far[-1]:.3f} off on average")


def _prior(process: ColdDiffusion, x: Tensor) -> Finding:
    prior = process.draw_prior(64, generator("check", 0))
    if prior.shape != (64, 1, 28, 28) or not prior.isfinite().all():
        return Finding(
            "problem", f"draw_prior(64) gives {tuple(prior.shape)}; needed: (64, 1, 28, 28) finite floats"
        )
    if not torch.equal(prior, process.draw_prior(64, generator("check", 0))):
        return Finding(
            "problem", "draw_prior gives other images for the same generator; draw from the generator only"
        )
    if is_constant(prior):
        return Finding(
            "note",
            "the prior is one image, so this deterministic process draws one image, whatever the seed; "
            "distances of its samples mean nothing",
        )
    deepest = _degrade(process, x[:256], process.T)
    return Finding(
        "ok",
        f"prior: mean {float(prior.mean()):.3f}, sd {float(prior.std()):.3f}; "
        f"fully degraded images: {float(deepest.mean()):.3f}, {float(deepest.std()):.3f}",
    )


def _state(process: ColdDiffusion, x: Tensor) -> Finding:
    expected, state = process.draw_prior(4, generator("check", 1)), process.state()
    process.prepare(0.5 * x[-100:])  # forgets what it has learnt
    process.load_state(state)
    kept = torch.equal(process.draw_prior(4, generator("check", 1)), expected)
    process.prepare(x)
    if not kept:
        return Finding(
            "problem", "state and load_state do not bring back what prepare learnt; samples need it"
        )
    return Finding("ok", "what prepare learnt is kept")


def main(arguments: list[str] | None = None) -> None:
    """Check a class, print the findings, and exit with 1 if there is a problem."""
    parser = argparse.ArgumentParser(prog="python -m diffusion.check", description=__doc__.splitlines()[0])
    parser.add_argument("degradation", help="module:Class, a subclass of ColdDiffusion")
    parser.add_argument("-T", type=int, default=20, help="deepest level (default 20)")
    parser.add_argument("--options", default="{}", help="further arguments of the class, as in a profile")
    parser.add_argument("--dataset", default="mnist", help="images to degrade (default mnist)")
    chosen = parser.parse_args(arguments)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        process = processes.own(chosen.degradation, chosen.T, yaml.safe_load(chosen.options))
        found = check(process, data.load("train", n=1000, dataset=chosen.dataset)[0])
    except (ValueError, yaml.YAMLError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    for finding in found:
        print(f"{finding.kind:8s}{finding.text}")
    if any(finding.kind == "problem" for finding in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
