"""Try a degradation of one's own in seconds, before any training.

python -m diffusion.check module:Class [-T 10] [--options '{strength: 2}']
"""

import argparse
import sys
import traceback
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from torch import Tensor

from diffusion import data, processes
from diffusion.bounds import whole
from diffusion.identity.describe import Found, describe
from diffusion.identity.packing import PackError, pack, unpack
from diffusion.identity.sources import is_library, is_ours
from diffusion.plugins import named, parameters
from diffusion.processes import ColdDiffusion, DegradationProcess
from diffusion.processes.base import check_images
from diffusion.processes.priors import fitted, prior_of
from diffusion.runtime import generator
from diffusion.training.sampling import checked, latents

N = 32  # images that are degraded
LEVELS = 50  # levels looked at, at most
FAR = 0.2  # of the range of pixels: a prior whose mean is as far from that of degraded images is wrong
SLACK = 0.9  # a level may be this much closer to the original than an earlier one
ALL = 0.9  # of the whole change, in one level: all at once


@dataclass(frozen=True)
class Finding:
    """One line of `check`: `problem` must be mended, `note` is worth knowing."""

    kind: Literal["ok", "problem", "note"]
    text: str


def check(process: DegradationProcess, x: Tensor, prior: Any = None) -> list[Finding]:
    """Findings about a process, up to the first problem.

    Args:
        process: what to try; `prepare(x)` is called on it.
        x: images, (N, C, S, S) in [-0.5, 0.5].
        prior: where sampling starts; None: the process's own.
    """
    check_images(x)
    checks = [_degrades, _learns]  # each returns what is well or worth knowing, or raises
    if isinstance(process, ColdDiffusion):
        checks += [_own_levels, _in_order, partial(_prior, prior=prior), _kept]
    found = []
    try:
        process.take(tuple(x.shape[1:]))
        process.prepare(x.clone())
        for one in checks:
            said = one(process, x.clone())  # a faulty one may change it
            found.append(said if isinstance(said, Finding) else Finding("ok", said))
    except Exception as error:  # whatever a user's code raises
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        hint = "; t is (B,): use t[:, None, None, None]" if "size of tensor" in str(error) else ""
        found.append(Finding("problem", f"{kind}{error}{hint}{_where(error)}"))
    return found


def _where(error: Exception) -> str:
    """The last line of a user's own code that an error came through, ` (mine.py:12)`, or nothing."""
    lines = [(Path(one.filename), one.lineno) for one in traceback.extract_tb(error.__traceback__)]
    own = [f" ({file.name}:{n})" for file, n in lines if not is_library(file) and not is_ours(file)]
    return own[-1] if own else ""


def _levels(process: DegradationProcess) -> list[int]:
    steps = torch.linspace(0, process.T, min(LEVELS, process.T) + 1)
    return steps.round().long().unique().tolist()


def _at(process: DegradationProcess, x: Tensor, t: int) -> Tensor:
    """All of x degraded to level t."""
    options = {} if isinstance(process, ColdDiffusion) else {"generator": generator("check")}
    return process.degrade(x, torch.full((len(x),), t), **options)


def _degrades(process: DegradationProcess, x: Tensor) -> str:
    x = x[:N]
    before = x.clone()
    for t in _levels(process):
        at = f"degrade at t = {t}"
        out = checked(_at(process, x, t), tuple(x.shape), at)
        if not torch.equal(x, before):
            raise ValueError(f"{at} changes the images that it is given; work on a copy")
        if not torch.equal(out, _at(process, x, t)):
            raise ValueError(f"{at} is not deterministic; it must not draw random numbers")
        if t == 0 and (off := float((out - x).abs().max())) > 1e-3:
            raise ValueError(f"level 0 must leave the image as it is; a pixel changes by {off:.3g}")
    return f"degrades to finite images at levels 0, the identity, to {process.T}"


def _learns(process: DegradationProcess, x: Tensor) -> str:
    scale = torch.ones((), requires_grad=True)
    loss = process.loss(lambda x_t, t: x_t * scale, x[:N], generator("check"))
    loss.backward()
    if loss.ndim or not loss.isfinite() or scale.grad is None or not scale.grad.isfinite():
        raise ValueError(f"loss is {loss}; needed: a finite scalar with a gradient")
    return f"loss of the identity network: {loss.item():.4f}"


def _own_levels(process: DegradationProcess, x: Tensor) -> str:
    levels = torch.linspace(0, process.T, N).round().long()
    together = process.degrade(x[:N], levels)
    alone = torch.cat([_at(process, one[None], int(t)) for one, t in zip(x, levels, strict=False)])
    if (off := float((together - alone).abs().max())) > 1e-4:
        raise ValueError(
            f"in a batch with several t, images differ by {off:.3g} from those alone; use each t"
        )
    return "each image of a batch is degraded at its own level"


