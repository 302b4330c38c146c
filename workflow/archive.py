"""One zip of a released paper, for a repository such as Zenodo: `make archive PROFILE=paper`.

    python -m workflow.archive PROFILE

It holds the files of the commit, releases among them; the report as it is built; COMMIT; installed.txt, the
versions of all packages; and ro-crate-metadata.json, an RO-Crate: size and hash of each file, and of each job
what it ran, on what, with what result. Unpacked, it is a checkout without git. Equal files give equal bytes.
"""

import hashlib
import io
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import filter as matching
from importlib import metadata
from json import dumps, loads
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from rocrate.rocrate import ROCrate

from diffusion.files import write_bytes
from study.blind import SOURCES
from study.settings import Profile, read_profile
from workflow import jobs, release
from workflow.run import from_release

CRATE, PROCESS_RUN = "ro-crate-metadata.json", "https://w3id.org/ro/wfrun/process/0.5"
# Terms of Process Run Crate that RO-Crate 1.1, on which it builds, lacks.
TERMS = {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in ("environment", "sha256")}
# What a job of a record read: jobs, whose results are meant, and files.
NEEDS = {"measure": ["train_{}"], "analyse": ["train_{}", "measure_{}"], "files": ["train_*", "files/*"]}
BLIND = [f"released/{where}/train_{model}-*" for where, model, _ in SOURCES.values()]
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
    """Write the archive of a released profile, with its report made anew if a file of the commit is younger.

    Returns:
        Its path, build/archive/cold-zoom-diffusion-PROFILE.zip.

    Raises:
        ValueError: the profile is not released or has no date, or there is no commit (`committed`).
    """
    root, name = jobs.ROOT, profile.name
    commit, names = committed()
    if f"released/{name}/{release.MANIFEST}" not in names:
        raise ValueError(f"released/{name} is not committed; make release PROFILE={name}, and commit it")
    if "date" not in profile.options:
        raise ValueError(f"{profile.where} gives the report no date; needed: report: {{date: 2026-01-31}}")
    built = release.unpacked(profile)
    report = built / "report.html"
    if not report.is_file() or report.stat().st_mtime < max((root / n).stat().st_mtime for n in names):
        from_release(profile, "all")
    with jobs.lock(built):
        parts = [p for p in built.rglob("*") if p.is_file() and not p.name.startswith(".")]
        names += [
            p.relative_to(root).as_posix() for p in parts if p.relative_to(built).parts[0] not in LEFT_OUT
        ]
        files = {n: (root / n).read_bytes() for n in names}
    packages = sorted({f"{one.name}=={one.version}" for one in metadata.distributions()}, key=str.lower)
    files["installed.txt"] = "\n".join([f"# Python {platform.python_version()}", *packages, ""]).encode()
    files["COMMIT"] = f"{commit}\n".encode()
    files[CRATE] = crate(profile, {n: files[n] for n in sorted(files) if n != CRATE})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for n, content in sorted(files.items()):
            one = zipfile.ZipInfo(n)  # of 1980
            one.create_system, one.compress_type = 3, zipfile.ZIP_DEFLATED  # as on Unix
            one.external_attr = (0o100755 if content.startswith(b"#!") else 0o100644) << 16
            made.writestr(one, content)
    return write_bytes(root / "build" / "archive" / f"cold-zoom-diffusion-{name}.zip", buffer.getvalue())


@dataclass(frozen=True)
class Action:
    """A job as it was run: the file that it ran, or the address and commit of other code, and its files."""

    instrument: str
    about: str
    needs: list[str]  # patterns of what it read: actions, whose results are meant, and files
    result: list[str]
    dataset: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)


