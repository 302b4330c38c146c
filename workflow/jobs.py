"""The jobs of a profile, and which of them must run.

    schedules, yardstick, train_<model>-<seed> -> measure_<model>-<seed>
    all of these -> compare, level, comparison -> report

A finished job leaves a stamp, OUT/jobs/<job>.json: its settings, hashes of the project's code and of the
user's own modules that it ran, of its notebook, of the data, and of the stamps before it. Where these differ,
or a file that it made is not there, it runs again: that is coarse, and cheap. A training that is finished is
then only opened, and of measures those are taken whose code has changed.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from diffusion import data
from diffusion.bounds import named
from diffusion.files import differences, digest, read_json, sha256, write_json
from diffusion.identity import own_code
from diffusion.processes.base import GREY28
from diffusion.provenance import MEASURING, versions
from study.profile import NOTEBOOKS, ROOT, Profile, ProfileError
from study.results import STUDY

OURS = ".ci .devcontainer .git .github benchmarks data diffusion docs notebooks play profiles released report"
OURS += " study tests workflow"  # folders of the project, over which no job writes
CODE = ("diffusion/**/*.py", "study/**/*.py", "play/**/*.py")  # of all jobs, and of the report:
OF_REPORT = ("report/**/*", "released/*/manifest.json", "released/page/*.html", "CITATION.cff")
OWN = re.compile(r'"(?!diffusion[.:])([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)"')  # module:name, in JSON
NOT_MADE = "not made yet"
HOURS = {"train": 24, "measure": 12}  # that a cluster gives a job of a kind; 3 to the others


@dataclass(frozen=True)
class Job:
    """A notebook with its parameters, or a module with its arguments.

    Attributes:
        kind, of: such as "train" and "zoom-0"; `of` is empty for what is of no training.
        settings: parameters of the notebook, or options of the module.
        needs: the jobs before it.
        makes: files from OUT, without which it is not done.
    """

    kind: str
    of: str
    out: Path
    settings: dict[str, Any]
    needs: tuple["Job", ...] = field(default=(), repr=False)
    notebook: str = ""
    module: str = ""
    makes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.of}" if self.of else self.kind

    @property
    def path(self) -> Path:
        """Its stamp, which says that it is done."""
        return self.out / "jobs" / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """The file of what it prints."""
        return self.out / "logs" / f"{self.name}.log"

    @property
    def executed(self) -> Path:
        """Its executed notebook."""
        return self.out / "notebooks" / f"{self.notebook}{'-' if self.of else ''}{self.of}.ipynb"

    def stamp(self) -> dict[str, Any]:
        """All that it is made from; ValueError: code, data or a job before it are not there."""
        settings = {k: v for k, v in self.settings.items() if k not in ("data_dir", "out_dir")}
        beside = [path for one in OF_REPORT for path in ROOT.glob(one) if self.kind == "report"]
        return {
            "settings": json.loads(json.dumps(settings, default=str)),
            "code": project_code(),
            "notebook": self.notebook and cells(self.notebook),
            "own": own_modules(json.dumps(settings, default=str)),
            "data": content(settings["dataset"], self.settings.get("data_dir"))
            if "dataset" in settings
            else "",
            "versions": versions(MEASURING),
            "beside": {p.relative_to(ROOT).as_posix(): sha256(p) for p in sorted(beside) if p.is_file()},
            "before": {job.name: sha256(job.path) for job in self.needs},
        }

    def stale(self) -> str:
        """Why it must run, in one line; empty where all is there as it was made."""
        if not self.path.is_file() or not all(job.path.is_file() for job in self.needs):
            return NOT_MADE
        try:
            recorded = read_json(self.path)
        except ValueError:
            return f"{self.path.name} cannot be read"
        if found := next(differences(recorded, self.stamp()), ""):
            name = found.partition(" was ")[0]
            return found if name.startswith(("settings", "versions")) else f"{name} changed"
        made = [*self.makes, *([str(self.executed.relative_to(self.out))] if self.notebook else [])]
        return next((f"{name} is lost" for name in made if not (self.out / name).is_file()), "")

    def finish(self, stamp: dict[str, Any]) -> None:
        """Write the stamp, of the time when the job began; ValueError: a file that it makes is not there."""
        if lost := [name for name in self.makes if not (self.out / name).is_file()]:
            raise ValueError(f"{self.name} has not made {lost[0]}")
        write_json(self.path, stamp)


# --- what jobs are made from ---


@cache
def project_code() -> str:
    """Hash of the project's code that jobs run."""
    files = sorted({path for one in CODE for path in ROOT.glob(one)})
    return sha256(b"".join(path.read_bytes() for path in files))[:16]


