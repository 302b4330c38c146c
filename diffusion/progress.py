"""Progress of long work: a bar on a terminal, one line in a notebook, plain lines elsewhere."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from io import TextIOBase

from tqdm import tqdm

LINE_SECONDS = 10  # between two lines of progress
LOG = "COLD_ZOOM_LOG"  # a file that gets all lines of which a notebook shows the last
AT_ONCE = ("note:", "warning:")  # what stays


class OneLine(TextIOBase):
    """A stream whose last line is shown in one place of a notebook's output."""

    def __init__(self) -> None:
        self.beneath, self.shown = sys.stdout, None  # where notes go; the place of the line

    def write(self, text: str) -> int:
        from IPython.display import DisplayHandle

        for line in filter(str.strip, text.splitlines()):
            if line.startswith(AT_ONCE):
                print(line, file=self.beneath, flush=True)
                continue
            data = {"text/plain": line}
            if self.shown is None:
                self.shown = DisplayHandle()
                self.shown.display(data, raw=True)
            else:
                self.shown.update(data, raw=True)
            if path := os.environ.get(LOG):
                with open(path, "a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
        return len(text)


class _Lines(tqdm):
    """Progress as plain lines, for logs and notebooks."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        print(msg or str(self), file=self.fp, flush=True)

    def close(self) -> None:
        if not self.disable and getattr(self.fp, "shown", None):
            self.display()  # the line that stays says how far it came
        self.disable = True  # nothing to clear
        super().close()


def in_notebook() -> bool:
    """True in a kernel of Jupyter."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def progress(
    steps: Iterable, title: str, total: int | None = None, done: int = 0, unit: str = "step"
) -> tqdm:
    """`steps` with a bar on a terminal, and a line every ten seconds elsewhere; some were `done` before."""
    common = {"desc": title, "total": total, "initial": done, "unit": unit}
    if sys.stderr.isatty():
        return tqdm(steps, leave=False, mininterval=0.5, delay=0.5, dynamic_ncols=True, **common)
    shape = "{desc}: {unit} {n_fmt}/{total_fmt}, {remaining} left{postfix}"
    times = {"mininterval": LINE_SECONDS, "maxinterval": 3600, "delay": LINE_SECONDS}
    file = OneLine() if in_notebook() and not isinstance(sys.stdout, OneLine) else sys.stdout
    return _Lines(steps, file=file, bar_format=shape, **times, **common)


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """A context in which prints take turns in one line of a notebook's output, but for notes."""
    with contextlib.redirect_stdout(OneLine()) if in_notebook() else contextlib.nullcontext():
        yield
