"""Notebooks as jobs of a cluster: executors, restarts over jobs that still run, Kubernetes Jobs.

A real Slurm is tested by tests/cluster/check_slurm.py, outside CI; here, scripts of a few lines stand for it.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from standin import Project
from tools import cluster

ROOT = Path(__file__).resolve().parents[1]
JOB = ROOT / "profiles" / "executors" / "kubernetes" / "job.py"
SUBMIT = """#!/bin/sh
echo "$1" >> submitted
nohup sh "$1" > job.log 2>&1 &
echo $!
"""
GENERIC = """executor: cluster-generic
cluster-generic-submit-cmd: sh submit
jobs: 4
seconds-between-status-checks: 1
"""
# Keeps each Job as a file, runs its container's command in the background, and refuses a name that is taken.
KUBECTL = """#!{python}
import json, os, pathlib, subprocess, sys
jobs = pathlib.Path({folder!r})
verb, rest = sys.argv[1], sys.argv[2:]
if verb == "create":
    job = json.load(sys.stdin)
    file = jobs / job["metadata"]["name"]
    if file.exists():
        sys.exit("already exists")
    file.write_text(json.dumps(job))
    container = job["spec"]["template"]["spec"]["containers"][0]
    script = '"$@" > ' + str(file) + ".log 2>&1; echo $? > " + str(file) + ".ended"
    command = ["sh", "-c", script, "sh", *container["command"]]
    subprocess.Popen(command, cwd=container["workingDir"], start_new_session=True,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
elif verb == "get":
    file = jobs / rest[1]
    if file.exists():
        job, ended = json.loads(file.read_text()), file.with_name(file.name + ".ended")
        kind = "Complete" if ended.exists() and ended.read_text() == "0\\n" else "Failed"
        job["status"] = {{"conditions": [{{"type": kind, "status": "True"}}]}} if ended.exists() else {{}}
        print(json.dumps(job))
elif verb == "delete":
    for name in rest[1:]:
        for file in jobs.glob(name + "*"):
            file.unlink()
"""


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def bin_dir(tmp_path, monkeypatch) -> Path:
    """A folder of commands that come before the system's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def command(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def run(project: Project, *arguments: str, **how) -> subprocess.CompletedProcess:
    return subprocess.run(
        project.report("smoke", *arguments),
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=300,
        **how,
    )


# --- executors ----------------------------------------------------------------------------------------------


def test_a_generic_executor_runs_a_notebook_as_a_job(project):
    profile = project.folder / "profiles" / "executors" / "script" / "config.yaml"
    profile.parent.mkdir()
    profile.write_text(GENERIC)
    (project.folder / "submit").write_text(SUBMIT)
    done = run(project, "--on", "script", "schedules")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        len((project.folder / "submitted").read_text().splitlines()) == 1
    )  # data is made here, not by a job
    assert "01_schedules | done" in (project.folder / "job.log").read_text()
    assert (project.folder / "build" / "smoke" / "metrics" / "schedules.json").is_file()
    assert "are up to date" not in done.stdout


def test_an_unknown_executor_is_refused(project):
    done = run(project, "--on", "slrum")
    assert done.returncode != 0
    assert (
        done.stderr.strip()
        == "EXECUTOR = 'slrum' is not an executor; profiles/executors/ has kubernetes, slurm."
    )


