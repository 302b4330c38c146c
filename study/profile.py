"""Profiles: a whole run in a YAML file, profiles/NAME.yaml.

The parameters of a notebook are those of its parameters cell, as papermill reads it; the arguments of
training and measuring are in the signatures of `diffusion.fit` and `study.measure.measure`. `read` raises an
error of one line, before anything runs, for an unknown name, a value that a signature does not allow, and
options that a process, sampler, prior or network refuses.
"""

import datetime
import inspect
import re
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import papermill
import torch
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, create_model

import diffusion as d
from diffusion.bounds import STRICT, Count, Seed, nearest, whole
from diffusion.processes.base import GREY28
from diffusion.processes.samplers import sampler_of
from diffusion.provenance import releases
from diffusion.training import network as networks
from study.measure import measure
from study.settings import sampling
from study.table import CHECKPOINT, REAL

ROOT = Path(__file__).resolve().parents[1]
PROFILES, NOTEBOOKS = ROOT / "profiles", ROOT / "notebooks"
TYPES = {"int": int, "str": str, "dict": dict, "list": list, "float": float, "bool": bool}
PROCESS = {  # of a notebook that trains, from its parameters
    "02_train_ddpm": lambda P: d.DDPM(P["schedule"], **P["schedule_options"]),
    "03_train_zoom": lambda P: d.ColdZoom(P["T"], P["interpolation"], P["image_noise"]),
    "05_your_degradation": lambda P: d.degradation(P["degradation"], T=P["T"], **P["degradation_options"]),
}
OF_NOTEBOOK = {"folder", "aside", "callback"}  # arguments of `fit` that a notebook gives by itself
# Parameters of notebooks that a profile gives all of its jobs.
FROM_0 = {"seed", "image_index"}
GIVEN = {"model", "seed", "dataset", "data_dir", "out_dir", "released", "finished"}
# 2e-4 is a number, as in Python; YAML 1.1 takes it for text.
FLOATS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
yaml.SafeLoader.add_implicit_resolver("tag:yaml.org,2002:float", FLOATS, [*"+-.0123456789"])
# An author's text may reference its own labels, those in report/text/run, and those of its models.
LABEL = re.compile(r"\{#((?:sec|fig|tbl|eq|alg):[\w:-]+)")
REFERENCE = re.compile(r"(?<![\w\\])@((?:sec|fig|tbl|eq|alg):[\w:-]*\w)", re.IGNORECASE)
CODE = re.compile(r"^(```|~~~).*?^\1|(`+).*?\2", re.MULTILINE | re.DOTALL)
PICTURES = ("degradation", "loss", "samples", "trajectory")  # of each model, by report/models.py
PLACEHOLDER = re.compile("<<.*?>>")
OF_MODEL = re.compile(r"""(?<![\w.])(?:final|models)(?:\.|\[["'])(\w+)\b(?!\()""")  # in a text


class ProfileError(ValueError):
    """A profile has a name that there is not, or a value that is not allowed."""


class Loader(yaml.SafeLoader):
    """YAML in which a key may not occur twice: PyYAML would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        _unlike([key.value for key, _ in node.value], f"line {node.start_mark.line + 1}: ", " in one section")
        return super().construct_mapping(node, deep)


def _unlike(values: list[Any], before: str = "", after: str = "") -> list[Any]:
    """The values; ValueError: one occurs twice."""
    if twice := [value for value in values if values.count(value) > 1]:
        raise ValueError(f"{before}{twice[0]!r} occurs twice{after}")
    return values


# --- the file ---


Section = Annotated[dict[str, Any], BeforeValidator(lambda content: content or {})]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_unlike)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]\w{0,39}$")]
Way = Annotated[Section, Field(min_length=1)]
WAY = ("sampler", "sampler_options", "prior", "prior_options", "average")


class Entry(BaseModel):
    """A model; what is not named here is a parameter of its notebook."""

    model_config = STRICT | {"extra": "allow"}

    notebook: Literal[tuple(PROCESS)]
    label: str | None = Field(None, min_length=1, max_length=60)
    seeds: Seeds | None = None
    ways: dict[Name, Way] = {}
    measure: Section = {}


class Report(BaseModel):
    """The title block of the report, its author's text, and releases that are told beside the run."""

    model_config = STRICT

    title: str | None = Field(None, max_length=200)
    authors: str | None = Field(None, max_length=1000)
    date: datetime.date | None = None
    text: str | None = None  # a file of Markdown, from the profile's folder
    beyond: str | None = None
    starts: str | None = None
    original: str | None = None


