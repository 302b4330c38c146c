"""The training step against the textbook loop, and against the machine's own limit.

Both loops are timed step by step, data included: the textbook's step takes its batch from the `DataLoader`,
ours indexes a tensor, draws its noise from a keyed generator, and sets the learning rate. The convolutions
alone take turns with them.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import baseline, breakdown, floor, ours
from benchmarks.figures import AT_LEAST, AT_MOST, figure
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads
from diffusion import data, schedules
from diffusion.ddpm import DDPM
from diffusion.network import Reconstructor
from diffusion.process import DegradationProcess
from diffusion.zoom import ColdZoom


def textbook(process: DegradationProcess, settings: Settings, workers: int = 0) -> Iterator[float]:
    """The textbook's loop for a DDPM or the zoom."""
    device = settings.device
    if isinstance(process, DDPM):
        loss = baseline.DDPMLoss(process.schedule.alpha_bar, device)
    else:
        loss = baseline.ZoomLoss(process.T)
    images = baseline.dataset("train", settings.n_train)
    batches = baseline.loader(images, settings.batch, workers=workers)
    return baseline.training_steps(loss, process.T, Reconstructor(), batches, device)


def project(process: DegradationProcess, x: Tensor, settings: Settings) -> Iterator[None]:
    """Ours for the same process."""
    folder = Path(tempfile.gettempdir()) / "never-written"
    return ours.training_steps(process, x, settings.batch, settings.precision, folder)


def measure(settings: Settings) -> dict[str, Any]:
    torch.manual_seed(0)
    x, _ = data.load("train", n=settings.n_train)
    convolutions, chosen = floor.convolutions(
        settings.batch, settings.device, settings.precision, settings.few
    )
    processes = {"DDPM": DDPM(schedules.linear()), "zoom": ColdZoom()}
    steps = {"floor": convolutions}
    for name, process in processes.items():
        for who, loop in (("baseline", textbook(process, settings)), ("ours", project(process, x, settings))):
            steps[f"{who} {name}"] = loop.__next__
    seconds = interleave(steps, settings.rounds, warm_up=3)
    times = spreads(seconds)
    shares = {name: breakdown.shares(steps[f"ours {name}"], settings.few) for name in processes}
    figures = []
    for name in processes:
        figures.append(
            figure(
                f"training step, {name}, batch {settings.batch}",
                AT_LEAST,
                2.2,
                ratio(seconds[f"baseline {name}"], seconds[f"ours {name}"]),
                seconds={"baseline": times[f"baseline {name}"], "ours": times[f"ours {name}"]},
                remark=f"ours in {settings.precision}, data loading included on both sides",
            )
        )
    for name in processes:
        figures.append(
            figure(
                f"the same step, {name}, against the 7x7 convolutions alone in {settings.precision}",
                AT_MOST,
                1.35,
                ratio(seconds[f"ours {name}"], seconds["floor"]),
                seconds={"baseline": times["floor"], "ours": times[f"ours {name}"]},
                remark="of the step's operations: " + said(shares[name]),
            )
        )
    rate = floor.flop(settings.batch) / times["floor"]["median"]
    details = {"convolutions": chosen, "floor_flop_per_second": rate, "shares": shares}
    return {"figures": figures, "details": details}


def said(shares: dict[str, float], most: int = 5) -> str:
    """The largest shares in words."""
    return ", ".join(f"{kind} {share:.0%}" for kind, share in list(shares.items())[:most])
