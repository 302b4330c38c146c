"""How large a benchmark run is, and what it runs on."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from diffusion import devices
from diffusion.files import ROOT

OUT = ROOT / "build" / "bench"


@dataclass(frozen=True)
class Settings:
    """Sizes of a run. `full` gives the published figures; the others only show that everything runs."""

    scale: str = "full"
    out: Path = OUT
    rounds: int = 30  # timed rounds of short work, each of which visits every candidate once
    few: int = 5  # timed rounds of long work
    n_train: int | None = None  # training images; None: all
    n_test: int | None = None  # test images; None: all
    batch: int = 128  # images per step
    n_samples: int = 500  # generated images
    T: int = 1000  # steps of the DDPM that is sampled from
    segment: int = 50  # sampling steps between two readings of the clock
    epochs: int = 2  # of the network that is sampled from, where no trained one is at hand
    memory_epochs: tuple[int, int] = (1, 3)  # peak memory is measured for both
    seconds: float = 8.0  # one window of the experiment with processes side by side
    sizes: dict[str, tuple[int, ...]] = field(
        default_factory=lambda: {
            "batch": (32, 64, 128, 256, 512),
            "samples": (64, 128, 256, 512, 1024),
            "steps": (16, 32, 64, 128),
            "images": (1280, 2560, 5120, 10240),
            "measured": (5000, 10000, 20000, 40000, 60000),
        }
    )

    @property
    def device(self) -> torch.device:
        return devices.accelerator().device

    @property
    def precision(self) -> str:
        return devices.resolve_precision("auto", self.device)


_QUICK = dict(
    rounds=5,
    few=3,
    n_train=6400,
    n_test=2000,
    n_samples=64,
    T=20,
    segment=5,
    epochs=1,
    seconds=2.0,
    sizes={
        "batch": (32, 64, 128),
        "samples": (32, 64, 128),
        "steps": (4, 8, 16),
        "images": (256, 512, 1024),
        "measured": (1000, 2000, 4000),
    },
)
_TINY = dict(
    rounds=2,
    few=2,
    n_train=64,
    n_test=64,
    batch=8,
    n_samples=8,
    T=4,
    segment=2,
    epochs=1,
    memory_epochs=(1, 2),
    seconds=0.2,
    sizes={"batch": (2, 4), "samples": (2, 4), "steps": (2, 4), "images": (8, 16), "measured": (32, 64)},
)
SCALES = {"full": {}, "quick": _QUICK, "tiny": _TINY}


def of_scale(scale: str, out: Path = OUT) -> Settings:
    """The settings of a scale: full, quick or tiny."""
    return Settings(scale=scale, out=out, **SCALES[scale])
