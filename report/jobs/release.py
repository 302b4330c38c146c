"""Keep the results of a run under released/, from where anyone has the report without training.

    python -m report.jobs.release PROFILE             keep the results of PROFILE as released/PROFILE
    python -m report.jobs.release PROFILE --add RUN   measure the finished run of a folder, and add it
    python -m report.jobs.release PROFILE --report    keep the report that was made of the release since

A release has all tables and kept images, from which the report and its figures are made; of trainings that
something opens the history and the last weights; the numbers and verdicts of the report, what its figures
plot, and the PDF of a paper; and a manifest with the SHA-256 of each file. A clone has it all, so what a
command makes again is left out: checkpoints, samples beyond the first, figures.
Records of commands by hand, which an earlier release has, stay.
"""

import csv
import io
import json
import math
import os
import shutil
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusion as d
from diffusion.files import differences, sha256, write_bytes
from diffusion.training.folder import RunError
from diffusion.values import to_json, tree
from report import profile as profiles
from report.files import write_json
from report.jobs import job, messages
from report.jobs import plan as jobs
from report.measures.measure import measure
from report.parameters import PROCESS
from report.places import ROOT
from report.profile import Profile
from report.results.kept import MANIFEST, keep, read_kept, verify
from report.results.views import LATE, OF_TRAINING

OF_RUN = ("run.json", "process.pt", "network.pt", "history.jsonl")  # beside its last weights
SHOWN = "figures.json"  # the figures of the report, and `sums` of what they plot
# What is made with a report, of which a release has the numbers, the verdicts, and the PDF of a paper.
OF_REPORT = (SHOWN, "numbers.json", "ledger.json", "report.pdf")
N_SAMPLES = 200  # of a training: more are not shown, nor drawn again by `verify`
RELEASED = ROOT / "released"


def release(profile: Profile) -> None:
    """Keep the results of a profile as released/NAME; ValueError: they are not those of the profile."""
    plan = jobs.make_plan(profile)
    if stale := jobs.find_stale(plan):
        name, reason = next(iter(stale.items()))
        again = f"run `make retrain PROFILE={profile.name}` first"
        raise ValueError(f"{name}: {reason}; {again} ({len(stale)} jobs to run)")
    out, target = profile.out, RELEASED / profile.name
    files = dict.fromkeys((*out.glob("metrics/*.json"), *out.glob("kept/*.npz")), out)
    for model, seed in profile.trainings:
        if seed == profile.seeds(model)[0] or model in profile.file.opened:
            files |= dict.fromkeys(files_of_training(out / "runs" / f"{model}-{seed}"), out)
    made = {out / name for job in plan.values() for name in job.makes}
    records = [path for path in target.glob("metrics/*.json") if not path.name.startswith(OF_TRAINING)]
    by_hand = [path for path in records if out / path.relative_to(target) not in made]
    images = [target / "kept" / f"{path.stem}.npz" for path in by_hand]
    files |= {path: target for path in (*by_hand, *images) if path.is_file()}
    results = {path.relative_to(of).as_posix(): path.read_bytes() for path, of in files.items()}
    write(target, results | files_of_report(out))


def files_of_training(run: Path) -> list[Path]:
    """The files of a run that are released: what it is, its history and its last weights."""
    return [*(run / name for name in OF_RUN), max((run / "weights").iterdir())]


def files_of_report(out: Path) -> dict[str, bytes]:
    """Files kept of the report in `out`: numbers, verdicts, what is plotted, the PDF of a paper."""
    paper = ("ledger.json", "report.pdf") if (out / "ledger.json").is_file() else ()
    found = {name: (out / name).read_bytes() for name in ("numbers.json", *paper)}
    figures = sorted((out / "figures").iterdir())
    shown = {one.name: summarise_plotted(one.read_bytes()) if one.suffix == ".csv" else [] for one in figures}
    return found | {SHOWN: json.dumps(shown, indent=1, allow_nan=False).encode()}


def summarise_plotted(table: bytes) -> list[float]:
    """Of a figure's CSV: the count of values and ends of intervals, their sum, and that of their squares.

    A number that changes is so noticed, and another processor's rounding can be allowed for.
    """
    rows = csv.DictReader(io.StringIO(table.decode()))
    values = [float(row[key]) for row in rows for key in ("value", "low", "high") if row[key]]
    return [len(values), math.fsum(values), math.fsum(x * x for x in values)]


