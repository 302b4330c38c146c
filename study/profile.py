"""Profiles: a whole run in a YAML file, profiles/NAME.yaml. Nothing here knows a notebook's parameters.

What a notebook takes is its parameters cell, as papermill reads it; what measuring takes, the signature of
`study.measure.measure`. A name that is neither, a value of another type, and what a process, sampler, prior
or network refuses, is one line before anything runs.
"""

import datetime
import inspect
import re
from ast import literal_eval
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import papermill
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

import diffusion as d
from diffusion.bounds import STRICT, Seed, nearest
from diffusion.files import expanded
from diffusion.processes.base import GREY28
from diffusion.processes.samplers import sampler_of
from diffusion.training import network as networks
from study.measure import measure
from study.settings import sampling

ROOT = Path(__file__).resolve().parents[1]
PROFILES, NOTEBOOKS = ROOT / "profiles", ROOT / "notebooks"
TYPES = {"int": int, "str": str, "dict": dict, "list": list, "float": (int, float), "bool": bool}
PROCESS = {  # of a notebook that trains, from its parameters
    "02_train_ddpm": lambda P: d.DDPM(P["schedule"], **P["schedule_options"]),
    "03_train_zoom": lambda P: d.ColdZoom(P["T"], P["interpolation"], P["image_noise"]),
    "05_your_degradation": lambda P: (
        P["degradation"] and d.degradation(P["degradation"], T=P["T"], **P["degradation_options"])
    ),
}
OF_FIT = [name for name, one in inspect.signature(d.fit).parameters.items() if one.kind is one.KEYWORD_ONLY]
OF_NOTEBOOK = ("folder", "callback")  # arguments of `fit` that a notebook gives by itself
# Parameters of notebooks that a profile gives all of its jobs.
GIVEN = {"model", "seed", "dataset", "data_dir", "out_dir", "released"}
GONE = {  # what is no parameter of a profile, such as those of version 0.3 and earlier -> what to write
    "seed": "seeds: [...]",
    "steps": "fit_options: {steps: n}, and epochs: null",
    "channels": "network_options: {channels: [...]}",
    **{name: f"fit_options: {{{name}: ...}}" for name in ("lr_schedule", "ema", "precision")},
    **{name: f"schedule_options: {{{name}: ...}}" for name in ("beta_start", "beta_end", "s", "beta_max")},
    "slow": "one profile for all machines",
}
# 2e-4 is a number, as in Python; YAML 1.1 takes it for text.
FLOATS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
yaml.SafeLoader.add_implicit_resolver("tag:yaml.org,2002:float", FLOATS, [*"+-.0123456789"])


class ProfileError(ValueError):
    """A profile has a name that there is not, or a value that is not allowed."""


# --- the file ---


def _once(seeds: list[int]) -> list[int]:
    if len({*seeds}) < len(seeds):
        raise ValueError("has a seed twice")
    return seeds


Section = Annotated[dict[str, Any], BeforeValidator(lambda section: section or {})]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_once)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]\w{0,39}$")]
WAY = ("sampler", "sampler_options", "prior", "prior_options", "average")


class Entry(BaseModel):
    """A model; what is not named here is a parameter of its notebook."""

    model_config = STRICT | {"extra": "allow"}

    notebook: Literal[tuple(PROCESS)]
    label: str | None = Field(None, max_length=60)
    seeds: Seeds | None = None
    ways: dict[str, Section] = {}
    measure: Section = {}
    analyse: Section | None = None


class Report(BaseModel):
    """The title block of the report, its author's text, and releases that are told beside the run."""

    model_config = STRICT | {"extra": "forbid"}

    title: str | None = Field(None, max_length=200)
    authors: str | None = Field(None, max_length=1000)
    date: datetime.date | None = None
    text: str | None = None  # a file of Markdown, from the profile's folder
    beyond: str | None = None
    starts: str | None = None
    original: str | None = None


