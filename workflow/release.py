"""Keep the results of a run under released/, from where anyone has the report without training.

    python -m workflow.release PROFILE    keep the results of PROFILE as released/PROFILE

A release has all records and kept images, from which the report and its figures are made; of each training
the history and the last weights; the executed notebooks; the figures and the report as PDF; and a manifest
with the SHA-256 of each file. Checkpoints and samples are left out: the same seeds make them again.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from diffusion.files import read_json, sha256, write_bytes, write_json
from study.settings import Profile, read_profile
from workflow import jobs
from workflow.children import HeldError, holding

RELEASED = jobs.ROOT / "released"
MANIFEST = "manifest.json"
NOT_UNPACKED = ("report.pdf", "ledger.json", "table.json", "figures/")  # the report makes its own


def names(profile: Profile) -> list[str]:
    """The files of a release, relative to the results folder."""
    out, found = jobs.folder(profile), []
    for job in jobs.of(profile).values():
        files = [path.relative_to(out).as_posix() for path in (*job.files(), job.path)]
        if job.kind == "train":
            last = read_json(job.required[0])["weights"]["file"]
            files = [f for f in files if "/weights/" not in f or f == last]
        found += files
    return sorted({name for name in found if not name.endswith(".html")})


def release(profile: Profile) -> Path:
    """Keep the results of a profile as released/<its name>; returns that folder.

    Raises:
        ValueError: results are missing or are not those of this profile and code.
    """
    if stale := jobs.check(profile):
        job, reason = stale[0]
        again = f"run `make retrain PROFILE={profile.name}` first"
        raise ValueError(f"{job.name}: {reason}; {again} ({len(stale)} jobs to run)")
    out, target = jobs.folder(profile), RELEASED / profile.name
    (target / MANIFEST).unlink(missing_ok=True)  # until it is whole again, it is none; git has the one before
    shutil.rmtree(target, ignore_errors=True)
    for file in names(profile):
        write_bytes(target / file, (out / file).read_bytes())
    seal(target, profile.name)
    verify(target)
    return target


def seal(folder: Path, profile: str) -> None:
    """Write the manifest: the SHA-256 of every file in the folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST)
    hashes = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    write_json(folder / MANIFEST, {"profile": profile, "files": hashes})


def manifest(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of the files of a release.

    Raises:
        ValueError: there is no manifest, it is damaged, or it names a place outside the release.
    """
    try:
        content: Any = read_json(folder / MANIFEST)
        files = content["files"]
        good = content["profile"] == folder.name and len(files) > 0
        good = good and all(isinstance(name, str) and isinstance(h, str) for name, h in files.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise ValueError(f"{folder / MANIFEST} is missing or damaged; {_remedy(folder)}")
    for name in files:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} names {name!r}, a place outside of it; {_remedy(folder)}")
    return files


def verify(folder: Path) -> dict[str, str]:
    """The files of a release and their SHA-256, once each has been found to have it.

    Raises:
        ValueError: a file is missing, another one, or not in the manifest.
    """
    files = manifest(folder)
    for name, expected in files.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise ValueError(f"{path} is missing or not what was released (its sha256); {_remedy(folder)}")
    return files


def _remedy(folder: Path) -> str:
    return (
        f"get it back with `git checkout -- released/{folder.name}`, or make it again with "
        f"`make retrain PROFILE={folder.name}` and `make release PROFILE={folder.name}`"
    )


def unpack(folder: Path, out: Path) -> None:
    """Put the released records, kept images, notebooks and weights into `out`, verified; other files go.

    Raises:
        ValueError: the release is damaged.
    """
    files = {f: h for f, h in verify(folder).items() if not f.startswith(NOT_UNPACKED)}
    for part in ("metrics", "kept", "jobs", "notebooks"):
        for path in (p for p in (out / part).glob("*") if f"{part}/{p.name}" not in files and p.is_file()):
            path.unlink()
    for name, expected in files.items():
        if not ((out / name).is_file() and sha256(out / name) == expected):
            write_bytes(out / name, (folder / name).read_bytes())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        profile = read_profile(sys.argv[1], jobs.ROOT / "profiles")
        with holding(jobs.folder(profile) / ".lock"):
            folder = release(profile)
    except HeldError as error:
        sys.exit(f"error: a run of this profile is under way ({error}); wait for it, or stop it first")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"released/{folder.name} holds the results of {profile.name}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
