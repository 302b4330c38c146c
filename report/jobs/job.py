"""Jobs, and how to run one: a notebook with papermill, or a Python module. Rules of the Snakefile call this.

    python -m report.jobs.job OUT JOB

The output of a job goes to OUT/logs/JOB.log. The terminal also shows its notes and, every few minutes, its
last line. Jobs are read from OUT/plan.json, which report/jobs/plan.py writes: reading a profile would import
torch a second time.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
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
NOISE = "[IPKernelApp]"  # lines that the kernel prints when it starts and stops
SHOWN = ("note:", "warning:")  # lines that the terminal shows
MINUTES = 5  # between two lines on the progress of a job


@dataclass(frozen=True)
class Job:
    """A notebook with its parameters, or a module with its arguments.

    Attributes:
        kind, subject: for example "train" and "zoom-0"; the subject is empty if the job belongs
            to no single run.
        settings: parameters of the notebook, or settings of the module.
        needs: names of the jobs that must end first.
        module: name and arguments of the module.
        makes: files in OUT that the job must write; for a notebook, the last is the executed notebook.
        stamp: everything that the job depends on, except for other jobs.
    """

    kind: str
    subject: str
    out: Path
    settings: dict[str, Any]
    needs: tuple[str, ...] = ()
    notebook: str = ""
    module: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    stamp: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.subject}" if self.subject else self.kind

    @property
    def title(self) -> str:
        """The job for messages, such as "training zoom, seed 0"."""
        if self.kind in ("train", "measure"):
            model, _, seed = self.subject.rpartition("-")
            released = f"notebook {self.notebook} for"  # the notebook only opens the released run
            verb = {"train": "training", "measure": "measuring"}[self.kind]
            return f"{released if self.settings.get('released') else verb} {model}, seed {seed}"
        return f"notebook {self.notebook}" if self.notebook else self.kind

    @property
    def path(self) -> Path:
        """The stamp of this job, which is written when the job is done."""
        return self.stamp_of(self.name)

    def stamp_of(self, name: str) -> Path:
        """The stamp of another job of the same run."""
        return self.out / "jobs" / f"{name}.json"

    @property
    def former(self) -> Path:
        """The stamp of the last measures, while the training before them runs again."""
        return self.path.with_suffix(".former")

    @property
    def log(self) -> Path:
        """The log of this job."""
        return self.out / "logs" / f"{self.name}.log"

    @property
    def executed(self) -> Path:
        """The executed notebook of this job."""
        return self.out / self.makes[-1]

    def made_from(self) -> dict[str, Any]:
        """The stamp, with hashes of the stamps of the jobs in `needs`, which must exist.

        Measures depend on the weights instead: a training may run again and only open its finished run.
        """
        if self.kind == "measure":
            return self.stamp | {
                "weights": read_json(self.out / f"metrics/train_{self.subject}.json")["sha256"]
            }
        return self.stamp | {"before": {name: sha256(self.stamp_of(name)) for name in self.needs}}

    def set_aside(self) -> None:
        """Remove the stamp, so that Snakemake runs this job."""
        if self.kind == "measure" and self.path.is_file():
            self.path.replace(self.former)
        self.path.unlink(missing_ok=True)

    def is_current(self) -> bool:
        """Return True if this job would measure what it has measured before."""
        return self.former.is_file() and read_json(self.former) == self.made_from() and not self.lost()

    def lost(self) -> str:
        """The first of the files in `makes` that does not exist; empty if all exist."""
        return next((name for name in self.makes if not (self.out / name).is_file()), "")

    def finish(self) -> None:
        """Write the stamp; ValueError: one of the files in `makes` does not exist."""
        if lost := self.lost():
            raise ValueError(f"{self.title} ended without writing {lost}")
        write_json(self.path, self.made_from())


def read_plan(out: Path | str) -> dict[str, Job]:
    """The jobs of a results folder by name, each after the jobs that it needs."""
    plan = read_json(Path(out) / PLAN)
    return {name: Job(**fields | {"out": Path(out)}) for name, fields in plan.items()}


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Have Linux send this process a signal when its parent ends for any reason."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, number)  # PR_SET_PDEATHSIG


def make_environment(out: Path) -> dict[str, str]:
    """Environment variables for the jobs of a results folder."""
    return {
        "IPYTHONDIR": f"{out}/logs/.ipython",  # no start-up files of the user
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this Python
        "MALLOC_MMAP_THRESHOLD_": "33554432",  # glibc keeps freed memory: training is a sixth faster
        "MALLOC_TRIM_THRESHOLD_": "2147483647",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }


def run(job: Job) -> tuple[int, str]:
    """Run a job and log its output; returns its exit status and last line."""
    last, attempt, shown = "", job.log.with_suffix(".ipynb"), time.monotonic()
    out, made = (os.path.relpath(path, ROOT) for path in (job.out, attempt))  # pages show no absolute paths
    values = yaml.safe_dump({**job.settings, "out_dir": out})
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
                due = time.monotonic() > shown + 60 * MINUTES
                if due or line.startswith(SHOWN):
                    print(f"{job.title}: {last}", flush=True)
                    shown = time.monotonic()
    if child.returncode == 0 and job.notebook:
        job.executed.parent.mkdir(exist_ok=True)
        attempt.replace(job.executed)
    return child.returncode, last


def main(out: str, name: str) -> None:
    end_with_parent()
    plan, begun = read_plan(out), time.monotonic()
    job, status, message = plan[name], 0, ""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    # On a cluster, a job continues if its workflow is killed; the job of the next workflow waits for it here.
    with FileLock(job.log.with_suffix(".lock"), poll_interval=1):
        print(f"{job.title}: started", flush=True)
        try:
            if not job.is_current():
                job.former.unlink(missing_ok=True)
                status, message = run(job)
            if status == 0:
                job.finish()
        except (ValueError, OSError) as error:
            status, message = 1, f"{type(error).__name__}: {error}"
    duration = timedelta(seconds=round(time.monotonic() - begun))
    if status:
        print(f"{job.title}: FAILED after {duration}: {message}", flush=True)
        print(f"{job.title}: full log in {job.log}", flush=True)
        sys.exit(1)
    done = sum(other.path.is_file() for other in plan.values())
    print(f"[{done}/{len(plan)}] {job.title}: done in {duration}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