def actions(files: Mapping[str, bytes], folder: str) -> Iterator[tuple[str, Action]]:
    """The jobs of a release by name, each from its record and, where there is one, the file of the job."""
    parts = tuple(f"{folder}/{part}/" for part in ("metrics", "jobs"))
    for name in sorted({Path(n).stem for n in files if n.startswith(parts)}):
        record, job = (loads(files.get(f"{part}{name}.json", b"{}")) for part in parts)
        settings, (kind, _, one) = (record or job)["settings"], name.partition("_")
        ran = record.get("job") or settings.get("notebook")
        code = next(n for n in (f"notebooks/{ran}.ipynb", f"study/{ran}.py", "report/build.py") if n in files)
        known = dict(record.get("environment") or job["versions"])
        executed = files.get(f"{folder}/notebooks/{ran}{'-' if one else ''}{one}.ipynb", b"{}")
        clock = loads(executed).get("metadata", {}).get("papermill", {})
        times = {f"{end}Time": clock[f"{end}_time"] for end in ("start", "end") if clock.get(f"{end}_time")}
        needs, made = job.get("results", []), job.get("files", [])
        if not job:
            needs = [f"train_{tried['model']}-{tried['seed']}" for tried in record.get("tried", ())]
            needs += [need.format(one) for need in NEEDS.get(kind, ())]
            made = [f"metrics/{name}.json", *(f"kept/{k}{one}.npz" for k in jobs.KEPT.get(kind, (kind,)))]
            made += [n.removeprefix(f"{folder}/") for n in matching(files, f"{folder}/{record.get('run')}/*")]
        needs = [f"{folder}/{need}" for need in needs] + (BLIND if kind == "blind" else [])
        result = sorted({f"{folder}/{n}" for n in made} & files.keys())
        about, tool = record.get("about") or f"{name} of {folder}.", known.pop("trained by", code)
        data = settings.get("dataset", "mnist" if record else "")  # records that do not say are of MNIST
        yield f"{folder}/{name}", Action(tool, about, needs, result, data, known, times)


def crate(profile: Profile, files: Mapping[str, bytes]) -> bytes:
    """The metadata of the archive: an RO-Crate of the profile Process Run Crate, as JSON-LD."""
    made, cited, options = ROCrate(version="1.1"), yaml.safe_load(files["CITATION.cff"]), profile.options
    made.metadata.extra_terms.update(TERMS)
    others = [options[key] for key in ("beyond", "original", "starts") if key in options]
    folders = [f"released/{one}" for one in dict.fromkeys((profile.name, *others))]
    done = {name: action for folder in folders for name, action in actions(files, folder)}
    read = [f"{folder}/{part}/*" for folder in folders for part in ("metrics", "kept")] + ["released/page/*"]
    about, report = "Text, figures, numbers and verdicts of the report.", f"build/released/{profile.name}"
    done[report] = Action("report/build.py", about, read, matching(files, f"{report}/*"))
    instruments = {action.instrument for action in done.values()}

    def add(name: str, kind: str, /, **properties: Any) -> dict[str, str]:
        several = {k: v for k, v in properties.items() if v != []}
        single = {k: v[0] for k, v in several.items() if isinstance(v, list) and len(v) == 1}
        made.add_or_update_jsonld({"@id": name, "@type": kind} | several | single)
        return {"@id": name}

    for n, content in files.items():
        said = {"name": n, "contentSize": str(len(content)), "sha256": hashlib.sha256(content).hexdigest()}
        if n in instruments:
            said |= {"@type": ["File", "SoftwareSourceCode"], "version": cited["version"]}
        made.add_file(dest_path=quote(n), properties=said)
    for name, action in done.items():
        read = [n for pattern in action.needs for n in matching(files, pattern)]
        read += [n for pattern in action.needs for need in matching(done, pattern) for n in done[need].result]
        objects = [{"@id": quote(n)} for n in dict.fromkeys(read)]
        if data := action.dataset:
            about = "A data set that is not here; run.json of each training has its hash."
            objects.append(add(f"#data-{quote(data)}", "CreativeWork", name=data, description=about))
        tool, _, version = action.instrument.partition(", commit ")
        if version:
            add(tool, "SoftwareApplication", name=tool, url=tool, version=version)
        said = {"name": name, "description": action.about, "instrument": {"@id": quote(tool, safe="/:")}}
        said |= {"object": objects, "result": [{"@id": quote(n)} for n in action.result], **action.times}
        known = [(f"#{quote(f'{k}={v}')}", k, v) for k, v in action.environment.items()]
        said["environment"] = [add(at, "PropertyValue", name=k, value=v) for at, k, v in known]
        add(f"#{name}", "CreateAction", **said)
    authors = []
    for i, one in enumerate(cited["authors"]):
        who = one.get("name") or f"{one['given-names']} {one['family-names']}"
        authors.append(add(f"#author-{i}", "Organization" if "name" in one else "Person", name=who))
    add(
        "./",
        "Dataset",
        name=cited["title"],
        description=cited["abstract"].strip(),
        version=cited["version"],
        datePublished=str(options["date"]),
        author=authors,
        license=add(f"https://spdx.org/licenses/{cited['license']}", "CreativeWork", name=cited["license"]),
        conformsTo=add(PROCESS_RUN, "CreativeWork", name="Process Run Crate", version="0.5"),
        mentions=[{"@id": f"#{name}"} for name in done],
    )
    return (dumps(made.metadata.generate(), indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = archive(read_profile(sys.argv[1], jobs.PROFILES))
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, {len(zipfile.ZipFile(path).namelist())} files")


if __name__ == "__main__":
    main()
