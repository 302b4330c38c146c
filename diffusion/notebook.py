"""The folder of results and runs to open, for notebooks.

Importing this module makes `report` and `paper` of the checkout importable from all folders.
"""

import sys
from pathlib import Path

import diffusion as d
from diffusion.places import checkout
from diffusion.training.run import Run

if (_place := checkout()) and str(_place) not in sys.path:
    sys.path.append(str(_place))


def results(out_dir: str | None) -> Path:
    """Return the folder of results: out_dir, else build/notebook of the checkout or the current folder."""
    return Path(out_dir).expanduser() if out_dir else (checkout() or Path()) / "build/notebook"


def open_run(released: str | None, finished: str | None, model: str, seed: int) -> Run | None:
    """Open an existing run for a lesson, instead of training one.

    Args:
        released: profile of a released run; takes precedence.
        finished: folder of a finished run.
        model: name of the model among the released runs.
        seed: its seed.

    Returns:
        The run; None if neither is given, so that the lesson trains one.
    """
    if released:
        return d.released(f"{released}/{model}-{seed}")
    return d.open(finished) if finished else None