class Sections(BaseModel):
    """A profile's file, section by section."""

    model_config = STRICT

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]{0,39}$")]
    seeds: Seeds = [0]
    dataset: str = "mnist"
    data_dir: str | None = None
    out: str | None = None
    schedules: Section = {}
    training: Section = {}
    models: dict[Name, Entry] = Field(min_length=1)
    measure: Section = {}
    yardstick: Section | None = None
    compare: Literal["04_compare_fid", "06_beyond"] = "04_compare_fid"
    report: Report = Report()


@dataclass(frozen=True)
class Profile:
    """A whole run.

    Attributes:
        trainings: (model, seed) -> its notebook and all its parameters.
        measures: model -> the options of measuring it.
        schedules, yardstick: parameters of notebooks 01 and, where the file has the section, 07.
        text: what the author has written; None: nothing.
    """

    where: Path
    file: Sections
    trainings: dict[tuple[str, int], tuple[str, dict[str, Any]]]
    measures: dict[str, dict[str, Any]]
    schedules: dict[str, Any]
    yardstick: dict[str, Any] | None
    text: str | None

    @property
    def name(self) -> str:
        return self.file.profile

    @property
    def out(self) -> Path:
        """The folder of its results."""
        return (ROOT / Path(self.file.out or f"build/{self.name}").expanduser()).resolve()

    @property
    def labels(self) -> dict[str, str]:
        """Names of the models in the report, where the file gives them."""
        return {model: entry.label for model, entry in self.file.models.items() if entry.label}

    def seeds(self, model: str) -> list[int]:
        """The seeds of a model; the first is the one that text and figures name."""
        return [seed for name, seed in self.trainings if name == model]


