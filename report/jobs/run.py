"""Make the report of a profile; `make report` and `make retrain` do nothing else.

    python -m report.jobs.run [--retrain] [--dry] PROFILE [CORES] [--on EXECUTOR]

Jobs whose results are there, whole, and made with these settings and this code are left alone; one line says
why each of the others runs again. Results stay until the new ones are whole. Where the results of a profile
are released, and without `--retrain`, only notebooks and report are jobs, in build/released/PROFILE.
With `--dry` nothing runs and nothing is written: it checks all arguments and lists what would run, and why.
With `--on slurm` the jobs are those of a cluster (profiles/slurm). However this process ends, nothing of it
goes on running; jobs of a cluster are cancelled by SIGINT and SIGTERM, not by SIGKILL.
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
from datetime import timedelta
from importlib.util import find_spec
from statistics import fmean
from typing import Any

import yaml

from diffusion import runtime
from diffusion.training.folder import RunError, RunFolder
from report import profile as profiles
from report.jobs import job, messages, release
from report.jobs import plan as jobs
from report.jobs.job import Job
from report.measures.measure import checkpoint_epochs, late_epochs
from report.parameters import MEASURE
from report.places import PROFILES, ROOT
from report.places import profiles as known_profiles
from report.profile import Profile

# Job files are written whole and checked before; nothing rests on Snakemake's own notes about them.
SNAKEMAKE = "snakemake -s report/jobs/Snakefile -k --scheduler greedy --nolock --ii --drop-metadata"
SNAKEMAKE += " --rerun-triggers mtime"
AGAIN = "the same command goes on from here. Log: .snakemake/log"


def run(*command: str, cancels: bool = False) -> None:
    """Run a module of Python in a process group of its own, of which nothing is left; ValueError: it failed.

    Args:
        cancels: on an interrupt it is given time to cancel the jobs of a cluster.
    """
    options = {"cwd": ROOT, "start_new_session": True, "preexec_fn": job.end_with_parent}
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


def run_profile(profile: Profile, plan: Mapping[str, Job], cores: str, executor: str) -> None:
    """Run what must run of a plan, whose results folder is locked."""
    out, stale = plan["report"].out, jobs.find_stale(plan)
    for name, reason in stale.items():
        if reason != jobs.NOT_MADE:
            print(f"{name} runs again: {reason}", flush=True)
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
                how = f"leave it out of {profile.where} for a report of the others"
                raise ValueError(f"{', '.join(models)} failed: {how}; {error}") from None
            raise
    print(f"{out}/report.html and {out}/report.pdf are {'made' if stale else 'up to date'}")


# --- a dry run ---


def describe_plan(profile: Profile, plan: Mapping[str, Job], cores: str, executor: str) -> None:
    """Print which jobs would run, why, and how much work they are."""
    stale, seconds = jobs.find_stale(plan), []
    for name, reason in stale.items():
        work, time = describe_work(profile, plan[name])
        print(f"{name}: {reason}{work}")
        seconds += time
    print(f"{len(stale)} of {len(plan)} jobs would run; nothing was started or written")
    if seconds:
        time = timedelta(seconds=round(sum(seconds)))
        print(f"{len(seconds)} of the trainings would take {time}, one after the other")
    config = yaml.safe_load((PROFILES / executor / "config.yaml").read_text("utf-8")) if executor else {}
    most = config.get("cores", os.cpu_count()) if cores == "all" else int(cores)
    kinds = Counter(plan[name].kind if plan[name].kind in job.HOURS else "other" for name in stale)
    for kind, n in kinds.items():
        threads = job.count_threads(kind, len(profile.trainings), most, not executor)
        threads = min(config.get("max-threads", most), threads)
        limits = f", {job.MEMORY} MB, {job.HOURS.get(kind, 3)} hours at most" if executor else ""
        print(f"{n} x {kind}: threads {threads}{limits}")
    if executor:
        named = ("jobs", "retries", "default-resources", "set-resources")
        print(f"profiles/{executor}/config.yaml:", {name: config[name] for name in named if name in config})


def describe_work(profile: Profile, of: Job) -> tuple[str, list[float]]:
    """The work of a training or of measuring in words, and its seconds where earlier epochs say them."""
    if of.kind not in ("train", "measure") or of.settings.get("released"):
        return "", []
    model, _, seed = of.of.rpartition("-")
    P = profile.trainings[model, int(seed)][1]
    n = P["n_train"] or jobs.count_images(P["dataset"], P["data_dir"])["train"]
    steps, epochs = jobs.count_steps(P, n), jobs.count_epochs(P, n)
    if of.kind == "train":
        earlier = [
            lines for other in profile.seeds(model) if (lines := read_history(profile, model, other, P))
        ]
        pace = [sum(line["seconds"] for line in lines) / lines[-1]["step"] for lines in earlier]
        seconds = [steps * fmean(pace)] if pace else []
        time = (
            f", {timedelta(seconds=round(seconds[0]))} at {fmean(pace):.2g} s a step as before"
            if pace
            else ""
        )
        done = read_history(profile, model, int(seed), P)
        time += f"; its folder has {done[-1]['step']:,} steps, kept if all settings are equal" if done else ""
        return f"; {steps:,} steps of {P['batch_size']} images{time}", seconds
    how = {name: field.default for name, field in MEASURE.model_fields.items()} | of.settings
    checkpoints = checkpoint_epochs(epochs, how["distance_every"])
    samples = how["n_checkpoint"] * len(checkpoints) + how["n_final"]
    for variant in (how["variants"] or {}).values():
        late = "checkpoints" in variant
        n = variant.get("n", how["n_checkpoint" if late else "n_final"])
        samples += n * (len(late_epochs(checkpoints, epochs)) if late else 1)
    return f"; {samples:,} samples, measured epochs: {len(checkpoints)}", []


def read_history(profile: Profile, model: str, seed: int, P: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The finished epochs of a training in the profile's folder; none if it has another batch size."""
    run = RunFolder(profile.out / "runs" / f"{model}-{seed}")
    with contextlib.suppress(RunError, ValueError):  # damaged, which the training itself says
        if (run.settings() or {}).get("batch_size") == P["batch_size"]:
            return run.history()
    return []


