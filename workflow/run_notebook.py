"""Run one job of a profile: a notebook by papermill, a command, or the report; the workflow's jobs do this.

    python -m workflow.run_notebook PROFILE JOB [--threads N]

What it prints goes to the terminal and, whole, to OUT/logs/JOB.log. It ends with the process that started
it: after a kill of the workflow no training goes on unseen. A job of a cluster outlives its workflow, and
another one may start the same job; that one waits until the first has ended.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from diffusion.parameters import HASHED
from diffusion.provenance import PACKAGE
from study.settings import read_profile
from workflow import jobs
from workflow.children import HeldError, holding, when_parent_is_gone

PAPERMILL = ["--kernel", "python3", "--no-progress-bar", "--log-level", "ERROR"]
PAPERMILL += ["--stdout-file", "/dev/stdout", "--stderr-file", "/dev/stderr"]
NOISE = ("[IPKernelApp]",)  # the kernel's remarks on being started and stopped
SECONDS_BETWEEN_LOOKS = 1.0


def command(job: jobs.Job, profile: str, attempt: Path) -> list[str]:
    """The command of a job; a notebook is executed to the file `attempt`."""
    if job.kind == "report":
        return ["-m", "report.build", "--out", str(job.out), "--profile", profile]
    values = {k: v for k, v in job.settings.items() if k != "notebook"} | {"data_dir": job.data_dir}
    if job.kind in ("measure", "analyse", "yardstick"):
        one = ["--model", job.model, "--seed", str(job.seed)] if job.model else []
        options = ["--out", str(job.out), *one, "--settings", _yaml(values)]
        return ["-m", f"study.{job.kind}", *options]
    values["out_dir"] = str(job.out)
    notebook = str(jobs.ROOT / "notebooks" / f"{job.notebook}.ipynb")
    return ["-m", "papermill", notebook, str(attempt), "--parameters_yaml", _yaml(values), *PAPERMILL]


def _yaml(values: dict) -> str:
    """Settings as YAML: JSON writes 1e-05, which YAML reads as text."""
    return yaml.safe_dump(values, default_flow_style=True, width=10**6).strip()


@contextlib.contextmanager
def alone(job: jobs.Job) -> Iterator[None]:
    """Hold the job's lock, after another process that runs the same job has ended."""
    told = False
    while True:
        try:
            with holding(job.out / "logs" / f"{job.name}.lock"):
                yield
                return
        except HeldError as error:
            if not told:
                print(f"{job.name} | waits until {error} has ended, which runs the same job", flush=True)
            told = True
            time.sleep(SECONDS_BETWEEN_LOOKS)


def environment(job: jobs.Job, threads: int) -> dict[str, str]:
    """What the command runs in: this checkout's code, and nobody's start-up files."""
    path = os.pathsep.join([str(jobs.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"PYTHONPATH": path, HASHED: str(PACKAGE), "IPYTHONDIR": str(job.out / "logs" / ".ipython")}
    return jobs.ENVIRONMENT | {"OMP_NUM_THREADS": str(threads)} | os.environ | own


def run(job: jobs.Job, arguments: list[str], threads: int) -> tuple[int, str]:
    """Run the command, showing and logging what it prints; returns its status and its last line."""
    last, shown = "", True
    with (job.out / "logs" / f"{job.name}.log").open("w", encoding="utf-8") as log:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=jobs.ROOT,
            env=environment(job, threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        when_parent_is_gone(lambda: (child.kill(), os._exit(1)))
        try:
            for line in child.stdout:
                if not line.strip() or line.startswith(NOISE):
                    continue
                log.write(line)
                log.flush()
                last = line.strip()
                shown = shown and not line.startswith("Traceback")  # a traceback is for the log
                if shown:
                    print(f"{job.name} | {line.rstrip()}", flush=True)
        except BaseException:  # Ctrl-C, above all
            child.kill()
            raise
        return child.wait(), last


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m workflow.run_notebook", description=__doc__.splitlines()[0]
    )
    parser.add_argument("profile")
    parser.add_argument("job")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    try:
        known = jobs.of(read_profile(options.profile, jobs.ROOT / "profiles"))
    except ValueError as error:
        sys.exit(f"error: {error}")
    if options.job not in known:
        sys.exit(f"error: there is no job {options.job!r}; there are {', '.join(known)}")
    job = known[options.job]
    logs, begun = job.out / "logs", time.monotonic()
    try:
        with alone(job):
            expected, needs = job.expected(), job.needed()
            attempt = logs / f"{job.name}.ipynb"
            print(f"{job.name} | starts", flush=True)
            status, last = run(job, command(job, options.profile, attempt), options.threads)
            if status == 0 and job.executed:
                job.executed.parent.mkdir(exist_ok=True)
                os.replace(attempt, job.executed)
            if status == 0:
                job.finish(expected, needs)
    except (ValueError, OSError) as error:
        status, last = 1, f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - begun
    if status == 0:
        print(f"{job.name} | done, {seconds:.0f} s", flush=True)
    else:
        also = f" and {logs / f'{job.name}.ipynb'}" if job.executed else ""
        print(f"{job.name} | FAILED after {seconds:.0f} s: {last}", flush=True)
        print(f"{job.name} | all of it is in {logs / f'{job.name}.log'}{also}", flush=True)
    return 1 if status else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
