"""The jobs of a profile, and the provenance of what they made.

    schedules, yardstick, train_<model>-<seed> -> measure_... -> analyse_... -> compare -> report

A finished job leaves OUT/jobs/<job>.json: its settings, hashes of the code that it ran and of the data,
versions, and the SHA-256 of every file that it made. `check` holds these against the profile, the code and
the files as they are now. Whatever does not agree, or is not there, is made again: a changed setting or line,
a lost file, a flipped bit. What code does counts, by its syntax tree (diffusion/syntax.py): comments do not.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusion
from diffusion import data
from diffusion.files import difference, digest, expanded, read_json, sha256, write_json
from diffusion.identity.sources import Source, followed, hash_of, own_files
from diffusion.provenance import versions
from study.settings import NOTEBOOKS, Analyse, Measure, Profile, SettingError, Settings, Yardstick

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ("diffusion", "study", "report", "workflow")  # the packages of the checkout
# Where a job begins; notebooks begin with what their cells import.
ENTRIES = {name: f"study.{name}" for name in ("measure", "analyse", "yardstick")}
ENTRIES["report"] = "report.build"
# What only draws is no part of other jobs than the report, which draws all figures.
DRAWING = ("diffusion.figures", "study.figures", "diffusion.play", "diffusion.notebook")
OF_TRAINING = ("trajectory", "reconstructions", "deepest", "degradation")  # kept images of one training
OF_MEASURING = ("samples", "late", "quality")
OWN = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_][\w.]*")  # module:name
ENVIRONMENT = {  # of all jobs
    "PYTHONUNBUFFERED": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, whatever kernels the user has
    "MALLOC_TRIM_THRESHOLD_": "2147483647",  # glibc keeps freed memory: training is a sixth faster
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}


@dataclass(frozen=True)
class Job:
    """One job of a profile.

    Attributes:
        name: schedules, yardstick, train_zoom-0, measure_zoom-0, analyse_zoom-0, compare or report.
        settings: all that its result depends on but for the code.
        notebook: the notebook that it executes, if it is one, without its ending.
        model, seed: of a training, of measuring or of analysing one.
        needs: the jobs that must be done before.
        data_dir: where the data are; no part of the result.
    """

    out: Path
    name: str
    settings: dict[str, Any]
    notebook: str | None = None
    model: str = ""
    seed: int = 0
    needs: tuple[str, ...] = field(default=())
    data_dir: str | None = None

    @property
    def cls(self) -> type[Settings] | None:
        """Its settings' class; None: the report's options."""
        named = {"measure": Measure, "analyse": Analyse, "yardstick": Yardstick}
        return NOTEBOOKS[self.notebook] if self.notebook else named.get(self.kind)

    @property
    def kind(self) -> str:
        return self.name.partition("_")[0]

    @property
    def path(self) -> Path:
        """The file that says that the job is done."""
        return self.out / "jobs" / f"{self.name}.json"

    @property
    def executed(self) -> Path | None:
        """The executed notebook."""
        tail = f"-{self.model}-{self.seed}" if self.model else ""
        return self.out / "notebooks" / f"{self.notebook}{tail}.ipynb" if self.notebook else None

    @property
    def required(self) -> list[Path]:
        """The files without which the job is not done."""
        if self.kind == "report":
            return [self.out / "report.html", self.out / "report.pdf"]
        record = [] if self.kind == "compare" else [self.out / "metrics" / f"{self.name}.json"]
        return record + ([self.executed] if self.executed else [])

    def expected(self) -> dict[str, Any]:
        """What the job is made from: content of its file, but for what it made.

        Raises:
            ValueError: code that it names does not exist, or a data set of one's own cannot be read.
        """
        dataset = self.settings.get("dataset")
        found = {
            "settings": self.settings,
            "code": _code(self.kind, self.notebook),
            "own code": {name: _own_code(name.partition(":")[0]) for name in sorted(_own(self.settings))},
            "data": dataset and _data(dataset, self.data_dir),
            "versions": versions(),
        }
        return json.loads(json.dumps(found))

    def files(self) -> list[Path]:
        """The files that the job has made.

        Raises:
            ValueError: one that is required is missing.
        """
        if missing := [p for p in self.required if not p.is_file()]:
            raise ValueError(f"{self.name} has not made {missing[0]}")
        one, found = f"{self.model}-{self.seed}", list(self.required)
        patterns = {
            "schedules": ["kept/zoom.npz"],
            "train": [f"kept/{what}_{one}.npz" for what in OF_TRAINING],
            "measure": [f"kept/{what}_{one}.npz" for what in OF_MEASURING],
            "report": ["figures/*", "ledger.json", "table.json", "*.html", "notebooks/*.html"],
        }.get(self.kind, [])
        if self.kind == "train":
            run = read_json(self.required[0])["run"]
            patterns += [f"{run}/{what}" for what in ("*.json", "history.jsonl", "*.safetensors", "own.py")]
            patterns += [f"{run}/priors/*.safetensors", f"{run}/weights/epoch-*.safetensors"]
        return found + [p for pattern in patterns for p in sorted(self.out.glob(pattern)) if p.is_file()]

    def finish(self, expected: dict[str, Any], needs: dict[str, str]) -> None:
        """Write the job's file. `expected` and `needs` are of the time when it began.

        Raises:
            ValueError: a file that it should have made is missing.
        """
        files = {p.relative_to(self.out).as_posix(): sha256(p) for p in self.files()}
        write_json(self.path, expected | {"needs": needs, "files": files})

    def needed(self) -> dict[str, str]:
        """Hashes of what the jobs before it have made.

        Raises:
            ValueError: one of them is not done.
        """
        return {name: digest(read_json(self.path.with_name(f"{name}.json"))["files"]) for name in self.needs}

    def stale(self) -> str | None:
        """Reason why the job must run, in one line; None where all that it made is there and as it was made.

        Raises:
            ValueError: code that it names does not exist.
        """
        if not self.path.is_file():
            there = any(path.exists() for path in self.required)
            return "it was not finished, or how it was made is lost" if there else NOT_MADE
        expected = self.expected()
        try:
            found = read_json(self.path)
            recorded = {name: found[name] for name in expected}
            usual = {name: one.default for name, one in self.cls.model_fields.items()} if self.cls else {}
            usual = {name: usual[name] for name in expected["settings"].keys() & usual.keys()}
            recorded["settings"] = json.loads(json.dumps(usual)) | recorded["settings"]
            files = dict(found["files"])
        except (ValueError, KeyError, TypeError):
            return f"{self.path.name} cannot be read, or is of an earlier edition"
        if why := difference(recorded["settings"], expected["settings"]):
            return why
        if recorded["code"] != expected["code"]:
            return "its code changed"
        if recorded["own code"] != expected["own code"]:
            return f"code changed: {difference(recorded['own code'], expected['own code']).split(' was ')[0]}"
        if recorded["data"] != expected["data"]:
            return f"the data of {self.settings['dataset']} changed"
        if why := difference(recorded["versions"], expected["versions"]):
            return f"{why}, by version"
        for path in self.required:
            if path.relative_to(self.out).as_posix() not in files:
                return f"{path.name} is not among its files"
        for name, known in files.items():
            path = self.out / name
            if not path.is_file():
                return f"{name} is lost"
            if sha256(path) != known:
                return f"{name} is damaged or was changed"
        return None

    def outdated(self) -> str | None:
        """As `stale`, of what the jobs before it made, once these are known to be whole."""
        return "what it was made from changed" if read_json(self.path).get("needs") != self.needed() else None


NOT_MADE = "not made yet"


def folder(profile: Profile) -> Path:
    """The results folder of a profile; a relative one starts at the project's folder."""
    return (ROOT / expanded(profile.out)).resolve()


