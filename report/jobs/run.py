"""Make the report of a profile: `make report` and `make retrain`.

    python -m report.jobs.run [--retrain] [--dry] PROFILE [CORES] [--on EXECUTOR]

A job runs only if its results are missing or incomplete, or come from other settings, code or data; a line
gives the reason. Old results stay until the new ones are complete. If the results of a profile are released,
only notebooks and report are jobs, in build/released/PROFILE; `--retrain` runs all jobs instead.
`--dry` checks the profile and lists the jobs that would run and why. It neither runs nor writes anything.
`--on slurm` submits the jobs to a cluster (profiles/slurm). When this process ends, for whatever reason, its
child processes end with it. SIGINT and SIGTERM also cancel the jobs on a cluster; SIGKILL does not.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path

from report import profile as profiles
from report.jobs import job, messages, release
from report.jobs import plan as jobs
from report.jobs.job import Job
from report.places import PROFILES, ROOT
from report.places import profiles as known_profiles
from report.profile import Profile

# Jobs write their files atomically and check them, so Snakemake's own metadata is not needed.
SNAKEMAKE = "snakemake -s report/jobs/Snakefile -k --scheduler greedy --nolock --ii --drop-metadata"
SNAKEMAKE += " --rerun-triggers mtime"
AGAIN = "run the same command again to resume (log: .snakemake/log)"
THREADS = "16"  # of a job on this machine, unless $OMP_NUM_THREADS is set; more do not make training faster


def run(*command: str, cancels: bool = False) -> int:
    """Run a Python module in a new process group, end the whole group, and return the exit status.

    Args:
        cancels: on an interrupt, give the module time to cancel jobs on a cluster.
    """
    options = {"cwd": ROOT, "start_new_session": True, "preexec_fn": job.end_with_parent}
    child = subprocess.Popen([sys.executable, "-m", *command], stdin=subprocess.DEVNULL, **options)
    for number in (signal.SIGTERM, signal.SIGHUP):  # not earlier: a fork drops exceptions
        signal.signal(number, signal.default_int_handler)
    try:
        return child.wait()
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


def run_profile(profile: Profile, plan: Mapping[str, Job], cores: str, executor: str) -> None:
    """Run the stale jobs of a plan; its results folder must be locked."""
    out, stale = plan["report"].out, jobs.find_stale(plan)
    announce(plan, stale)
    for name in stale:
        plan[name].set_aside()
    if stale:
        jobs.write_plan(plan, out)
        config = ["--config", f"out={out}"]
        if executor:
            options = ["--workflow-profile", str(PROFILES / executor)]
            options += [] if cores == "all" else ["--cores", cores]
            config.append(f"executor={executor}")
        else:
            threads = os.environ.get("OMP_NUM_THREADS") or THREADS
            options = ["--quiet", "rules", "--cores", cores, "--max-threads", threads]
        if run(*SNAKEMAKE.split(), *options, *config, cancels=bool(executor)):
            raise ValueError(
                f"some jobs failed; for a report of the other models, remove theirs from {profile.where}; "
                f"{AGAIN}"
            )
    for file in ("report.html", "report.pdf"):
        path = os.path.relpath(out / file) if out.is_relative_to(Path.cwd()) else out / file
        print(f"Report {'ready' if stale else 'up to date'}: {path}")


def check_owner(profile: Profile, out: Path) -> None:
    """Raise ValueError if a results folder contains the results of another profile file that still exists."""
    if (out / job.PLAN).is_file():
        folder, file = job.read_plan(out)["report"].module[1:]  # the folder may have been copied since
        if folder == str(out) and Path(file) != profile.where.resolve() and Path(file).is_file():
            raise ValueError(
                f"{out} contains the results of {file}; give {profile.where} another name in `profile:`"
            )


def announce(plan: Mapping[str, Job], stale: Mapping[str, str]) -> None:
    """Print how many jobs will run, and why finished jobs run again: a line for each job."""
    if stale:
        print(f"{len(stale)} of {len(plan)} jobs to run", flush=True)
    for name, reason in stale.items():
        if reason != jobs.NOT_MADE and not jobs.follows(plan[name], reason, plan):
            print(f"Running again ({reason}): {plan[name].title}", flush=True)


def main() -> None:
    messages.install()
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("profile", nargs="?", default="quick")
    parser.add_argument("cores", nargs="?", default="all")
    parser.add_argument("--retrain", action="store_true", help="run all jobs even if results are released")
    parser.add_argument("--dry", action="store_true", help="check and list, run nothing (DRY=1 of make)")
    executors = [path.name for path in PROFILES.iterdir() if path.is_dir()]
    parser.add_argument("--on", default="", choices=executors, help="cluster for the jobs (EXECUTOR of make)")
    given = parser.parse_args()
    if "MAKELEVEL" in os.environ:  # make passes on SIGTERM, but not its own SIGKILL
        job.end_with_parent(signal.SIGTERM)
    if not re.fullmatch("all|[1-9][0-9]*", given.cores):
        raise ValueError(f"CORES is {given.cores!r}; allowed: all, or a number from 1")
    profile = profiles.read(given.profile)
    ours = profile.where.resolve() == known_profiles().get(profile.name)  # not another file with this name
    released = ours and (release.RELEASED / profile.name).is_dir() and not (given.retrain or given.on)
    out = release.report_folder(profile) if released else profile.out
    if released:
        command = f"make retrain PROFILE={profile.name}"
        print(f"Using the released results of {profile.name}; to train the models, run {command}", flush=True)
    check_owner(profile, out)
    if given.dry:
        plan = jobs.make_plan(profile, out if released else None)
        stale = jobs.find_stale(plan)
        for name, reason in stale.items():
            print(f"{plan[name].title}: {reason}")
        print(f"{len(stale)} of {len(plan)} jobs would run; nothing was started or written")
        return
    with jobs.lock(out):
        if released:
            release.unpack(release.RELEASED / profile.name, out)
        run_profile(profile, jobs.make_plan(profile, out if released else None), given.cores, given.on)


if __name__ == "__main__":
    main()
