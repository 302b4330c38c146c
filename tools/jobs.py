"""The jobs of a profile, and the provenance of what they made.

    schedules, yardstick, train_<model>-<seed> -> measure_... -> analyse_... -> compare -> report

A finished job leaves OUT/jobs/<job>.json: its settings, a hash of the code that it ran, and the SHA-256 of
every file that it made. `check` holds these against the profile, the code and the files as they are now.
Whatever does not agree, or is not there, is made again: a changed setting or line, a lost file, a flipped
bit.
"""

import functools
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diffusion.runtime import difference, digest, read_json, sha256, write_json
from diffusion.settings import Profile, SettingError

ROOT = Path(__file__).resolve().parents[1]

# Folders of the package that a job's result does not depend on. Figures are drawn by the report.
LEFT_OUT = {
    "schedules": ("training", "evaluation", "figures"),
    "train": ("figures",),
    "measure": ("figures",),
    "analyse": ("figures",),
    "yardstick": ("training", "figures"),
    "compare": ("figures",),
    "report": (),
}
OF_TRAINING = ("trajectory", "reconstructions", "deepest", "degradation")  # kept images of one training
OF_MEASURING = ("samples", "quality")
OWN = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_]\w*")  # module:name


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

    def code(self) -> str:
        """Hash of the code that the job runs: this project's, its notebook's, and a user's own.

        Raises:
            ValueError: a file of it does not exist.
        """
        return _code(self.kind, self.notebook, tuple(sorted(set(_own_modules(self.settings)))))

    def expected(self) -> dict[str, Any]:
        """Content of its file, but for the hashes of what it made."""
        known = {"settings": self.settings, "code": self.code()}
        return {"key": digest(known | {"job": self.name})} | known

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
            "train": [f"kept/{what}_{one}.npz" for what in OF_TRAINING] + [f"own/{self.model}.py"],
            "measure": [f"kept/{what}_{one}.npz" for what in OF_MEASURING],
            "report": ["figures/*", "ledger.json", "table.json", "*.html", "notebooks/*.html"],
        }.get(self.kind, [])
        if self.kind == "train":
            run = read_json(self.required[0])["run"]
            patterns += [f"{run}/{what}" for what in ("run.json", "history.jsonl", "process.safetensors")]
            patterns += [f"{run}/weights/epoch-*.safetensors"]
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
        try:
            found = read_json(self.path)
            recorded = {name: found[name] for name in ("key", "settings", "code")}
            files = dict(found["files"])
        except (ValueError, KeyError, TypeError):
            return f"{self.path.name} cannot be read"
        expected = json.loads(json.dumps(self.expected()))
        if recorded["settings"] != expected["settings"]:
            settings = recorded["settings"] if isinstance(recorded["settings"], dict) else {}
            return difference(settings, expected["settings"]) or "its settings changed"
        if recorded != expected:
            return "its code changed"
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
    return (ROOT / Path(profile.out).expanduser()).resolve()


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
    _code.cache_clear()  # the code may have changed since the last look
    stale: dict[str, tuple[Job, str]] = {}
    for job in of(profile).values():
        again = [name for name in job.needs if name in stale]
        reason = job.stale()
        if reason is None:
            reason = f"{again[0]} is made again" if again else job.outdated()
        if reason:
            stale[job.name] = (job, reason)
    return list(stale.values())


def _own_modules(value: Any) -> Iterator[str]:
    """Modules of a user's own that settings name as module:name."""
    if isinstance(value, str) and (found := OWN.fullmatch(value)) and found[1].split(".")[0] != "diffusion":
        yield found[1]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _own_modules(part)


@functools.cache
def _code(kind: str, notebook: str | None, own: tuple[str, ...]) -> str:
    package = ROOT / "diffusion"
    left_out = {file for name in LEFT_OUT[kind] for file in _files(package / name)}
    files = [file for file in _files(package) if file not in left_out]
    files += _files(ROOT / "report") if kind == "report" else []
    hashes = {file.relative_to(ROOT).as_posix(): sha256(file) for file in files}
    for module in own:
        spec = importlib.util.find_spec(module.split(".")[0])
        if spec is None or not spec.origin:
            raise SettingError(f"{module} is named in the profile and cannot be found")
        path = Path(spec.origin)
        place = path.parent if spec.submodule_search_locations else path
        for file in _files(place):
            name = file.name if file == place else file.relative_to(place).as_posix()
            hashes[f"{module}: {name}"] = sha256(file)
    if notebook:
        hashes[notebook] = digest(list(_cells(ROOT / "notebooks" / f"{notebook}.ipynb")))
    return digest(hashes, length=64)


def _files(path: Path) -> list[Path]:
    """The file, or all files in the folder but for hidden and compiled ones.

    Raises:
        ValueError: there is none.
    """
    inside = (p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc" and not p.name.startswith("."))
    if found := [path] if path.is_file() else sorted(inside):
        return found
    raise SettingError(f"{path} does not exist; results are known by the code in it")


def _cells(notebook: Path) -> Iterable[str]:
    """The code of a notebook, without magics, outputs and blank lines at the end."""
    for cell in read_json(notebook)["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            yield "\n".join(
                line.rstrip() for line in lines if not line.lstrip().startswith(("%", "!"))
            ).strip()
