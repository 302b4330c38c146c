"""Make the report of a profile; `make report` and `make retrain` do nothing else.

    python -m workflow.run [--retrain] PROFILE [CORES] [--on EXECUTOR]

Where the results of a profile are released, the report is made from them, in build/released/PROFILE. Else,
or with `--retrain`, the workflow runs: jobs whose results are there, whole, and made with these settings
and this code are left alone; one line says why each of the others runs again. Results stay until the new
ones are whole. With `--on slurm` the jobs are those of a cluster (profiles/slurm). However this process
ends, nothing of it goes on running; jobs of a cluster are cancelled by SIGINT and SIGTERM, not by SIGKILL.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from diffusion.files import sha256
from study import profile as profiles
from study.kept import VERIFIED
from study.profile import PROFILES, Profile
from workflow import job, jobs, release

# Job files are written whole and checked before; nothing rests on Snakemake's own notes about them.
SNAKEMAKE = "snakemake -k --scheduler greedy --nolock --ii --drop-metadata --rerun-triggers mtime"
AGAIN = "the same command goes on from here. Log: .snakemake/log"
# Notebooks of a release have few images where no figure of the report needs more: all trainings' but one.
FEW, FIGURED = {"n_test": 500}, "train_zoom-0"


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


def study(profile: Profile, cores: str, executor: str) -> None:
    """Run what must run of a profile, whose results folder is locked."""
    out, plan = profile.out, jobs.plan(profile)  # which fetches the data, before jobs need them
    stale = jobs.check(plan)
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


def from_release(profile: Profile, cores: str) -> None:
    """Make the report of a profile from its released results; ValueError: they lack a training."""
    name, folder, out = profile.name, release.RELEASED / profile.name, release.unpacked(profile)
    trainings = [one for one in jobs.of(profile).values() if one.kind == "train"]
    if missing := [one.of for one in trainings if not (folder / f"metrics/{one.name}.json").is_file()]:
        raise ValueError(f"released/{name} has no {', '.join(missing)}: make retrain PROFILE={name}")
    with jobs.lock(out):
        print(f"The results of {name} are released; to train anew: make retrain PROFILE={name}", flush=True)
        release.unpack(folder, out)
        table, edition = out / VERIFIED, sha256(folder / release.MANIFEST)
        if table.is_file() and edition not in table.read_text(encoding="utf-8"):
            table.unlink()
        execute(profile, out, (os.cpu_count() or 1) if cores == "all" else int(cores))
        run("report.build", str(out), str(profile.where))
    print(f"{out}/report.html and {out}/report.pdf are made from released/{name}")


def execute(profile: Profile, out: Path, cores: int) -> None:
    """Execute the notebooks of a released profile into `out`, of each model that of its first training."""
    first = {"", *(f"{model}-{profile.seeds(model)[0]}" for model in profile.measures)}
    all_of_them = jobs.of(profile).values()
    found = [(replace(one, out=out), profile.name) for one in all_of_them if one.notebook and one.of in first]
    if (beyond := profile.file.report.beyond) and (release.RELEASED / beyond).is_dir():
        further = jobs.of(profiles.read(beyond))["compare"]
        found.append((replace(further, kind=f"compare_{beyond}", out=out), beyond))
    shutil.rmtree(out / "notebooks", ignore_errors=True)
    os.environ |= job.environment(out) | {"OMP_NUM_THREADS": "1"}

    def executed(one: job.Job, of: str) -> None:
        few = FEW if one.kind == "train" and one.name != FIGURED else {}
        few = few | ({"n_reconstruct": 100} if "n_reconstruct" in one.settings else {})
        status, said = job.run(one, quiet=True, released=of, **few)
        print(f"{one.name} | {f'FAILED, its page is left out: {said}' if status else 'done'}", flush=True)

    with ThreadPoolExecutor(cores) as pool:  # the longest, which come last, begin first
        list(pool.map(executed, *zip(*reversed(found), strict=True)))


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
    if ours and (release.RELEASED / profile.name).is_dir() and not (given.retrain or given.on):
        from_release(profile, given.cores)
    else:
        with jobs.lock(profile.out):
            study(profile, given.cores, given.on)


if __name__ == "__main__":
    main()
