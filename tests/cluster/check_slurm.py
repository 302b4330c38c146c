"""Run the workflow on a real Slurm: a cluster of one node on this machine; `make test-cluster` does it.

The command is the documented one, `make report PROFILE=... EXECUTOR=slurm`, with nothing added to it.

1. A training job is under way when its workflow is killed with SIGKILL. The same command again waits for that
   job, which went on, submits nothing beside it, and finds its work done.
2. Another training job is cancelled with `scancel`; of its successor, all processes are killed, as when its
   node is lost. Each time Slurm gets it again, and it goes on from its checkpoint.
3. The workflow ends with the report. Both models have the weights of undisturbed runs, to the bit.
4. A shared disk runs full: that is said, and once there is room the same command ends as if nothing had been.
5. A job that asks for more than a node has is refused, and Slurm's own reason is shown.

The project is copied to a temporary folder, which goes at the end, as the cluster does.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from local_slurm import cluster, missing, said

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import checkout  # noqa: E402
from jobs.standin import Project as Standin  # noqa: E402
from limits import disk, grow  # noqa: E402

PROFILE = ROOT / "tests" / "cluster" / "slurm.yaml"
CPUS = 4  # of the node, as many as the profile gives a job at most
MODELS = ("linear", "zoom")
TIMEOUT = 1800  # seconds for a workflow, on a busy machine


class Project:
    """A copy of the project with one profile of its own, run on the cluster."""

    def __init__(self, folder: Path):
        checkout.copied(folder)
        self.folder, self.out = folder, folder / "build" / "slurm"
        self.config = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
        self.config["data_dir"] = os.environ.get("MNIST_DIR") or str(ROOT / "data")
        self.profile("slurm")
        # The environment of this very Python; its mark says that it is up to date.
        (folder / ".venv").symlink_to(sys.prefix)
        show = ["make", "-s", "--eval", "show: ; @echo $(STAMP)", "show"]
        stamp = subprocess.run(show, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
        self.stamp = folder / stamp
        self.stamp.touch()
        self.workflow: subprocess.Popen | None = None
        self.lost = self.cancelled = ""  # the models whose jobs the workflow loses and Slurm cancels

    def profile(self, name: str, **changes) -> Path:
        file = self.folder / "profiles" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(self.config | {"profile": name} | changes, sort_keys=False))
        return file

    def start(self) -> subprocess.Popen:
        """`make report PROFILE=slurm EXECUTOR=slurm`; what it prints is kept."""
        self.log = self.folder / f"workflow-{time.time_ns()}.log"
        with self.log.open("w") as log:
            command = ["make", "report", "PROFILE=slurm", "EXECUTOR=slurm"]
            options = {"cwd": self.folder, "stdout": log, "stderr": log, "start_new_session": True}
            self.workflow = subprocess.Popen(command, **options)
        return self.workflow

    def stop(self) -> None:
        """End the workflow, if one is there, and remove the mark."""
        if self.workflow and self.workflow.poll() is None:
            os.killpg(self.workflow.pid, signal.SIGKILL)
            self.workflow.wait()
        self.stamp.unlink(missing_ok=True)

    def epochs(self, model: str) -> int:
        """How many epochs of a model are done."""
        histories = list(self.out.glob(f"runs/{model}-0-*/history.jsonl"))
        return len(histories[0].read_text().splitlines()) if histories else 0

    def job(self, model: str) -> str:
        """The Slurm job that trains a model, as is said beside its lock; of one that has ended, nothing."""
        holder = self.out / "logs" / f"train_{model}-0.lock.holder"
        found = re.search(r"Slurm job (\d+)", holder.read_text() if holder.exists() else "")
        return found[1] if found else ""

    def weights(self, model: str, out: Path) -> bytes:
        """A model's last weights."""
        return max(out.glob(f"runs/{model}-0-*/weights/*.safetensors")).read_bytes()

    def wait_for(self, condition, seconds: float = TIMEOUT) -> None:
        """Wait for a condition while the workflow runs; exits when that ends first, or with the time."""
        end = time.monotonic() + seconds
        while not condition():
            if self.workflow.poll() is not None or time.monotonic() > end:
                sys.exit(
                    f"The workflow ended too early ({self.workflow.poll()}):\n{self.log.read_text()[-4000:]}"
                )
            time.sleep(0.2)


def check(true: bool, what: str) -> None:
    """Print a finding; exits when it is not so."""
    print(f"{'ok  ' if true else 'FAIL'}  {what}", flush=True)
    if not true:
        sys.exit(1)


def lose_the_workflow(project: Project) -> None:
    """Kill the workflow under a training job, and start it again."""
    project.start()
    project.wait_for(lambda: any(project.epochs(model) >= 3 for model in MODELS))
    os.killpg(project.workflow.pid, signal.SIGKILL)
    project.workflow.wait()
    # Jobs of one rank are submitted in no fixed order, and the node has room for one.
    project.lost, project.cancelled = sorted(MODELS, key=project.epochs, reverse=True)
    job, done = project.job(project.lost), project.epochs(project.lost)
    time.sleep(3)
    others = [n for n in said("squeue", "-h", "-o", "%i").split() if n != job]
    subprocess.run(["scancel", *others], check=True)  # so that the next training is the next workflow's
    running = said("squeue", "-h", "-j", job, "-o", "%T") == "RUNNING"
    check(running, f"job {job} outlives its workflow ({done} epochs)")
    project.start()
    waits = re.compile(rf"Waiting for jobs of an earlier run; to end them: scancel [\d ]*\b{job}\b")
    project.wait_for(lambda: waits.search(project.log.read_text()), 120)
    check(said("squeue", "-h", "-o", "%i").split() == [job], "the same command again waits for it")


