"""Child processes that end with their parent, and locks that end with the process that holds them."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

SECONDS_BETWEEN_LOOKS = 0.5


class HeldError(RuntimeError):
    """Another process holds a lock; the message names it."""


@contextlib.contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold a lock file. The system drops the lock with its holder: one that was killed blocks nobody.

    On a shared file system it counts on all nodes if the mount has locks (NFS: no `nolock` or `local_lock`).

    Raises:
        HeldError: another process has it.
        OSError: the file cannot be written, or its file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        with contextlib.suppress(OSError):
            raise HeldError(holder.read_text(encoding="utf-8", errors="replace")) from None
        raise HeldError("another process") from None
    try:
        if holder.exists():  # the one before was killed; its children notice that within a look
            time.sleep(2 * SECONDS_BETWEEN_LOOKS)
        job = os.environ.get("SLURM_JOB_ID")
        said = f"process {os.getpid()} on {socket.gethostname()}" + (f" (Slurm job {job})" if job else "")
        holder.write_text(said, encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def when_parent_is_gone(act: Callable[[], None]) -> None:
    """Call `act` once this process's parent has ended, however that happened."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        act()

    threading.Thread(target=watch, daemon=True).start()


def end_with_parent() -> None:
    """End this process and all of its group once its parent is gone."""
    when_parent_is_gone(lambda: os.killpg(0, signal.SIGKILL))


def snakemake() -> None:
    """Run Snakemake in this process's keeping, and let it say its own errors; jobs say theirs."""
    import snakemake.cli  # takes a second

    end_with_parent()
    logging.getLogger("snakemake.logging").addFilter(_unsaid)
    try:
        snakemake.cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


def _unsaid(record: logging.LogRecord) -> bool:
    told = ("workflow.run_notebook", "a job execution failed", "one job did not complete", "RuleException")
    return record.levelno >= logging.WARNING and not any(text in record.getMessage() for text in told)


def run_group(command: list[str], patience: float, **options) -> int:
    """Run a command in a process group of its own; returns its exit status, or 128 + a signal that ended it.

    SIGINT, SIGTERM and SIGHUP to this process become a SIGINT to all of the group, and SIGKILL after
    `patience` seconds. Nothing of the group is left when this returns.
    """
    stopped: list[int] = []
    child = subprocess.Popen(command, start_new_session=True, **options)

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        _kill(child.pid, signal.SIGINT)

    before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        deadline = None
        while child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.2)
            if stopped and deadline is None:
                deadline = time.monotonic() + patience
            if deadline and time.monotonic() > deadline:
                _kill(child.pid, signal.SIGKILL)
    finally:
        _kill(child.pid, signal.SIGKILL)
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + stopped[0] if stopped else child.returncode


def _kill(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
