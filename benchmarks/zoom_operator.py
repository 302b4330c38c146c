"""The zoom of a batch, a different level for each image: one gather against one `resized_crop` an image."""

from typing import Any

import torch

from benchmarks import baseline
from benchmarks.figures import AT_LEAST, figure
from benchmarks.settings import Settings
from benchmarks.timing import interleave, ratio, spreads
from diffusion import data
from diffusion.zoom import zoom

LEVELS = 24
REPEATS = 10  # calls to one reading of the clock


def measure(settings: Settings) -> dict[str, Any]:
    x = data.load("train", n=settings.batch)[0].to(settings.device)
    t = torch.arange(len(x), device=settings.device) % LEVELS + 1  # each level 1..24

    def repeated(operator) -> None:
        for _ in range(REPEATS):
            operator(x, t)

    candidates = {"baseline": lambda: repeated(baseline.zoom), "ours": lambda: repeated(zoom)}
    seconds = interleave(candidates, settings.rounds)
    seconds = {name: [value / REPEATS for value in values] for name, values in seconds.items()}
    found = figure(
        f"zoom operator, batch {settings.batch}, a different t each",
        AT_LEAST,
        15,
        ratio(seconds["baseline"], seconds["ours"]),
        seconds=spreads(seconds),
        remark="the same images to the bit",
    )
    return {"figures": [found], "details": {"calls_per_reading": REPEATS}}