class Sections(BaseModel):
    """A profile's file, section by section."""

    model_config = STRICT | {"extra": "forbid"}

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]{0,39}$")]
    seeds: Seeds = [0]
    dataset: str = "mnist"
    data_dir: str | None = None
    out: str | None = None
    schedules: Section = {}
    training: Section = {}
    models: dict[Name, Entry] = Field(min_length=1)
    measure: Section = {}
    analyse: Section | None = None
    yardstick: Section | None = None
    compare: Literal["04_compare_fid", "06_beyond"] = "04_compare_fid"
    report: Annotated[Report, BeforeValidator(lambda section: section or {})] = Report()


@dataclass(frozen=True)
class Profile:
    """A whole run.

    Attributes:
        trainings: (model, seed) -> its notebook and all its parameters.
        measures: model -> the options of measuring it.
        schedules, yardstick: parameters of notebooks 01 and, where the file has the section, 07.
        labels: model -> what the report calls it, where the file says so.
        text: what the author has written; None: nothing.
    """

    where: Path
    file: Sections
    out: Path
    trainings: dict[tuple[str, int], tuple[str, dict[str, Any]]]
    measures: dict[str, dict[str, Any]]
    schedules: dict[str, Any]
    yardstick: dict[str, Any] | None
    labels: dict[str, str]
    text: str | None

    @property
    def name(self) -> str:
        return self.file.profile

    @property
    def options(self) -> dict[str, Any]:
        """What the file says of its report."""
        return self.file.report.model_dump(exclude_none=True)

    @property
    def models(self) -> list[str]:
        return [*self.measures]

    def seeds(self, model: str) -> list[int]:
        """The seeds of a model; the first is the one that text and figures name."""
        return [seed for name, seed in self.trainings if name == model]


