"""Progress of long loops: a bar for a person, lines for a log."""

import os
import sys
from collections.abc import Iterable

from tqdm import tqdm

LINE_SECONDS = 10  # between two lines of progress
FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG")  # kernels with a person at them


def live() -> bool:
    """Return True if a person uses the notebook. The variable `COLD_ZOOM_SLIDERS` (0 or 1) overrides it."""
    choice = os.environ.get("COLD_ZOOM_SLIDERS")
    return choice == "1" if choice else any(name in os.environ for name in FRONT_ENDS)


class _Lines(tqdm):
    """Progress as plain lines, for logs."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Print the message as a line."""
        print(msg or str(self), file=self.fp, flush=True)

    def close(self) -> None:
        """Stop, without clearing a bar."""
        self.disable = True  # nothing to clear
        super().close()


def progress(steps: Iterable, title: str, total: int | None = None, done: int = 0) -> tqdm:
    """Show progress over `steps`: a bar, or a line every ten seconds.

    The bar is for terminals and interactive notebooks. In a notebook without a viewer, each line replaces the
    previous one.
    """
    common = {"desc": title, "total": total, "initial": done, "leave": False}
    kernel = "ipykernel" in sys.modules
    if sys.stderr.isatty() or kernel and live():
        return tqdm(steps, mininterval=0.5, delay=0.5, dynamic_ncols=True, **common)
    common |= {"bar_format": "{desc}: {n_fmt}/{total_fmt}, {remaining} left{postfix}", "file": sys.stdout}
    times = {"mininterval": LINE_SECONDS, "maxinterval": 3600, "delay": LINE_SECONDS}
    return (tqdm if kernel else _Lines)(steps, **times, **common)
