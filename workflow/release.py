"""Keep the results of a run under released/, from where anyone has the report without training.

    python -m workflow.release PROFILE    keep the results of PROFILE as released/PROFILE

A release has all tables and kept images, from which the report and its figures are made; of each training
the history and the last weights; the executed notebooks; the figures and the report as PDF; and a manifest
with the SHA-256 of each file. Checkpoints and samples are left out: the same seeds make them again.
Records of commands by hand, which an earlier release has, stay.
"""

import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

from diffusion.files import read_json, sha256, write_bytes, write_json
from study import profile as profiles
from study.kept import MANIFEST, verify
from study.profile import Profile
from workflow import jobs

KEPT = ("metrics/*.json", "kept/*.npz", "figures/*", "numbers.json", "ledger.json", "report.pdf")
OF_RUN = ("run.json", "process.pt", "network.pt", "history.jsonl")  # beside its last weights
OF_JOBS = ("schedules.", "yardstick.", "level.", "train_", "measure_")  # records that jobs write
OF_REPORT = ("numbers.json", "ledger.json", "results.csv", "*.pdf", "*.html", "figures/*", "notebooks/*.html")
RELEASED = jobs.ROOT / "released"


def release(profile: Profile) -> Path:
    """Keep the results of a profile as released/NAME; ValueError: they are not those of the profile."""
    if stale := jobs.check(jobs.plan(profile)):
        job, reason = next(iter(stale.items()))
        again = f"run `make retrain PROFILE={profile.name}` first"
        raise ValueError(f"{job}: {reason}; {again} ({len(stale)} jobs to run)")
    out, target = jobs.folder(profile), RELEASED / profile.name
    files = {path: out for pattern in KEPT for path in out.glob(pattern)}
    for one in (job.of for job in jobs.of(profile).values() if job.kind == "train"):
        weights = read_json(out / f"metrics/train_{one}.json")["weights"]["file"]
        files |= {out / name: out for name in (weights, *(f"runs/{one}/{name}" for name in OF_RUN))}
    by_hand = [path for path in target.glob("metrics/*.json") if not path.name.startswith(OF_JOBS)]
    images = [target / "kept" / f"{path.stem}.npz" for path in by_hand]
    files |= {path: target for path in (*by_hand, *images) if path.is_file()}
    contents = {path.relative_to(of).as_posix(): path.read_bytes() for path, of in files.items()}
    (target / MANIFEST).unlink(missing_ok=True)  # until it is whole again, it is none; git has the one before
    shutil.rmtree(target, ignore_errors=True)
    for name, content in contents.items():
        write_bytes(target / name, content)
    hashes = {name: sha256(contents[name]) for name in sorted(contents)}
    write_json(target / MANIFEST, {"profile": profile.name, "files": hashes})
    return target


def unpack(folder: Path, out: Path) -> None:
    """Put all of a release that the report doesn't make anew into `out`, verified; earlier files go."""
    files = [name for name in verify(folder) if not any(fnmatch(name, one) for one in OF_REPORT)]
    for part in {name.partition("/")[0] for name in files}:
        shutil.rmtree(out / part, ignore_errors=True)
    for name in files:
        write_bytes(out / name, (folder / name).read_bytes())


def unpacked(profile: Profile) -> Path:
    """The folder of the report that is made from a release."""
    return jobs.ROOT / "build" / "released" / profile.name


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    profile = profiles.read(sys.argv[1])
    with jobs.lock(jobs.folder(profile)):
        folder = release(profile)
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"released/{folder.name} holds the results of {profile.name}: {total / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