def of(profile: Profile) -> dict[str, Job]:
    """The jobs of a profile by name, each after those that it needs: first seeds first."""
    out, place = folder(profile), profile.data_dir
    found = [Job(out, "schedules", profile.schedules.values(), profile.schedules.notebook, data_dir=place)]
    rank = {pair: profile.seeds(pair[0]).index(pair[1]) for pair in profile.trainings}
    ordered = sorted(profile.trainings, key=rank.__getitem__)
    for model, seed in ordered:
        p = profile.trainings[model, seed]
        found.append(Job(out, f"train_{model}-{seed}", p.values(), p.notebook, model, seed, data_dir=place))
    for model, seed in ordered:
        values, name = profile.measure(model, seed).values(), f"measure_{model}-{seed}"
        found.append(Job(out, name, values, None, model, seed, (f"train_{model}-{seed}",), place))
    for model, seed in ordered:
        if analyse := profile.analyse(model, seed):
            name, needs = f"analyse_{model}-{seed}", (f"train_{model}-{seed}", f"measure_{model}-{seed}")
            found.append(Job(out, name, analyse.values(), None, model, seed, needs, place))
    if profile.yardstick:
        found.append(Job(out, "yardstick", profile.yardstick.values(), data_dir=place))
    before = tuple(job.name for job in found)
    compare = profile.compare()
    found.append(Job(out, "compare", compare.values(), compare.notebook, needs=before, data_dir=place))
    found.append(Job(out, "report", profile.options, needs=(*before, "compare"), data_dir=place))
    return {job.name: job for job in found}


