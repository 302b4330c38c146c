"""The jobs of a profile, by the table of their kinds, and the provenance of what they made.

    schedules, yardstick, train_<model>-<seed> -> measure_... -> analyse_...
    all of these -> compare, level, comparison -> report

A finished job leaves OUT/jobs/<job>.json: its settings, hashes of the code that it ran, of the data and of
what the jobs before it made, versions, and the SHA-256 of every file that it made. `check` holds these
against the profile, the code and the files as they are now. Whatever does not agree, or is not there, is
made again: a changed setting or line, a lost file, a flipped bit. Code counts by its syntax tree.
"""

import ast
import functools
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock
from pydantic import BaseModel

import diffusion
from diffusion import data, runtime
from diffusion.files import differences, digest, expanded, read_json, sha256, write_bytes, write_json
from diffusion.identity import describe
from diffusion.parameters import PLACES
from diffusion.plugins import named
from diffusion.processes.base import GREY28
from diffusion.provenance import MEASURING, releases, versions
from diffusion.sources import hash_of, plain
from study.kept import MANIFEST
from study.settings import Profile, SettingError, read_profile, read_text

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ROOT / "profiles"
OURS = ".ci .devcontainer .git .github benchmarks data diffusion docs notebooks profiles released report"
OURS += " study tests workflow"  # folders of the project, over which no job writes
# What only draws is no part of jobs that draw nothing.
DRAWING = ("diffusion.figures", "study.figures", "diffusion.play", "diffusion.notebook")
OF_REPORT = ("numbers.json", "ledger.json", "results.csv", "report.pdf", "*.html", "figures/*")
OF_REPORT += ("notebooks/*.html",)
# What comes after all else in a run reads releases, the page to play with and the citation beside it.
BESIDE = (f"released/*/{MANIFEST}", "released/page/*.html", "CITATION.cff")
OWN = re.compile(r'"(?!diffusion[.:])([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)"')  # module:name, in JSON
NOT_MADE = "not made yet"


@dataclass(frozen=True)
class Kind:
    """A kind of jobs. Its line in `KINDS` is all that the workflow knows of it; a new kind is a new line.

    `settings` is called with the profile, and model and seed if `each`; it returns those of the job, or None.
    Their field `notebook` names the notebook that the job executes.
    """

    settings: Callable[..., BaseModel | None]
    module: str = ""  # that the job runs, after its notebook if it has one
    each: bool = False  # there is a job for each training
    needs: tuple[str, ...] | None = None  # kinds, of the same training if `each`; None: all above
    keeps: tuple[str, ...] = ()  # images, kept/NAME.npz, or NAME_MODEL-SEED.npz if `each`
    makes: tuple[str, ...] = ("metrics/{job}.json",)  # of its other files; the first must be there
    versions: tuple[str, ...] = ()  # of packages on which results depend, too
    hours: int = 3  # that a cluster gives it


def in_full(profile: Profile) -> bool:
    """True where a long report is to be expected (`report.run.Run.short`), which tells of all models."""
    models = {*profile.models}
    of_study = profile.yardstick is not None and models >= {"linear", "cosine", "zoom"}
    return of_study or models >= {"linear", "zoom"} and (releases() / profile.name).is_dir()


# fmt: off
KINDS = {  # in the order in which jobs are listed
    "schedules": Kind(lambda profile: profile.schedules, "study.record", needs=()),
    "train": Kind(lambda profile, *one: profile.trainings[one], "study.record", each=True, needs=(), hours=24,
                  makes=("metrics/{job}.json", "trained/{one}.json")),
    "measure": Kind(Profile.measure, "study.measure", each=True, needs=("train",), hours=12,
                    keeps=("samples", "late", "quality"), versions=MEASURING),
    "analyse": Kind(Profile.analyse, "study.analyse", each=True, needs=("train", "measure"), hours=6,
                    versions=MEASURING),
    "yardstick": Kind(lambda profile: profile.yardstick, needs=(), keeps=("real",), versions=MEASURING),
    "compare": Kind(Profile.compare, makes=()),
    "level": Kind(lambda profile: profile.level() if in_full(profile) else None, makes=()),
    "comparison": Kind(Profile.comparison, makes=()),
    "report": Kind(Profile.report, "report.build", makes=OF_REPORT),
}
# fmt: on


