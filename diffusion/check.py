"""Try a degradation of one's own in seconds, before any training.

python -m diffusion.check module:Class [-T 10] [--options '{strength: 2}']
"""

import sys
import traceback
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import yaml
from torch import Tensor

from diffusion import data, processes
from diffusion.identity import describe
from diffusion.processes import ColdDiffusion, DegradationProcess
from diffusion.processes.base import check_images
from diffusion.processes.priors import fitted, prior_of
from diffusion.provenance import PACKAGE
from diffusion.runtime import generator
from diffusion.sources import is_library
from diffusion.training.sampling import checked, latents

N = 32  # images that are degraded
LEVELS = 50  # levels looked at, at most
FAR = 0.2  # of the range of pixels: a prior whose mean is as far from that of degraded images is wrong
SLACK = 0.9  # a level may be this much closer to the original than an earlier one


class Finding(NamedTuple):
    """One line of `check`: `problem` must be mended, `note` is worth knowing."""

    kind: Literal["ok", "problem", "note"]
    text: str


def check(process: DegradationProcess, x: Tensor, prior: Any = None) -> list[Finding]:
    """Findings about a process, up to the first problem.

    Args:
        process: what to try; `prepare(x)` is called on it, with images (N, C, S, S) in [-0.5, 0.5].
        prior: where sampling starts; None: the process's own.
    """
    check_images(x)
    found = []
    try:
        process.take(tuple(x.shape[1:]))
        process.prepare(x.clone())
        changes = _changes(process, x[:N].clone())
        found.append(Finding("ok", f"degrades to finite images at levels 0, the identity, to {process.T}"))
        if isinstance(process, ColdDiffusion):
            found += [_in_order(process, x[:N].clone(), changes), _starts(process, x, prior)]
        describe(process, "the process")
        found.append(Finding("ok", "a run is known by all that it is made of"))
    except Exception as error:  # whatever a user's code raises
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        hint = "; t is (B,): use t[:, None, None, None]" if "size of tensor" in str(error) else ""
        lines = [(Path(one.filename), one.lineno) for one in traceback.extract_tb(error.__traceback__)]
        own = [
            f" ({path.name}:{n})"
            for path, n in lines
            if not is_library(path) and not path.is_relative_to(PACKAGE)
        ]
        found.append(Finding("problem", f"{kind}{error}{hint}{own[-1] if own else ''}"))
    return found


def _at(process: DegradationProcess, x: Tensor, t: int) -> Tensor:
    """All of x degraded to level t."""
    options = {} if isinstance(process, ColdDiffusion) else {"generator": generator("check")}
    return process.degrade(x, torch.full((len(x),), t), **options)


def _changes(process: DegradationProcess, x: Tensor) -> dict[int, float]:
    """Mean absolute change of the pixels by level; ValueError: a level is no degradation."""
    before, found = x.clone(), {}
    levels = torch.linspace(0, process.T, min(LEVELS, process.T) + 1)
    for t in levels.round().long().unique().tolist():
        at = f"degrade at t = {t}"
        out = checked(_at(process, x, t), tuple(x.shape), at)
        if not torch.equal(x, before):
            raise ValueError(f"{at} changes the images that it is given; work on a copy")
        if not torch.equal(out, _at(process, x, t)):
            raise ValueError(f"{at} is not deterministic; it must not draw random numbers")
        if t == 0 and (off := float((out - x).abs().max())) > 1e-3:
            raise ValueError(f"level 0 must leave the image as it is; a pixel changes by {off:.3g}")
        found[t] = float((out - x).abs().mean())
    return found


def _in_order(process: ColdDiffusion, x: Tensor, changes: dict[int, float]) -> Finding:
    levels = torch.linspace(0, process.T, len(x)).round().long()
    alone = torch.cat([_at(process, one[None], int(t)) for one, t in zip(x, levels, strict=True)])
    if (off := float((process.degrade(x, levels) - alone).abs().max())) > 1e-4:
        raise ValueError(
            f"in a batch with several t, images differ by {off:.3g} from those alone; use each t"
        )
    if changes[process.T] < 1e-6:
        raise ValueError(f"level T = {process.T} leaves the images as they are")
    for (t, change), most in zip(changes.items(), accumulate(changes.values(), max), strict=True):
        if change < SLACK * most:
            said = f"level {t} is closer to the original than an earlier level"
            return Finding("note", f"{said}; sampling assumes that each level degrades a little more")
    if still := [t for (s, t) in pairwise(changes) if abs(changes[t] - changes[s]) < 1e-6]:
        said = f"levels {', '.join(map(str, still))} are as far from the original as the one before"
        return Finding("note", f"{said}; a level that changes nothing teaches nothing")
    return Finding("ok", f"degradation grows with t; mean absolute change at T = {process.T}: {most:.3f}")


def starts(process: ColdDiffusion, x: Tensor, prior: Any, n: int, seed: int | str = "check") -> Tensor:
    """n latents (n, C, S, S) of a prior fitted on x, where sampling starts; None: the process's own."""
    prior = prior_of(process.prior if prior is None else prior)
    start = None if prior is None else fitted(prior, process.compress(x))
    return latents(process, start, n, generator(seed, "start"))


def _starts(process: ColdDiffusion, x: Tensor, prior: Any) -> Finding:
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
    if (images := len(drawn.flatten(1).unique(dim=0))) < len(drawn) / 2:
        return Finding("note", f"{len(drawn)} starts of the prior are {images} images; samples are no more")
    return Finding("ok", said)


def main(arguments: list[str] | None = None) -> None:
    """Check a class, print the findings, and exit with 1 if there is a problem."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("degradation", help="module:Class, a subclass of ColdDiffusion")
    parser.add_argument("-T", type=int, help="deepest level (default: the class's own)")
    parser.add_argument("--options", default="{}", help="further arguments of the class, as in a profile")
    parser.add_argument("--dataset", default="mnist", help="images to degrade (default mnist)")
    chosen = parser.parse_args(arguments)
    try:
        process = processes.own(chosen.degradation, chosen.T, yaml.safe_load(chosen.options))
        found = check(process, data.load(chosen.dataset)[0][:1000])
    except (ValueError, yaml.YAMLError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    for finding in found:
        print(f"{finding.kind:8s}{finding.text}")
    if found[-1].kind == "problem":
        sys.exit(1)


if __name__ == "__main__":
    main()
