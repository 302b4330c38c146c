"""Run one job of a profile: a notebook by papermill, a command, or the report; the Snakefile's rules do this.

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from diffusion.progress import AT_ONCE, LOG
from study.settings import read_profile
from workflow import jobs

PAPERMILL = ["--kernel", "python3", "--no-progress-bar", "--log-level", "ERROR"]
PAPERMILL += ["--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr"]
NOISE = "[IPKernelApp]"  # the kernel's remarks on being started and stopped
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

    options = {"cwd": jobs.ROOT, "preexec_fn": end_with_parent, "encoding": "utf-8", "errors": "replace"}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    job.log.write_bytes(b"")
    threading.Thread(target=watch, daemon=True).start()
    for arguments in commands(job, profile, attempt, further):
        env = os.environ | {LOG: str(job.log)}
        with subprocess.Popen([sys.executable, "-m", *arguments], env=env, **options) as child:
            try:
                with job.log.open("a", encoding="utf-8", buffering=1) as file:
                    for line in child.stdout:
                        if line.strip() and not line.startswith(NOISE):
                            file.write(line)
                            last = line.strip()
                            if line.startswith(AT_ONCE):
                                say(line)
            except OSError:
                child.kill()
                raise
        if child.returncode:
            break
    ended.set()
    if child.returncode == 0 and job.notebook:
        job.executed.parent.mkdir(exist_ok=True)
        attempt.replace(job.executed)
    return child.returncode, last


def commands(job: jobs.Job, profile: str, attempt: Path, further: dict[str, Any]) -> Iterator[list[str]]:
    """The commands of a job; a notebook is executed to the file `attempt`, with further parameters."""
    module = jobs.KINDS[job.kind].module
    if job.kind == "report":
        yield [module, "--out", str(job.out), "--profile", profile]
        return
    values = {k: v for k, v in job.values().items() if k != "notebook"} | {"data_dir": job.settings.data_dir}
    if job.notebook:
        values |= {"out_dir": _near(job.out), "released": None} | further
    text = yaml.safe_dump(values, default_flow_style=True, width=10**6)  # in JSON 1e-05 is a text for YAML
    if job.notebook:
        yield ["papermill", f"notebooks/{job.notebook}.ipynb", _near(attempt), "-y", text, *PAPERMILL]
        if module and "released" not in further:
            yield [module, "--notebook", job.notebook, "--settings", text]
    else:
        model, _, seed = job.one.partition("-")
        yield [module, "--out", str(job.out), "--model", model, "--seed", seed, "--settings", text]


def _near(path: Path) -> str:
    """A path as it is from the project's folder, where jobs run: an executed notebook names no machine's."""
    return str(path.relative_to(jobs.ROOT) if path.is_relative_to(jobs.ROOT) else path)


def place(job: jobs.Job) -> str:
    """The place of a job that starts among all that are to run."""
    todo = os.environ.get(TODO, "").split()
    done = sum(job.path.with_name(f"{name}.json").is_file() for name in todo)
    return f", {done} of {len(todo)} jobs are done" if todo else ""


def main(profile: str, name: str) -> None:
    end_with_parent()
    job, begun = jobs.of(read_profile(profile, jobs.PROFILES))[name], time.monotonic()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    # A job of a cluster outlives a killed workflow: the next one waits for it.
    with FileLock(job.log.with_suffix(".lock"), poll_interval=1):
        print(f"{name} | starts{place(job)}", flush=True)
        try:
            expected = job.expected()
            status, said = run(job, profile)
            if status == 0:
                job.finish(expected)
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
