"""Run one job of a profile: a notebook by papermill, or a module; the Snakefile's rules do this.

    python -m workflow.job PROFILE JOB

What it prints goes to OUT/logs/JOB.log; notes go to the terminal, too, and every few minutes the last line.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from study import profile as profiles
from workflow import jobs

PAPERMILL = ["--kernel", "python3", "--no-progress-bar", "--log-level", "ERROR"]
PAPERMILL += ["--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr"]
NOISE = "[IPKernelApp]"  # the kernel's remarks on being started and stopped
SAID = ("note:", "warning:")  # lines that the terminal shows
MINUTES = 5  # between two lines that say how far a job is
TODO = "COLD_ZOOM_TODO"  # the names of all jobs to run


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Have Linux send this process a signal when its parent has ended, however that happened."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)  # PR_SET_PDEATHSIG


def environment(out: Path) -> dict[str, str]:
    """Variables for the environment of the jobs of a results folder."""
    return {
        "IPYTHONDIR": f"{out}/logs/.ipython",  # nobody's start-up files
        "JUPYTER_PREFER_ENV_PATH": "1",  # this Python's kernel
        "MALLOC_MMAP_THRESHOLD_": "33554432",  # glibc keeps freed memory: training is a sixth faster
        "MALLOC_TRIM_THRESHOLD_": "2147483647",
        "PYTHONPATH": os.pathsep.join([str(jobs.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }


def command(job: jobs.Job, profile: str, attempt: Path, further: Mapping[str, Any]) -> list[str]:
    """The command of a job; a notebook is executed to the file `attempt`, with further parameters."""
    if job.kind == "report":
        return [job.module, "--out", str(job.out), "--profile", profile]
    if job.module:
        return [job.module, str(job.out), job.of, as_yaml(job.settings)]
    values = {**job.settings, "out_dir": _near(job.out), **further}
    return ["papermill", f"notebooks/{job.notebook}.ipynb", _near(attempt), "-y", as_yaml(values), *PAPERMILL]


def as_yaml(values: Mapping[str, Any]) -> str:
    """Values in one line of YAML; in JSON 1e-05 would be a text for YAML."""
    return yaml.safe_dump(dict(values), default_flow_style=True, width=10**6)


def _near(path: Path) -> str:
    """A path as it is from the project's folder, where jobs run: an executed notebook names no machine's."""
    return str(path.relative_to(jobs.ROOT) if path.is_relative_to(jobs.ROOT) else path)


def run(job: jobs.Job, profile: str, quiet: bool = False, **further: Any) -> tuple[int, str]:
    """Run a job, its notebook with further parameters, and log it; returns its status and last line."""
    last, attempt, ended = "", job.log.with_suffix(".ipynb"), threading.Event()

    def say(text: str) -> None:
        if not quiet:
            print(f"{job.name} | {text.strip()}", flush=True)

    def watch() -> None:
        while not ended.wait(60 * MINUTES):
            with contextlib.suppress(OSError, IndexError):
                say(job.log.read_text("utf-8", "replace").splitlines()[-1])

    job.log.parent.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=watch, daemon=True).start()
    options = {"cwd": jobs.ROOT, "preexec_fn": end_with_parent, "encoding": "utf-8", "errors": "replace"}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    arguments = [sys.executable, "-m", *command(job, profile, attempt, further)]
    with (
        job.log.open("w", encoding="utf-8", buffering=1) as file,
        subprocess.Popen(arguments, **options) as child,
    ):
        try:
            for line in child.stdout:
                if line.strip() and not line.startswith(NOISE):
                    file.write(line)
                    last = line.strip()
                    if line.startswith(SAID):
                        say(line)
        except OSError:
            child.kill()
            raise
    ended.set()
    if child.returncode == 0 and job.notebook:
        job.executed.parent.mkdir(exist_ok=True)
        attempt.replace(job.executed)
    return child.returncode, last


def place(job: jobs.Job) -> str:
    """The place of a job that starts among all that are to run."""
    todo = os.environ.get(TODO, "").split()
    done = sum(job.path.with_name(f"{name}.json").is_file() for name in todo)
    return f", {done} of {len(todo)} jobs are done" if todo else ""


def main(profile: str, name: str) -> None:
    end_with_parent()
    job, begun = jobs.of(profiles.read(profile))[name], time.monotonic()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    # A job of a cluster outlives a killed workflow: the next one waits for it.
    with FileLock(job.log.with_suffix(".lock"), poll_interval=1):
        print(f"{name} | starts{place(job)}", flush=True)
        try:
            stamp = job.stamp()
            status, said = run(job, profile)
            if status == 0:
                job.finish(stamp)
        except (ValueError, OSError) as error:
            status, said = 1, f"{type(error).__name__}: {error}"
    seconds = f"{time.monotonic() - begun:.0f} s"
    if status:
        print(f"{name} | FAILED after {seconds}: {said}", flush=True)
        attempt = f" and {job.log.with_suffix('.ipynb')}" if job.notebook else ""
        sys.exit(f"{name} | all of it is in {job.log}{attempt}")
    print(f"{name} | done, {seconds}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
