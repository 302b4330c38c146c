"""The notebooks of a released profile, executed: they open what is released, and train and record nothing."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from study.settings import Profile, read_profile
from workflow import job, jobs, release

FEW = {"n_reconstruct": 100, "n_test": 500}  # in place of thousands, for no figure of the report
FIGURED = "train_zoom-0"  # of whose test images the report has figures


def of(profile: Profile, out: Path) -> list[jobs.Job]:
    """Those of a profile, for each model that of its first training, and the one of what it tells beyond."""
    first = {f"train_{model}-{profile.seeds(model)[0]}" for model in profile.models}
    ones = [one for one in jobs.of(profile).values() if one.notebook]
    ones = [one for one in ones if one.kind != "train" or one.name in first]
    for one in ones:
        one.out = out
    if (name := profile.options.get("beyond")) and (folder := release.RELEASED / name).is_dir():
        further = jobs.of(read_profile(name, jobs.PROFILES))["compare"]
        further.name, further.out = f"compare_{name}", folder
        ones.append(further)
    return ones


def execute(profile: Profile, out: Path, cores: int) -> None:
    """Execute them into `out`, so many at a time; of one that fails the report has no page."""
    target, logs = out / "notebooks", out / "logs"
    for folder in (target, logs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    os.environ |= job.environment(out) | {"OMP_NUM_THREADS": "1"}

    def run(one: jobs.Job) -> None:
        attempt, known = logs / one.executed.name, type(one.settings).model_fields
        few = FEW if one.kind == "train" and one.name != FIGURED else {}
        further = {"released": profile.name, "n_reconstruct": FEW["n_reconstruct"]} | few
        command = job.command(one, profile.where, attempt, **{k: v for k, v in further.items() if k in known})
        status, said = job.run(one, command, logs / f"{one.name}.log", quiet=True)
        if status:
            print(f"{one.name} | FAILED, and the report is made without its page: {said}", flush=True)
        else:
            attempt.replace(target / one.executed.name)
            print(f"{one.name} | {one.notebook} is executed", flush=True)

    with ThreadPoolExecutor(cores) as pool:
        [*pool.map(run, of(profile, out))]