class Job:
    """One job of a profile: its kind, MODEL-SEED where it is of one training, and what it is made from."""

    def __init__(self, out: Path, kind: str, one: str, settings: BaseModel, needs: Iterable[str]):
        self.out, self.kind, self.one, self.settings, self.needs = out, kind, one, settings, tuple(needs)
        self.name = f"{kind}_{one}" if one else kind
        self.path = out / "jobs" / f"{self.name}.json"  # says that the job is done
        self.notebook = getattr(settings, "notebook", None)

    @property
    def log(self) -> Path:
        """The file of what it prints."""
        return self.out / "logs" / f"{self.name}.log"

    @property
    def executed(self) -> Path:
        """Its executed notebook."""
        return self.out / "notebooks" / f"{self.notebook}{'-' if self.one else ''}{self.one}.ipynb"

    def values(self) -> dict[str, Any]:
        """Its settings, but for where things lie."""
        return self.settings.model_dump(mode="json", exclude={*PLACES})

    def expected(self) -> dict[str, Any]:
        """Hashes of all that the job is made from; ValueError: code, data or a job before are not there."""
        values, kind = self.values(), KINDS[self.kind]
        beside = [p for name in BESIDE for p in ROOT.glob(name) if p.is_file() and kind.needs is None]
        return {
            "settings": values,
            "code": _code(self.kind, self.notebook),
            "own": self._own(values),
            "data": "dataset" in values and data_of(values["dataset"], self.settings.data_dir),
            "versions": versions(kind.versions),
            "results": {name: digest(_results(self.path.with_name(f"{name}.json"))) for name in self.needs},
            "inputs": {path.relative_to(ROOT).as_posix(): sha256(path) for path in beside},
        }

    def _own(self, values: dict[str, Any]) -> dict[str, str]:
        """Hashes of the user's own definitions that its settings name, and of all that these name."""
        own: dict[str, str] = {}
        for name in sorted(set(OWN.findall(json.dumps(values)))) if self.kind != "report" else ():
            describe(named("name", name, {}), name, own)
        return own

    def files(self) -> list[Path]:
        """The files that the job has made. Raises ValueError where the first of them is not there."""
        kind, of = KINDS[self.kind], f"_{self.one}" if self.one else ""
        makes = [name.format(job=self.name, one=self.one) for name in kind.makes]
        if makes and not (self.out / makes[0]).is_file():
            raise ValueError(f"{self.name} has not made {makes[0]}")
        makes += [f"kept/{name}{of}.npz" for name in kind.keeps]
        found = {path for name in makes for path in self.out.glob(name)}
        if self.kind == "train":
            folder = self.out / self.record()["run"]
            found |= {p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "state-"))}
        return sorted(found | ({self.executed} if self.notebook else set()))

    def record(self) -> dict[str, Any]:
        """Its numbers and facts: the first of its files."""
        return read_json(self.out / "metrics" / f"{self.name}.json")

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
            part = why.partition(" was ")[0]
            changed = part.removeprefix("own.") if part.startswith("own.") else f"its {part}"
            return why if part.startswith(("settings", "versions")) else f"{changed} changed"
        for name, known in files.items():
            if not (self.out / name).is_file():
                return f"{name} is lost"
            if sha256(self.out / name) != known:
                return f"{name} is damaged or was changed"
        return None


def folder(profile: Profile) -> Path:
    """The results folder of a profile; SettingError: jobs would write over the project there."""
    found = (ROOT / expanded(profile.out)).resolve()
    if found in (ROOT, *ROOT.parents) or any(found.is_relative_to(ROOT / name) for name in OURS.split()):
        raise SettingError(f"out = {profile.out!r} is not allowed: it holds the project; write build/NAME")
    return found


def lock(out: Path) -> FileLock:
    """The lock on a results folder; the system drops it with the process that holds it."""
    out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / ".lock", timeout=0)


