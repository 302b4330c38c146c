"""Make the report of a profile; `make report` and `make retrain` do nothing else.

    python -m workflow.run [--retrain] PROFILE [CORES] [--on EXECUTOR]

Jobs whose results are there, whole, and made with these settings and this code are left alone; one line says
why each of the others runs again. Results stay until the new ones are whole. Where the results of a profile
are released, and without `--retrain`, only notebooks and report are jobs, in build/released/PROFILE.
With `--on slurm` the jobs are those of a cluster (profiles/slurm). However this process ends, nothing of it
goes on running; jobs of a cluster are cancelled by SIGINT and SIGTERM, not by SIGKILL.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping

from study import profile as profiles
from study.profile import PROFILES, Profile
from workflow import job, jobs, release
from workflow.job import Job

# Job files are written whole and checked before; nothing rests on Snakemake's own notes about them.
SNAKEMAKE = "snakemake -k --scheduler greedy --nolock --ii --drop-metadata --rerun-triggers mtime"
AGAIN = "the same command goes on from here. Log: .snakemake/log"


def run(*command: str, cancels: bool = False) -> None:
    """Run a module of Python in a process group of its own, of which nothing is left; ValueError: it failed.

    Args:
        cancels: on an interrupt it is given time to cancel the jobs of a cluster.
    """
    options = {"cwd": jobs.ROOT, "start_new_session": True, "preexec_fn": job.end_with_parent}
    child = subprocess.Popen([sys.executable, "-m", *command], stdin=subprocess.DEVNULL, **options)
    for number in (signal.SIGTERM, signal.SIGHUP):  # not before: within a fork Python drops an exception
        signal.signal(number, signal.default_int_handler)
    try:
        if child.wait():
            raise ValueError(f"not all could be made; {AGAIN}")
    except KeyboardInterrupt:
        print(f"interrupted; {AGAIN}", flush=True)
        if cancels:
            os.killpg(child.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(60)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def study(profile: Profile, plan: Mapping[str, Job], cores: str, executor: str) -> None:
    """Run what must run of a plan, whose results folder is locked."""
    out, stale = plan["report"].out, jobs.check(plan)
    for name, reason in stale.items():
        if reason != jobs.NOT_MADE:
            print(f"{name} runs again: {reason}", flush=True)
        (out / "jobs" / f"{name}.json").unlink(missing_ok=True)
    if stale:
        jobs.keep(plan, out)
        options = ["--workflow-profile", str(PROFILES / executor)] if executor else ["--quiet", "rules"]
        options += [] if executor and cores == "all" else ["--cores", cores]
        options += ["--config", f"out={out}"]
        try:
            run(*SNAKEMAKE.split(), *options, cancels=bool(executor))
        except ValueError as error:
            begun = [one for one in plan.values() if one.of and one.log.is_file()]
            if models := sorted({one.of.rpartition("-")[0] for one in begun if not one.path.is_file()}):
                how = f"leave it out of {profile.where} for a report of the others"
                raise ValueError(f"{', '.join(models)} failed: {how}; {error}") from None
            raise
    print(f"{out}/report.html and {out}/report.pdf are {'made' if stale else 'up to date'}")


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("profile", nargs="?", default="quick")
    parser.add_argument("cores", nargs="?", default="all")
    parser.add_argument("--retrain", action="store_true", help="run the study although it is released")
    executors = [path.name for path in PROFILES.iterdir() if path.is_dir()]
    parser.add_argument("--on", default="", choices=executors, help="as jobs of a cluster (EXECUTOR of make)")
    given = parser.parse_args()
    if "MAKELEVEL" in os.environ:  # make passes on SIGTERM, but not its own SIGKILL
        job.end_with_parent(signal.SIGTERM)
    if not re.fullmatch("all|[1-9][0-9]*", given.cores):
        raise ValueError(f"CORES = {given.cores!r} is not allowed; needed: all, or a number from 1")
    profile = profiles.read(given.profile)
    ours = profile.where.resolve().parent == PROFILES  # not another file of the same name
    released = ours and (release.RELEASED / profile.name).is_dir() and not (given.retrain or given.on)
    out = release.unpacked(profile) if released else profile.out
    with jobs.lock(out):
        if released:
            print(f"The results of {profile.name} are released; to train anew: make retrain", flush=True)
            release.unpack(release.RELEASED / profile.name, out)
        study(profile, jobs.plan(profile, out if released else None), given.cores, given.on)


if __name__ == "__main__":
    main()
