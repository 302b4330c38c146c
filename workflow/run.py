"""Make the report of a profile; `make report` and `make retrain` do nothing else.

    python -m workflow.run [--retrain] PROFILE [CORES] [--on EXECUTOR]

Where the results of a profile are released, the report is made from them, in build/released/PROFILE. Else,
or with `--retrain`, the workflow runs: jobs whose results are there, whole, and made with these settings
and this code are left alone; one line says why each of the others runs again. Results stay until the new
ones are whole. With `--on slurm` the jobs are those of a cluster (profiles/slurm); CORES then bounds what
they use at one time. One workflow at a time may write to a results folder. However this process ends,
nothing of it goes on running, jobs of a cluster excepted: SIGINT and SIGTERM cancel them, SIGKILL does not,
and the next call waits for them.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from diffusion import data
from diffusion.training import network as networks
from study.records import trainings_in
from study.settings import Profile, SettingError, read_profile
from workflow import jobs, release
from workflow.children import HeldError, holding, run_group, when_parent_is_gone

ROOT = jobs.ROOT
SNAKEMAKE = "from workflow.children import snakemake; snakemake()"  # it ends when this process is killed
# Job files are written whole and checked before; nothing rests on Snakemake's own notes about them.
OPTIONS = ["--nolock", "--ignore-incomplete", "--drop-metadata", "--rerun-triggers", "mtime"]
OPTIONS += ["--scheduler", "greedy"]
LOCAL = ["--quiet", "host", "progress", "reason", "rules"]  # the jobs say when they start and end
# What a results folder holds; `make clean` may have taken the rest of it while it was written.
OURS = {"runs", "samples", "metrics", "kept", "notebooks", "figures", "logs", "report.html", "report.pdf"}
OURS |= {".lock", ".lock.holder", "jobs", "ledger.json", "table.json"}
SECONDS_TO_END = {"": 10, "slurm": 60}  # after a signal; Slurm's jobs are cancelled in that time
SECONDS_BETWEEN_LOOKS = 20.0
ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY"}


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold the lock on a results folder; exits with one line where it cannot be had."""
    with contextlib.ExitStack() as stack:
        try:
            there = {path.name for path in out.iterdir()} if out.is_dir() else set()
            if there - OURS and not there & {".lock", "jobs"}:
                sys.exit(
                    f"error: {out} holds files that are not results of this project; choose another `out`"
                )
            stack.enter_context(holding(out / ".lock"))
        except HeldError as error:
            sys.exit(f"error: {out} is being written by another run ({error}); wait for it, or stop it first")
        except OSError as error:
            sys.exit(f"error: the results folder {out} cannot be written: {error.strerror}")
        yield


def check_machine() -> None:
    """Exit with one line where the machine lacks what the workflow and notebooks need."""
    if bad := sorted({"{", "}", "\n"} & set(str(ROOT))):
        sys.exit(
            f"error: the project lies in {str(ROOT)!r}; Snakemake takes no folder with {bad[0]!r} in its name"
        )
    if not shutil.which("which"):
        sys.exit(
            "error: Snakemake needs the program `which`; on Debian or Ubuntu: apt-get install debianutils"
        )
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 5).close()
    except OSError as error:
        sys.exit(
            f"error: notebooks need the loopback network, 127.0.0.1 ({error}); as root: ip link set lo up"
        )


def forget(stale: list[tuple[jobs.Job, str]]) -> None:
    """Remove the files that say that these jobs are done, and say why they run again."""
    for job, reason in stale:
        if reason != jobs.NOT_MADE:
            print(f"{job.name} runs again: {reason}", flush=True)
        job.path.unlink(missing_ok=True)


def options(executor: str, cores: str, out: Path) -> list[str]:
    """Snakemake's options for an executor; on Slurm after waiting for earlier jobs on the results folder."""
    if not executor:
        return [*LOCAL, "--cores", cores]
    found = ["--workflow-profile", str(ROOT / "profiles" / executor)]
    found += ["--cores", cores] if cores != "all" else []
    if executor == "slurm":
        prefix = f"{out.name[:30]}-{hashlib.sha256(str(out).encode()).hexdigest()[:8]}"
        wait_for_slurm(prefix)
        found += ["--slurm-jobname-prefix", prefix]
    return found


