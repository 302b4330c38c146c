"""Run the workflow on a real Slurm: a cluster of one node on this machine; `make test-cluster` does it.

    python tests/cluster/check_slurm.py [PROFILE.yaml]

1. A training job is under way when its workflow is killed with SIGKILL. The same command again waits for that
   job, which went on, submits nothing beside it, and finds its work done.
2. Another training job is cancelled with `scancel`. Slurm gets it again, it goes on from its checkpoint, and
   its weights are those of a run that nothing happened to, to the bit.
3. The workflow ends with the report over three seeds, and the times of its jobs are printed.

The project is copied to a temporary folder, which goes at the end, as the cluster does.
"""

import hashlib
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
PROFILE = ROOT / "tests" / "cluster" / "slurm.yaml"
CPUS = os.cpu_count() or 1  # of the node; jobs have one core each
LOST, CANCELLED = "zoom", "linear"  # the models whose jobs the workflow loses and Slurm cancels
OPTIONS = ["--slurm-no-account", "--slurm-status-command", "squeue", "--max-threads", "1"]
OPTIONS += [
    "--slurm-init-seconds-before-status-checks",
    "5",
    "--slurm-keep-successful-logs",
    "--latency-wait",
    "10",
]
TIMEOUT = 1800  # seconds for a workflow, on a busy machine


class Project:
    """A copy of the project with one profile of its own, run on the cluster."""

    def __init__(self, folder: Path, profile: Path):
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
            "\0"
        )
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.folder, self.config = folder, yaml.safe_load(profile.read_text(encoding="utf-8"))
        self.name = self.config["profile"]
        self.config["data_dir"] = self.config.get("data_dir") or str(ROOT / "data")
        self.write_profile(self.name)
        self.out = folder / "build" / self.name
        self.workflow: subprocess.Popen | None = None

    def write_profile(self, name: str, **changes) -> Path:
        file = self.folder / "profiles" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(self.config | {"profile": name} | changes, sort_keys=False))
        return file

    def start(self, *targets: str) -> subprocess.Popen:
        """The workflow as `make report EXECUTOR=slurm` starts it; what it prints is kept, too."""
        command = [sys.executable, "-u", str(self.folder / "tools" / "run_workflow.py"), self.name, "all"]
        self.said = self.folder / f"workflow-{time.time_ns()}.log"
        with self.said.open("w") as log:
            command += ["--on", "slurm", *OPTIONS, *targets]
            self.workflow = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        return self.workflow

    def stop(self) -> None:
        """End the workflow, if one is there."""
        if self.workflow and self.workflow.poll() is None:
            self.workflow.kill()
            self.workflow.wait()

    def run_folder(self, model: str) -> Path | None:
        return next(iter(self.out.glob(f"runs/{model}-{'[0-9a-f]' * 12}")), None)

    def epochs(self, model: str) -> int:
        """How many epochs of a model are done."""
        folder = self.run_folder(model)
        history = folder / "history.jsonl" if folder else None
        return len(history.read_text().splitlines()) if history and history.exists() else 0

    def job(self, model: str) -> str:
        """The Slurm job that trains a model, as its lock says."""
        (lock,) = self.out.glob(f"logs/*-{model}.lock")
        return re.search(r"Slurm job (\d+)", lock.read_text())[1]

    def weights(self, model: str, out: Path | None = None) -> str:
        """The hash of a model's last weights."""
        folder = next((out or self.out).glob(f"runs/{model}-{'[0-9a-f]' * 12}"))
        return hashlib.sha256(max(folder.glob("weights/*.safetensors")).read_bytes()).hexdigest()


def wait_for(condition, workflow: subprocess.Popen, log: Path, seconds: float = TIMEOUT) -> None:
    """Wait for a condition while a workflow runs; exits when that ends first, or with the time."""
    end = time.monotonic() + seconds
    while not condition():
        if workflow.poll() is not None or time.monotonic() > end:
            sys.exit(f"The workflow ended too early ({workflow.poll()}):\n{log.read_text()[-4000:]}")
        time.sleep(0.2)


def check(true: bool, what: str) -> None:
    """Print a finding; exits when it is not so."""
    print(f"{'ok  ' if true else 'FAIL'}  {what}", flush=True)
    if not true:
        sys.exit(1)


def lose_the_workflow(project: Project) -> str:
    """Kill the workflow under a training job; returns the job's id."""
    workflow = project.start(f"train_{LOST}")
    wait_for(lambda: project.epochs(LOST) >= 3, workflow, project.said)
    workflow.send_signal(signal.SIGKILL)
    workflow.wait()
    job, done = project.job(LOST), project.epochs(LOST)
    time.sleep(3)
    check(
        said("squeue", "-h", "-j", job, "-o", "%T") == "RUNNING",
        f"job {job} outlives its workflow ({done} epochs)",
    )
    return job