def _in_order(process: DegradationProcess, x: Tensor) -> str | Finding:
    x, levels = x[:N], _levels(process)
    far, still, before = [], [], x
    for t in levels:
        out = _at(process, x, t)
        far.append(float((out - x).abs().mean()))
        still += [t] if t and (out - before).abs().max() < 1e-6 else []
        before = out
    if far[-1] < 1e-6:
        raise ValueError(f"level T = {process.T} leaves the images as they are")
    for i, t in enumerate(levels):
        if far[i] < SLACK * max(far[: i + 1]):
            said = f"level {t} is closer to the original than an earlier level"
            return Finding(
                "note", f"{said}; sampling assumes that each level degrades a little more than the one before"
            )
    steps = [b - a for a, b in pairwise(far)]
    if process.T > 1 and max(steps) > ALL * far[-1]:
        said = f"nearly all is lost at once, at level {levels[1 + steps.index(max(steps))]}"
        return Finding("note", f"{said}; that cannot be undone step by step")
    if still:
        said = f"{len(still)} of {len(levels) - 1}, from {still[0]} to {still[-1]}"
        return Finding("note", f"levels that change nothing: {said}; they teach nothing")
    return f"degradation grows with t; mean absolute change at T = {process.T}: {far[-1]:.3f}"


def starts(process: ColdDiffusion, x: Tensor, prior: Any, n: int, seed: int | str = "check") -> Tensor:
    """n latents (n, 1, 28, 28) of a prior fitted on x, where sampling starts; None: the process's own."""
    prior = prior_of(process.prior if prior is None else prior)
    start = None if prior is None else fitted(prior, process.compress(x))
    return latents(process, start, n, generator(seed, "start"))


def _prior(process: ColdDiffusion, x: Tensor, prior: Any) -> str | Finding:
    drawn, again = (starts(process, x, prior, 64) for _ in range(2))
    if not torch.equal(drawn, again):
        raise ValueError("draw_prior gives other images for the same generator; draw from the generator only")
    deepest = _at(process, x[:256], process.T)
    (mean, sd), (as_mean, as_sd) = ((float(one.mean()), float(one.std())) for one in (drawn, deepest))
    said = f"prior: mean {mean:.3f}, sd {sd:.3f}; fully degraded images: {as_mean:.3f}, {as_sd:.3f}"
    if abs(mean - as_mean) > FAR or sd > 2 * as_sd + FAR:
        raise ValueError(f"{said}; sampling starts from images that training never sees")
    if (drawn - drawn[:1]).abs().max() < 1e-6:
        said = "the prior is one image, so this deterministic process draws one image, whatever the seed"
        return Finding("note", f"{said}; distances of its samples mean nothing")
    return said


def _kept(process: ColdDiffusion, x: Tensor) -> str | Finding:
    """Check that it can be described, and had back from what a run keeps of it."""
    found = Found()
    describe(process, "the process", found)
    try:
        again = unpack(pack(process, "the process"), found.live)
    except PackError as error:
        return Finding("note", f"{error}; a run of it is opened with process=, one that is prepared")
    if not torch.equal(*(_at(one, x[:8], process.T) for one in (again, process))):
        raise ValueError(
            "what a run keeps of it degrades otherwise; it must not depend on more than its attributes"
        )
    return "a run is known by it and keeps it"


def main(arguments: list[str] | None = None) -> None:
    """Check a class, print the findings, and exit with 1 if there is a problem."""
    parser = argparse.ArgumentParser(prog="python -m diffusion.check", description=__doc__.splitlines()[0])
    parser.add_argument("degradation", help="module:Class, a subclass of ColdDiffusion")
    usual = f"deepest level (default: the class's own, or {processes.USUAL_T})"
    parser.add_argument("-T", type=int, help=usual)
    parser.add_argument("--options", default="{}", help="further arguments of the class, as in a profile")
    parser.add_argument("--dataset", default="mnist", help="images to degrade (default mnist)")
    chosen = parser.parse_args(arguments)
    try:
        cls = named("degradation", chosen.degradation, {"blur": processes.ColdBlur})
        its = getattr(parameters(cls).get("T"), "default", None), getattr(cls, "T", None), processes.USUAL_T
        T = next(T for T in (chosen.T, *its) if isinstance(T, int))
        whole("T", T, 1, meaning="the deepest level")
        process = processes.own(chosen.degradation, T, yaml.safe_load(chosen.options))
        found = check(process, data.load(chosen.dataset, n=1000)[0])
    except (ValueError, yaml.YAMLError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    for finding in found:
        print(f"{finding.kind:8s}{finding.text}")
    if found[-1].kind == "problem":
        sys.exit(1)


if __name__ == "__main__":
    main()
