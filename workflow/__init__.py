"""The workflow: what runs the jobs of a profile, and what releases their results."""

import sys
from pathlib import Path

import diffusion as diffusion  # says how to make the environment where there is none

_usual = sys.excepthook


def _plain(kind, error, trace) -> None:
    """Say in one line what is wrong with a profile, its results or the disk; Ctrl-C needs no line."""
    from filelock import Timeout

    if isinstance(error, Timeout):
        folder = Path(error.lock_file).parent
        print(f"error: {folder} is being written by another run; wait for it, or stop it", file=sys.stderr)
    elif isinstance(error, ValueError | OSError):
        print(f"error: {error}", file=sys.stderr)
    elif not isinstance(error, KeyboardInterrupt):
        _usual(kind, error, trace)


sys.excepthook = _plain
