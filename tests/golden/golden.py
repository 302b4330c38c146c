"""Golden values: numbers that the code must keep giving, on every kind of processor.

A case is a function that returns numbers by place, such as {"weights": [0.1, None, 2.0]}. Its file keeps

    values    the numbers, as the machine computed them that wrote the file
    scatter   how far they move where sums are rounded otherwise (`rounded`): the largest of `REPEATS` changes
    probe     bits of typical operations of that machine (`probe`)

A machine whose `probe` is the same must give the same bits. Any other may differ by `MARGIN` times the
scatter: processors add up in other orders, and a long sampling amplifies that, some numbers more than others.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from diffusion.files import write_bytes
from report.files import read_json

REPEATS = 8  # computations that round otherwise
MARGIN = 8  # times the largest change among these: of thousands of numbers some move further
SUMS = 2e-6  # relative: sums of float32 outside of networks, such as the mean of an image

Numbers = Mapping[str, list[float | None]]


def probe() -> str:
    """A hash of the bits that this machine computes: equal where other computations should be equal, too."""
    draw = torch.Generator().manual_seed(0)
    x, w = torch.randn(8, 16, 28, 28, generator=draw), torch.randn(32, 16, 7, 7, generator=draw)
    a = torch.randn(200, 64, generator=draw)
    w.requires_grad_()
    y = functional.gelu(functional.layer_norm(functional.conv2d(x, w, padding=3), (28, 28)))
    y.square().mean().backward()
    covariance = torch.cov(a.double().T)
    found = [y, w.grad, a @ a.T, torch.linalg.eigh(covariance)[1], torch.linalg.svdvals(covariance)]
    with torch.autocast("cpu", torch.bfloat16):
        found.append(functional.conv2d(x[:1], w, padding=3).float())
    return hashlib.sha256(b"".join(one.detach().numpy().tobytes() for one in found)).hexdigest()[:16]


@contextmanager
def rounded(seed: int) -> Iterator[None]:
    """Convolutions and linear layers whose sums are rounded otherwise, as another processor rounds them.

    A sum of K products is rounded K times by half a unit in the last place; in bf16, whose products are added
    up in float32, the result alone is rounded. The same input is rounded in the same way each time.
    """
    layers = {name: getattr(functional, name) for name in ("conv2d", "linear")}

    def noisy(layer: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(x: Tensor, weight: Tensor, *given: Any, **options: Any) -> Tensor:
            y = layer(x, weight, *given, **options)
            terms = weight[0].numel() if y.dtype == torch.float32 else 1
            noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))
            noise = noise * (torch.finfo(y.dtype).eps / 2 * math.sqrt(terms))
            return y + (y.detach().float().square().mean().sqrt() * noise).to(y.dtype)

        return call

    try:
        for name, layer in layers.items():
            setattr(functional, name, noisy(layer))
        yield
    finally:
        for name, layer in layers.items():
            setattr(functional, name, layer)


def kept(compute: Callable[[], Numbers]) -> dict[str, Any]:
    """The values and the scatter of a case, as a file keeps them."""
    values, scatter = compute(), {}
    for seed in range(REPEATS):
        with rounded(seed):
            other = compute()
        for place, numbers in values.items():
            apart = [_apart(a, b) for a, b in zip(numbers, other[place], strict=True)]
            before = scatter.get(place, [0.0] * len(numbers))
            scatter[place] = [float(f"{max(a, b):.2g}") for a, b in zip(apart, before, strict=True)]
    moved = {place: numbers for place, numbers in scatter.items() if any(numbers)}
    return {"values": values, "scatter": moved}


def write(file: Path, cases: Mapping[str, Callable[[], Numbers]], changed: Collection[str]) -> list[str]:
    """Write all cases anew, and return those that have changed by more than rounding and are not named.

    Where there are any, nothing is written.
    """
    before, refused, found = read_json(file)["cases"] if file.is_file() else {}, [], {}
    for name, compute in cases.items():
        found[name] = kept(compute)
        nothing = {"values": {}, "scatter": {}}
        different = differences(found[name]["values"], before.get(name, nothing), exact=False)
        if different and name not in changed:
            refused.append(name)
        print(*(f"{name}: {line}" for line in different), sep="\n", flush=True)
    if not refused:
        text = json.dumps({"probe": probe(), "cases": found}, indent=1, allow_nan=False)
        lists = re.sub(r"\[\s+([^][]*?)\s+\]", lambda one: f"[{' '.join(one[1].split())}]", text)
        write_bytes(file, f"{lists}\n".encode())
    return refused


def differences(found: Numbers, case: Mapping[str, Any], exact: bool) -> list[str]:
    """The places at which numbers differ from the kept ones by more than rounding; exact: at all."""
    if found.keys() != case["values"].keys():
        return [f"places differ: {sorted(found.keys() ^ case['values'].keys())[:5]}"]
    different = []
    for place, numbers in case["values"].items():
        scatter = case["scatter"].get(place, [0.0] * len(numbers))
        for old, new, moved in zip(numbers, found[place], scatter, strict=True):
            allowed = 0.0 if exact else MARGIN * moved + SUMS * abs(old or 0)
            if _apart(old, new) > allowed:
                different.append(f"{place} was {old}, is {new}; allowed: {allowed:.2g} apart")
    return different


def _apart(a: float | None, b: float | None) -> float:
    """The distance of two numbers; infinite where one alone is missing."""
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    return abs(a - b)
