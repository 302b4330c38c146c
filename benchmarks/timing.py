"""Timing that a busy machine disturbs least: candidates take turns, and a ratio is of neighbours in time.

A B A B ...: whatever slows the machine for a while slows all candidates alike. A ratio is the median over the
rounds of (seconds of one / seconds of the other) within a round, its spread the quartiles of these.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

Seconds = dict[str, list[float]]  # candidate -> seconds, one an entry and round


def synchronise() -> None:
    """Wait for the GPU, if there is one: its work is queued, and a clock would only see the queueing."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    synchronise()
    begun = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - begun


def interleave(candidates: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 2) -> Seconds:
    """Seconds of each candidate in each round; the rounds before, `warm_up` of them, are thrown away.

    Raises:
        ValueError: no round is timed.
    """
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; needed: 1 or more")
    found: Seconds = {name: [] for name in candidates}
    for number in range(-warm_up, rounds):
        for name, work in candidates.items():
            elapsed = seconds_of(work)
            if number >= 0:
                found[name].append(elapsed)
    return found


def spread(values: list[float]) -> dict[str, float]:
    """{"median", "low", "high", "rounds"}; low and high are the quartiles."""
    low, median, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "low": low, "high": high, "rounds": len(values)}


def ratio(numerator: list[float], denominator: list[float]) -> dict[str, float]:
    """The spread of numerator / denominator, round by round."""
    return spread([a / b for a, b in zip(numerator, denominator, strict=True)])


def spreads(seconds: Seconds) -> dict[str, dict[str, float]]:
    """The spread of each candidate's seconds."""
    return {name: spread(values) for name, values in seconds.items()}


@contextmanager
def threads(n: int) -> Iterator[None]:
    """torch with n threads, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