def read(name: str | Path) -> Profile:
    """The profile of a name, or of a YAML file; ProfileError: one line that says what is wrong where."""
    where = Path(name).expanduser() if str(name).endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"
    if not where.is_file():
        known = sorted(path.stem for path in PROFILES.glob("*.yaml"))
        close = nearest(str(name), known)
        raise ProfileError(f"there is no profile {str(name)!r}; there are {', '.join(known)}{close}")
    with errors_at(where):
        content = yaml.load(where.read_text("utf-8"), Loader)
        if not isinstance(content, dict):
            raise ValueError(f"it contains {type(content).__name__}; needed: lines of NAME: VALUE")
        _known(content, Sections.model_fields)
        file = Sections.model_validate(content)
        if file.data_dir and not Path(file.data_dir).expanduser().is_dir():
            raise ValueError(
                f"data_dir is {file.data_dir!r}, which is not a folder; create it, or leave it out"
            )
        _unlike([entry.label for entry in file.models.values() if entry.label], "models: label ")
    with errors_at(f"{where}, report"):
        _known(content.get("report", {}), Report.model_fields)
        text = file.report.text and where.parent.joinpath(file.report.text).read_text("utf-8")
        _references(text or "", file.models)
        _placeholders(text or "", f"{file.report.text}, line", file.models)
        known = {path.stem for path in (*PROFILES.glob("*.yaml"), *releases().glob("*/"))}
        for name in ("beyond", "starts", "original"):
            if (other := getattr(file.report, name)) not in {None, *known}:
                raise ValueError(
                    f"{name} is {other!r}; allowed: {', '.join(sorted(known))}{nearest(other, known)}"
                )
    with errors_at(f"{where}, training"):
        _known(file.training, {name for one in PROCESS for name in parameters(one)[0]} - GIVEN)
    trainings, measures = {}, {}
    shared = {"dataset": file.dataset, "data_dir": file.data_dir}
    for model, entry in file.models.items():
        with errors_at(f"{where}, models.{model}"):
            given = trained(file.training, entry) | shared | {"model": model}
            for seed in entry.seeds or file.seeds:
                trainings[model, seed] = entry.notebook, filled(entry.notebook, given | {"seed": seed})
            for way, changes in entry.ways.items():
                if way in (CHECKPOINT, REAL):
                    raise ValueError(f"ways.{way}: measures of the study have this name; choose another")
                _known(changes, WAY)
            process = make_parts(*trainings[model, seed], [{}, *entry.ways.values()])
        with errors_at(f"{where}, models.{model}, measure"):
            measures[model] = shared | file.measure | entry.measure | {"ways": entry.ways}
            how = _validated(MEASURE, measures[model])
            if how.n_distance is not None:
                whole("n_distance", how.n_distance, 1, how.n_final)
            numbers = "calls" if process.predicts == "noise" else "levels"
            for i, number in enumerate((file.measure | entry.measure).get(numbers, [])):  # not by default
                whole(f"{numbers}[{i}]", number, 1, process.T - 1)
    with errors_at(f"{where}, schedules"):
        first = {"seed": min(seed for _, seed in trainings)}
        schedules = filled("01_schedules", shared | first | file.schedules)
    with errors_at(f"{where}, yardstick"):
        yardstick = None if file.yardstick is None else filled("07_yardstick", shared | file.yardstick)
    return Profile(where, file, trainings, measures, schedules, yardstick, text)


# --- names, types, and what is made of them ---


HINTS = {  # kind of pydantic's error -> what a person would write
    "date_type": ", such as 2026-11-28",
    "dict_type": ": {NAME: VALUE}, which papermill takes with -y",
    "list_type": ", such as [0, 1]",
    "model_type": ": NAME: VALUE, indented below it",
}


@contextmanager
def errors_at(where: object) -> Iterator[None]:
    """A mistake in a place is said in one line."""
    try:
        yield
    except ValidationError as error:
        found = error.errors()[0]
        at = ".".join(map(str, found["loc"]))
        if found["type"] == "missing":
            raise ProfileError(f"{where}: {at} is missing") from None
        hint = HINTS.get(found["type"], "")
        raise ProfileError(f"{where}: {at} is {found['input']!r}: {found['msg']}{hint}") from None
    except FileNotFoundError as error:
        raise ProfileError(f"{where}: there is no file {error.filename}") from None
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise ProfileError(f"{where}: {' '.join(str(error).split())}") from None


