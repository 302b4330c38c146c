"""The archive of a released profile: its bytes, what it says of files and jobs, and what it refuses."""

import json
import os
import subprocess
import zipfile
from hashlib import sha256
from importlib.resources import files
from types import SimpleNamespace

import pytest

import checkout
from diffusion.files import write_json
from study.settings import Profile, read_profile
from workflow import archive, jobs

SMALL = ("released/starts", "profiles", "notebooks", "study", "report/build.py", "CITATION.cff", ".gitignore")


@pytest.fixture(params=["starts", pytest.param("paper", marks=pytest.mark.long)])
def profile(request, tmp_path, monkeypatch) -> Profile:
    """A released profile of a project in which all is committed and the report stands."""
    root = checkout.copied(tmp_path / "project", *(SMALL if request.param == "starts" else ()))
    for what in ("init -q", "add .", "-c user.name=a -c user.email=a commit -qm all"):
        subprocess.run(["git", *what.split()], cwd=root, check=True)
    for part in ("report.html", "figures/a.csv", "kept/left_out"):
        write_json(root / "build/released" / request.param / part, part)
    monkeypatch.setattr(jobs, "ROOT", root)
    found = read_profile(request.param, root / "profiles")
    found.options["date"] = "2026-01-31"
    return found


def ids(entity: dict, key: str) -> set[str]:
    """The entities to which one refers."""
    found = entity[key]
    return {one["@id"] for one in (found if isinstance(found, list) else [found])}


def test_equal_files_give_equal_bytes_and_each_file_and_job_is_told(profile):
    path, own = archive.archive(profile), f"released/{profile.name}"
    assert sha256(path.read_bytes()).digest() == sha256(archive.archive(profile).read_bytes()).digest()
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    graph = {one["@id"]: one for one in json.loads(content.pop("ro-crate-metadata.json"))["@graph"]}
    told = {one["name"]: (one["contentSize"], one["sha256"]) for one in graph.values() if "sha256" in one}
    assert told == {n: (str(len(b)), sha256(b).hexdigest()) for n, b in content.items()}
    tracked, built = archive.committed()[1], (f"build/{own}/{n}" for n in ("figures/a.csv", "report.html"))
    assert content.keys() == {*tracked, *built, "COMMIT", "installed.txt"}
    assert graph["./"]["datePublished"] == "2026-01-31"
    done = [one for one in graph.values() if one["@type"] == "CreateAction"]
    made = {i for one in done for i in ids(one, "result")}
    assert (
        made | {i for one in done for key in ("object", "instrument") for i in ids(one, key)} <= graph.keys()
    )
    assert {
        n for n in tracked if n.startswith((f"{own}/kept/s", f"{own}/runs", f"{own}/metrics/train"))
    } <= made
    measure = graph[f"#{profile.name}/measure_linear-1"]
    weights = next(n for n in made if n.startswith(f"{own}/runs/linear-1") and "/weights/" in n)
    assert weights in ids(measure, "object")
    assert f"{own}/metrics/measure_linear-1.json" in ids(measure, "result")
    assert ids(measure, "instrument") == {"study/measure.py"}


@pytest.mark.long
def test_the_validator_finds_nothing_that_is_required(profile, tmp_path, monkeypatch):
    services = pytest.importorskip("rocrate_validator.services", reason="roc-validator is not installed")
    models, http = (pytest.importorskip(f"rocrate_validator.{name}") for name in ("models", "utils.http"))
    context = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text("utf-8"))
    told = {"status_code": 200, "headers": {"Content-Type": "application/json"}, "json": lambda: context}
    monkeypatch.setattr(http.HttpRequester, "get", lambda *_, **__: SimpleNamespace(**told), raising=False)
    how = {"rocrate_uri": archive.archive(profile), "offline": True, "cache_path": tmp_path / "cache"}
    for name in ("ro-crate-1.1", "process-run-crate-0.5"):
        how |= {"profile_identifier": name, "requirement_severity": models.Severity.REQUIRED}
        issues = services.validate(services.ValidationSettings(**how)).get_issues()
        assert [issue.message for issue in issues] == []


def test_what_is_not_built_dated_released_or_committed_is_refused(profile):
    report = jobs.ROOT / "build" / "released" / profile.name / "report.html"
    steps = {
        "report.html is older than .*; run `make report": lambda: os.utime(report, (0, 0)),
        "report.html is not built; run `make report": report.unlink,
        "no date": lambda: profile.options.pop("date"),
        "other is not committed": lambda: setattr(profile, "name", "other"),
        "CITATION.cff is not that of commit": (jobs.ROOT / "CITATION.cff").unlink,
        "has no .git": lambda: (jobs.ROOT / ".git").rename(jobs.ROOT / "git"),
    }
    for why, step in steps.items():
        step()
        with pytest.raises(ValueError, match=why):
            archive.archive(profile)
