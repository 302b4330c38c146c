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
from diffusion.provenance import versions
from study.environment import MEASURING
from study.profile import NOTEBOOKS, ROOT, Profile, ProfileError

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
        makes: files from OUT, without which it is not done; the last is an executed notebook.
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
        return self.out / self.makes[-1]

    def stamp(self) -> dict[str, Any]:
        """All that it is made from; ValueError: code, data or a job before it are not there."""
        settings = {k: v for k, v in self.settings.items() if k not in ("data_dir", "out_dir")}
        settings = json.loads(json.dumps(settings, default=str))
        dataset = settings.get("dataset")
        beside = [path for one in OF_REPORT for path in ROOT.glob(one) if self.kind == "report"]
        return {
            "settings": settings,
            "code": project_code(),
            "notebook": self.notebook and cells(self.notebook),
            "own": own_modules(json.dumps(settings)),
            "data": dataset and content(dataset, self.settings.get("data_dir")),
            "versions": versions(MEASURING),
            "beside": {p.relative_to(ROOT).as_posix(): sha256(p) for p in beside if p.is_file()},
            "before": {job.name: sha256(job.path) for job in self.needs},
        }

    def stale(self) -> str:
        """Why it must run, in one line; empty where all is there as it was made."""
        if not self.path.is_file() or not all(job.path.is_file() for job in self.needs):
            return NOT_MADE
        if found := next(differences(read_json(self.path), self.stamp()), ""):
            name = found.partition(" was ")[0]
            return found if name.startswith(("settings", "versions")) else f"{name} changed"
        return self.lost()

    def lost(self) -> str:
        """The first file that it makes and that is not there, in words."""
        return next((f"{name} is lost" for name in self.makes if not (self.out / name).is_file()), "")

    def finish(self, stamp: dict[str, Any]) -> None:
        """Write the stamp, of the time when the job began; ValueError: a file that it makes is not there."""
        if lost := self.lost():
            raise ValueError(f"{self.name} has not made all: {lost}")
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
    return own_code([{"name": name} for name in names])


@cache
def content(dataset: str, data_dir: str | None) -> str:
    """Hash of a data set; ValueError: it cannot be had, or notebooks do not take it."""
    known, (images, _) = data.get(dataset), data.load(dataset, "test", data_dir, 1)
    if tuple(images.shape[1:]) != GREY28 or not known.classes:
        is_ = f"{known.title} has images {tuple(images.shape[1:])} and {len(known.classes)} classes"
        raise ValueError(f"{is_}; notebooks take 28 x 28 grey pixels, of classes: see to_28 of d.DataSet")
    parts = [part for split in data.SPLITS for part in data.load(dataset, split, data_dir)]
    return digest([data.fingerprint(part) for part in parts], 16)


# --- the jobs of a profile ---


def of(profile: Profile) -> dict[str, Job]:
    """The jobs of a profile by name, each after those that it needs: first seeds first."""
    out, report, found = folder(profile), profile.file.report, {}

    def add(kind: str, of: str = "", makes: Iterable[str] = (), notebook: str = "", **parts: Any) -> Job:
        name = f"{kind}_{of}" if of else kind
        executed = [f"notebooks/{'-'.join(filter(None, (notebook, of)))}.ipynb"] if notebook else []
        found[name] = Job(kind, of, out, makes=(*makes, *executed), notebook=notebook, **parts)
        return found[name]

    add("schedules", makes=["metrics/schedules.json"], notebook="01_schedules", settings=profile.schedules)
    first = sorted(profile.trainings, key=lambda one: profile.seeds(one[0]).index(one[1]))
    for model, seed in first:  # the first seed of each model, then the second
        one, (notebook, settings) = f"{model}-{seed}", profile.trainings[model, seed]
        makes = [f"metrics/train_{one}.json", f"runs/{one}/history.jsonl"]
        train = add("train", one, makes, notebook, settings=settings)
        makes = [f"kept/{kind}_{one}.npz" for kind in ("samples", "late", "quality")]
        makes += [f"metrics/measure_{one}.json"]
        settings = profile.measures[model]
        add("measure", one, makes, module="study.measure", settings=settings, needs=(train,))
    if profile.yardstick is not None:
        makes = ["metrics/yardstick.json", "kept/real.npz"]
        add("yardstick", makes=makes, notebook="07_yardstick", settings=profile.yardstick)
    needs = (*found.values(),)
    shared = {"models": profile.models, "labels": profile.labels, "released": None}
    place = {"data_dir": profile.file.data_dir}
    beyond, starts, original = ({name: getattr(report, name)} for name in ("beyond", "starts", "original"))
    of_data = shared | place | {"dataset": profile.file.dataset}
    add("compare", notebook=profile.file.compare, settings=of_data, needs=needs)
    if profile.yardstick is not None and {"linear", "cosine", "zoom"} <= {*profile.models}:  # as in the study
        add("level", notebook="09_level", settings=shared | beyond | starts, needs=needs)
    add("comparison", notebook="11_models", settings=shared | place | beyond | original, needs=needs)
    told, needs = report.model_dump(mode="json") | {"text": profile.text}, (*found.values(),)
    add("report", makes=["report.html", "report.pdf"], module="report.build", settings=told, needs=needs)
    return found


def folder(profile: Profile) -> Path:
    """The results folder of a profile; ProfileError: it lies in the project, and not in its build/."""
    found = (ROOT / profile.out).resolve()
    if ROOT.is_relative_to(found) or found.is_relative_to(ROOT) and not found.is_relative_to(ROOT / "build"):
        raise ProfileError(f"out is {str(profile.out)!r}, which holds the project; write build/NAME")
    return found


def lock(out: Path) -> FileLock:
    """The lock on a results folder; the system drops it with the process that holds it."""
    out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / ".lock", timeout=0)


def check(profile: Profile) -> dict[str, str]:
    """The jobs that must run, by name, each with the reason."""
    stale: dict[str, str] = {}
    for name, job in of(profile).items():
        again = [f"{one.name} is made again" for one in job.needs if one.name in stale]
        if reason := job.stale() or (again and again[0]):
            stale[name] = reason
    return stale
