"""A Slurm cluster of one node on this machine, for as long as a `with` block lasts.

Needs root and Debian's packages slurm-wlm and munge; what is missing is said in one line. Its files lie in
a temporary folder, apart from two in /etc/slurm, which `srun` reads; another cluster's are never touched.
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

SYSTEM = Path("/etc/slurm")
MARK = "# a test's cluster of one node; tests/cluster/local_slurm.py made this file and removes it"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
SLURM = """{mark}
ClusterName=test
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1,sched_interval=5
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=300
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
CGROUP = "{mark}\nCgroupPlugin=disabled\n"


def missing() -> str | None:
    """What this machine lacks for a Slurm of its own, in one line; None if nothing."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if absent := [program for program in PROGRAMS if not shutil.which(program)]:
        return f"{', '.join(absent)} not found; on Debian or Ubuntu: apt-get install slurm-wlm munge"
    if os.geteuid() != 0:
        return "the daemons of Slurm need root here; run this as root, in a container for example"
    for file in (SYSTEM / "slurm.conf", SYSTEM / "cgroup.conf"):
        if file.exists() and not file.read_text().startswith(MARK):
            return f"{file} belongs to another cluster; run this on a machine without one"
    return None


@contextmanager
def cluster(cpus: int) -> Iterator[None]:
    """Start a cluster whose node counts as `cpus` processors, and stop it at the end."""
    if lack := missing():
        sys.exit(f"No Slurm for a test: {lack}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what follows is undone then, too
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/var/tmp"))
    folder.chmod(0o755)  # munge wants that nobody else may write here
    host, daemons = socket.gethostname().split(".")[0], []
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    facts = {"mark": MARK, "folder": folder, "host": host, "cpus": cpus}
    facts["ports"] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    SYSTEM.mkdir(exist_ok=True)
    try:
        for name, text in (("slurm.conf", SLURM), ("cgroup.conf", CGROUP)):
            (SYSTEM / name).write_text(text.format(**facts))
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        munge = ["munged", "--foreground", f"--key-file={key}", f"--socket={folder}/munge.socket"]
        munge += [f"--{file}-file={folder}/munged.{file}" for file in ("pid", "log", "seed")]
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c", "-N", host]):
            log = (folder / f"{command[0]}.out").open("w")
            daemons.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
            if command is munge:
                until(lambda: (folder / "munge.socket").exists(), "munge's socket", folder)
        until(lambda: said("sinfo", "-h", "-o", "%T") == "idle", "an idle node", folder)
        yield
    finally:
        subprocess.run(["scancel", "--user", "root"], timeout=60)
        time.sleep(8)  # until what ran is gone
        for daemon in reversed(daemons):
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("slurm.conf", "cgroup.conf"):
            (SYSTEM / name).unlink(missing_ok=True)


def said(*command: str, **options) -> str:
    """What a command prints; empty when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    return done.stdout.strip() if done.returncode == 0 else ""


def until(condition, what: str, folder: Path, seconds: float = 120) -> None:
    """Wait for a condition; exits with the daemons' last words when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            words = [f"{log.name}: {log.read_text()[-600:]}" for log in sorted(folder.glob("*.*t*"))]
            sys.exit(f"Waited in vain for {what}.\n" + "\n".join(words))
        time.sleep(0.5)