def cancel_a_job(project: Project, workflow: subprocess.Popen) -> None:
    """Cancel a training job under way and see its successor go on from the checkpoint."""
    wait_for(lambda: project.epochs(CANCELLED) >= 3, workflow, project.said)
    job = project.job(CANCELLED)
    subprocess.run(["scancel", job], check=True)
    wait_for(
        lambda: said("squeue", "-h", "-j", job, "-o", "%T") in ("", "CANCELLED"), workflow, project.said, 60
    )
    done = project.epochs(CANCELLED)
    first = min((project.run_folder(CANCELLED) / "weights").iterdir())
    written, total = first.stat().st_mtime_ns, project.config["models"][CANCELLED]["epochs"]
    check(3 <= done < total, f"job {job} is cancelled after {done} of {total} epochs")
    wait_for(lambda: project.job(CANCELLED) != job, workflow, project.said)
    print(f"      job {project.job(CANCELLED)} takes its place", flush=True)
    assert workflow.wait(TIMEOUT) == 0, project.said.read_text()[-4000:]
    (log,) = project.out.glob(f"logs/*-{CANCELLED}.log")
    epochs = [int(n) for n in re.findall(rf"{CANCELLED}: epoch (\d+)/", log.read_text())]
    check(min(epochs) == done + 1, f"it goes on with epoch {min(epochs)}, not from the start")
    check(first.stat().st_mtime_ns == written, "it does not write the first epoch again")


def undisturbed(project: Project) -> dict[str, str]:
    """The weights of the two disturbed models after training without a workflow or cluster."""
    profile = project.write_profile("alone", out="build/alone")
    for model in (LOST, CANCELLED):
        command = [sys.executable, str(project.folder / "tools" / "train.py"), str(profile), model]
        subprocess.run(
            command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL
        )
    return {model: project.weights(model, project.folder / "build" / "alone") for model in (LOST, CANCELLED)}


def times(project: Project, folder: Path) -> None:
    """Print what each job cost beside its notebook."""
    print(
        f"\n{'job':>4}  {'notebook':<26}{'queued':>8}{'ran':>7}{'of which notebook':>19}  state", flush=True
    )
    notebooks = {}
    for log in (project.folder / ".snakemake" / "slurm_logs").rglob("*.log"):
        if found := re.search(r"^(\S+) \| (?:done|FAILED.*), (\d+) s$", log.read_text(), re.M):
            notebooks[log.stem] = found[1], int(found[2])
    for line in (folder / "jobs").read_text().splitlines():
        job = dict(re.findall(r"(\w+)=(\S+)", line))
        start, end, submit = (
            time.mktime(time.strptime(job[key], "%Y-%m-%dT%H:%M:%S"))
            for key in ("StartTime", "EndTime", "SubmitTime")
        )
        name, seconds = notebooks.get(job["JobId"], ("-", 0))
        took = f"{seconds} s" if seconds else "-"
        waited, ran = f"{start - submit:.0f} s", f"{end - start:.0f} s"
        print(f"{job['JobId']:>4}  {name:<26}{waited:>8}{ran:>7}{took:>19}  {job['JobState']}")


def scenario(project: Project) -> None:
    """All that is checked, from one end to the other."""
    job = lose_the_workflow(project)
    workflow = project.start()
    waits = f"Waiting for jobs of an earlier run; to end them: scancel {job}\n"
    wait_for(lambda: waits in project.said.read_text(), workflow, project.said, 60)
    check(
        said("squeue", "-h", "-o", "%i") in (job, ""),
        "the same command again waits for it and submits nothing",
    )
    cancel_a_job(project, workflow)
    check((project.out / "report.pdf").is_file(), "the workflow ends with the report")
    expected = undisturbed(project)
    for model in (LOST, CANCELLED):
        check(
            project.weights(model) == expected[model], f"{model}: the weights are those of an undisturbed run"
        )
    if keep := os.environ.get("KEEP"):  # a folder for the results, to look at
        shutil.copytree(project.out, keep, dirs_exist_ok=True)


def main() -> None:
    if lack := missing():
        sys.exit(f"make test-cluster needs a Slurm of its own: {lack}.")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary, cluster(CPUS) as folder:
        project = Project(Path(temporary), Path(sys.argv[1]) if len(sys.argv) > 1 else PROFILE)
        try:
            scenario(project)
            times(project, folder)
        finally:
            project.stop()
    print(f"\nAll of it took {time.monotonic() - begun:.0f} s; the cluster is gone.")


if __name__ == "__main__":
    main()
