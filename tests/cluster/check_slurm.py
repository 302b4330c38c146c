"""Run the workflow on a real Slurm: a cluster of one node on this machine; `make test-cluster` does it.

The command is the documented one, `make report PROFILE=... EXECUTOR=slurm`, with nothing added to it.

1. A training job is under way when its workflow is killed with SIGKILL: the job goes on.
2. The same command again queues a job behind it. The first is cancelled, and the second goes on from its
   checkpoint. All processes of that one are killed, as when a node is lost: Slurm gets it again.
3. The workflow ends with the report, and no epoch was trained twice.
4. SIGTERM to make cancels its jobs.
5. A job that asks for more than a node has is refused, and Slurm's own reason is shown.

The project is copied to a temporary folder, which goes at the end, as the cluster does.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from local_slurm import cluster, said

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import checkout  # noqa: E402

PROFILE = ROOT / "tests" / "cluster" / "slurm.yaml"
TIMEOUT = 1800  # seconds for a workflow, on a busy machine


class Project:
    """A copy of the project with one profile of its own, run on the cluster."""

    def __init__(self, folder: Path):
        checkout.copied(folder)
        self.folder, self.out, self.log = folder, folder / "build" / "slurm", folder / "said"
        content = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
        content["data_dir"] = os.environ.get("MNIST_DIR") or str(ROOT / "data")
        (folder / "profiles" / "slurm.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        (folder / ".venv" / "bin").mkdir(parents=True)
        python = folder / ".venv" / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')  # the environment of this very Python
        python.chmod(0o755)
        show = ["make", "-s", "--eval", "show: ; @echo $(STAMP)", "show"]
        (folder / said(*show, cwd=folder)).touch()  # says that it is up to date
        self.workflow: subprocess.Popen | None = None

    def start(self) -> subprocess.Popen:
        """`make report PROFILE=slurm EXECUTOR=slurm`; what it prints is kept."""
        command = ["make", "report", "PROFILE=slurm", "EXECUTOR=slurm"]
        with self.log.open("w") as log:
            options = {"cwd": self.folder, "stdout": log, "stderr": log, "start_new_session": True}
            self.workflow = subprocess.Popen(command, **options)
        return self.workflow

    def epochs(self) -> int:
        """How many epochs of the training are done."""
        histories = list(self.out.glob("runs/*/history.jsonl"))
        return len(histories[0].read_text().splitlines()) if histories else 0

    def first_weights(self) -> int:
        """When the first epoch's weights were written."""
        return min(self.out.glob("runs/*/weights/*.safetensors")).stat().st_mtime_ns

    def wait_for(self, condition) -> None:
        """Wait for a condition while the workflow runs; exits when that ends first, or with the time."""
        end = time.monotonic() + TIMEOUT
        while not condition():
            if self.workflow.poll() is not None or time.monotonic() > end:
                sys.exit(f"It ended too early ({self.workflow.poll()}):\n{self.log.read_text()[-4000:]}")
            time.sleep(0.2)


def trainings(state: str) -> list[str]:
    """Slurm's numbers of the training jobs in a state."""
    rows = [line.split("|") for line in said("squeue", "-h", "-o", "%i|%T|%k").splitlines()]
    return [job for job, found, comment in rows if found == state and "train" in comment]


def check(true: bool, what: str) -> None:
    """Print a finding; exits when it is not so."""
    print(f"{'ok  ' if true else 'FAIL'}  {what}", flush=True)
    if not true:
        sys.exit(1)


def lose(job: str) -> None:
    """Kill all processes of a job."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"SLURM_JOB_ID={job}\0".encode() in (place / "environ").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)
        except OSError:
            continue


def disturb(project: Project) -> None:
    """Kill the workflow, cancel its training job, and lose the one that follows."""
    project.start()
    project.wait_for(lambda: project.epochs() >= 2)
    os.killpg(project.workflow.pid, signal.SIGKILL)
    project.workflow.wait()
    written, (first,) = project.first_weights(), trainings("RUNNING")
    time.sleep(3)
    check(trainings("RUNNING") == [first], f"job {first} outlives its workflow")
    project.start()
    project.wait_for(lambda: trainings("PENDING"))
    check(True, "the same command again queues one behind it")
    subprocess.run(["scancel", first], check=True)
    project.wait_for(lambda: set(trainings("RUNNING")) - {first})
    (second,) = set(trainings("RUNNING")) - {first}
    done = project.epochs()
    project.wait_for(lambda: project.epochs() > done)
    check(True, f"job {second} goes on after {done} epochs")
    lose(second)
    status = project.workflow.wait(TIMEOUT)
    check(status == 0, "the workflow ends well" if status == 0 else project.log.read_text()[-4000:])
    check((project.out / "report.pdf").is_file(), "there is a report")
    check(project.first_weights() == written, "it did not train the first epoch again")


def end(project: Project) -> None:
    """Send SIGTERM to make while a job runs."""
    shutil.rmtree(project.out / "jobs")
    project.start()
    project.wait_for(lambda: "RUNNING" in said("squeue", "-h", "-o", "%T"))
    project.workflow.terminate()
    status = project.workflow.wait(120)
    time.sleep(10)
    check(status != 0 and not said("squeue", "-h"), "SIGTERM to make cancels its jobs")


def be_refused(project: Project) -> None:
    """Ask for more than a node has."""
    config = project.folder / "profiles" / "slurm" / "config.yaml"
    config.write_text(config.read_text().replace("max-threads: 4", "max-threads: 16"))
    status, text = project.start().wait(TIMEOUT), project.log.read_text()
    check(status != 0 and "CPU count per node can not be satisfied" in text, "Slurm's reason is shown")


def main() -> None:
    begun = time.monotonic()
    with cluster(cpus=4), tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        project = Project(Path(temporary))
        try:
            disturb(project)
            end(project)
            be_refused(project)
        finally:
            if project.workflow and project.workflow.poll() is None:
                os.killpg(project.workflow.pid, signal.SIGKILL)
    print(f"All of it took {time.monotonic() - begun:.0f} s; the cluster is gone.")


if __name__ == "__main__":
    main()
