"""Progress of long work: a bar on a terminal, plain lines elsewhere (logs, notebooks run in batch, CI)."""

import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0
AT_ONCE = 0.1  # seconds; units reported sooner after the start were done before it, by a run that goes on


class Progress:
    """Counts `total` units of work under a title; use it as a context manager.

    >>> with Progress("linear, epoch 1/3", total=469, unit="step") as progress:
    ...     progress.advance(loss=0.1)
    """

    def __init__(self, title: str, total: int, unit: str = "step", enabled: bool = True):
        self.title, self.total, self.unit, self.enabled = title, total, unit, enabled
        self.done = self.before = 0  # units done, and those of them that say nothing about the speed
        live = enabled and sys.stderr.isatty()
        self.bar = tqdm(total=total, desc=title, unit=unit, leave=False) if live else None
        self.start = self.last = time.monotonic()

    def advance(self, count: int = 1, **numbers: float) -> None:
        """Report `count` more units done; the numbers (a loss, say) are shown beside them."""
        self.done += count
        if time.monotonic() - self.start < AT_ONCE:
            self.before = self.done
            if self.bar is not None:
                self.bar.n = self.bar.initial = self.bar.last_print_n = self.done
                self.bar.refresh()
        elif self.bar is not None:
            self.bar.set_postfix(numbers, refresh=False)
            self.bar.update(count)
        elif self.enabled and time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            left = (self.last - self.start) / max(self.done - self.before, 1) * (self.total - self.done)
            shown = "".join(f", {name} {value:.4g}" for name, value in numbers.items())
            print(
                f"{self.title}: {self.unit} {self.done}/{self.total}{shown}, {clock(left)} left", flush=True
            )

    def due(self) -> bool:
        """Whether something would be shown now: lets the caller skip fetching a number from the device."""
        return self.bar is not None or time.monotonic() - self.last >= SECONDS_BETWEEN_LINES

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def clock(seconds: float) -> str:
    """Seconds as a person writes them: 42 s, 3 min 20 s, 2 h 5 min."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"
