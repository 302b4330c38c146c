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
from study.profile import Profile
from workflow import jobs, release

LEFT_OUT = ("kept", "runs", "jobs", "logs")  # parts of a built report: in the release, or of no use


def committed() -> tuple[str, list[str]]:
    """The commit of the checkout, and the names of its files; ValueError: a file was changed since."""
    if not (jobs.ROOT / ".git").exists():
        raise ValueError(f"{jobs.ROOT} has no .git; an archive is made of a commit: clone the repository")
    run = {"cwd": jobs.ROOT, "capture_output": True, "text": True, "check": True}
    try:
        commit, names, changed = (
            subprocess.run(["git", *what.split()], **run).stdout
            for what in ("rev-parse HEAD", "ls-files -z", "diff --name-only HEAD")
        )
    except subprocess.CalledProcessError as error:
        raise ValueError(f"{jobs.ROOT} has no commit to archive: {error.stderr.splitlines()[0]}") from None
    if changed:
        name = changed.splitlines()[0]
        raise ValueError(f"{name} is not that of commit {commit[:12]}; commit it, or undo the change")
    return commit.strip(), names.split("\0")[:-1]


def archive(profile: Profile) -> Path:
    """Write the archive of a released profile and of its report, as it is built; returns its path.

    ValueError: it is not released, there is no commit, or the report is not built, or is older than that.
    """
    root, name = jobs.ROOT, profile.name
    commit, names = committed()
    if f"released/{name}/{release.MANIFEST}" not in names:
        raise ValueError(f"released/{name} is not committed; make release PROFILE={name}, and commit it")
    built, youngest = release.unpacked(profile), max(names, key=lambda n: (root / n).stat().st_mtime)
    report = built / "report.html"
    if not report.is_file() or report.stat().st_mtime < (root / youngest).stat().st_mtime:
        why = f"is older than {youngest}" if report.is_file() else "is not built"
        raise ValueError(f"{report} {why}; run `make report PROFILE={name}` first")
    with jobs.lock(built):
        parts = [p.relative_to(built) for p in built.rglob("*") if p.is_file() and p.name[0] != "."]
        names += [(built / p).relative_to(root).as_posix() for p in parts if p.parts[0] not in LEFT_OUT]
        files = {n: (root / n).read_bytes() for n in sorted(names)}
    packages = sorted({f"{one.name}=={one.version}" for one in metadata.distributions()}, key=str.lower)
    files["installed.txt"] = "\n".join([f"# Python {platform.python_version()}", *packages, ""]).encode()
    files["COMMIT"] = f"{commit}\n".encode()
    files["SHA256SUMS"] = "".join(f"{sha256(files[n])}  {n}\n" for n in sorted(files)).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for n, content in sorted(files.items()):
            one = zipfile.ZipInfo(n)  # of 1980
            one.create_system, one.compress_type = 3, zipfile.ZIP_DEFLATED  # as on Unix
            one.external_attr = (0o100755 if content.startswith(b"#!") else 0o100644) << 16
            made.writestr(one, content)
    return write_bytes(root / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip", buffer.getvalue())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = archive(profiles.read(sys.argv[1]))
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, {len(zipfile.ZipFile(path).namelist())} files")


if __name__ == "__main__":
    main()
