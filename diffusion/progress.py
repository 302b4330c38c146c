"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterable

from tqdm import tqdm

LINE_SECONDS = 10  # between two lines of progress


class _Lines(tqdm):
    """Progress as plain lines, for logs and notebooks run in batch."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        print(msg or str(self), file=self.fp, flush=True)

    def close(self) -> None:
        self.disable = True  # nothing to clear
        super().close()


def progress(
    steps: Iterable, title: str, total: int | None = None, done: int = 0, unit: str = "step"
) -> tqdm:
    """`steps` with a bar on a terminal, and with a plain line every ten seconds elsewhere.

    Args:
        done: steps that an earlier run has done.
    """
    common = {"desc": title, "total": total, "initial": done, "unit": unit}
    if sys.stderr.isatty():
        return tqdm(steps, leave=False, mininterval=0.5, delay=0.5, dynamic_ncols=True, **common)
    shape = "{desc}: {unit} {n_fmt}/{total_fmt}, {remaining} left{postfix}"
    times = {"mininterval": LINE_SECONDS, "maxinterval": 3600, "delay": LINE_SECONDS}
    return _Lines(steps, file=sys.stdout, bar_format=shape, **times, **common)
