"""Try a degradation of one's own in seconds, before any training.

python -m diffusion.check module:Class [-T 24] [--options '{strength: 2}']
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
from diffusion.identity.describe import Found, describe
from diffusion.identity.packing import PackError, pack, unpack
from diffusion.processes import ColdDiffusion, DegradationProcess
from diffusion.processes.base import check_images
from diffusion.processes.priors import fitted, prior_of
from diffusion.runtime import generator
from diffusion.training.sampling import latents

LEVELS = 50  # levels looked at, at most
FAR = 0.2  # of the range of pixels: a prior whose mean is as far from that of degraded images is wrong
SLACK = 0.9  # a level may be this much closer to the original than an earlier one


@dataclass(frozen=True)
class Finding:
    """One line of `check`: `problem` must be mended, `note` is worth knowing."""

    kind: Literal["ok", "problem", "note"]
    text: str


class _Problem(Exception):
    pass


def check(process: DegradationProcess, x: Tensor) -> list[Finding]:
    """Findings about a process.

    Args:
        process: what to try; `prepare(x)` is called on it.
        x: images, (N, 1, 28, 28) in [-0.5, 0.5], of which the first 32 are degraded.
    """
    check_images(x)
    T = getattr(process, "T", None)
    if not isinstance(T, int) or T < 1:
        raise ValueError(f"T is {T!r}; needed: a whole number of levels, 1 or more")
    process.prepare(x.clone())
    checks = [_shapes, _level_zero, _loss]  # each returns what is well, or raises
    if isinstance(process, ColdDiffusion):
        checks += [_repeatable, _own_levels, _in_order, _prior, _kept]
    found = []
    for one in checks:
        try:
            said = one(process, x.clone())  # a faulty one may change it
            found.append(said if isinstance(said, Finding) else Finding("ok", said))
        except _Problem as problem:
            found.append(Finding("problem", str(problem)))
        except Exception as error:  # whatever a user's code raises
            where = one.__name__.strip("_").replace("_", " ")
            found.append(Finding("problem", f"{where}: {type(error).__name__}: {error}"))
        if found[0].kind == "problem":  # what follows needs images
            break
    return found


def _levels(process: DegradationProcess) -> list[int]:
    steps = torch.linspace(0, process.T, min(LEVELS, process.T) + 1)
    return steps.round().long().unique().tolist()


def _degrade(process: DegradationProcess, x: Tensor, t: int | Tensor) -> Tensor:
    t = torch.full((len(x),), t) if isinstance(t, int) else t
    options = {} if isinstance(process, ColdDiffusion) else {"generator": generator("check")}
    return process.degrade(x, t, **options)


def _shapes(process: DegradationProcess, x: Tensor) -> str:
    x = x[:32]
    before = x.clone()
    for t in _levels(process):
        out, at = _degrade(process, x, t), f"degrade at t = {t}"
        if out.shape != x.shape or not out.is_floating_point():
            raise _Problem(f"{at} gives {tuple(out.shape)} of {out.dtype}; needed: floats like x")
        if not out.isfinite().all():
            raise _Problem(f"{at} gives numbers that are not finite")
        if not torch.equal(x, before):
            raise _Problem(f"{at} changes the images that it is given; work on a copy")
    return f"shapes and finite numbers at levels 0 to {process.T}"


def _level_zero(process: DegradationProcess, x: Tensor) -> str:
    off = float((_degrade(process, x[:32], 0) - x[:32]).abs().max())
    if off > 1e-3:
        raise _Problem(f"level 0 must leave the image as it is; a pixel changes by {off:.3g}")
    return "level 0 is the identity"


def _loss(process: DegradationProcess, x: Tensor) -> str:
    scale = torch.ones((), requires_grad=True)
    loss = process.loss(lambda x_t, t: x_t * scale, x[:32], generator("check"))
    loss.backward()
    if loss.ndim or not loss.isfinite() or scale.grad is None or not scale.grad.isfinite():
        raise _Problem(f"loss is {loss}; needed: a finite scalar with a gradient")
    return f"loss of the identity network: {loss.item():.4f}"


def _repeatable(process: DegradationProcess, x: Tensor) -> str:
    for t in _levels(process):
        if not torch.equal(_degrade(process, x[:32], t), _degrade(process, x[:32], t)):
            raise _Problem(f"degrade at t = {t} is not deterministic; it must not draw random numbers")
    return "degrade is deterministic"


def _own_levels(process: DegradationProcess, x: Tensor) -> str:
    x = x[:32]
    levels = torch.linspace(0, process.T, len(x)).round().long()
    together = _degrade(process, x, levels)
    alone = torch.cat([_degrade(process, x[i : i + 1], int(levels[i])) for i in range(len(x))])
    if (off := float((together - alone).abs().max())) > 1e-4:
        raise _Problem(f"in a batch with several t, images differ by {off:.3g} from those alone; use each t")
    return "each image of a batch is degraded at its own level"


def _in_order(process: DegradationProcess, x: Tensor) -> str | Finding:
    x, levels = x[:32], _levels(process)
    far = [float((_degrade(process, x, t) - x).abs().mean()) for t in levels]
    if far[-1] < 1e-6:
        raise _Problem(f"level T = {process.T} leaves the images as they are")
    for i, t in enumerate(levels):
        if far[i] < SLACK * max(far[: i + 1]):
            said = f"level {t} is closer to the original than an earlier level"
            return Finding(
                "note", f"{said}; sampling assumes that each level degrades a little more than the one before"
            )
    return f"degradation grows with t; mean absolute change at T = {process.T}: {far[-1]:.3f}"


def _prior(process: ColdDiffusion, x: Tensor) -> str | Finding:
    def drawn(n: int, number: int) -> Tensor:
        prior = prior_of(process.prior)
        start = None if prior is None else fitted(prior, process.compress(x))
        return latents(process, start, n, generator("check", number))

    try:
        prior = drawn(64, 0)
    except ValueError as error:
        raise _Problem(str(error)) from error
    if not torch.equal(prior, drawn(64, 0)):
        raise _Problem("draw_prior gives other images for the same generator; draw from the generator only")
    deepest = _degrade(process, x[:256], process.T)
    (mean, sd), (as_mean, as_sd) = ((float(one.mean()), float(one.std())) for one in (prior, deepest))
    said = f"prior: mean {mean:.3f}, sd {sd:.3f}; fully degraded images: {as_mean:.3f}, {as_sd:.3f}"
    if abs(mean - as_mean) > FAR or sd > 2 * as_sd + FAR:
        raise _Problem(f"{said}; sampling starts from images that training never sees")
    if (prior - prior[:1]).abs().max() < 1e-6:
        said = "the prior is one image, so this deterministic process draws one image, whatever the seed"
        return Finding("note", f"{said}; distances of its samples mean nothing")
    return said


def _kept(process: ColdDiffusion, x: Tensor) -> str | Finding:
    """Whether it is known by what it is, and can be had back from what a run keeps of it."""
    found = Found()
    describe(process, "the process", found)
    try:
        again = unpack(pack(process, "the process"), found.live)
    except PackError as error:
        return Finding("note", f"{error}; a run of it is opened with process=, one that is prepared")
    at = process.T * torch.ones(8, dtype=torch.long)
    if not torch.equal(again.degrade(x[:8], at), process.degrade(x[:8], at)):
        raise _Problem(
            "what a run keeps of it degrades otherwise; it must not depend on more than its attributes"
        )
    return "a run is known by it and keeps it"


def main(arguments: list[str] | None = None) -> None:
    """Check a class, print the findings, and exit with 1 if there is a problem."""
    parser = argparse.ArgumentParser(prog="python -m diffusion.check", description=__doc__.splitlines()[0])
    parser.add_argument("degradation", help="module:Class, a subclass of ColdDiffusion")
    parser.add_argument("-T", type=int, help="deepest level (default: the class's own)")
    parser.add_argument("--options", default="{}", help="further arguments of the class, as in a profile")
    parser.add_argument("--dataset", default="mnist", help="images to degrade (default mnist)")
    chosen = parser.parse_args(arguments)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        process = processes.own(chosen.degradation, chosen.T, yaml.safe_load(chosen.options))
        found = check(process, data.load(chosen.dataset, n=1000)[0])
    except (ValueError, yaml.YAMLError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    if chosen.T is None and process.T != processes.USUAL_T:
        said = (
            f"tried at T = {process.T}, its own; in profiles it has T = {processes.USUAL_T} unless they say T"
        )
        found.append(Finding("note", said))
    for finding in found:
        print(f"{finding.kind:8s}{finding.text}")
    if any(finding.kind == "problem" for finding in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