def fitted(profile: Profile) -> Profile:
    """The profile for this machine: with what it has under `slow` where networks run in float32.

    It is kept as OUT/profile.yaml: a second call goes on with it, wherever its machine is, until that file is
    removed or the profile changes.
    """
    if not profile.file.slow:
        return profile
    path, text = folder(profile) / "profile.yaml", Path(profile.where).read_text("utf-8")
    of = f"# {profile.name} for this machine, of a file with the sha256 {sha256(text.encode())}"
    if not path.is_file() or path.read_text("utf-8").splitlines()[:1] != [of]:
        content = read_text(text, profile.where)
        slow = content.pop("slow")
        if runtime.resolve_precision("auto", runtime.device()) == "fp32":
            content = merged(content, slow)
            print(f"{profile.name}: this machine computes in float32, and gets the section slow", flush=True)
        if profile.text is not None:  # from another folder
            content["report"]["text"] = str(Path(profile.where).resolve().with_name(profile.options["text"]))
        write_bytes(path, f"{of}\n{yaml.safe_dump(content, sort_keys=False)}".encode())
    return read_profile(path, PROFILES)


def merged(content: Any, slow: Any) -> Any:
    """Sections with those of `slow` in place of their own, setting by setting."""
    if not isinstance(content, dict) or not isinstance(slow, dict):
        return slow
    return content | {name: merged(content.get(name), one) for name, one in slow.items()}


def of(profile: Profile) -> dict[str, Job]:
    """The jobs of a profile by name, each after those that it needs: first seeds first."""
    out, found = folder(profile), {}
    trainings = sorted(profile.trainings, key=lambda pair: profile.seeds(pair[0]).index(pair[1]))
    for name, kind in KINDS.items():
        for one in trainings if kind.each else [()]:
            settings, of = kind.settings(profile, *one), "-".join(map(str, one))
            before = [job for job in found.values() if kind.needs is None or job.kind in kind.needs]
            if settings is not None:
                job = Job(out, name, of, settings, [b.name for b in before if not of or b.one == of])
                found[job.name] = job
    return found


def check(profile: Profile) -> dict[str, str]:
    """The jobs that must run, by name, each with the reason in one line."""
    stale: dict[str, str] = {}
    for job in of(profile).values():
        again = next((f"{name} is made again" for name in job.needs if name in stale), None)
        if reason := (again or job.stale()) if job.path.is_file() else NOT_MADE:
            stale[job.name] = reason
    return stale


def _results(path: Path) -> dict[str, str]:
    """Files of a job that later ones are made from: not its executed notebook, which has other times."""
    files = read_json(path)["files"]
    return {name: known for name, known in files.items() if not name.startswith("notebooks/")}


@functools.cache
def data_of(dataset: str, data_dir: str | None) -> str:
    """Hash of a data set; raises DataError where it is none for notebooks."""
    if dataset not in data.DATASETS:
        shape = tuple(data.load(dataset, "test", data_dir, 1)[0].shape[1:])
        if shape != GREY28:
            how = "d.images(..., size=28, colour=False) or d.DataSet(..., to_28='resize')"
            raise data.DataError(f"images of {dataset} are {shape}; notebooks need {GREY28}, as by {how}")
    return data.content(dataset, data_dir)


@functools.cache
def _code(kind: str, notebook: str | None) -> str:
    """Hash of the project's code that a job runs."""
    cells, begin = "", f"import {module}" if (module := KINDS[kind].module) else ""
    if notebook:
        code = code_of(ROOT / "notebooks" / f"{notebook}.ipynb")
        cells = plain(ast.parse(code))
        begin = "\n".join([begin, code, *(f"import {module}" for module in diffusion._NAMES.values())])
    files = followed(begin, ROOT, () if notebook or kind == "report" else DRAWING)
    if kind == "report":  # its text and templates
        files += [p for p in (ROOT / "report").rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    return digest([cells, hash_of(files)], 16)


def code_of(notebook: Path) -> str:
    """The code of a notebook's cells, as Python: magics are calls."""
    cells = [cell for cell in read_json(notebook)["cells"] if cell["cell_type"] == "code"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"(?m)^(\s*)([%!].*)$", lambda found: f"{found[1]}magic({found[2]!r})", text)


def followed(begin: str, place: Path, without: Iterable[str] = ()) -> list[Path]:
    """Files in `place` of the modules that code imports, directly or not, but for those `without`."""
    finder = ModuleFinder([str(place)], excludes=[*without])
    finder.scan_code(compile(begin, "", "exec"), finder.add_module("__main__"))
    return [Path(one.__file__) for one in finder.modules.values() if one.__file__]
