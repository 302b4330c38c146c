"""Release the results of a run under released/, from which anyone can build the report without training.

    python -m report.jobs.release PROFILE             release the results of PROFILE as released/PROFILE
    python -m report.jobs.release PROFILE --report    release the report that was last built from the release

A release contains:

- the records and images that its jobs make, from which the report and its figures are built;
- the history and last weights of all runs;
- the numbers and verdicts of the report, summaries of its figures, and the PDF of a paper;
- a manifest with the SHA-256 of each file.

Files that a command can build again are left out, since every clone contains the release: checkpoints,
figures, and samples beyond the first.
"""

import csv
import io
import json
import math
import shutil
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path

from diffusion.files import sha256, write_bytes
from report import profile as profiles
from report.files import write_json
from report.jobs import messages
from report.jobs import plan as jobs
from report.places import ROOT
from report.profile import Profile
from report.results.kept import MANIFEST, keep, read_kept, verify

OF_RUN = ("run.json", "process.pt", "network.pt", "history.jsonl")  # released with a run's last weights
SHOWN = "figures.json"  # sums over the plotted values of each figure of the report
# Files of a report that a release contains: numbers, verdicts, and the PDF of a paper.
OF_REPORT = (SHOWN, "numbers.json", "ledger.json", "report.pdf")
N_SAMPLES = 200  # samples to release of each training run; `verify` draws and compares the first
RELEASED = ROOT / "released"


def release(profile: Profile) -> None:
    """Release the results of a profile as released/NAME; ValueError: a job of the profile must run first."""
    plan = jobs.make_plan(profile)
    if stale := jobs.find_stale(plan):
        name, reason = next(iter(stale.items()))
        command = f"make retrain PROFILE={profile.name}"
        raise ValueError(f"{plan[name].title}: {reason}; run {command} first ({len(stale)} jobs to run)")
    out, target = profile.out, RELEASED / profile.name
    made = [out / name for job in plan.values() for name in job.makes]
    files = [path for path in made if path.parent.name in ("metrics", "kept")]
    for model, seed in profile.trainings:
        files += files_of_training(out / "runs" / f"{model}-{seed}")
    results = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    write(target, results | files_of_report(out))


def files_of_training(run: Path) -> list[Path]:
    """The files of a run that are released: its description, its history and its last weights."""
    return [*(run / name for name in OF_RUN), max((run / "weights").iterdir())]


def files_of_report(out: Path) -> dict[str, bytes]:
    """Files to release from a report: numbers, verdicts, sums of the figures, the PDF of a paper."""
    paper = ("ledger.json", "report.pdf") if (out / "ledger.json").is_file() else ()
    contents = {name: (out / name).read_bytes() for name in ("numbers.json", *paper)}
    figures = sorted((out / "figures").iterdir())
    sums = {
        path.name: summarise_plotted(path.read_bytes()) if path.suffix == ".csv" else [] for path in figures
    }
    return contents | {SHOWN: json.dumps(sums, indent=1, allow_nan=False).encode()}


def summarise_plotted(table: bytes) -> list[float]:
    """Count, sum and sum of squares of the values and interval ends in the CSV of a figure.

    They show that a number has changed, and still allow for another processor's rounding.
    """
    rows = csv.DictReader(io.StringIO(table.decode()))
    values = [float(row[key]) for row in rows for key in ("value", "low", "high") if row[key]]
    return [len(values), math.fsum(values), math.fsum(x * x for x in values)]


def write(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write a release, its manifest after all other files; then remove files of an earlier release."""
    (target / MANIFEST).unlink(missing_ok=True)
    for name, content in contents.items():
        write_bytes(target / name, content)
        stem = Path(name).stem
        if name.startswith("kept/samples_") and len(images := read_kept(target, stem)) > N_SAMPLES:
            keep(target, stem, images[:N_SAMPLES])
    hashes = {name: sha256(target / name) for name in sorted(contents)}
    write_json(target / MANIFEST, {"profile": target.name, "files": hashes})
    for path in target.rglob("*"):
        if path.is_file() and path.relative_to(target).as_posix() not in (*contents, MANIFEST):
            path.unlink()


def keep_report(profile: Profile) -> None:
    """Release the report that was last built from a release, and replace the earlier report.

    Raises:
        ValueError: the report does not exist, or was built from another release.
    """
    target, out = RELEASED / profile.name, report_folder(profile)
    contents = {name: (target / name).read_bytes() for name in list_results(target)}
    for name, content in contents.items():
        if not (out / name).is_file() or (out / name).read_bytes() != content:
            command = f"make report PROFILE={profile.name}"
            raise ValueError(f"{out / name} is not the released file; run {command} first")
    write(target, contents | files_of_report(out))


# --- the report of a release ---


def list_results(folder: Path) -> list[str]:
    """The files of a release from which the report is built, verified."""
    return [name for name in verify(folder) if name not in OF_REPORT]


def unpack(folder: Path, out: Path) -> None:
    """Copy the verified files from which the report is built to `out`, and replace earlier ones."""
    files = list_results(folder)
    for part in {name.partition("/")[0] for name in files}:
        shutil.rmtree(out / part, ignore_errors=True)
    for name in files:
        write_bytes(out / name, (folder / name).read_bytes())


def report_folder(profile: Profile) -> Path:
    """The folder of the report that is built from a release."""
    return ROOT / "build" / "released" / profile.name


def main() -> None:
    messages.install()
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("profile")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    profile = profiles.read(given.profile)
    with jobs.lock(profile.out):
        (keep_report if given.report else release)(profile)
    folder = RELEASED / profile.name
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"Released the results of {profile.name}: released/{folder.name}, {total / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
