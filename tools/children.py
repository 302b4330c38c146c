"""Child processes that end with their parent, and locks that end with the process that holds them."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

SECONDS_BETWEEN_LOOKS = 0.5


class HeldError(RuntimeError):
    """Another process holds a lock; the message names it."""


def hold(path: Path) -> int:
    """Lock a file for as long as this process lives, and return the open file.

    The operating system drops the lock with its holder: a run that was killed never blocks the next one.
    On a shared file system it counts on all nodes if the mount has locks (NFS: no `nolock` or `local_lock`).

    Raises:
        HeldError: another process has it.
        OSError: the file cannot be written, or its file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(lock, 200, 0).decode(errors="replace") or "another process"
        os.close(lock)
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise HeldError(owner) from None
        raise
    job = os.environ.get("SLURM_JOB_ID")
    owner = f"process {os.getpid()} on {socket.gethostname()}" + (f" (Slurm job {job})" if job else "")
    os.truncate(lock, 0)
    os.pwrite(lock, owner.encode(), 0)
    return lock


def when_parent_is_gone(act: Callable[[], None]) -> None:
    """Call `act` once this process's parent has ended, however that happened, or is held up by a SIGINT."""
    parent = os.getppid()

    def watch() -> None:
        interrupted = 0
        while os.getppid() == parent and interrupted < 2:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            interrupted = interrupted + 1 if handles_sigint(parent) else 0
        act()

    threading.Thread(target=watch, daemon=True).start()


def handles_sigint(process: int) -> bool:
    """True where a process is in its handler of SIGINT, as make is until its commands have ended.

    A Ctrl-C reaches these as well, but not a `kill -INT` of make alone. Linux only; False elsewhere.
    """
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
        blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
        return bool(blocked >> (signal.SIGINT - 1) & 1)
    return False


def end_with_parent() -> None:
    """End this process and all of its group once its parent is gone."""
    when_parent_is_gone(lambda: os.killpg(0, signal.SIGKILL))


def run_group(command: list[str], patience: float, keep: int | None = None, **options) -> int:
    """Run a command in a process group of its own; returns its exit status, or 128 + a signal that ended it.

    SIGINT, SIGTERM and SIGHUP to this process become a SIGINT to all of the group, and SIGKILL after
    `patience` seconds. Nothing of the group is left when this returns.

    Args:
        keep: an open file, a lock for example, that the command holds as well.
    """
    stopped: list[int] = []
    child = subprocess.Popen(command, start_new_session=True, pass_fds=[keep] if keep else [], **options)

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
