"""From data to batches: a whole epoch of them in random order, from tensors in memory and from a
`DataLoader`.

What comes before the first epoch is measured as well: opening the data set, which for us includes scaling all
images and verifying the files' checksums.
"""

import os
from typing import Any

import torch

from benchmarks import baseline
from benchmarks.figures import AT_LEAST, figure
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spread, spreads
from diffusion import data


def measure(settings: Settings) -> dict[str, Any]:
    device = settings.device
    opened = interleave(
        {
            "baseline": lambda: baseline.dataset("train", settings.n_train),
            "ours": lambda: data.load("train", n=settings.n_train),
        },
        settings.few,
        warm_up=1,
    )
    x = data.load("train", n=settings.n_train)[0].to(device)
    images = baseline.dataset("train", settings.n_train)

    def textbook(workers: int) -> None:
        for batch, _ in baseline.loader(images, settings.batch, workers=workers):
            batch.to(device)

    def project() -> None:
        order = torch.randperm(len(x)).to(device)
        for batch in order.split(settings.batch):
            x[batch]

    candidates = {"baseline": lambda: textbook(0), "ours": project}
    candidates["baseline, 2 workers"] = lambda: textbook(2)
    seconds = interleave(candidates, settings.few, warm_up=1)
    with_workers = ratio(seconds["baseline, 2 workers"], seconds["ours"])
    found = figure(
        f"data to batch, an epoch of {len(x):,} images in batches of {settings.batch}",
        AT_LEAST,
        20,
        ratio(seconds["baseline"], seconds["ours"]),
        seconds=spreads(seconds),
        remark=f"{with_workers['median']:.0f} x a DataLoader with 2 worker processes",
    )
    details = {
        "against_2_workers": with_workers,
        "opening_seconds": spreads(opened),
        "opening_ratio": ratio(opened["baseline"], opened["ours"]),
        "cores": os.cpu_count(),
        "batch_seconds": spread([value * settings.batch / len(x) for value in seconds["ours"]]),
    }
    return {"figures": [found], "details": details}
