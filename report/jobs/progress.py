"""Progress of a run: how many of its jobs are done, and about how long the others will take.

`begin` writes the list of jobs that must run, each with its seconds in an earlier run. A job that ends calls
`finish`, which reads this list and the seconds of the jobs that ended before.
"""

import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diffusion.files import write_bytes
from report.files import read_json, write_json

FEW = 3  # finished jobs from which the time of jobs of another kind is guessed


def begin(out: Path, names: Iterable[str]) -> None:
    """Write the list of jobs that must run, by name."""
    earlier = {name: read_seconds(out, name) for name in names}
    write_json(_file(out), {"begun": time.time(), "seconds": earlier})


def finish(out: Path, name: str, seconds: float) -> tuple[str, str]:
    """Note the seconds of a job that has ended; its stamp must be written before.

    Returns:
        The number of finished jobs among all, such as "[3/12] ", and the time left, such as
        "; about 2 min left". Either is empty if it is not known.
    """
    write_bytes(_seconds_file(out, name), f"{seconds:.1f}\n".encode())
    try:
        plan: dict[str, Any] = read_json(_file(out))
    except ValueError:  # Snakemake was started by hand
        return "", ""
    jobs: dict[str, float | None] = plan["seconds"]
    ended = [job for job in jobs if (out / "jobs" / f"{job}.json").is_file()]
    done = {job: taken for job in ended if (taken := read_seconds(out, job)) is not None}
    left = {job: earlier for job, earlier in jobs.items() if job not in ended}
    wait = estimate_wait(time.time() - plan["begun"], done, left)
    return f"[{len(ended)}/{len(jobs)}] ", f"; about {in_words(wait)} left" if left and wait else ""


def estimate_wait(
    elapsed: float, done: Mapping[str, float], left: Mapping[str, float | None]
) -> float | None:
    """Estimate the seconds until all jobs have ended; None if too little is known.

    A job without an earlier run is expected to take as long as finished jobs of its kind, or as all finished
    jobs on average.

    Args:
        elapsed: seconds since the run began.
        done: seconds of each finished job, by name.
        left: seconds of each other job in an earlier run, or None, by name.
    """
    kinds: dict[str, list[float]] = {}
    for name, seconds in done.items():
        kinds.setdefault(_kind(name), []).append(seconds)
    guess = sum(done.values()) / len(done) if len(done) >= FEW else None
    waits = []
    for name, seconds in left.items():
        alike = kinds.get(_kind(name))
        wait = seconds if seconds is not None else sum(alike) / len(alike) if alike else guess
        if wait is None:
            return None
        waits.append(wait)
    if not waits or not done or elapsed <= 0:
        return None
    parallel = max(1.0, sum(done.values()) / elapsed)  # jobs that ran at one time, on average
    return max(sum(waits) / parallel, *waits)


def read_seconds(out: Path, name: str) -> float | None:
    """The seconds of a job when it last ended, or None."""
    with contextlib.suppress(OSError, ValueError):
        return float(_seconds_file(out, name).read_text("utf-8"))
    return None


def in_words(seconds: float) -> str:
    """A time for a person: "40 s", "3 min", "2.5 h"."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _kind(name: str) -> str:
    return name.partition("_")[0]


def _file(out: Path) -> Path:
    return out / "logs" / "progress.json"


def _seconds_file(out: Path, name: str) -> Path:
    return out / "logs" / f"{name}.seconds"