def main() -> None:
    messages.install()
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("profile", nargs="?", default="quick")
    parser.add_argument("cores", nargs="?", default="all")
    parser.add_argument("--retrain", action="store_true", help="run the study although it is released")
    parser.add_argument("--dry", action="store_true", help="check and list, and run nothing (DRY of make)")
    executors = [path.name for path in PROFILES.iterdir() if path.is_dir()]
    parser.add_argument("--on", default="", choices=executors, help="as jobs of a cluster (EXECUTOR of make)")
    given = parser.parse_args()
    if "MAKELEVEL" in os.environ:  # make passes on SIGTERM, but not its own SIGKILL
        job.end_with_parent(signal.SIGTERM)
    if not re.fullmatch("all|[1-9][0-9]*", given.cores):
        raise ValueError(f"CORES = {given.cores!r} is not allowed; needed: all, or a number from 1")
    profile = profiles.read(given.profile)
    ours = profile.where.resolve() == known_profiles().get(profile.name)  # not another file of the name
    released = ours and (release.RELEASED / profile.name).is_dir() and not (given.retrain or given.on)
    out = release.report_folder(profile) if released else profile.out
    if released:
        print(f"The results of {profile.name} are released; to train anew: make retrain", flush=True)
    if given.dry:
        return describe_plan(
            profile, jobs.make_plan(profile, out if released else None), given.cores, given.on
        )
    if given.on == "slurm" and not (shutil.which("sbatch") and shutil.which("squeue")):
        raise ValueError("EXECUTOR=slurm needs sbatch and squeue, which are not here; run it on a login node")
    if given.on and not find_spec(f"snakemake_executor_plugin_{given.on}"):
        raise ValueError(
            f"this environment lacks what runs jobs on {given.on}; make report EXECUTOR={given.on} adds it"
        )
    for _, P in [] if given.on else profile.trainings.values():
        runtime.device(P["fit_options"].get("device"))
    with jobs.lock(out):
        if released:
            release.unpack(release.RELEASED / profile.name, out)
        run_profile(profile, jobs.make_plan(profile, out if released else None), given.cores, given.on)


if __name__ == "__main__":
    main()
