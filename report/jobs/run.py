"""Make the report of a profile: `make report` and `make retrain`.

    python -m report.jobs.run [--retrain] [--dry] PROFILE [CORES] [--on EXECUTOR]

A job runs only if its results are missing or incomplete, or come from other settings, code or data; a line
gives the reason. Old results stay until the new ones are complete. If the results of a profile are released,
only notebooks and report are jobs, in build/released/PROFILE; `--retrain` runs all jobs instead.
`--dry` checks all arguments, lists the jobs that would run and why, and neither runs nor writes anything.
`--on slurm` submits the jobs to a cluster (profiles/slurm). When this process ends, for whatever reason, its
child processes end with it. SIGINT and SIGTERM also cancel the jobs on a cluster; SIGKILL does not.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import yaml

from diffusion import runtime
from report import profile as profiles
from report.jobs import job, messages, release
from report.jobs import plan as jobs
from report.jobs.job import Job
from report.measures.measure import checkpoint_epochs, late_epochs
from report.parameters import MEASURE
from report.places import PROFILES, ROOT
from report.places import profiles as known_profiles
from report.profile import Profile

# Jobs write their files atomically and check them, so Snakemake's own metadata is not needed.
SNAKEMAKE = "snakemake -s report/jobs/Snakefile -k --scheduler greedy --nolock --ii --drop-metadata"
SNAKEMAKE += " --rerun-triggers mtime"
AGAIN = "run the same command again to resume (log: .snakemake/log)"
SLURM = ("sbatch", "squeue")  # commands that a login node of Slurm has
FEW = 3  # jobs that a line names; of more it gives the number


def run(*command: str, cancels: bool = False) -> None:
    """Run a Python module in a new process group, and end the whole group; ValueError: it failed.

    Args:
        cancels: on an interrupt, give the module time to cancel jobs on a cluster.
    """
    options = {"cwd": ROOT, "start_new_session": True, "preexec_fn": job.end_with_parent}
    child = subprocess.Popen([sys.executable, "-m", *command], stdin=subprocess.DEVNULL, **options)
    for number in (signal.SIGTERM, signal.SIGHUP):  # not earlier: a fork drops exceptions
        signal.signal(number, signal.default_int_handler)
    try:
        if child.wait():
            raise ValueError(f"some jobs failed; {AGAIN}")
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
        (out / "jobs" / f"{name}.json").unlink(missing_ok=True)
    if stale:
        jobs.write_plan(plan, out)
        options = ["--workflow-profile", str(PROFILES / executor)] if executor else ["--quiet", "rules"]
        options += [] if executor and cores == "all" else ["--cores", cores]
        options += ["--config", f"out={out}", *([f"executor={executor}"] if executor else [])]
        try:
            run(*SNAKEMAKE.split(), *options, cancels=bool(executor))
        except ValueError as error:
            begun = [job for job in plan.values() if job.kind in ("train", "measure") and job.log.is_file()]
            if models := sorted({job.of.rpartition("-")[0] for job in begun if not job.path.is_file()}):
                advice = f"for a report of the other models, remove {' and '.join(models)} from"
                raise ValueError(f"{', '.join(models)} failed; {advice} {profile.where}; {error}") from None
            raise
    for file in ("report.html", "report.pdf"):
        path = os.path.relpath(out / file) if out.is_relative_to(Path.cwd()) else out / file
        print(f"Report {'ready' if stale else 'up to date'}: {path}")


def announce(plan: Mapping[str, Job], stale: Mapping[str, str]) -> None:
    """Print how many jobs will run, and why finished jobs run again: a line for each reason."""
    if stale:
        print(f"{len(stale)} of {len(plan)} jobs to run", flush=True)
    reasons: dict[str, list[str]] = {}
    for name, reason in stale.items():
        if reason != jobs.NOT_MADE and not jobs.follows(plan[name], reason, plan):
            reasons.setdefault(reason, []).append(plan[name].title)
    for reason, titles in reasons.items():
        which = "; ".join(titles) if len(titles) <= FEW else f"{len(titles)} jobs"
        print(f"Running again ({reason}): {which}", flush=True)


# --- a dry run ---


def describe_plan(profile: Profile, plan: Mapping[str, Job], cores: str, executor: str) -> None:
    """Print the jobs that would run, each with its reason and amount of work."""
    stale = jobs.find_stale(plan)
    for name, reason in stale.items():
        print(f"{plan[name].title}: {reason}{describe_work(profile, plan[name])}")
    print(f"{len(stale)} of {len(plan)} jobs would run; nothing was started or written")
    config = yaml.safe_load((PROFILES / executor / "config.yaml").read_text("utf-8")) if executor else {}
    most = config.get("cores", os.cpu_count()) if cores == "all" else int(cores)
    kinds = Counter(plan[name].kind if plan[name].kind in job.HOURS else "other" for name in stale)
    for kind, n in kinds.items():
        threads = job.count_threads(kind, len(profile.trainings), most, not executor)
        threads = min(config.get("max-threads", most), threads)
        limits = f", at most {job.MEMORY} MB and {job.HOURS.get(kind, 3)} hours" if executor else ""
        print(f"{n} x {kind}: threads {threads}{limits}")
    if executor:
        named = ("jobs", "retries", "default-resources", "set-resources")
        print(f"profiles/{executor}/config.yaml:", {name: config[name] for name in named if name in config})


def describe_work(profile: Profile, planned: Job) -> str:
    """The amount of work of a training or measuring job; empty for other jobs."""
    if planned.kind not in ("train", "measure") or planned.settings.get("released"):
        return ""
    model, _, seed = planned.of.rpartition("-")
    P = profile.trainings[model, int(seed)][1]
    n = P["n_train"] or jobs.count_images(P["dataset"])["train"]
    if planned.kind == "train":
        return f"; {jobs.count_steps(P, n):,} steps of {P['batch_size']} images"
    epochs = jobs.count_epochs(P, n)
    settings = {name: field.default for name, field in MEASURE.model_fields.items()} | planned.settings
    checkpoints = checkpoint_epochs(epochs, settings["distance_every"])
    samples = settings["n_checkpoint"] * len(checkpoints) + settings["n_final"]
    for variant in (settings["variants"] or {}).values():
        late = "checkpoints" in variant
        n = variant.get("n", settings["n_checkpoint" if late else "n_final"])
        samples += n * (len(late_epochs(checkpoints, epochs)) if late else 1)
    return f"; {samples:,} samples, measured epochs: {len(checkpoints)}"


def check_executor(name: str) -> None:
    """Raise ValueError if jobs cannot run on a cluster: a command or plugin is missing, or Slurm is down."""
    advice = "run this on a login node of the cluster, or leave EXECUTOR out"
    if name == "slurm" and (absent := [command for command in SLURM if not shutil.which(command)]):
        raise ValueError(f"EXECUTOR=slurm: {' and '.join(absent)} not found; {advice}")
    if not find_spec(f"snakemake_executor_plugin_{name}"):
        command = f"make report EXECUTOR={name}"
        raise ValueError(f"Snakemake's plugin for {name} is not installed; {command} installs it")
    if name == "slurm":
        answer = subprocess.run(
            ["squeue", "-h"], capture_output=True, text=True, errors="replace", check=False
        )
        if answer.returncode:
            reason = (answer.stderr.strip().splitlines() or ["no message"])[-1]
            raise ValueError(f"EXECUTOR=slurm: squeue failed ({reason}); {advice}")


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
    if profile.file.data_dir:
        os.environ["MNIST_DIR"] = str(Path(profile.file.data_dir).expanduser().absolute())  # of all jobs, too
    ours = profile.where.resolve() == known_profiles().get(profile.name)  # not another file with this name
    released = ours and (release.RELEASED / profile.name).is_dir() and not (given.retrain or given.on)
    out = release.report_folder(profile) if released else profile.out
    if released:
        command = f"make retrain PROFILE={profile.name}"
        print(f"Using the released results of {profile.name}; to train the models, run {command}", flush=True)
    if given.dry:
        return describe_plan(
            profile, jobs.make_plan(profile, out if released else None), given.cores, given.on
        )
    if given.on:
        check_executor(given.on)
    for _, P in [] if given.on else profile.trainings.values():
        runtime.device(P["fit_options"].get("device"))
    with jobs.lock(out):
        if released:
            release.unpack(release.RELEASED / profile.name, out)
        run_profile(profile, jobs.make_plan(profile, out if released else None), given.cores, given.on)


if __name__ == "__main__":
    main()
