"""A job, and how it is run: a notebook by papermill, or a module; the Snakefile's rules do this.

    python -m report.jobs.job OUT JOB

What it prints goes to OUT/logs/JOB.log; notes go to the terminal, too, and every few minutes the last line.
The jobs of a run stand in OUT/plan.json, where report/jobs/plan.py has written them: to read a profile takes
torch, which no job is to import twice.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from diffusion.files import sha256
from report.files import read_json, write_json
from report.places import ROOT
from report.places import notebook as file_of

PLAN = "plan.json"
PAPERMILL = ["--kernel", "python3", "--no-progress-bar", "--log-level", "ERROR"]
PAPERMILL += ["--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr"]
NOISE = "[IPKernelApp]"  # the kernel's remarks on being started and stopped
SAID = ("note:", "warning:")  # lines that the terminal shows
HOURS = {"train": 24, "measure": 12}  # that a cluster gives a job of a kind; 3 to the others
MEMORY = 8000  # MB of a job on a cluster
MINUTES = 5  # between two lines that say how far a job is


@dataclass(frozen=True)
class Job:
    """A notebook with its parameters, or a module with its arguments.

    Attributes:
        kind, of: such as "train" and "zoom-0"; `of` is empty for what is of no training.
        settings: parameters of the notebook, or what the module is given.
        needs: names of the jobs before it.
        module: its name and arguments.
        makes: files from OUT, without which it is not done; the last is an executed notebook.
        stamp: all that it is made from, but for the jobs before it.
    """

    kind: str
    of: str
    out: Path
    settings: dict[str, Any]
    needs: tuple[str, ...] = ()
    notebook: str = ""
    module: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    stamp: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.of}" if self.of else self.kind

    @property
    def path(self) -> Path:
        """Its stamp, which says that it is done."""
        return self.stamp_of(self.name)

    def stamp_of(self, name: str) -> Path:
        """The stamp of a job beside it."""
        return self.out / "jobs" / f"{name}.json"

    @property
    def log(self) -> Path:
        """The file of what it prints."""
        return self.out / "logs" / f"{self.name}.log"

    @property
    def executed(self) -> Path:
        """Its executed notebook."""
        return self.out / self.makes[-1]

    def made_from(self) -> dict[str, Any]:
        """Its stamp with hashes of the stamps before it, which must be there."""
        return self.stamp | {"before": {name: sha256(self.stamp_of(name)) for name in self.needs}}

    def lost(self) -> str:
        """The first file that it makes and that is not there; empty if all are there."""
        return next((name for name in self.makes if not (self.out / name).is_file()), "")

    def finish(self) -> None:
        """Write the stamp; ValueError: a file that it makes is not there."""
        if lost := self.lost():
            raise ValueError(f"{self.name} ended without writing {lost}")
        write_json(self.path, self.made_from())


def read_plan(out: Path | str) -> dict[str, Job]:
    """The jobs of a results folder by name, each after those that it needs."""
    return {name: Job(**one | {"out": Path(out)}) for name, one in read_json(Path(out) / PLAN).items()}


def count_threads(kind: str, trainings: int, cores: int, local: bool) -> int:
    """Threads of a job: trainings side by side scale better than the operations of one training.

    At most 16, beyond which one training gains nothing; on this machine, at most $OMP_NUM_THREADS if set.
    """
    most = int((local and os.environ.get("OMP_NUM_THREADS") or "16").split(",")[0])
    return max(1, min(16, most, cores // trainings)) if kind in HOURS else 1


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Have Linux send this process a signal when its parent has ended, however that happened."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)  # PR_SET_PDEATHSIG


def make_environment(out: Path) -> dict[str, str]:
    """Variables for the environment of the jobs of a results folder."""
    return {
        "IPYTHONDIR": f"{out}/logs/.ipython",  # nobody's start-up files
        "JUPYTER_PREFER_ENV_PATH": "1",  # this Python's kernel
        "MALLOC_MMAP_THRESHOLD_": "33554432",  # glibc keeps freed memory: training is a sixth faster
        "MALLOC_TRIM_THRESHOLD_": "2147483647",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }


def run(job: Job, **further: Any) -> tuple[int, str]:
    """Run a job, its notebook with further parameters, and log it; returns its status and last line."""
    last, attempt, told = "", job.log.with_suffix(".ipynb"), time.monotonic()
    out, made = (os.path.relpath(path, ROOT) for path in (job.out, attempt))  # no page names a machine's
    values = yaml.safe_dump({**job.settings, "out_dir": out, **further})
    job.log.parent.mkdir(parents=True, exist_ok=True)
    options = {"cwd": ROOT, "preexec_fn": end_with_parent, "encoding": "utf-8", "errors": "replace"}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    arguments = job.module
    if job.notebook:
        path = str(file_of(job.notebook).relative_to(ROOT))
        arguments = ["papermill", path, made, "-y", values, *PAPERMILL]
    with (
        job.log.open("w", encoding="utf-8", buffering=1) as log,
        subprocess.Popen([sys.executable, "-m", *arguments], **options) as child,
    ):
        for line in child.stdout:
            if line.strip() and not line.startswith(NOISE):
                log.write(line)
                last = line.strip()
                due = time.monotonic() > told + 60 * MINUTES
                if due or line.startswith(SAID):
                    print(f"{job.name} | {last}", flush=True)
                    told = time.monotonic()
    if child.returncode == 0 and job.notebook:
        job.executed.parent.mkdir(exist_ok=True)
        attempt.replace(job.executed)
    return child.returncode, last


def main(out: str, name: str) -> None:
    end_with_parent()
    job, begun = read_plan(out)[name], time.monotonic()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    # A job of a cluster outlives a killed workflow: the next one waits for it.
    with FileLock(job.log.with_suffix(".lock"), poll_interval=1):
        print(f"{name} | starts", flush=True)
        try:
            status, said = run(job)
            if status == 0:
                job.finish()
        except (ValueError, OSError) as error:
            status, said = 1, f"{type(error).__name__}: {error}"
    seconds = f"{time.monotonic() - begun:.0f} s"
    if status:
        print(f"{name} | FAILED after {seconds}: {said}\n{name} | all of it is in {job.log}", flush=True)
        sys.exit(1)
    print(f"{name} | done, {seconds}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
