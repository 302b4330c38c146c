"""One zip of a released paper, for a repository such as Zenodo: `make archive PROFILE=paper`.

    python -m workflow.archive PROFILE

It holds the files of the commit, releases among them; the report as it is built; COMMIT; installed.txt, the
versions of all packages; and ro-crate-metadata.json, an RO-Crate: size and hash of each file, and of each job
what it ran, on what, with what result. Unpacked, it is a checkout without git. Equal files give equal bytes.
"""

import io
import json
import platform
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from diffusion.files import sha256, write_bytes
from study.settings import Profile, read_profile
from workflow import jobs, release

CRATE = "ro-crate-metadata.json"
RO_CRATE, PROCESS_RUN = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun/process/0.5"
# A term of Process Run Crate that RO-Crate 1.1, on which it builds, lacks.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
LEFT_OUT = ("kept", "runs", "jobs", "logs")  # parts of a built report: in the release, or of no use


def committed() -> tuple[str, list[str]]:
    """The commit of the checkout, and the names of its files.

    Raises:
        ValueError: it is no checkout of git, or a file was changed since.
    """
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
    """Write the archive of a released profile and of its report, as it is built.

    Returns:
        Its path, build/archive/cold-zoom-diffusion-PROFILE.zip.

    Raises:
        ValueError: the profile is not released or has no date, there is no commit (`committed`), or the
            report is not built, or is older than a file of the commit.
    """
    root, name = jobs.ROOT, profile.name
    commit, names = committed()
    if f"released/{name}/{release.MANIFEST}" not in names:
        raise ValueError(f"released/{name} is not committed; make release PROFILE={name}, and commit it")
    if "date" not in profile.options:
        raise ValueError(f"{profile.where} gives the report no date; needed: report: {{date: 2026-01-31}}")
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
    files[CRATE] = (json.dumps(crate(profile, files), indent=1, ensure_ascii=False) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for n, content in sorted(files.items()):
            one = zipfile.ZipInfo(n)  # of 1980
            one.create_system, one.compress_type = 3, zipfile.ZIP_DEFLATED  # as on Unix
            one.external_attr = (0o100755 if content.startswith(b"#!") else 0o100644) << 16
            made.writestr(one, content)
    return write_bytes(root / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip", buffer.getvalue())


def crate(profile: Profile, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The metadata of the archive: an RO-Crate of the profile Process Run Crate, as JSON-LD.

    Each job of a release is an action, whose code, needs and files are those of the table of kinds.
    """
    cited, told, done = yaml.safe_load(files["CITATION.cff"]), profile.options, []
    parts: dict[str, dict[str, Any]] = {}
    for n, content in files.items():
        parts[n] = {"@id": quote(n), "@type": "File", "name": n, "contentSize": str(len(content))}
        parts[n]["sha256"] = sha256(content)
    for name in (profile.name, *(told[key] for key in ("beyond", "starts") if key in told)):
        made: dict[str, list] = {}
        for job in jobs.of(read_profile(name, jobs.PROFILES)).values():
            job.out = jobs.ROOT / "released" / name
            paths = [path.relative_to(jobs.ROOT).as_posix() for path in job.files()]
            made[job.name] = [{"@id": quote(n)} for n in paths if n in parts]
            parts[job.code] |= {"@type": ["File", "SoftwareSourceCode"], "version": cited["version"]}
            action = {"@id": f"#{name}/{job.name}", "@type": "CreateAction", "result": made[job.name]}
            action |= {"name": f"The job {job.name} of the profile {name}"}
            action |= {"instrument": {"@id": quote(job.code)}}
            done.append(action | {"object": [one for need in job.needs for one in made[need]]})
    licence = {"@id": f"https://spdx.org/licenses/{cited['license']}"}
    standard = {"@id": PROCESS_RUN, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": cited["title"],
        "description": cited["abstract"].strip(),
        "version": cited["version"],
        "datePublished": str(told["date"]),
        "license": licence,
        "conformsTo": {"@id": PROCESS_RUN},
        "hasPart": [{"@id": one["@id"]} for one in parts.values()],
        "mentions": [{"@id": one["@id"]} for one in done],
    }
    head = {"@id": CRATE, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": RO_CRATE}}
    graph = [head, root, standard, licence | {"@type": "CreativeWork", "name": cited["license"]}]
    return {"@context": [f"{RO_CRATE}/context", TERMS], "@graph": [*graph, *parts.values(), *done]}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = archive(read_profile(sys.argv[1], jobs.PROFILES))
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, {len(zipfile.ZipFile(path).namelist())} files")


if __name__ == "__main__":
    main()
