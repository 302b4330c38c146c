"""Cold Zoom Diffusion: DDPMs and cold diffusion on 28 x 28 images, trained, sampled and measured.

    import diffusion as d

    x, _ = d.load("mnist")
    run = d.fit(d.ColdZoom(), x, steps=1000)
    d.grid(run.sample(16))

A name is imported when it is first used.
"""

import importlib
from typing import Any

_NAMES = {
    "DDPM": "processes",
    "ColdBlur": "processes",
    "ColdDiffusion": "processes",
    "ColdZoom": "processes",
    "DegradationProcess": "processes",
    "NoiseSchedule": "processes",
    "cosine": "processes",
    "linear": "processes",
    "DataSet": "data",
    "load": "data",
    "Reconstructor": "training.network",
    "UNet": "training.network",
    "Run": "training.run",
    "fit": "training.fit",
    "open": "training.opening",
    "released": "training.opening",
    **dict.fromkeys(("Ancestral", "DDIM", "Improved", "Naive"), "processes.samplers"),
    **dict.fromkeys(("Mixture", "Patches", "Pixels"), "processes.priors"),
    "Evaluator": "evaluation.evaluator",
    "grid": "figures",
}
__all__ = ["__version__", *_NAMES]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("cold-zoom-diffusion")
    if name not in _NAMES:
        raise AttributeError(f"module 'diffusion' has no attribute {name!r}")
    return getattr(importlib.import_module(f"diffusion.{_NAMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
