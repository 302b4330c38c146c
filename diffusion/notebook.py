"""The folder of results, and `fit` for lessons.

Importing this module makes `report` and `paper` of the checkout importable from all folders.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import diffusion as d
from diffusion.places import checkout
from diffusion.training.run import Run

if (_place := checkout()) and str(_place) not in sys.path:
    sys.path.append(str(_place))


def results(out_dir: str | None) -> Path:
    """Return the folder of results: out_dir, else build/notebook of the checkout or the current folder."""
    return Path(out_dir).expanduser() if out_dir else (checkout() or Path()) / "build/notebook"


def fit_or_open(
    released: str | None,
    finished: str | None,
    out_dir: str | None,
    model: str,
    seed: int,
    callback: Callable[[int, float], Any] | None = None,
) -> Callable[..., Run]:
    """Return `diffusion.fit` with a folder for the run, or a function that opens an existing run instead.

    Args:
        released: profile of a released run; takes precedence.
        finished: folder of a finished run.
        out_dir: folder of the results.
        model: name of the model.
        seed: its seed.
        callback: argument of `diffusion.fit`. Default None.
    """
    if released or finished:
        run = d.released(f"{released}/{model}-{seed}") if released else d.open(finished or "")
        return lambda *_, **__: run
    folder = results(out_dir) / "runs" / f"{model}-{seed}"
    return partial(d.fit, seed=seed, folder=folder, if_exists="rename", callback=callback)
