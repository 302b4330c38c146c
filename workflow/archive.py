"""One zip of a released paper, for a repository such as Zenodo: `make archive PROFILE=paper`.

    python -m workflow.archive PROFILE

It holds the files of the commit, releases among them; the report as it is built; COMMIT; installed.txt, the
versions of all packages; and SHA256SUMS, as `sha256sum --check` reads it. Unpacked, it is a checkout without
git. Equal files give equal bytes.
"""

import io
import platform
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from diffusion.files import sha256, write_bytes
from study import profile as profiles
from workflow import jobs, release

# Of a built report; its trainings and images are those of the release.
KEPT = ("[!.]*.*", "figures/*", "metrics/*", "notebooks/*")


def git(*what: str) -> bytes:
    """The output of git in this checkout; ValueError: it has no commit."""
    done = subprocess.run(["git", "--git-dir=.git", *what], cwd=jobs.ROOT, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"{jobs.ROOT} has no commit to archive, says git: {done.stderr.decode().strip()}")
    return done.stdout


def archive(profile: profiles.Profile) -> Path:
    """Write the archive of a released profile and of its report, as it is built; returns its path.

    ValueError: it is not released, there is no commit, or the report is not built, or is older than that.
    """
    root, name, built = jobs.ROOT, profile.name, release.unpacked(profile)
    if changed := git("diff", "--name-only", "HEAD").decode():
        raise ValueError(f"{changed.split()[0]} differs from the commit; commit it, or undo the change")
    buffer = io.BytesIO(git("archive", "--format=zip", "HEAD"))
    with zipfile.ZipFile(buffer, "a") as made:
        hashes = {one: sha256(made.read(one)) for one in made.namelist() if not one.endswith("/")}
        report, youngest = built / "report.html", max((root / one).stat().st_mtime for one in hashes)
        of_commit = report.is_file() and report.stat().st_mtime >= youngest
        if not (of_commit and f"released/{name}/{release.MANIFEST}" in hashes):
            raise ValueError(f"{report} is not of a release in this commit; commit it, then make report")
        versions = sorted({f"{one.name}=={one.version}" for one in metadata.distributions()}, key=str.lower)
        files = {p.relative_to(root).as_posix(): p.read_bytes() for one in KEPT for p in built.glob(one)}
        files["installed.txt"] = "\n".join([f"# Python {platform.python_version()}", *versions, ""]).encode()
        files["COMMIT"] = git("rev-parse", "HEAD")
        hashes |= {one: sha256(content) for one, content in files.items()}
        files["SHA256SUMS"] = "".join(f"{hashes[one]}  {one}\n" for one in sorted(hashes)).encode()
        for one, content in sorted(files.items()):
            info = zipfile.ZipInfo(one)  # of 1980
            info.external_attr = 0o100644 << 16
            made.writestr(info, content, zipfile.ZIP_DEFLATED)
    return write_bytes(root / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip", buffer.getvalue())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = archive(profiles.read(sys.argv[1]))
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, {len(zipfile.ZipFile(path).namelist())} files")


if __name__ == "__main__":
    main()