@cache
def cells(notebook: str) -> str:
    """Hash of the code in a notebook's cells."""
    found = read_json(NOTEBOOKS / f"{notebook}.ipynb")["cells"]
    return digest(["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"], 16)


def own_modules(settings: str) -> dict[str, str]:
    """Hashes of the modules of the user's own that settings, as JSON, name, and of all that these import."""
    names = sorted({*OWN.findall(settings)})
    for name in names:
        named("name", name, {})  # imports its module
    return own_code({"names": [{"name": name} for name in names]})


@cache
def content(dataset: str, data_dir: str | None) -> str:
    """Hash of a data set; ValueError: it cannot be had, or notebooks do not take it."""
    known = data.get(dataset)
    images, _ = data.load(dataset, "test", data_dir, 1)
    if tuple(images.shape[1:]) != GREY28 or not known.classes:
        raise ValueError(
            f"{known.title} has images {tuple(images.shape[1:])} and {len(known.classes)} classes; notebooks "
            "take 28 x 28 grey pixels, of classes: see to_28 of diffusion.DataSet"
        )
    return data.content(dataset, data_dir)


# --- the jobs of a profile ---


def of(profile: Profile) -> dict[str, Job]:
    """The jobs of a profile by name, each after those that it needs: first seeds first."""
    out, found = folder(profile), {}

    def add(kind: str, of: str = "", needs: Iterable[Job] = (), **parts: Any) -> Job:
        job = found[f"{kind}_{of}" if of else kind] = Job(kind, of, out, needs=tuple(needs), **parts)
        return job

    add("schedules", notebook="01_schedules", settings=profile.schedules, makes=("metrics/schedules.json",))
    first = sorted(profile.trainings, key=lambda one: profile.seeds(one[0]).index(one[1]))
    for model, seed in first:  # the first seed of each model, then the second
        notebook, settings = profile.trainings[model, seed]
        one = f"{model}-{seed}"
        makes = (f"metrics/train_{one}.json", f"runs/{one}/history.jsonl")
        train = add("train", one, notebook=notebook, settings=settings, makes=makes)
        makes = (
            f"metrics/measure_{one}.json",
            *(f"kept/{kind}_{one}.npz" for kind in ("samples", "late", "quality")),
        )
        add("measure", one, [train], module="study.measure", settings=profile.measures[model], makes=makes)
    if profile.yardstick is not None:
        makes = ("metrics/yardstick.json", "kept/real.npz")
        add("yardstick", notebook="07_yardstick", settings=profile.yardstick, makes=makes)
    before = [*found.values()]
    shared = {
        "models": profile.models,
        "labels": profile.labels,
        "released": None,
        "data_dir": profile.file.data_dir,
    }
    report = profile.file.report
    beyond, starts, original = ({name: getattr(report, name)} for name in ("beyond", "starts", "original"))
    more = {"dataset": profile.file.dataset}
    add("compare", needs=before, notebook=profile.file.compare, settings=shared | more)
    if in_full(profile):
        level = {k: v for k, v in (shared | beyond | starts).items() if k != "data_dir"}
        add("level", needs=before, notebook="09_level", settings=level)
    add("comparison", needs=before, notebook="11_models", settings=shared | beyond | original)
    told = report.model_dump(mode="json") | {"text": profile.text}
    add(
        "report",
        needs=found.values(),
        module="report.build",
        settings=told,
        makes=("report.html", "report.pdf"),
    )
    return found


def in_full(profile: Profile) -> bool:
    """True where the paper's text is to be expected, which alone tells of the mean level."""
    return profile.yardstick is not None and {*profile.models} >= {*STUDY}


def folder(profile: Profile) -> Path:
    """The results folder of a profile; ProfileError: jobs would write over the project there."""
    found = (ROOT / profile.out).resolve()
    if found in (ROOT, *ROOT.parents) or any(found.is_relative_to(ROOT / name) for name in OURS.split()):
        raise ProfileError(f"out is {str(profile.out)!r}, which holds the project; write build/NAME")
    return found


def lock(out: Path) -> FileLock:
    """The lock on a results folder; the system drops it with the process that holds it."""
    out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / ".lock", timeout=0)


def check(profile: Profile) -> dict[str, str]:
    """The jobs that must run, by name, each with the reason."""
    stale: dict[str, str] = {}
    for job in of(profile).values():
        again = next((f"{one.name} is made again" for one in job.needs if one.name in stale), "")
        if reason := job.stale() or again:
            stale[job.name] = reason
    return stale
