"""The jobs of a profile, and the provenance of what they made.

    schedules, yardstick, train_<model>-<seed> -> measure_... -> analyse_... -> compare -> report

A finished job leaves OUT/jobs/<job>.json: its settings, hashes of the code that it ran, of the data and of
what the jobs before it made, versions, and the SHA-256 of every file that it made. `check` holds these
against the profile, the code and the files as they are now. Whatever does not agree, or is not there, is
made again: a changed setting or line, a lost file, a flipped bit. Code counts by its syntax tree.
"""

import functools
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import BaseModel

import diffusion
from diffusion import data
from diffusion.files import differences, digest, expanded, read_json, sha256, write_json
from diffusion.identity.describe import describe
from diffusion.identity.sources import followed, hash_of
from diffusion.parameters import PLACES
from diffusion.plugins import named
from diffusion.processes.base import GREY28
from diffusion.provenance import versions
from diffusion.syntax import syntax
from study.manifest import MANIFEST
from study.settings import Profile, SettingError

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ROOT / "profiles"
OURS = {
    ".ci",
    ".git",
    ".github",
    "benchmarks",
    "data",
    "diffusion",
    "docs",
    "notebooks",
    "profiles",
    "released",
}
OURS |= {"report", "study", "tests", "workflow"}
# Where a job's code begins; that of a notebook begins with what its cells import.
ENTRIES = {kind: f"study.{kind}" for kind in ("measure", "analyse", "yardstick")} | {"report": "report.build"}
# What only draws is no part of other jobs than the report, which draws all figures.
DRAWING = ("diffusion.figures", "study.figures", "diffusion.play", "diffusion.notebook")
KEPT = {  # names of the images that jobs keep
    "schedules": ("zoom",),
    "train": ("trajectory_", "reconstructions_", "deepest_", "degradation_"),
    "measure": ("samples_", "late_", "quality_"),
    "yardstick": ("real",),
}
OF_REPORT = (
    "report.pdf",
    "*.html",
    "notebooks/*.html",
    "figures/*",
    "ledger.json",
    "table.json",
    "numbers.json",
    "results.csv",
)
OWN = re.compile(r'"(?!diffusion[.:])([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)"')  # module:name, in JSON
NOT_MADE = "not made yet"
MEASURING, MEASURES = ("measure", "analyse", "yardstick"), ("torchmetrics", "torchvision", "scikit-learn")


class Job:
    """One job of a profile: its kind, MODEL-SEED where it is of one training, and what it is made from."""

    def __init__(self, out: Path, kind: str, one: str, settings: BaseModel, needs: Iterable[str]):
        self.out, self.kind, self.one, self.settings, self.needs = out, kind, one, settings, tuple(needs)
        self.name = f"{kind}_{one}" if one else kind
        self.path = out / "jobs" / f"{self.name}.json"  # says that the job is done
        self.notebook = getattr(settings, "notebook", None)
        self.executed = out / "notebooks" / f"{self.notebook}{'-' if one else ''}{one}.ipynb"

    def values(self) -> dict[str, Any]:
        """Its settings, but for where things lie."""
        return self.settings.model_dump(mode="json", exclude={*PLACES})

    def expected(self) -> dict[str, Any]:
        """All that the job is made from; raises ValueError where code, data or a job before are not there."""
        values = self.values()
        own = set() if self.kind == "report" else set(OWN.findall(json.dumps(values)))
        return {
            "settings": values,
            "code": _code(self.kind, self.notebook),
            "own code": {name: digest(describe(named("name", name, {}), name)) for name in sorted(own)},
            "data": "dataset" in values and _data(values["dataset"], self.settings.data_dir),
            "versions": versions(MEASURES if self.kind in MEASURING else ()),
            "results": {
                name: digest(read_json(self.path.with_name(f"{name}.json"))["files"]) for name in self.needs
            },
        } | ({"inputs": _beside()} if self.kind == "report" else {})

    def files(self) -> list[Path]:
        """The files that the job has made. Raises ValueError where the first of them is not there."""
        names = [*OF_REPORT] if self.kind == "report" else [f"metrics/{self.name}.json"]
        if not (self.out / names[0]).is_file() and self.kind != "compare":
            raise ValueError(f"{self.name} has not made {names[0]}")
        names += [f"kept/{name}{self.one}.npz" for name in KEPT.get(self.kind, ())]
        found = {path for name in names for path in self.out.glob(name)}
        if self.kind == "train":
            folder = self.out / read_json(self.out / names[0])["run"]
            found |= {p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "state-"))}
        return sorted(found | ({self.executed} if self.notebook else set()))

    def finish(self, expected: dict[str, Any]) -> None:
        """Write the job's file; `expected` is of the time when it began."""
        files = {path.relative_to(self.out).as_posix(): sha256(path) for path in self.files()}
        write_json(self.path, expected | {"files": files})

    def stale(self) -> str | None:
        """Reason why the job must run, in one line; None where all is there as it was made."""
        expected = self.expected()
        try:
            found = read_json(self.path)
            files, recorded = dict(found["files"]), {name: found[name] for name in expected}
            usual = type(self.settings).model_construct().model_dump(mode="json", include={*self.values()})
            recorded["settings"] = usual | recorded["settings"]
        except (ValueError, KeyError, TypeError):
            return f"{self.path.name} cannot be read, or is of an earlier edition"
        if why := next(differences(recorded, expected), None):
            return why if why.startswith(("settings", "versions")) else f"its {why.split(' was ')[0]} changed"
        for name, known in files.items():
            if not (self.out / name).is_file():
                return f"{name} is lost"
            if sha256(self.out / name) != known:
                return f"{name} is damaged or was changed"
        return None


