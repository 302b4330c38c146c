"""One zip of a released paper, for a repository such as Zenodo: `make archive PROFILE=paper`.

    python -m workflow.archive PROFILE

It is what `git archive` makes of the commit, releases among it, with the report as it is built beside. The
manifest of the release has the hashes, constraints.txt the versions, the comment of the zip the commit.
Unpacked, it is a checkout without git. Equal files give equal bytes.
"""

import subprocess
import sys
from pathlib import Path

from diffusion.files import write_bytes
from study import profile as profiles
from study.kept import MANIFEST
from workflow import jobs, release

# Of a built report; its trainings and images are those of the release.
KEPT = ("[!.]*.*", "figures/*", "metrics/*", "notebooks/*")


def git(*what: str) -> bytes:
    """The output of git in this checkout; ValueError: git refuses."""
    done = subprocess.run(["git", "--git-dir=.git", *what], cwd=jobs.ROOT, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"{jobs.ROOT} cannot be archived, says git: {done.stderr.decode().strip()}")
    return done.stdout


def archive(profile: profiles.Profile) -> Path:
    """Write the archive of a released profile and of its report, as it is built; returns its path.

    ValueError: there is no commit of all files, or no report that is younger than the release.
    """
    root, built = jobs.ROOT, release.unpacked(profile)
    if changed := git("status", "--porcelain").decode():
        raise ValueError(
            f"{changed.splitlines()[0][3:]} differs from the commit; commit it, or undo the change"
        )
    manifest, report = root / "released" / profile.name / MANIFEST, built / "report.html"
    if not (manifest.is_file() and report.is_file() and report.stat().st_mtime >= manifest.stat().st_mtime):
        raise ValueError(f"{report} is not of the release; run `make report PROFILE={profile.name}` first")
    beside = []
    for path in sorted(path for one in KEPT for path in built.glob(one)):
        beside += [f"--prefix={path.parent.relative_to(root).as_posix()}/", f"--add-file={path}"]
    made = git("archive", "--format=zip", *beside, "--prefix=", "HEAD")
    return write_bytes(root / "build" / "archive" / f"cold-zoom-diffusion-{profile.name}.zip", made)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = archive(profiles.read(sys.argv[1]))
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