def write(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write a release; until its manifest is there, it is none. Files of an earlier one go last."""
    (target / MANIFEST).unlink(missing_ok=True)
    for name, content in contents.items():
        write_bytes(target / name, content)
        one = Path(name).stem
        if name.startswith("kept/samples_") and len(images := read_kept(target, one)) > N_SAMPLES:
            keep(target, one, images[:N_SAMPLES])
    hashes = {name: sha256(target / name) for name in sorted(contents)}
    write_json(target / MANIFEST, {"profile": target.name, "files": hashes})
    for path in target.rglob("*"):
        if path.is_file() and path.relative_to(target).as_posix() not in (*contents, MANIFEST):
            path.unlink()


# --- a release that is extended ---


def add(profile: Profile, folder: Path) -> None:
    """Measure the finished run in a folder, such as zoom-2, and add it to the release of its profile.

    What is released stays as it is. The run may have been trained by other code, which its run.json names.
    ValueError: it is released already, or is no finished training of the profile.
    """
    one, target, out = folder.name, RELEASED / profile.name, ROOT / "build" / "added" / profile.name
    released = {name: (target / name).read_bytes() for name in verify(target)}
    known = {f"{model}-{seed}": (model, seed) for model, seed in profile.trainings}
    if one not in known:
        raise ValueError(f"{one} is no training of {profile.where}, which has {', '.join(known)}: see seeds")
    if f"metrics/train_{one}.json" in released:
        raise ValueError(f"{one} is in released/{profile.name} already")
    model, _ = known[one]
    try:
        first = d.open(target / "runs" / f"{model}-{profile.seeds(model)[0]}")
        if why := describe_difference(d.open(folder), first, *profile.trainings[known[one]]):
            raise ValueError(f"{folder} is not {one} of {profile.where}: {why}")
    except RunError as error:
        raise ValueError(str(error)) from None
    shutil.rmtree(out / "runs" / one, ignore_errors=True)
    shutil.copytree(folder, out / "runs" / one)
    os.environ |= job.make_environment(out)
    notebook = replace(jobs.plan_jobs(profile)[f"train_{one}"], out=out)
    status, said = job.run(notebook, finished=f"{out}/runs/{one}")
    if status:
        raise ValueError(f"{notebook.notebook} failed, see {notebook.log}: {said}")
    measure(out, one, **profile.measures[model])
    files = [
        *out.glob(f"metrics/*_{one}.json"),
        *out.glob(f"kept/*_{one}.npz"),
        *files_of_training(out / "runs" / one),
    ]
    write(target, released | {path.relative_to(out).as_posix(): path.read_bytes() for path in files})


def describe_difference(run: d.Run, first: d.Run, notebook: str, P: Mapping[str, Any]) -> str:
    """In what a run is not a finished training like a model's first, with a notebook's process and seed.

    Empty: in nothing. All late epochs must have their weights, since they are measured; code and precision do
    not count.
    """
    wanted = {"process": to_json(tree(PROCESS[notebook](P), "process")), "seed": P["seed"]}
    wanted |= {name: run.settings[name] for name in ("precision", "code")}
    if why := next(differences(first.settings | wanted, run.settings), ""):
        return why
    if run.steps != first.steps:
        return f"it has {run.steps} of {first.steps} steps"
    late = range(math.ceil((1 - LATE) * run.epochs), run.epochs + 1)
    lost = [epoch for epoch in late if not run.store.weights(epoch).is_file()]
    return f"the weights of epoch {lost[0]} are lost" if lost else ""


def keep_report(profile: Profile) -> None:
    """Keep the report that was made of a release in place of its earlier one.

    ValueError: it is not there, or was made of another release.
    """
    target, out = RELEASED / profile.name, report_folder(profile)
    contents = {name: (target / name).read_bytes() for name in list_results(target)}
    for name, content in contents.items():
        if not (out / name).is_file() or (out / name).read_bytes() != content:
            raise ValueError(f"{out} has another {name}; run `make report PROFILE={profile.name}` first")
    write(target, contents | files_of_report(out))


# --- the report of a release ---


def list_results(folder: Path) -> list[str]:
    """The files of a release of which the report is made, verified."""
    return [name for name in verify(folder) if name not in OF_REPORT]


def unpack(folder: Path, out: Path) -> None:
    """Put all of a release that the report doesn't make anew into `out`, verified; earlier files go."""
    files = list_results(folder)
    for part in {name.partition("/")[0] for name in files}:
        shutil.rmtree(out / part, ignore_errors=True)
    for name in files:
        write_bytes(out / name, (folder / name).read_bytes())


def report_folder(profile: Profile) -> Path:
    """The folder of the report that is made from a release."""
    return ROOT / "build" / "released" / profile.name


def main() -> None:
    messages.install()
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("profile")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--add", type=Path, metavar="RUN", help="the folder of a finished run")
    how.add_argument("--report", action="store_true")
    given = parser.parse_args()
    profile = profiles.read(given.profile)
    with jobs.lock(profile.out):
        if given.add:
            add(profile, given.add.resolve())
        else:
            (keep_report if given.report else release)(profile)
    folder = RELEASED / profile.name
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"released/{folder.name} holds the results of {profile.name}: {total / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