def _known(given: Iterable[str], known: Iterable[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"there is no parameter {name!r}{nearest(str(name), known)}")


def _validated(model: type[BaseModel], given: Mapping[str, Any]) -> Any:
    _known(given, model.model_fields)
    return model.model_validate(dict(given))


def _references(text: str, models: Iterable[str]) -> None:
    """ValueError: a text references a label that neither it nor the report can have."""
    sources = (path.read_text("utf-8") for path in (ROOT / "report" / "text").glob("run/*.md"))
    known = {label for source in (text, *sources) for label in LABEL.findall(source)}
    known |= {f"fig:{kind}-{model.replace('_', '-')}" for kind in PICTURES for model in models}
    known |= {"sec:sources", *(f"sec:model-{model}" for model in models)}
    for label in REFERENCE.findall(CODE.sub("", text)):
        if label[0].lower() + label[1:] not in known:
            raise ValueError(f"@{label} refers to nothing{nearest(label, known)}")


def _placeholders(text: str, where: str, models: Iterable[str]) -> None:
    """ValueError: a placeholder reads a model that the run lacks and that no condition names."""
    known = {*models, *OF_MODEL.findall(PLACEHOLDER.sub("", text))}
    for number, line in enumerate(text.splitlines(), 1):
        for name in OF_MODEL.findall(" ".join(PLACEHOLDER.findall(line))):
            if name not in known:
                raise ValueError(f"{where} {number}: this run has no model {name!r}{nearest(name, models)}")


def _keywords(function: Any) -> dict[str, tuple[Any, Any]]:
    """Its keyword-only arguments: name -> annotation and default."""
    found = inspect.signature(function).parameters.values()
    return {one.name: (one.annotation, one.default) for one in found if one.kind is one.KEYWORD_ONLY}


MEASURE = create_model("Measure", __config__=STRICT, **_keywords(measure))
FIT = create_model("Fit", __config__=STRICT, **_keywords(d.fit))


@cache
def parameters(notebook: str) -> tuple[dict[str, Any], type[BaseModel]]:
    """The parameters of a notebook, as its cell says: name -> default, and the types that are allowed.

    Whole numbers are from 1, those in `FROM_0` from 0.
    """
    found = papermill.inspect_notebook(str(NOTEBOOKS / f"{notebook}.ipynb"))
    kinds = {name: TYPES[one["inferred_type_name"]] for name, one in found.items()}
    kinds |= {name: Count for name, kind in kinds.items() if kind is int and name not in FROM_0}
    types = {name: (Seed if name in FROM_0 else kind | None, None) for name, kind in kinds.items()}
    defaults = {name: literal_eval(one["default"]) for name, one in found.items()}
    return defaults, create_model(notebook, __config__=STRICT, **types)


def filled(notebook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a notebook, those that are `given` in place of its own; ValueError: one is wrong."""
    defaults, types = parameters(notebook)
    _validated(types, given)
    _known(given.get("fit_options") or {}, _keywords(d.fit).keys() - defaults.keys() - OF_NOTEBOOK)
    return defaults | dict(given)


def trained(shared: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """The parameters of a model's training: its own over those of all models; `fit_options` are joined."""
    defaults, own = parameters(entry.notebook)[0], entry.model_extra
    _known(own, defaults.keys() - GIVEN)
    joined = [dict(one.get("fit_options") or {}) for one in (shared, own)]
    found = {name: value for name, value in shared.items() if name in defaults} | own
    beside = own if "sampler" in own else found
    if found.get("sampler", defaults["sampler"]) != defaults["sampler"] and "sampler_options" not in beside:
        found["sampler_options"] = {}  # those above are of another sampler
    return found | {"fit_options": joined[0] | joined[1]}


def make_parts(notebook: str, P: Mapping[str, Any], ways: Iterable[Mapping[str, Any]]) -> Any:
    """The process; network, samplers and priors are made once, and the arguments of `diffusion.fit` checked.

    ValueError: one is refused.
    """
    if P.get("degradation", "") is None:
        raise ValueError("degradation is missing; needed: a name such as 'crop', or module:Class of your own")
    process = PROCESS[notebook](P)
    process.take(GREY28)
    networks.build(*networks.architecture(P["network"], P["network_options"]))
    options = {name: P[name] for name in FIT.model_fields if name in P} | P["fit_options"]
    FIT.model_validate(options)
    if options.get("steps") and options["epochs"]:
        raise ValueError(f"steps is {options['steps']} and epochs is {options['epochs']}; set one to null")
    try:
        torch.device(options.get("device") or "cpu")
    except RuntimeError:
        raise ValueError(f"device is {options['device']!r}; allowed: such as 'cpu', 'cuda', 'mps'") from None
    for way in ways:
        sampler, _ = sampling(P, way)
        if sampler is not None:
            sampler_of(sampler, process)
    return process