def wait_for_slurm(prefix: str) -> None:
    """Wait until Slurm has no jobs whose names begin so: they outlive the workflow that submitted them."""
    told: list[str] = []
    while True:
        command = ["squeue", "--me", "--noheader", "--format", "%i|%T|%j"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip()
            sys.exit(f"error: Slurm does not answer ({said}); run this where squeue and sbatch work")
        rows = [line.strip().split("|", 2) for line in done.stdout.splitlines()]
        found = [job for job, state, title in rows if title.startswith(f"{prefix}_") and state not in ENDED]
        if not found:
            return
        if found != told:
            print(f"Waiting for jobs of an earlier run; to end them: scancel {' '.join(found)}", flush=True)
        told = found
        time.sleep(SECONDS_BETWEEN_LOOKS)


def workflow(profile: Profile, executor: str, cores: str) -> None:
    """Run what must run of a profile; exits with a status where that fails."""
    out = jobs.folder(profile)
    stale = jobs.check(profile)  # before anything is written: it finds mistakes, too
    with held(out):
        if stale:
            (ROOT / ".snakemake").mkdir(exist_ok=True)
            os.utime(ROOT / ".snakemake")  # fails where the checkout cannot be written
            check_machine()
            data.main(["--dataset", profile.dataset, *(["--data-dir", d] if (d := profile.data_dir) else [])])
            forget(stale)
            config = [f"profile={profile.where}", f"cores={0 if executor else number_of(cores)}"]
            arguments = ["--snakefile", str(ROOT / "workflow" / "Snakefile"), "--config", *config, *OPTIONS]
            command = [sys.executable, "-c", SNAKEMAKE, *arguments, *options(executor, cores, out)]
            if status := run_group(command, SECONDS_TO_END.get(executor, 60), cwd=ROOT, env=environment(out)):
                print("Not all of it could be made; the same command goes on from here. Log: .snakemake/log")
                sys.exit(status)
            if changed := jobs.check(profile):
                said = "; ".join(f"{job.name}: {reason}" for job, reason in changed[:3])
                sys.exit(f"error: what changed while it ran must run again ({said}); call it again")
    print(f"{shown(out)}/report.html and {shown(out)}/report.pdf are up to date")


def environment(out: Path) -> dict[str, str]:
    """Snakemake's environment: no profile of the user's, and a folder of ours for what it keeps beside."""
    found = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    home = Path(found.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    above = next(place for place in (home, *home.parents) if place.exists())
    return found if os.access(above, os.W_OK) else found | {"XDG_CACHE_HOME": str(out / "logs" / ".cache")}


def from_release(profile: Profile) -> None:
    """Make the report of a profile from its released results.

    Raises:
        ValueError: the profile asks for trainings that are not among them.
    """
    name = profile.name
    known = trainings_in(release.RELEASED / name)
    if missing := [f"{model}-{seed}" for model, seed in profile.trainings if (model, seed) not in known]:
        raise ValueError(f"released/{name} has no {', '.join(missing)}: make retrain PROFILE={name}")
    out = ROOT / "build" / "released" / name
    with held(out):
        print(
            f"The results of {name} are released; to train it anew: make retrain PROFILE={name}", flush=True
        )
        release.unpack(release.RELEASED / name, out)
        command = [sys.executable, "-m", "report.build", "--out", str(out), "--profile", profile.where]
        if status := run_group(command, SECONDS_TO_END[""], cwd=ROOT):
            sys.exit(status)
    print(f"{shown(out)}/report.html and {shown(out)}/report.pdf are made from released/{name}")


def check_networks(profile: Profile) -> None:
    """Refuse a profile with a network that cannot be made, before any job runs.

    Raises:
        ValueError: there is one; the message names its model.
    """
    for (model, _), training in profile.trainings.items():
        at = f"{profile.where}, models.{model}"
        try:
            cls, arguments = training.architecture()
            networks.build(cls, arguments)
        except (Exception, SystemExit) as error:  # a class of one's own may fail in any way
            raise ValueError(f"{at}: {error}") from error
        if "channels" in profile.file.models[model].model_extra and "channels" not in arguments:
            raise ValueError(f"{at}: {cls.__name__} does not take channels")


def number_of(cores: str) -> int:
    """CORES as a number; all: those that this process may use."""
    if cores != "all":
        return int(cores)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shown(path: Path) -> Path:
    """A path as it is printed: within the project, relative to it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m workflow.run", description=__doc__.splitlines()[0])
    parser.add_argument("profile", nargs="?", default="quick")
    parser.add_argument("cores", nargs="?", default="all")
    parser.add_argument("--retrain", action="store_true", help="run the study although it is released")
    parser.add_argument("--on", default="", metavar="EXECUTOR", help="slurm: as jobs of a cluster")
    given = parser.parse_args(arguments)
    if given.cores != "all" and not (given.cores.isdecimal() and int(given.cores)):
        sys.exit(f"error: CORES = {given.cores!r} is not allowed; needed: all, or a number from 1")
    executors = sorted(p.parent.name for p in (ROOT / "profiles").glob("*/config.yaml"))
    if given.on and given.on not in executors:
        sys.exit(f"error: EXECUTOR = {given.on!r} is not an executor; profiles/ has {', '.join(executors)}")
    if "MAKELEVEL" in os.environ:  # make passes on SIGTERM, but not its own SIGKILL
        when_parent_is_gone(lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        profile = read_profile(given.profile, ROOT / "profiles")
        check_networks(profile)
        ours = ROOT / "profiles" / f"{profile.name}.yaml"
        released = (release.RELEASED / profile.name).is_dir()
        if released and ours.is_file() and not ours.samefile(profile.where):
            raise SettingError(
                f"{profile.where}: profile = {profile.name!r} is released; give yours another name"
            )
        if released and not (given.retrain or given.on):
            from_release(profile)
        else:
            workflow(profile, given.on, given.cores)
    except (SettingError, ValueError) as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or ''}: {error.strerror or error}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