def end_a_job_twice(project: Project, model: str) -> None:
    """Cancel a training job, then kill the processes of its successor."""
    project.wait_for(lambda: project.epochs(model) >= 3)
    first, done = project.job(model), project.epochs(model)
    subprocess.run(["scancel", first], check=True)
    print(f"      job {first} is cancelled after {done} epochs", flush=True)
    project.wait_for(lambda: project.job(model) not in ("", first))
    second = project.job(model)
    check(True, f"job {second} takes its place")
    project.wait_for(lambda: project.epochs(model) >= min(done + 2, 18))
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environment = (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"SLURM_JOB_ID={second}".encode() in environment:
            os.kill(int(place.name), signal.SIGKILL)
    print(
        f"      the processes of job {second} are killed after {project.epochs(model)} epochs",
        flush=True,
    )
    first_weights = min(project.out.glob(f"runs/{model}-0-*/weights/*.safetensors"))
    written = first_weights.stat().st_mtime_ns
    project.wait_for(lambda: project.job(model) not in ("", first, second))
    print(f"      job {project.job(model)} goes on with the training", flush=True)
    status = project.workflow.wait(TIMEOUT)
    check(status == 0, "the workflow ends well" if status == 0 else project.log.read_text()[-4000:])
    check((project.out / "report.pdf").is_file(), "there is a report")
    check(first_weights.stat().st_mtime_ns == written, "it did not write the first epoch again")


def compare_with_undisturbed(project: Project) -> None:
    """Train both again, without Slurm, with as many threads as a job had: sums are rounded alike then."""
    profile = project.profile("alone")
    threads = min(CPUS, len(os.sched_getaffinity(0)))  # Snakemake gives a job no more than it may use
    for model in MODELS:
        command = [sys.executable, "-m", "workflow.run_notebook", str(profile), f"train_{model}-0"]
        options = {"cwd": project.folder, "stdout": subprocess.DEVNULL}
        subprocess.run([*command, "--threads", str(threads)], check=True, **options)
        same = project.weights(model, project.out) == project.weights(
            model, project.folder / "build" / "alone"
        )
        check(same, f"{model}: the weights are those of an undisturbed run")


def fill_the_disk(folder: Path) -> None:
    """Jobs that take no time, on a shared disk that is too small for them, and then is not."""
    project = Standin(folder / "stand-in")
    config = project.folder / "profiles" / "slurm" / "config.yaml"
    config.write_text(config.read_text().replace("retries: 2", "retries: 0"))
    with disk(project.out, "64k"):
        status = project.start("smoke", "--on", "slurm").wait(TIMEOUT)
        logs = [Path(name).read_text() for name in re.findall(r"log: (\S+) \(check", project.said())]
        full = status != 0 and any("No space left on device" in log for log in logs)
        check(full, "a full disk is said in the log that is named" if full else project.said()[-4000:])
        grow(project.out, "4m")
        status = project.start("smoke", "--on", "slurm").wait(TIMEOUT)
        check(status == 0, "it goes on once there is room" if status == 0 else project.said()[-4000:])
        files = project.results()
    project.run("smoke", "2")
    check(project.results() == files, f"its {len(files)} files are those of an undisturbed run")


def be_refused(project: Project) -> None:
    """Ask for more than a node has."""
    config = project.folder / "profiles" / "slurm" / "config.yaml"
    config.write_text(config.read_text().replace("max-threads: 4", "max-threads: 16"))
    shutil.rmtree(project.out / "jobs")
    status, text = project.start().wait(300), project.log.read_text()
    check(status != 0 and "CPU count per node can not be satisfied" in text, "Slurm's reason is shown")


def times(folder: Path) -> None:
    """Print how long each job waited and ran."""
    for line in (folder / "jobs").read_text().splitlines():
        job = dict(re.findall(r"(\w+)=(\S+)", line))
        start, end, submit = (
            time.mktime(time.strptime(job[key], "%Y-%m-%dT%H:%M:%S"))
            for key in ("StartTime", "EndTime", "SubmitTime")
        )
        waited, ran = f"queued {start - submit:.0f} s", f"ran {end - start:.0f} s"
        print(f"job {job['JobId']:>3}: {waited}, {ran}, {job['JobState']}", flush=True)


def main() -> None:
    if lack := missing():
        sys.exit(f"make test-cluster needs a Slurm of its own: {lack}.")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary, cluster(CPUS) as folder:
        project = Project(Path(temporary))
        try:
            lose_the_workflow(project)
            end_a_job_twice(project, project.cancelled)
            compare_with_undisturbed(project)
            fill_the_disk(Path(temporary))
            be_refused(project)
            times(folder)
        finally:
            project.stop()
    print(f"All of it took {time.monotonic() - begun:.0f} s; the cluster is gone.")


if __name__ == "__main__":
    main()
