"""Run one notebook in batch for the workflow: papermill, with its progress on the terminal and in a log.

    python tools/run_notebook.py LOG PARENT NOTEBOOK EXECUTED [PAPERMILL OPTION ...]

Shows what the notebook prints, line by line, each with the notebook's name before it.
Stops papermill when the process PARENT is gone: after a kill -9 of the workflow no training goes on unseen.
PARENT is a process of this machine, on a cluster too: a job runs a Snakemake of its own on its node.
A job of a cluster outlives the workflow that submitted it, so that another one may submit the same notebook.
The second job then waits until the first has ended; the lock lies beside LOG and has the ending .lock.
"""

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

NOISE = ("[IPKernelApp]",)  # remarks of the kernel's own, on its transport and on being shut down
OPTIONS = ["--kernel", "python3", "--no-progress-bar", "--log-level", "WARNING"]
OPTIONS += ["--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr"]
SECONDS_BETWEEN_LOOKS = 1.0


def alive(process: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_without(parent: int, child: subprocess.Popen) -> None:
    """Kill `child` once `parent` is gone; its kernel ends by itself then."""
    while child.poll() is None:
        if not alive(parent):
            child.kill()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def hold(path: Path, parent: int) -> int:
    """Lock a file for as long as this process lives, waiting for another one that holds it; the open file.

    On a shared file system the lock counts on all nodes if the mount has locks (NFS: no `nolock` or
    `local_lock`; Lustre: `flock`); the training itself relies on the same, see diffusion/runs.py.
    Exits where there are no locks, or when `parent` is gone.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):  # else: another process holds it
                sys.exit(f"{path} cannot be locked ({error.strerror}); mount its file system with locks.")
        if not told:
            owner = os.pread(lock, 200, 0).decode(errors="replace") or "another process"
            print(f"{path.stem} | waits until {owner} has ended, which runs the same notebook", flush=True)
            told = True
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if not alive(parent):
            sys.exit(1)
    job = os.environ.get("SLURM_JOB_ID")
    owner = f"process {os.getpid()} on {socket.gethostname()}" + (f" (Slurm job {job})" if job else "")
    os.truncate(lock, 0)
    os.pwrite(lock, owner.encode(), 0)
    return lock


def main() -> int:
    log, parent, *rest = sys.argv[1:]
    lock = hold(Path(log).with_suffix(".lock"), int(parent))
    name, start, frames = Path(log).stem, time.monotonic(), False
    command = [sys.executable, "-m", "papermill", *rest, *OPTIONS]
    print(f"{name} | starts", flush=True)
    with open(log, "w", encoding="utf-8") as file:
        papermill = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[lock],  # held for as long as papermill lives, should this process be killed alone
        )
        threading.Thread(target=stop_without, args=(int(parent), papermill), daemon=True).start()
        try:
            for line in papermill.stdout:
                if not line.strip() or line.startswith(NOISE):
                    continue
                file.write(line)
                file.flush()
                # Where papermill was when a cell failed helps nobody; the cell's own traceback follows.
                frames = line.startswith("Traceback") or (frames and line.startswith(" "))
                if not frames:
                    print(f"{name} | {line.rstrip()}", flush=True)
        except BaseException:  # Ctrl-C, above all
            papermill.kill()
            raise
        status = papermill.wait()
    seconds = time.monotonic() - start
    end = "done" if status == 0 else f"FAILED, see {log} and the executed notebook {rest[1]}"
    print(f"{name} | {end}, {seconds:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
