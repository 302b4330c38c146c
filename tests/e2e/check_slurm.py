"""The workflow on a real Slurm of one node, set up on this machine and taken down: `make test-cluster`.

Needs root, slurm-wlm and munge. The command is the documented one, `make report PROFILE=... EXECUTOR=slurm`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import helpers  # noqa: E402
from diffusion import data  # noqa: E402
from report.jobs.job import end_with_parent  # noqa: E402

SYSTEM = Path("/etc/slurm")  # where srun looks; another cluster's files are never touched
FILES = ("slurm.conf", "cgroup.conf")
SLURM = """ClusterName=test
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1,sched_interval=5
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Slurm's daemons, with their files in a folder, for as long as the block lasts."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.geteuid() != 0 or not shutil.which("slurmctld") or any((SYSTEM / name).exists() for name in FILES):
        sys.exit(f"It needs root, slurm-wlm and munge, and a {SYSTEM} without {' and '.join(FILES)}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what follows is undone then, too
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports, host, daemons = [one.getsockname()[1] for one in sockets], socket.gethostname().split(".")[0], []
    for one in sockets:
        one.close()
    SYSTEM.mkdir(exist_ok=True)
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    try:
        (SYSTEM / "slurm.conf").write_text(SLURM.format(folder=folder, host=host, ports=ports))
        (SYSTEM / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o400)
        munge = ["munged", "--foreground", f"--socket={folder}/munge.socket"]
        munge += [f"--{file}-file={folder}/munge.{file}" for file in ("key", "pid", "log", "seed")]
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c", "-N", host]):
            daemons.append(subprocess.Popen(command, start_new_session=True))
            if command is munge:
                until((folder / "munge.socket").exists, 120)
        until(lambda: said("sinfo", "-h", "-o", "%T") == "idle", 120)
        yield
    finally:
        said("scancel", "--user", "root")
        time.sleep(8)  # until what ran is gone
        for daemon in reversed(daemons):
            daemon.kill()
            daemon.wait()
        for name in FILES:
            (SYSTEM / name).unlink(missing_ok=True)


def said(*command: str, **options) -> str:
    """What a command prints; empty when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    return done.stdout.strip() if done.returncode == 0 else ""


def until(condition, seconds: float = 1800) -> None:
    """Wait for a condition; fails when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def trainings(state: str) -> set[str]:
    """Slurm's numbers of the training jobs in a state."""
    rows = [line.split("|") for line in said("squeue", "-h", "-o", "%i|%T|%k").splitlines()]
    return {job for job, found, comment in rows if found == state and "train" in comment}


def disturb(folder: Path) -> None:
    """Kill the workflow; its job outlives it, and the next one's waits, goes on and is lost with its node."""
    out, command = folder / "build" / "slurm", ["make", "-o", "env", "-o", "env-slurm"]
    command += ["report", "PROFILE=slurm", "EXECUTOR=slurm"]
    options = {"cwd": folder, "start_new_session": True, "preexec_fn": end_with_parent}

    def epochs() -> int:
        return sum(len(one.read_text().splitlines()) for one in out.glob("runs/*/history.jsonl"))

    workflow = subprocess.Popen(command, **options)
    until(lambda: epochs() >= 2)
    os.killpg(workflow.pid, signal.SIGKILL)
    workflow.wait()
    time.sleep(3)
    first, weights = trainings("RUNNING"), min(out.glob("runs/*/weights/*.safetensors"))
    assert len(first) == 1, "the job does not outlive its workflow"
    written = weights.stat().st_mtime_ns
    workflow = subprocess.Popen(command, **options)
    until(lambda: trainings("PENDING"))
    said("scancel", *first)
    until(lambda: trainings("RUNNING") - first)
    done, (second,) = epochs(), trainings("RUNNING") - first
    until(lambda: epochs() > done)
    for place in Path("/proc").glob("[0-9]*"):
        if f"SLURM_JOB_ID={second}\0" in said("cat", str(place / "environ")):
            os.kill(int(place.name), signal.SIGKILL)
    assert workflow.wait(1800) == 0, "the workflow fails"
    assert (out / "report.pdf").is_file(), "there is no report"
    assert weights.stat().st_mtime_ns == written, "the first epoch was trained again"
    print("The workflow went on after each loss, and trained no epoch twice.")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/var/tmp") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # munge wants that nobody else may write here
        project = helpers.copied(folder / "project")
        text = (ROOT / "tests" / "e2e" / "slurm.yaml").read_text("utf-8")
        data.load()  # jobs read it from the folder of this checkout
        text += f"data_dir: {data.folder()}\n"
        (project / "profiles" / "slurm.yaml").write_text(text)
        python = project / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')  # the environment of this very Python
        python.chmod(0o755)
        with cluster(folder):
            disturb(project)


if __name__ == "__main__":
    main()