def folder(profile: Profile) -> Path:
    """The results folder of a profile; a relative one starts at the project's folder.

    Raises:
        SettingError: jobs would write over the project there.
    """
    found = (ROOT / expanded(profile.out)).resolve()
    first = found.relative_to(ROOT).parts[:1] if found.is_relative_to(ROOT) else ("elsewhere",)
    if found in (ROOT, *ROOT.parents) or first[0] in OURS:
        raise SettingError(f"out = {profile.out!r} is not allowed: it holds the project; write build/NAME")
    return found


def lock(out: Path) -> FileLock:
    """The lock on a results folder; the system drops it with the process that holds it."""
    out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / ".lock", timeout=0)


def of(profile: Profile) -> dict[str, Job]:
    """The jobs of a profile by name, each after those that it needs: first seeds first."""
    found: dict[str, Job] = {}

    def add(kind: str, one: str, settings: BaseModel | None, needs: Iterable[str] = ()) -> None:
        if settings is not None:
            job = Job(folder(profile), kind, one, settings, needs)
            found[job.name] = job

    trainings = sorted(profile.trainings, key=lambda pair: profile.seeds(pair[0]).index(pair[1]))
    ones = {f"{model}-{seed}": (model, seed) for model, seed in trainings}
    add("schedules", "", profile.schedules)
    for one, training in ones.items():
        add("train", one, profile.trainings[training])
    for one, training in ones.items():
        add("measure", one, profile.measure(*training), [f"train_{one}"])
    for one, training in ones.items():
        add("analyse", one, profile.analyse(*training), [f"train_{one}", f"measure_{one}"])
    add("yardstick", "", profile.yardstick)
    add("compare", "", profile.compare(), found)
    add("report", "", profile.report, found)
    return found


def check(profile: Profile) -> dict[str, str]:
    """The jobs that must run, by name, each with the reason in one line."""
    stale: dict[str, str] = {}
    for job in of(profile).values():
        again = next((f"{name} is made again" for name in job.needs if name in stale), None)
        if reason := (again or job.stale()) if job.path.is_file() else NOT_MADE:
            stale[job.name] = reason
    return stale


def _beside() -> dict[str, str]:
    """Hashes of what a report reads beside its run: releases, the page to play with, the citation."""
    read = [*ROOT.glob(f"released/*/{MANIFEST}"), *ROOT.glob("released/page/*.html"), ROOT / "CITATION.cff"]
    return {path.relative_to(ROOT).as_posix(): sha256(path) for path in sorted(read) if path.is_file()}


@functools.cache
def _data(dataset: str, data_dir: str | None) -> str:
    """Hash of a data set; raises DataError where it is none for notebooks."""
    if dataset not in data.DATASETS:
        shape = tuple(data.load(dataset, "test", data_dir, 1)[0].shape[1:])
        if shape != GREY28:
            raise data.DataError(f"images of {dataset} are {shape}; needed here: {GREY28}, see to_28=")
    return data.content(dataset, data_dir)


@functools.cache
def _code(kind: str, notebook: str | None) -> str:
    """Hash of the project's code that a job runs."""
    cells, begin = "", f"import {ENTRIES.get(kind)}"
    if notebook:
        begin = code_of(ROOT / "notebooks" / f"{notebook}.ipynb")
        cells = syntax(begin)
        begin += "".join(f"\nimport {module}" for module in diffusion._NAMES.values())
    files = followed(begin, ROOT, () if kind == "report" else DRAWING)
    if kind == "report":  # its text and templates
        files += [p for p in (ROOT / "report").rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    return digest([cells, hash_of(files)], 16)


def code_of(notebook: Path) -> str:
    """The code of a notebook's cells, as Python: magics are calls."""
    from IPython.core.inputtransformer2 import TransformerManager  # takes a while

    cells = [cell for cell in read_json(notebook)["cells"] if cell["cell_type"] == "code"]
    return "\n".join(TransformerManager().transform_cell("".join(cell["source"])) for cell in cells)
