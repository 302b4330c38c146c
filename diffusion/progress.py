"""Progress of long loops."""

import os
import sys
from collections.abc import Iterable

from tqdm import tqdm

LINE_SECONDS = 10  # between two updates in a log
FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG")  # kernels with a person at them


def live() -> bool:
    """Return True if a person uses the notebook. The variable `COLD_ZOOM_SLIDERS` (0 or 1) overrides it."""
    choice = os.environ.get("COLD_ZOOM_SLIDERS")
    return choice == "1" if choice else any(name in os.environ for name in FRONT_ENDS)


def progress(steps: Iterable, title: str, total: int | None = None, done: int = 0) -> tqdm:
    """Show a bar of tqdm over `steps`: at once for a person, every ten seconds in a log."""
    person = sys.stderr.isatty() or "ipykernel" in sys.modules and live()
    seconds = 0.5 if person else LINE_SECONDS
    times = {"mininterval": seconds, "maxinterval": 3600, "delay": seconds}
    file = sys.stderr if person else sys.stdout
    return tqdm(steps, title, total, leave=False, file=file, initial=done, dynamic_ncols=True, **times)