def read(name: str | Path) -> Profile:
    """The profile of a name, or of a YAML file; ProfileError: one line that says what is wrong where."""
    where = expanded(name) if str(name).endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"
    try:
        file = Sections.model_validate(yaml.safe_load(where.read_text("utf-8")))
    except FileNotFoundError:
        known = sorted(path.stem for path in PROFILES.glob("*.yaml"))
        raise ProfileError(f"there is no profile {str(name)!r}; there are {', '.join(known)}") from None
    except ValidationError as error:
        raise ProfileError(f"{where}: {_refused(error)}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ProfileError(f"{where} cannot be read: {' '.join(str(error).split())}") from None
    shared = {"dataset": file.dataset, "data_dir": file.data_dir}
    trainings, measures = {}, {}
    _known(file.training, {name for one in PROCESS for name in parameters(one)} - GIVEN, f"{where}, training")
    for model, entry in file.models.items():
        at, known = f"{where}, models.{model}", parameters(entry.notebook).keys() - GIVEN
        own = merged({k: v for k, v in file.training.items() if k in known}, entry.model_extra or {})
        beside = {*entry.model_extra, *(file.training if "sampler" not in entry.model_extra else ())}
        usual = parameters(entry.notebook)["sampler"][1]
        if own.get("sampler", usual) != usual and "sampler_options" not in beside:
            own["sampler_options"] = {}  # those above are of another sampler
        _known(own, known, at)
        for seed in entry.seeds or file.seeds:
            given = shared | own | {"model": model, "seed": seed}
            trainings[model, seed] = entry.notebook, filled(entry.notebook, given, at)
        analysis = (file.analyse or {}) | (entry.analyse or {})
        if file.analyse is not None or entry.analyse is not None:
            analysis.setdefault("n_way", 500)
        given = shared | file.measure | entry.measure | analysis | {"ways": entry.ways}
        measures[model] = options(given, f"{at}, measure")
        for way, changes in entry.ways.items():
            _known(changes, WAY, f"{at}, ways.{way}")
        _make(*trainings[model, seed], [{}, *entry.ways.values()], at)
    first = min(seed for _, seed in trainings)
    yardstick = file.yardstick
    return Profile(
        where=where,
        file=file,
        out=expanded(file.out or f"build/{file.profile}"),
        trainings=trainings,
        measures=measures,
        schedules=filled("01_schedules", shared | {"seed": first} | file.schedules, f"{where}, schedules"),
        yardstick=None
        if yardstick is None
        else filled("07_yardstick", shared | yardstick, f"{where}, yardstick"),
        labels={model: entry.label for model, entry in file.models.items() if entry.label},
        text=_text(where, file.report.text),
    )


def _text(where: Path, name: str | None) -> str | None:
    try:
        return name and where.parent.joinpath(name).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ProfileError(f"{where}, report: text = {name!r} cannot be read: {error}") from None


def _refused(error: ValidationError) -> str:
    """The first of pydantic's errors as one line."""
    found = error.errors()[0]
    at, last = ".".join(map(str, found["loc"])), str(found["loc"][-1]) if found["loc"] else ""
    if at and found["input"] is None:
        return f"{at} is empty; indent what belongs to it"
    if found["type"] == "extra_forbidden":
        if last in GONE:
            return f"{at} is no more; write {GONE[last]}"
        known = [*Sections.model_fields, *Report.model_fields]
        return f"there is no {at!r}{nearest(last, known)}"
    return f"{at} is {found['input']!r}: {found['msg']}" if at else "a profile is a mapping of sections"


# --- names, types, and what is made of them ---


@cache
def parameters(notebook: str) -> dict[str, tuple[str, Any]]:
    """The parameters of a notebook: name -> type and default, as its parameters cell says."""
    found = papermill.inspect_notebook(str(NOTEBOOKS / f"{notebook}.ipynb"))
    return {name: (one["inferred_type_name"], literal_eval(one["default"])) for name, one in found.items()}


def filled(notebook: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """All parameters of a notebook, those that are `given` in place of its own."""
    known = parameters(notebook)
    _known(given, known, where)
    for name, value in given.items():
        kind = known[name][0]
        right = isinstance(value, TYPES.get(kind, object)) and (kind == "bool" or not isinstance(value, bool))
        if value is not None and not right:
            raise ProfileError(f"{where}: {name} is {value!r}; needed: {kind}")
    asked = given.get("fit_options") or {}
    if beside := [name for name in asked if name in known]:
        raise ProfileError(f"{where}, fit_options: write {beside[0]} as a parameter, beside fit_options")
    _known(asked, {*OF_FIT} - {*known, *OF_NOTEBOOK}, f"{where}, fit_options")
    return {name: default for name, (_, default) in known.items()} | dict(given)


def options(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Options of `measure`, which it takes."""
    known = inspect.signature(measure).parameters
    _known(given, [name for name, one in known.items() if one.kind is one.KEYWORD_ONLY], where)
    for name, value in given.items():
        try:
            TypeAdapter(known[name].annotation, config=STRICT).validate_python(value)
        except ValidationError as error:
            raise ProfileError(f"{where}: {name} is {value!r}: {error.errors()[0]['msg']}") from None
    return dict(given)


def _known(given: Iterable[str], known: Iterable[str], where: str) -> None:
    for name in given:
        if name not in known:
            instead = f"; write {GONE[name]}" if name in GONE else nearest(name, known)
            raise ProfileError(f"{where}: there is no parameter {name!r}{instead}")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, what is above in place of what is below, and mappings key by key."""
    both = {
        k: merged(below[k], v)
        for k, v in above.items()
        if isinstance(v, dict) and isinstance(below.get(k), dict)
    }
    return {**below, **above, **both}


def _make(notebook: str, P: Mapping[str, Any], ways: Iterable[Mapping[str, Any]], where: str) -> None:
    """Make process, network, samplers and priors once; ProfileError: one refuses what it is given."""
    try:
        if process := PROCESS[notebook](P):
            process.take(GREY28)
        networks.build(*networks.architecture(P["network"], P["network_options"]))
        for way in ways:
            sampler, _ = sampling(P, way)
            if process and sampler is not None:
                sampler_of(sampler, process)
    except ValueError as error:
        raise ProfileError(f"{where}: {' '.join(str(error).split())}") from None