def check(profile: Profile) -> list[tuple[Job, str]]:
    """The jobs that must run, each with the reason in one line.

    Raises:
        ValueError: code that a job names does not exist.
    """
    for known in (_code, _own_code, _data):
        known.cache_clear()  # these may have changed since the last look
    stale: dict[str, tuple[Job, str]] = {}
    for job in of(profile).values():
        again = [name for name in job.needs if name in stale]
        reason = job.stale()
        if reason is None:
            reason = f"{again[0]} is made again" if again else job.outdated()
        if reason:
            stale[job.name] = (job, reason)
    return list(stale.values())


def _own(value: Any) -> Iterator[str]:
    """What settings name of a user's own, as module:name."""
    if isinstance(value, str) and (found := OWN.fullmatch(value)) and found[1].split(".")[0] != "diffusion":
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _own(part)


@functools.cache
def _own_code(module: str) -> str:
    files = own_files(module, anew=True)
    if not files:
        raise SettingError(f"{module} is named in the profile and cannot be found")
    return hash_of(files.values())


@functools.cache
def _data(dataset: str, data_dir: str | None) -> str:
    return data.content(dataset, data_dir)


@functools.cache
def _code(kind: str, notebook: str | None) -> str:
    """Hash of the project's code that a job runs, and of what it runs it with."""
    hashes: dict[str, Any] = {"environment": ENVIRONMENT}
    if notebook:
        source = Source("\n".join(cells(ROOT / "notebooks" / f"{notebook}.ipynb")))
        hashes[notebook] = source.hash
        begin = [*source.imports(""), *(f"diffusion.{module}" for module in diffusion._NAMES.values())]
    else:
        begin = [ENTRIES[kind]]
    left_out = () if kind == "report" else DRAWING

    def find(name: str) -> Path | None:
        if name.partition(".")[0] not in PROJECT or name.startswith(left_out):
            return None
        place = ROOT.joinpath(*name.split("."))
        return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()), None)

    files = followed(begin, find, anew=True)
    if not files:
        raise SettingError(f"{begin[0]} does not exist in {ROOT}; results are known by the code in it")
    more = [
        p for p in sorted((ROOT / "report").rglob("*")) if p.suffix not in (".py", ".pyc") and p.is_file()
    ]
    hashes["project"] = hash_of([*files.values(), *(more if kind == "report" else [])])
    return digest(hashes, 16)


def cells(notebook: Path) -> Iterator[str]:
    """The code of a notebook's cells; magics as texts, so that it is Python."""
    for cell in read_json(notebook)["cells"]:
        if cell["cell_type"] == "code":
            for line in "".join(cell["source"]).splitlines():
                yield repr(line) if line.lstrip().startswith(("%", "!")) else line