def test_the_slurm_profile_is_understood(project, bin_dir):
    command(bin_dir, "squeue", "#!/bin/sh\n")
    done = run(project, "--on", "slurm", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train_linear" in done.stdout + done.stderr


def test_make_passes_the_executor_on():
    said = subprocess.run(
        ["make", "--dry-run", "report", "EXECUTOR=slurm", "PROFILE=paper"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "tools/run_workflow.py paper all --on slurm" in said.stdout


# --- restarts over jobs that still run ----------------------------------------------------------------------


def test_a_new_workflow_waits_for_slurm_jobs_of_an_earlier_one(tmp_path, bin_dir, monkeypatch, capsys):
    mine, other = cluster.job_name(tmp_path / "mine"), cluster.job_name(tmp_path / "other")
    jobs = tmp_path / "jobs"
    lines = [
        f"11|RUNNING|{mine}_a",
        f"12|PENDING|{mine}_a",
        f"13|RUNNING|{other}_b",
        f"14|COMPLETED|{mine}_a",
    ]
    jobs.write_text("\n".join(lines) + "\n")
    command(bin_dir, "squeue", f"#!/bin/sh\ncat {jobs}\n")
    looks = iter([lines[1:], lines[2:], []])
    clock = SimpleNamespace(sleep=lambda _: jobs.write_text("\n".join(next(looks))))
    monkeypatch.setattr(cluster, "time", clock)
    cluster.wait_for_slurm(mine)
    said = "Waiting for jobs of an earlier run; to end them: scancel "
    assert capsys.readouterr().out.splitlines() == [f"{said}11 12", f"{said}12"]
    assert list(looks) == [[]]  # it did not wait for the other folder's job


def test_without_slurm_the_slurm_executor_says_so(project, bin_dir):
    command(bin_dir, "squeue", "#!/bin/sh\necho no controller >&2\nexit 1\n")
    done = run(project, "--on", "slurm")
    assert done.returncode != 0
    assert (
        done.stderr.strip() == "Slurm does not answer (no controller); run this where squeue and sbatch work."
    )


def test_a_notebook_waits_until_another_process_has_ended_that_runs_it(project):
    notebook, log = project.folder / "notebooks" / "01_schedules.ipynb", project.folder / "work.log"
    arguments = [str(log), str(os.getpid()), str(notebook), str(project.folder / "out.ipynb")]
    arguments += ["-r", "out_dir", str(project.folder / "results")]
    program = [sys.executable, "tools/run_notebook.py", *arguments]
    with log.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 7 on node3")
        lock.flush()
        waiting = subprocess.Popen(program, cwd=project.folder, stdout=subprocess.PIPE, text=True)
        assert (
            waiting.stdout.readline()
            == "work | waits until process 7 on node3 has ended, which runs the same notebook\n"
        )
        assert waiting.poll() is None
        assert not log.exists()
    rest, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    assert rest.splitlines()[0] == "work | starts"
    assert (project.folder / "results" / "metrics" / "schedules.json").is_file()
    assert f"process {waiting.pid} on " in log.with_suffix(".lock").read_text()


def test_a_waiting_notebook_ends_with_its_workflow(tmp_path):
    log, parent = tmp_path / "work.log", subprocess.Popen(["sleep", "60"])
    with log.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = [
            sys.executable,
            str(ROOT / "tools" / "run_notebook.py"),
            str(log),
            str(parent.pid),
            "a",
            "b",
        ]
        waiting = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        assert "waits until another process has ended" in waiting.stdout.readline()
        parent.kill()
        parent.wait()
        assert waiting.wait(30) == 1


# --- Kubernetes ---------------------------------------------------------------------------------------------


def kubernetes(tmp_path: Path, bin_dir: Path) -> Path:
    """Put a kubectl in place; returns the folder of its Jobs."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    command(bin_dir, "kubectl", KUBECTL.format(python=sys.executable, folder=str(jobs)))
    return jobs


def test_kubernetes_runs_a_notebook_as_a_job(project, tmp_path, bin_dir):
    jobs = kubernetes(tmp_path, bin_dir)
    resources = ["gpu=1", "image='mine'", "claim='c'", "mount='/volume'"]
    options = ["--seconds-between-status-checks", "1", "--default-resources", *resources]
    done = run(project, "--on", "kubernetes", "schedules", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / "build" / "smoke" / "metrics" / "schedules.json").is_file()
    (file,) = (path for path in jobs.iterdir() if not path.suffix)
    assert file.name.endswith("-schedules")
    job = json.loads(file.read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["spec"]["activeDeadlineSeconds"] == 30 * 60
    assert (
        container["resources"]["requests"]["cpu"] == 8
    )  # max-threads of the profile, not this machine's cores
    assert container["resources"]["limits"] == {"memory": "4000Mi", "nvidia.com/gpu": 1}
    assert (container["image"], container["workingDir"]) == ("mine", str(project.folder))
    assert container["volumeMounts"] == [{"name": "study", "mountPath": "/volume"}]
    assert pod["volumes"] == [{"name": "study", "persistentVolumeClaim": {"claimName": "c"}}]


def test_a_kubernetes_job_is_not_made_twice_while_it_runs(tmp_path, bin_dir):
    jobs = kubernetes(tmp_path, bin_dir)
    script, gone = tmp_path / "script", tmp_path / "gone"
    script.write_text(f"while [ ! -e {gone} ]; do sleep 0.1; done; exit 3\n")
    options = (
        "--rule train_A_b --of this --log a.log --cpus 1 --memory 1 --minutes 1 --gpus 0 "
        "--image i --claim c --mount /m"
    )

    def job(*arguments: str) -> str:
        done = subprocess.run([sys.executable, JOB, *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    name = job("submit", *options.split(), str(script))
    assert name.endswith("-train-a-b")
    created = (jobs / name).stat().st_mtime_ns
    assert job("submit", *options.split(), str(script)) == name
    assert (jobs / name).stat().st_mtime_ns == created
    assert job("status", name) == "running"
    gone.touch()
    end = time.monotonic() + 30
    while job("status", name) == "running":
        assert time.monotonic() < end
    assert job("status", name) == "failed"
    assert job("submit", *options.split(), str(script)) == name  # a job that has ended gives way
    assert (jobs / name).stat().st_mtime_ns > created
    assert job("status", "another") == "failed"


def test_a_kubernetes_job_of_other_parameters_or_code_makes_way(tmp_path, bin_dir):
    jobs = kubernetes(tmp_path, bin_dir)
    script, gone = tmp_path / "script", tmp_path / "gone"
    script.write_text(f"while [ ! -e {gone} ]; do sleep 0.1; done\n")

    def submit(of: str) -> str:
        options = f"--rule r --of {of} --log a --cpus 1 --memory 1 --minutes 1 --gpus 0 --image i --claim c"
        command = [sys.executable, JOB, "submit", *options.split(), "--mount", "/m", str(script)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    name = submit("one")
    created = (jobs / name).stat().st_mtime_ns
    assert submit("other") == name
    assert (jobs / name).stat().st_mtime_ns > created
    assert json.loads((jobs / name).read_text())["metadata"]["annotations"] == {"cold-zoom/of": "other"}
    gone.touch()


def test_a_cluster_that_does_not_answer_is_asked_again(tmp_path, bin_dir):
    command(bin_dir, "kubectl", "#!/bin/sh\necho no route >&2\nexit 1\n")
    done = subprocess.run([sys.executable, JOB, "status", "a"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "running\n")
    assert "no route" in done.stderr
