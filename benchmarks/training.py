"""The training step against the textbook loop, and against the machine's own limit.

Both loops are timed step by step, data included: the textbook's step takes its batch from the `DataLoader`,
ours indexes a tensor, draws its noise from a keyed generator, and sets the learning rate. The textbook's
runs in a process of its own, since ours changes how the whole process handles memory. The convolutions alone
take turns with them, in our process: their best case.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from benchmarks import breakdown, floor, ours
from benchmarks.figures import AT_LEAST, AT_MOST, figure
from benchmarks.jobs import PROCESSES
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads
from benchmarks.worker import Worker
from diffusion import data

NAMES = {"ddpm": "DDPM", "zoom": "zoom"}


def measure(settings: Settings) -> dict[str, Any]:
    torch.manual_seed(0)
    x, _ = data.load("train", n=settings.n_train)
    device, precision, batch = settings.device, settings.precision, settings.batch
    convolutions, chosen = floor.convolutions(batch, device, precision, settings.few)
    unused = Path(tempfile.gettempdir()) / "never-written"
    steps = {"floor": convolutions}
    with ExitStack() as stack:
        for key, name in NAMES.items():
            worker = Worker("textbook", process=key, n_train=settings.n_train, batch=batch)
            steps[f"baseline {name}"] = stack.enter_context(worker).step
            mine = ours.training_steps(PROCESSES[key](), x, batch, precision, unused)
            steps[f"ours {name}"] = mine.__next__
        seconds = interleave(steps, settings.rounds, warm_up=3)
    times = spreads(seconds)
    shares = {name: breakdown.shares(steps[f"ours {name}"], settings.few) for name in NAMES.values()}
    figures = []
    for name in NAMES.values():
        figures.append(
            figure(
                f"training step, {name}, batch {batch}",
                AT_LEAST,
                2.2,
                ratio(seconds[f"baseline {name}"], seconds[f"ours {name}"]),
                seconds={"baseline": times[f"baseline {name}"], "ours": times[f"ours {name}"]},
                remark=f"ours in {precision}, data loading included on both sides",
            )
        )
    for name in NAMES.values():
        figures.append(
            figure(
                f"the same step, {name}, against the 7x7 convolutions alone in {precision}",
                AT_MOST,
                1.35,
                ratio(seconds[f"ours {name}"], seconds["floor"]),
                seconds={"baseline": times["floor"], "ours": times[f"ours {name}"]},
                remark="of the step's operations: " + said(shares[name]),
            )
        )
    rate = floor.flop(batch) / times["floor"]["median"]
    details = {"convolutions": chosen, "floor_flop_per_second": rate, "shares": shares}
    return {"figures": figures, "details": details}


def said(shares: dict[str, float], most: int = 5) -> str:
    """The largest shares in words."""
    return ", ".join(f"{kind} {share:.0%}" for kind, share in list(shares.items())[:most])
